# SPDX-License-Identifier: Apache-2.0
"""TCP flows: who the peer is, resets, listeners, and a record of each connection.

The truth is as in test_flows.py; the networks are netlab.py's.
"""
import contextlib
import signal
import time

import pytest

import tcp_truth
from flow_log import SS_FIELDS_THAT_STAY, FlowLog, differences, ends_of
from harness import Sonde, unique, wait_until
from known_work import CONNECTIONS, OPEN, RECEIVED, SENT
from tcp_peers import Pair, Peer
from test_flows import (CONNECT, RESETS, expect, give_up_soon, lab, lossy, names,
                        reordering, settled)

__all__ = ["lab"]  # a fixture
RESET_COUNT = "sonde_tcp_resets_total"
RESET_LABEL = "direction"
QUEUE = "sonde_tcp_accept_queue_length"
QUEUE_LIMIT = "sonde_tcp_accept_queue_limit"
OVERFLOWS = "sonde_tcp_listen_overflows_total"
DOCUMENTATION_NET = "203.0.113.0/24"
NAMES = f"198.18.0.0/15=lab,2001:db8::/32=lab6,{DOCUMENTATION_NET}=nowhere"
NOWHERE, NOWHERE6 = "203.0.113.7", "2001:db8:ffff::7"
SWEEPS = ("--sweep-interval", "200ms")  # and all sources: some failures are seen by system calls
FLOW_INTERVAL = "200ms"


@pytest.fixture(scope="module", name="log_path")
def path_of_flow_log(tmp_path_factory):
    return str(tmp_path_factory.mktemp("flows") / "flows.json")


@pytest.fixture(scope="module", name="sonde")
def sonde_of_all_tests(tmp_path_factory, log_path):
    with Sonde(tmp_path_factory.mktemp("sonde"), *SWEEPS, "--flow-log", log_path,
               "--flow-interval", FLOW_INTERVAL, "--peer-names", NAMES) as running:
        yield running


@pytest.fixture(name="log")
def flow_log(sonde, log_path):
    return FlowLog(log_path)


def key_of(event):
    """A connection of a program's line, as ss and FlowLog name it."""
    return tuple(tcp_truth.address_of(f"{address}:{port}")
                 for address, port in (event["local"], event["remote"]))


def only(records):
    assert len(records) == 1, records
    return records[0]


# --- peers ---

@pytest.mark.parametrize("place", ["between namespaces", "on loopback"])
def test_peer_on_this_node_is_its_service(sonde, lab, place):
    near, _, far, path = lab.routed()
    if place == "on loopback":
        pair = Pair(lab, names(), near, near, "127.0.0.1", connections=3, request=100,
                    response=2_000)
    else:
        pair = Pair(lab, names(), near, far, path.far, connections=3, request=100, response=2_000)
    pair.moved()
    port = str(pair.port)
    client = dict(pair.client.labels, peer=pair.server.name, port=port)
    server = dict(pair.server.labels, peer=pair.client.name, port=port)
    figures = [(SENT, client, 300), (RECEIVED, client, 6_000),
               (SENT, server, 6_000), (RECEIVED, server, 300)]
    for labels in (client, server):
        everything = {"service_name": labels["service_name"]}
        figures += [(CONNECTIONS, dict(labels, result="established"), 3),
                    (CONNECTIONS, everything, 3)]
    expect(sonde, *figures, *[(OPEN, labels, 3) for labels in (client, server)])
    pair.finish()
    expect(sonde, *figures, *[(OPEN, labels, 0) for labels in (client, server)])


@pytest.mark.parametrize("where,peer", [("IPv4", "lab"), ("IPv6", "lab6"),
                                        ("elsewhere", "external")])
def test_peer_that_is_no_service_has_its_configured_name(sonde, lab, where, peer):
    near, router, _, path = lab.routed()
    router.run("ip", "route", "add", "192.0.2.0/24", "via", path.far)
    address = {"IPv4": path.far, "IPv6": path.far6, "elsewhere": "192.0.2.7"}[where]
    router.filter("forward", "tcp flags syn reject with tcp reset")
    with Peer(near, "connect", unique("flow-peer"), connections=2, address=address,
              port=9) as client:
        assert [one["error"] for one in client.events("failed", 2)] == ["ECONNREFUSED"] * 2
        expect(sonde, (CONNECTIONS, dict(client.labels, result="refused", peer=peer, port="9"), 2),
               (CONNECTIONS, {"service_name": client.name}, 2))


