# SPDX-License-Identifier: Apache-2.0
"""TCP flows through networks with delay, loss, reordering and failures of each kind.

The truth is never Sonde's own: what both programs say (tcp_peers.py), what ss, nstat and tcplife
read in the same namespaces (tcp_truth.py), and what the network was set to (netlab.py).
"""
import contextlib
import functools
import os
import subprocess

import pytest

import harness
import tcp_truth
from harness import Sonde, clean_environment, unique, wait_until
from known_work import CONNECTIONS, OPEN, RECEIVED, SENT
from netlab import PROGRAMS, Lab
from tcp_peers import Pair, Peer

RETRANSMITTED = "sonde_tcp_retransmitted_segments_total"
CONNECT = "sonde_tcp_connect_duration_seconds"
DURATION = "sonde_tcp_connection_duration_seconds"
RTT = "sonde_tcp_rtt_seconds"
RTT_TOLERANCE = 0.1
FLAGS = ("--sweep-interval", "200ms", "--no-syscalls")  # whose series take long to read
# in place of two minutes: once a second after the first one, and given up two seconds later
QUICK_TIMEOUT = {"net.ipv4.tcp_syn_retries": 1, "net.ipv4.tcp_syn_linear_timeouts": 0}


expect = functools.partial(harness.expect, settle=0.5)


@pytest.fixture(scope="module", name="sonde")
def sonde_of_all_tests(tmp_path_factory):
    with Sonde(tmp_path_factory.mktemp("sonde"), *FLAGS) as running:
        yield running


@pytest.fixture
def lab():
    with Lab() as networks:
        yield networks


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """tcp_crowd.c, built."""
    built = str(tmp_path_factory.mktemp("crowd") / "tcp_crowd")
    source = os.path.join(PROGRAMS, "tcp_crowd.c")
    subprocess.run(["gcc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-o", built, source], check=True)
    return built


def names():
    return unique("flow-server"), unique("flow-client")


def told(moved):
    """Bytes that one end says it sent and received, over all its connections."""
    return sum(one["sent"] for one in moved), sum(one["received"] for one in moved)


def byte_figures(pair, moved):
    """What Sonde must show of a pair: the bytes and connections that its programs tell."""
    figures = []
    for end, connections in zip(pair.ends, moved):
        sent, received = told(connections)
        figures += [(SENT, end.labels, sent), (RECEIVED, end.labels, received),
                    (CONNECTIONS, dict(end.labels, result="established"), len(connections)),
                    (CONNECTIONS, {"service_name": end.name}, len(connections))]
    return figures


def open_figures(pair, count):
    return [(OPEN, {"service_name": end.name}, count) for end in pair.ends]


def settled(namespace, port):
    """Connections of a server's port as ss tells them, when all that was sent is acknowledged."""
    def read():
        found = tcp_truth.connections(namespace, f"sport = :{port} or dport = :{port}")
        return None if any(one["unacked"] or one["notsent"] for one in found.values()) else found
    return wait_until(read, "all that was sent is acknowledged")


def mean(metrics, histogram, labels):
    return metrics.sum(f"{histogram}_sum", **labels) / metrics.sum(f"{histogram}_count", **labels)


# --- bytes ---

@pytest.mark.parametrize("family", ["IPv4", "IPv6", "mapped"])
def test_bytes_are_exact_between_several_namespaces(sonde, lab, family):
    near, router, far, path = lab.routed()
    address = {"IPv4": path.far, "IPv6": path.far6, "mapped": f"::ffff:{path.far}"}[family]
    own = {"IPv4": "127.0.0.1", "IPv6": "::1", "mapped": "::ffff:127.0.0.1"}[family]
    pairs = [
        (near, far, Pair(lab, names(), near, far, address, connections=7, request=12_345,
                         response=234_567, rounds=3)),
        (router, far, Pair(lab, names(), router, far, address, connections=3, request=1,
                           response=0, end="listen")),
        (router, router, Pair(lab, names(), router, router, own, connections=4,
                              request=3_000_000, response=1))]
    figures = []
    for client_place, server_place, pair in pairs:
        moved = pair.moved()
        figures += byte_figures(pair, moved)
        found = settled(client_place, pair.port) | settled(server_place, pair.port)
        for end in (one for connections in moved for one in connections):
            addresses = [tcp_truth.address_of(f"{address}:{port}")
                         for address, port in (end["local"], end["remote"])]
            truth = found[tuple(addresses)]
            assert (truth["payload_sent"], truth["bytes_received"]) == (
                end["sent"], end["received"]), "ss and the programs do not agree"
    live = [figure for _, _, pair in pairs for figure in open_figures(pair, pair.count)]
    expect(sonde, *figures, *live)
    for _, _, pair in pairs:
        pair.finish()
    expect(sonde, *figures, *[(name, labels, 0) for name, labels, _ in live])


def test_connections_from_before_sonde_are_followed_in_every_namespace(tmp_path, lab):
    near, _, far, path = lab.routed()
    pairs = [Pair(lab, names(), *places, connections=3, request=5_000, response=90_000,
                  end="connect-send")
             for places in ((near, far, path.far), (far, near, path.near6))]
    for pair in pairs:
        pair.moved()
    for namespace in (near, far):
        for pair in pairs:
            settled(namespace, pair.port)
    with Sonde(tmp_path, *FLAGS) as sonde:
        expect(sonde, *[figure for pair in pairs for figure in open_figures(pair, 3)])
        for pair in pairs:
            pair.finish()  # one more byte of each client
            client, server = ({"service_name": end.name} for end in (pair.client, pair.server))
            expect(sonde, *open_figures(pair, 0), (SENT, client, 3), (RECEIVED, server, 3),
                   (SENT, server, 0), (RECEIVED, client, 0))


def test_bytes_and_durations_are_those_of_tcplife(sonde, lab):
    near, far = lab.namespace(), lab.namespace()
    link = lab.veth(near, far)
    with contextlib.ExitStack() as stack:
        lives_of = stack.enter_context(tcp_truth.tcplife())
        pair = Pair(stack, names(), near, far, link.far, connections=5, request=30 * 1024,
                    response=2000 * 1024, think=0.5)
        moved = pair.moved()
        pair.finish()
        lives = lives_of(pair.port, 2 * pair.count)
        expect(sonde, *byte_figures(pair, moved), *open_figures(pair, 0))
    metrics = sonde.metrics()
    for end in pair.ends:
        own = [life for key, life in lives.items()
               if (key[0] if end.role == "listen" else key[1]) == (link.far, pair.port)]
        assert len(own) == 5
        sent, received = told(moved[pair.ends.index(end)])
        assert sum(life.sent_kib for life in own) == pytest.approx(sent / 1024, abs=0.05)
        assert sum(life.received_kib for life in own) == pytest.approx(received / 1024, abs=0.05)
        # tcplife's clock starts with the SYN
        seconds = (metrics.sum(f"{DURATION}_sum", **end.labels)
                   + metrics.sum(f"{CONNECT}_sum", service_name=end.name))
        assert seconds == pytest.approx(sum(life.seconds for life in own), rel=0.05)
        assert metrics.sum(f"{DURATION}_count", **end.labels) == 5


# --- delay ---

@pytest.mark.parametrize("there,back", [(0.020, 0.020), (0.002, 0.048)])
def test_connect_time_and_rtt_are_those_of_the_path(sonde, lab, there, back):
    near, far = lab.namespace(), lab.namespace()
    link = lab.relay(near, far, there=there, back=back)
    pair = Pair(lab, names(), near, far, link.far, connections=4, request=500, response=900,
                rounds=50)
    moved = pair.moved()
    for namespace in (near, far):
        kernel = [one["rtt"] / 1000 for one in settled(namespace, pair.port).values()]
        assert sum(kernel) / len(kernel) == pytest.approx(there + back, rel=RTT_TOLERANCE), (
            "the path is not as long as it was set")
    expect(sonde, *byte_figures(pair, moved))
    pair.finish()
    expect(sonde, *open_figures(pair, 0))
    metrics, client = sonde.metrics(), {"service_name": pair.client.name}
    # The program's clock runs for longer than Sonde's, and that one for longer than the packets.
    waited = sum(one["connect_end"] - one["connect_begin"] for one in moved[1])
    assert metrics.sum(f"{CONNECT}_count", **client) == 4
    assert 4 * (there + back) <= metrics.sum(f"{CONNECT}_sum", **client) <= waited
    for end in pair.ends:
        assert metrics.sum(f"{RTT}_count", **end.labels) >= 4 * 2
        assert mean(metrics, RTT, end.labels) == pytest.approx(there + back, rel=RTT_TOLERANCE)