# --- failures that no packet ever tells of ---

def no_route(near):
    """The namespace has an address and no way out."""


def route_of(kind):
    def configure(near):
        near.run("ip", "route", "add", kind, DOCUMENTATION_NET)
        near.run("ip", "-6", "route", "add", kind, "2001:db8:ffff::/48")
    configure.__name__ = kind
    return configure


WITHOUT_A_PACKET = [
    (no_route, NOWHERE, "ENETUNREACH", "unreachable"),
    (no_route, NOWHERE6, "ENETUNREACH", "unreachable"),
    (route_of("unreachable"), NOWHERE, "EHOSTUNREACH", "unreachable"),
    (route_of("unreachable"), NOWHERE6, "EHOSTUNREACH", "unreachable"),
    (route_of("prohibit"), NOWHERE, "EACCES", "forbidden"),
    (route_of("prohibit"), NOWHERE6, "EACCES", "forbidden"),
    (route_of("blackhole"), NOWHERE, "EINVAL", "error"),
]


@pytest.mark.parametrize(
    "configure,address,error,result", WITHOUT_A_PACKET,
    ids=[f"{one[0].__name__}-{'IPv6' if one[1] == NOWHERE6 else 'IPv4'}"
         for one in WITHOUT_A_PACKET])
def test_connections_that_find_no_way_out_are_counted(sonde, lab, log, configure, address, error,
                                                      result):
    near, far = lab.namespace(), lab.namespace()
    lab.veth(near, far)
    configure(near)
    with Peer(near, "connect", unique("flow-no-way"), connections=5, address=address,
              port=443) as client:
        assert [one["error"] for one in client.events("failed", 5)] == [error] * 5
        expect(sonde, (CONNECTIONS, dict(client.labels, result=result, port="443"), 5),
               (CONNECTIONS, {"service_name": client.name}, 5),
               (OPEN, {"service_name": client.name}, 0))
        assert not sonde.metrics().sum(f"{CONNECT}_count", service_name=client.name)
        failed = log.records(client.name)
    assert [(one["event"], one["error"], one["destination.address"], one["destination.port"],
             one["process.pid"]) for one in failed] == [
        ("failed", error, address, 443, client.process.pid)] * 5


def test_connections_without_a_free_port_are_counted(sonde, lab):
    near, far = lab.namespace(), lab.namespace()
    link = lab.veth(near, far)
    near.sysctl("net.ipv4.ip_local_port_range", "50001 50004")
    server, client = names()
    with Peer(far, "listen", server, address=link.far, connections=4) as listening:
        with Peer(near, "connect", client, address=link.far, port=listening.port,
                  connections=6) as connecting:
            connecting.events("moved", 4)
            assert [one["error"] for one in connecting.events("failed", 2)] == ["EADDRNOTAVAIL"] * 2
            expect(sonde, (CONNECTIONS, dict(connecting.labels, result="established"), 4),
                   (CONNECTIONS, dict(connecting.labels, result="no_port"), 2),
                   (CONNECTIONS, {"service_name": client}, 6))


# --- resets ---

# RST segments that the client and the server sent or received: of these connections one each
RESETS_TOLD = {
    "by-client": ("sent", "received"),
    "by-server": ("received", "sent"),
    "by-router": ("received", None),
    "by-administrator": ("sent", "received"),
}
REASONS = {"sent": "reset_sent", "received": "reset_received"}


@pytest.mark.parametrize("how", RESETS)
def test_resets_are_counted_and_named_at_both_ends(sonde, lab, log, how):
    end, configure, _, _ = RESETS[how]
    near, router, far, path = lab.routed()
    pair = Pair(lab, names(), near, far, path.far, connections=4, request=3_000, response=900,
                end=end)
    pair.moved()
    for namespace in (near, far):
        settled(namespace, pair.port)
    configure(near, router, pair)
    for one in pair.ends:
        one.go_on()
    pair.client.events("ended", 4)
    figures = []
    for one, told in zip((pair.client, pair.server), RESETS_TOLD[how]):
        own = {"service_name": one.name}
        figures += [(RESET_COUNT, own, 4 if told else 0), (OPEN, own, 0 if told else 4)]
        if told:
            figures.append((RESET_COUNT, dict(own, port=str(pair.port), **{RESET_LABEL: told}), 4))
    expect(sonde, *figures)
    for one, told in zip((pair.client, pair.server), RESETS_TOLD[how]):
        closed = log.records(one.name, event="closed")
        assert [(record["reason"], record["closed_by"]) for record in closed] == (
            [(REASONS[told], "local" if told == "sent" else "peer")] * 4 if told else [])
    kernel = [tcp_truth.counters(namespace)["TcpOutRsts"] for namespace in (near, far)]
    assert kernel == [4 * (told == "sent") for told in RESETS_TOLD[how]], "not what was provoked"


# --- listeners ---

def test_accept_queue_and_its_overflows_are_those_of_ss_and_nstat(sonde, lab):
    near, far = lab.namespace(), lab.namespace()
    link = lab.veth(near, far)
    give_up_soon(near)
    server = lab.enter_context(Peer(far, "listen", unique("flow-queue"), address=link.far,
                                    backlog=1, accept=False))
    labels = {"service_name": server.name, "port": str(server.port)}

    def connect(name, count):
        return lab.enter_context(Peer(near, "connect", unique(name), address=link.far,
                                      port=server.port, connections=count))

    expect(sonde, (QUEUE, labels, 0), (QUEUE_LIMIT, labels, 1), (OVERFLOWS, labels, 0))
    fit = connect("flow-fit", 2)
    fit.events("moved", 2)
    connect("flow-late", 3).events("failed", 3)
    length, limit = tcp_truth.listeners(far)[server.port]
    overflows = tcp_truth.counters(far)["TcpExtListenOverflows"]
    assert (length, limit) == (2, 1) and overflows
    expect(sonde, (QUEUE, labels, length), (QUEUE_LIMIT, labels, limit),
           (OVERFLOWS, labels, overflows))
    server.go_on()  # closes it
    expect(sonde, (QUEUE, labels, 0), (QUEUE_LIMIT, labels, 0), (OVERFLOWS, labels, overflows))


# --- while they live ---

def test_open_connection_shows_what_it_moved_so_far(sonde, lab):
    near, far = lab.namespace(), lab.namespace()
    link = lab.veth(near, far)
    pair = Pair(lab, names(), near, far, link.far, request=4_000, response=70_000,
                rounds=1_000_000, think=0.025)  # until the test ends
    expected = {"payload_sent": SENT, "bytes_received": RECEIVED}

    def truths():
        return [(end, one) for namespace, end in ((near, pair.client), (far, pair.server))
                for one in tcp_truth.connections(namespace, f"sport = :{pair.port} or "
                                                            f"dport = :{pair.port}").values()]
    wait_until(lambda: sonde.metrics().sum(SENT, **pair.server.labels), "it is seen")
    checked = 0
    for _ in range(10):
        before, metrics, after = truths(), sonde.metrics(), truths()
        for (end, least), (_, most) in zip(before, after):
            for name, family in expected.items():
                shown = metrics.sum(family, **end.labels)
                assert least[name] <= shown <= most[name]  # a scrape makes a sweep of its own
                checked += least[name] < most[name]
    assert checked, "nothing moved meanwhile"


def test_namespace_is_followed_when_its_first_process_ends(tmp_path, lab):
    namespace = lab.namespace()
    with Sonde(tmp_path, "--sweep-interval", "60s") as sonde:  # so each scrape is the next sweep
        pair = Pair(lab, names(), namespace, namespace, "127.0.0.1", request=700, response=900,
                    end="connect-send")
        pair.moved()
        expect(sonde, (SENT, pair.client.labels, 700), (SENT, pair.server.labels, 900))
        namespace.leave_to(pair.client.process)
        pair.client.go_on()
        wait_until(lambda: 701 in [one["payload_sent"] for one in
                                   settled(namespace, pair.port).values()], "it sent one more byte")
        assert sonde.metrics().sum(SENT, **pair.client.labels) == 701


# --- flow records ---

def smooth(lab):
    near, far = lab.namespace(), lab.namespace()
    link = lab.relay(near, far, there=0.02, back=0.02)
    return near, far, link.far