# --- loss and reordering ---

def lossy(lab):
    near, router, far, path = lab.routed()
    router.filter("forward", "meta length > 200 numgen inc mod 20 == 0 drop")
    return near, far, path.far


def reordering(lab):
    near, far = lab.namespace(), lab.namespace()
    link = lab.relay(near, far, there=0.002, back=0.002, hold_every=20, hold_seconds=0.01)
    return near, far, link.far


@pytest.mark.parametrize("network", [lossy, reordering])
def test_retransmissions_are_those_of_ss_and_nstat(sonde, lab, network):
    near, far, address = network(lab)
    pair = Pair(lab, names(), near, far, address, connections=3, request=600_000,
                response=400_000)
    moved = pair.moved()
    figures, retransmitted = byte_figures(pair, moved), 0
    for namespace, end in ((far, pair.server), (near, pair.client)):
        found = settled(namespace, pair.port)
        truth = tcp_truth.counters(namespace)["TcpRetransSegs"]
        assert sum(one["retrans"] for one in found.values()) == truth, "ss and nstat do not agree"
        figures.append((RETRANSMITTED, end.labels, truth))
        retransmitted += truth
    assert retransmitted > 0 or network is reordering
    assert network is lossy or any(one["rcv_ooopack"] for one in settled(far, pair.port).values())
    expect(sonde, *figures)
    pair.finish()
    expect(sonde, *figures, *open_figures(pair, 0))


@pytest.mark.parametrize("lost", ["syn", "syn | ack"])
def test_retransmissions_of_the_handshake_are_counted_and_are_inside_connect_time(sonde, lab, lost):
    near, router, far, path = lab.routed()
    router.filter("forward", f"tcp flags & (syn | ack) == {lost} numgen inc mod 2 == 0 drop")
    pair = Pair(lab, names(), near, far, path.far, request=10, response=10)
    moved = pair.moved()
    retransmitted = [tcp_truth.counters(namespace)["TcpRetransSegs"] for namespace in (far, near)]
    assert any(retransmitted)
    expect(sonde, *byte_figures(pair, moved),
           *[(RETRANSMITTED, end.labels, segments)
             for end, segments in zip(pair.ends, retransmitted)])
    waited = moved[1][0]["connect_end"] - moved[1][0]["connect_begin"]
    assert 1 <= sonde.metrics().sum(f"{CONNECT}_sum", service_name=pair.client.name) <= waited


# --- connections that are never established ---

def nobody_listens(near, router, far):
    """The server's end answers with RST."""


def router_says(what):
    def configure(near, router, far):
        router.filter("forward", f"tcp flags syn reject with {what}")
    configure.__name__ = what.replace(" ", "-")
    return configure


def give_up_soon(namespace):
    for name, value in QUICK_TIMEOUT.items():
        if namespace.has_sysctl(name):
            namespace.sysctl(name, value)


def syn_is_lost(near, router, far):
    give_up_soon(near)
    router.filter("forward", "tcp flags syn drop")


FAILURES = [
    (nobody_listens, "IPv4", "ECONNREFUSED", "refused"),
    (nobody_listens, "IPv6", "ECONNREFUSED", "refused"),
    (router_says("icmp type port-unreachable"), "IPv4", "ECONNREFUSED", "refused"),
    (router_says("tcp reset"), "IPv4", "ECONNREFUSED", "refused"),
    (router_says("icmp type host-unreachable"), "IPv4", "EHOSTUNREACH", "unreachable"),
    (router_says("icmp type net-unreachable"), "IPv4", "ENETUNREACH", "unreachable"),
    (router_says("icmpv6 type addr-unreachable"), "IPv6", "EHOSTUNREACH", "unreachable"),
    (router_says("icmpv6 type no-route"), "IPv6", "ENETUNREACH", "unreachable"),
    (syn_is_lost, "IPv4", "ETIMEDOUT", "timeout"),
    (syn_is_lost, "IPv6", "ETIMEDOUT", "timeout"),
]