@pytest.mark.parametrize("network", [smooth, lossy, reordering])
def test_records_of_live_and_closed_connections_say_what_ss_says(sonde, lab, log, network):
    near, far, address = network(lab)
    pair = Pair(lab, names(), near, far, address, connections=3, request=200_000,
                response=150_000, rounds=2)
    pair.moved()
    truths = {}

    def wrong():
        found = {}
        truths.update((end, settled(namespace, pair.port))
                      for namespace, end in ((near, pair.client), (far, pair.server)))
        for end, connections in truths.items():
            told = log.by_connection(end.name, event="open")
            for key, ss in connections.items():
                if key not in told or differences(told[key][-1], ss):
                    found[end.role, key] = differences(told[key][-1], ss) if key in told else None
        return found

    with contextlib.suppress(AssertionError):
        wait_until(lambda: sonde.metrics() and not wrong(), "records with the figures of ss", 10)
    assert not wrong()
    pair.finish()
    expect(sonde, *[(OPEN, {"service_name": end.name}, 0) for end in pair.ends])
    for end, connections in truths.items():
        closed = log.by_connection(end.name, event="closed")
        assert set(closed) == set(connections)
        for key, records in closed.items():
            record = only(records)
            assert not differences(record, connections[key], SS_FIELDS_THAT_STAY)
            assert record["process.pid"] == end.process.pid
            assert record["process.command"] == "python3"
            assert record["reason"] == "fin"
            assert record["closed_by"] == ("local" if end is pair.client else "peer")


def test_times_in_records_lie_between_those_of_the_programs(sonde, lab, log):
    near, far = lab.namespace(), lab.namespace()
    link = lab.relay(near, far, there=0.02, back=0.02)
    pair = Pair(lab, names(), near, far, link.far, connections=4, request=10, response=10,
                think=0.3)
    moved, ended = pair.moved(), pair.finish()
    expect(sonde, *[(OPEN, {"service_name": end.name}, 0) for end in pair.ends])
    closed = log.by_connection(pair.client.name, event="closed")
    last = {key_of(one)[::-1]: one for one in ended[0]}
    for event in moved[1]:
        record = only(closed[key_of(event)])
        connect = event["connect_end"] - event["connect_begin"]
        assert 0.04 <= record["connect_seconds"] <= connect
        # from established to the first byte: the request's way, the server's pause, the answer's
        least = 0.04 + 0.3
        most = event["first_received"] - event["connect_begin"] - record["connect_seconds"]
        assert least <= record["first_byte_seconds"] <= most
        close = next(one for one in ended[1] if key_of(one) == key_of(event))
        least = close["close_begin"] - event["connect_end"]
        # both FINs have been acknowledged, and the last answer has had its way
        most = (last[key_of(event)]["close_end"] - event["connect_begin"]
                - record["connect_seconds"]) + 1
        assert least <= record["duration_seconds"] <= most


def test_idle_connection_is_not_told_again(sonde, lab, log):
    near, far = lab.namespace(), lab.namespace()
    link = lab.veth(near, far)
    pair = Pair(lab, names(), near, far, link.far, request=10, response=10)
    pair.moved()

    def told():
        return [len(log.records(end.name, event="open")) for end in pair.ends]
    wait_until(lambda: sonde.metrics() and all(told()), "each was told once")
    for _ in range(3):  # each makes a sweep
        before = told()
        sonde.metrics()
        time.sleep(0.4)  # longer than the interval
    assert told() == before


def test_record_names_unread_bytes(sonde, lab, log):
    near, far = lab.namespace(), lab.namespace()
    link = lab.veth(near, far)
    pair = Pair(lab, names(), near, far, link.far, request=20_000_000, stalled=True)

    def told():
        sonde.metrics()  # makes a sweep
        ss = list(tcp_truth.connections(near, f"dport = :{pair.port}").values())
        records = log.records(pair.client.name, event="open")
        return (ss and records and not ss[0]["unacked"] and ss[0]["notsent"]
                and records[-1]["unsent_bytes"] == ss[0]["notsent"]
                and records[-1]["unacknowledged_bytes"] == 0)

    wait_until(told, "a record with what cannot be sent")
    wait_until(lambda: any(record["zero_window_events"] for record in
                           log.records(pair.server.name)), "a closed window is told")
    pair.server.go_on()
    pair.server.events("moved", 1)


def test_peer_that_falls_silent_is_a_timeout(sonde, lab, log):
    near, router, far, path = lab.routed()
    pair = Pair(lab, names(), near, far, path.far, connections=2, request=100, response=100,
                end="connect-send", user_timeout=500)
    pair.moved()
    settled(near, pair.port)
    router.filter("forward", "drop")
    pair.client.go_on()
    assert [one["result"] for one in pair.client.events("ended", 2)] == ["ETIMEDOUT"] * 2
    expect(sonde, (OPEN, {"service_name": pair.client.name}, 0),
           (OPEN, {"service_name": pair.server.name}, 2))
    closed = log.records(pair.client.name, event="closed")
    assert [(one["reason"], one["error"]) for one in closed] == [("timeout", "ETIMEDOUT")] * 2