def failure_figures(client, count, result):
    labels = dict(client.labels, result=result)
    return [(CONNECTIONS, labels, count), (CONNECTIONS, {"service_name": client.name}, count),
            (SENT, {"service_name": client.name}, 0), (RECEIVED, {"service_name": client.name}, 0),
            (OPEN, {"service_name": client.name}, 0)]


@pytest.mark.parametrize("configure,family,error,result", FAILURES,
                         ids=[f"{one[0].__name__}-{one[1]}" for one in FAILURES])
def test_failed_connections_are_counted_by_their_result(sonde, lab, configure, family, error,
                                                        result):
    near, router, far, path = lab.routed()
    configure(near, router, far)
    with Peer(near, "connect", unique("flow-failing"), connections=6, port=9,
              address=path.far if family == "IPv4" else path.far6) as client:
        failed = client.events("failed", 6)
        assert [one["error"] for one in failed] == [error] * 6
        expect(sonde, *failure_figures(client, 6, result))
        assert not sonde.metrics().sum(f"{CONNECT}_count", service_name=client.name)


def test_connections_given_up_are_aborted(sonde, lab):
    near, router, _, path = lab.routed()
    router.filter("forward", "tcp flags syn drop")
    with Peer(near, "connect", unique("flow-impatient"), connections=3, address=path.far, port=9,
              patience=0.2) as client:
        assert [one["error"] for one in client.events("failed", 3)] == ["gave up"] * 3
        expect(sonde, *failure_figures(client, 3, "aborted"))


def test_what_does_not_fit_a_backlog_times_out(sonde, lab):
    near, far = lab.namespace(), lab.namespace()
    link = lab.veth(near, far)
    give_up_soon(near)
    server = lab.enter_context(Peer(far, "listen", unique("flow-full"), address=link.far,
                                    backlog=1, accept=False))

    def connect(name, count):
        return lab.enter_context(Peer(near, "connect", unique(name), address=link.far,
                                      port=server.port, connections=count))

    fit = connect("flow-fit", 2)  # a queue takes one more than its limit
    fit.events("moved", 2)
    assert tcp_truth.listeners(far)[server.port] == (2, 1)
    late = connect("flow-late", 3)
    assert [one["error"] for one in late.events("failed", 3)] == ["ETIMEDOUT"] * 3
    assert tcp_truth.counters(far)["TcpExtListenOverflows"] == 3 * 2  # each SYN, and once more
    expect(sonde, *failure_figures(late, 3, "timeout"),
           *[(CONNECTIONS, dict(end.labels, result="established"), 2) for end in (server, fit)],
           *[(CONNECTIONS, {"service_name": end.name}, 2) for end in (server, fit)],
           *[(OPEN, {"service_name": end.name}, 2) for end in (server, fit)])


# --- connections that end with RST ---

def programs_reset(near, router, pair):
    """Nothing more is needed: one of them closes with SO_LINGER 0."""


def router_resets(near, router, pair):
    """Who sends next gets RST; the server's end hears nothing of it."""
    router.filter("forward", f"tcp dport {pair.port} reject with tcp reset")


def administrator_resets(near, router, pair):
    near.run("ss", "-K", "state", "established", "dport", "=", f":{pair.port}")


# how a plan ends, what is done before that, and what recv() then says at the client and the server
RESETS = {
    "by-client": ("connect-reset", programs_reset, None, "ECONNRESET"),
    "by-server": ("listen-reset", programs_reset, "ECONNRESET", None),
    "by-router": ("connect-send", router_resets, "ECONNRESET", "still open"),
    "by-administrator": ("connect-send", administrator_resets, "ECONNABORTED", "ECONNRESET"),
}