def test_connections_from_before_sonde_have_records_with_all_they_moved(tmp_path, lab):
    near, _, far, path = lab.routed()
    pair = Pair(lab, names(), near, far, path.far, connections=3, request=5_000, response=90_000)
    pair.moved()
    truths = {pair.client: settled(near, pair.port), pair.server: settled(far, pair.port)}
    path = str(tmp_path / "flows.json")
    with Sonde(tmp_path, *SWEEPS, "--flow-log", path) as sonde:
        expect(sonde, *[(OPEN, {"service_name": end.name}, 3) for end in pair.ends])
        pair.finish()
        expect(sonde, *[(OPEN, {"service_name": end.name}, 0) for end in pair.ends])
        for end, connections in truths.items():
            closed = FlowLog(path).by_connection(end.name, event="closed")
            assert set(closed) == set(connections)
            for key, records in closed.items():
                assert not differences(only(records), connections[key], SS_FIELDS_THAT_STAY)
                assert records[0]["process.pid"] == end.process.pid


def test_last_records_are_written_when_sonde_ends(tmp_path, lab):
    near, far = lab.namespace(), lab.namespace()
    link = lab.veth(near, far)
    path = str(tmp_path / "flows.json")
    with Sonde(tmp_path, *SWEEPS, "--flow-log", path) as sonde:
        pair = Pair(lab, names(), near, far, link.far, connections=20, request=77, response=88)
        pair.moved()
        pair.finish()
        wait_until(lambda: not tcp_truth.connections(far), "all are closed")
        assert sonde.stop(signal.SIGTERM) == 0
    for end, sent, received in ((pair.client, 77, 88), (pair.server, 88, 77)):
        closed = FlowLog(path).records(end.name, event="closed")
        assert [(one["sent_bytes"], one["received_bytes"]) for one in closed] == [
            (sent, received)] * 20
        assert len({ends_of(one) for one in closed}) == 20


# --- multipath ---

def test_subflows_belong_to_the_service_that_connected(sonde, lab):
    joined = None
    for _ in range(3):  # the kernel tries to join once, and may not get there
        joined = joined or multipath(lab)
    assert joined, "not all have joined, in any attempt: see above"
    pair, moved, subflows = joined
    figures = []
    for end, found in zip(pair.ends, subflows):
        figures += [
            (CONNECTIONS, dict(end.labels, result="established"), 4), (OPEN, end.labels, 4),
            (SENT, end.labels, sum(one["payload_sent"] for one in found.values())),
            (RECEIVED, end.labels, sum(one["bytes_received"] for one in found.values()))]
    assert sum(one["sent"] for one in moved[1]) == 1_800_000
    expect(sonde, *figures)


def multipath(lab):
    """Two connections over two links between namespaces of their own: (pair, what both say, the
    subflows of both); None where one of them has no second subflow."""
    near, far = lab.namespace(), lab.namespace()
    if not near.has_sysctl("net.mptcp.enabled"):
        pytest.skip("this kernel has no MPTCP")
    links = [lab.veth(near, far) for _ in range(2)]
    for namespace in (near, far):
        namespace.run("ip", "mptcp", "limits", "set", "subflows", "2", "add_addr_accepted", "2")
    near.run("ip", "mptcp", "endpoint", "add", links[1].near, "subflow")
    far.run("ip", "mptcp", "endpoint", "add", links[1].far, "signal")
    pair = Pair(lab, names(), near, far, links[0].far, connections=2, request=300_000,
                response=1_000, rounds=3, mptcp=True)
    moved = pair.moved()

    def subflows():
        found = [settled(namespace, pair.port) for namespace in (far, near)]
        return found if list(map(len, found)) == [4, 4] else None
    with contextlib.suppress(AssertionError):
        return pair, moved, wait_until(subflows, "all have joined", 5)
    print("not all have joined:", *({name: value for name, value in counters.items()
                                     if value and name.startswith("MPTcp")}
                                    for counters in map(tcp_truth.counters, (far, near))))
    return None