@pytest.mark.parametrize("how", RESETS)
def test_bytes_of_connections_that_are_reset_are_exact(sonde, lab, how):
    end, configure, client_result, server_result = RESETS[how]
    near, router, far, path = lab.routed()
    pair = Pair(lab, names(), near, far, path.far, connections=4, request=70_001, response=1_003,
                end=end)
    moved = pair.moved()
    for namespace in (near, far):
        settled(namespace, pair.port)
    configure(near, router, pair)
    for one in pair.ends:
        one.go_on()
    assert [one["result"] for one in pair.client.events("ended", 4)] == [client_result] * 4
    if server_result == "still open":
        left = tcp_truth.connections(far, f"sport = :{pair.port}")
        assert [one["state"] for one in left.values()] == ["ESTAB"] * 4
    else:
        assert [one["result"] for one in pair.server.events("ended", 4)] == [server_result] * 4
    # The byte that brought the router's answer left the client; nobody received it.
    figures = byte_figures(pair, moved)
    if how == "by-router":
        figures = [(name, labels, value + 4 * (name == SENT and labels == pair.client.labels))
                   for name, labels, value in figures]
    expect(sonde, *figures, (OPEN, {"service_name": pair.client.name}, 0),
           (OPEN, {"service_name": pair.server.name}, 4 if server_result == "still open" else 0))


# --- many ---

def crowd_in(namespace, crowd, mode, count, name):
    return subprocess.Popen([*namespace.enter, crowd, mode, str(count)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                            env=clean_environment(OTEL_SERVICE_NAME=name))


def test_burst_of_connections_is_counted_or_counted_as_dropped(sonde, lab, crowd):
    count, name, namespace = 50_000, unique("flow-burst"), lab.namespace()
    before = sonde.metrics()
    with crowd_in(namespace, crowd, "burst", count, name) as burst:
        _, errors = burst.communicate(timeout=120)
    assert burst.returncode == 0, errors
    truth = tcp_truth.counters(namespace)
    assert truth["TcpActiveOpens"] == truth["TcpPassiveOpens"] == count

    def uncounted():
        """Openings at both ends, and ends of both, that are not told; what was dropped."""
        metrics = sonde.metrics()
        established = metrics.sum(CONNECTIONS, service_name=name, result="established")
        ended = metrics.sum(f"{DURATION}_count", service_name=name)
        return (2 * count - established, 2 * count - ended,
                metrics.dropped("tcp") - before.dropped("tcp"))

    wait_until(lambda: not tcp_truth.connections(namespace), "the last one has ended")
    openings, ends, dropped = wait_until(uncounted, "a scrape, which all that happened is in")
    assert 0 <= openings <= dropped and 0 <= ends <= dropped, (openings, ends, dropped)
    expect(sonde, (OPEN, {"service_name": name}, 0))


def resident_bytes(process):
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as figures:
        return int(figures.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_memory_for_open_connections_is_bounded(tmp_path, lab, crowd):
    sockets, name, namespace = 20_000, unique("flow-crowd"), lab.namespace()
    with Sonde(tmp_path, *FLAGS) as sonde, contextlib.ExitStack() as stack:
        with crowd_in(namespace, crowd, "hold", 100, name) as first:  # what first use allocates
            assert first.stdout.readline() == "moved\n"
            expect(sonde, (OPEN, {"service_name": name}, 200))
            first.communicate(timeout=20)
        expect(sonde, (OPEN, {"service_name": name}, 0))
        before = resident_bytes(sonde.process)
        for _ in range(2):  # as one process may not have so many files
            part = stack.enter_context(crowd_in(namespace, crowd, "hold", sockets // 4, name))
            stack.callback(part.communicate, timeout=20)
            assert part.stdout.readline() == "moved\n", part.stderr.read()
        expect(sonde, (OPEN, {"service_name": name}, sockets),
               (SENT, {"service_name": name}, sockets + 200))
        growth = resident_bytes(sonde.process) - before
        assert growth <= 512 * sockets, f"{growth / sockets:.0f} bytes for each socket"
