# SPDX-License-Identifier: Apache-2.0
"""DNS lookups of real clients, against the log of the server that they asked."""
import collections
import contextlib
import os
import re
import shutil
import subprocess

import pytest

from dns_servers import PROGRAMS, PYTHON, RESOLVER, dnsmasq, network, slow_server, unbound
from harness import NOBODY, Sonde, clean_environment, output_of, program, unique, wait_until
from known_work import CONNECTIONS
from span_collector import Collector

DURATION = "sonde_dns_lookup_duration_seconds"
FAILED = "sonde_dns_failed_lookups_total"
ZONES = ("ok", "only4", "missing", "refused")
TIMEOUT_SECONDS = 5  # without an answer for so long, Sonde gives a lookup up


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    with network(tmp_path_factory.mktemp("dns")) as made:
        if not made:
            pytest.skip("no network namespace can be made here")
        with unbound(made):
            yield made


@pytest.fixture(scope="module")
def sonde(tmp_path_factory):
    """One for most of these tests, so that the last one can look at all that they left."""
    with Sonde(tmp_path_factory.mktemp("sonde")) as running:
        running.expected = {}  # by service: (answered, failed)
        yield running


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Go's own resolver, without libc."""
    folder = tmp_path_factory.mktemp("lookup")
    go = shutil.which("go") or "/usr/local/go/bin/go"
    subprocess.run([go, "build", "-o", folder / "lookup", f"{PROGRAMS}/lookup.go"], check=True,
                   timeout=300, env={**os.environ, "CGO_ENABLED": "0"})
    return str(folder / "lookup")


def answered(metrics, service):
    """{(type, code): lookups} that had an answer."""
    return collections.Counter({(labels["question_type"], labels["code"]): int(value)
                                for _, labels, value in metrics.select(f"{DURATION}_count",
                                                                       service_name=service)})


def failed(metrics, service):
    return collections.Counter({(labels["question_type"], labels["code"]): int(value)
                                for _, labels, value in metrics.select(FAILED,
                                                                       service_name=service)})


def without_success(counts):
    return collections.Counter({key: n for key, n in counts.items() if key[1] != "NOERROR"})


def shown(sonde, service):
    metrics = sonde.metrics()
    return answered(metrics, service), failed(metrics, service)


def expect_lookups(sonde, service, answers, losses=()):
    """Waits until Sonde shows these."""
    wanted = answers, without_success(answers) + collections.Counter(dict(losses))
    with contextlib.suppress(AssertionError):
        wait_until(lambda: shown(sonde, service) == wanted, "lookups", TIMEOUT_SECONDS + 10)
    assert shown(sonde, service) == wanted
    assert sonde.metrics().losses("dns") == {}
    if hasattr(sonde, "expected"):
        sonde.expected[service] = wanted


def names(label, zones=ZONES, each=3):
    return [f"{label}.n{i}.{zone}.test" for zone in zones for i in range(each)]


def dig(net, service, *arguments):
    return output_of(*net.inside, "dig", "+tries=1", *arguments, name=service)


CLIENTS = {
    "libc": lambda _: (PYTHON, f"{PROGRAMS}/lookup.py", "libc"),
    "sendto": lambda _: (PYTHON, f"{PROGRAMS}/lookup.py", "sendto"),
    "sendmsg": lambda _: (PYTHON, f"{PROGRAMS}/lookup.py", "sendmsg"),
    "go": lambda built: (built,),
    "node": lambda _: ("node", f"{PROGRAMS}/lookup.js"),
    "dig": lambda _: ("dig", "+tries=1"),
    "dig-tcp": lambda _: ("dig", "+tries=1", "+tcp"),
    "dig-one-tcp-connection": lambda _: ("dig", "+tries=1", "+tcp", "+keepopen"),
    "dig-noedns": lambda _: ("dig", "+tries=1", "+noedns"),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_lookups_are_those_that_the_server_answered(sonde, net, built, client):
    service = unique(f"dns-{client}")
    asked = names(service)
    output_of(*net.inside, *CLIENTS[client](built), *asked, name=service)
    replies = net.replied(service)
    assert sum(replies.values()) >= len(asked)
    assert sum(n for (_, code), n in replies.items() if code == "NXDOMAIN") >= 3
    expect_lookups(sonde, service, replies)


def test_busybox(sonde, net):
    service = unique("dns-busybox")
    for name in names(service, ["ok"]):
        output_of(*net.inside, "busybox", "nslookup", name, name=service)
    assert net.replied(service) == {("A", "NOERROR"): 3, ("AAAA", "NOERROR"): 3}
    expect_lookups(sonde, service, net.replied(service))


@pytest.mark.parametrize("client", ["libc", "go", "node"])
def test_over_ipv6(sonde, net, built, client):
    service = unique(f"dns-six-{client}")
    net.use_server("::1")
    try:
        output_of(*net.inside, *CLIENTS[client](built), *names(service), name=service)
    finally:
        net.use_server(RESOLVER)
    assert sum(net.replied(service).values()) >= len(names(service))
    expect_lookups(sonde, service, net.replied(service))


def test_each_type_has_its_name_and_rare_ones_share_one(sonde, net):
    service = unique("dns-types")
    types = ["A", "AAAA", "PTR", "SRV", "MX", "TXT", "HTTPS", "CNAME", "NS", "SOA"]
    for kind in types + ["CAA", "NAPTR"]:
        dig(net, service, "-t", kind, f"{service}.ok.test")
    assert sum(net.replied(service).values()) == 12
    expect_lookups(sonde, service, collections.Counter(
        {**{(kind, "NOERROR"): 1 for kind in types}, ("other", "NOERROR"): 2}))


def test_a_server_that_fails_is_told_by_its_code(sonde, net):
    service = unique("dns-servfail")
    for _ in range(2):
        dig(net, service, f"{service}.fail.test")
    assert net.replied(service) == {("A", "SERVFAIL"): 2}
    expect_lookups(sonde, service, net.replied(service))


def test_an_answer_too_long_for_udp_is_looked_up_again_over_tcp(sonde, net):
    service = unique("dns-large")
    output = dig(net, service, "+noedns", "+short", f"{service}.large.test")
    assert len(output.split()) == 100
    assert net.replied(service) == {("A", "NOERROR"): 2}
    expect_lookups(sonde, service, net.replied(service))


def ask_in_vain(net, service):
    subprocess.run([*net.inside, "dig", "+tries=1", "+time=1", f"{service}.silent.test"],
                   env=clean_environment(OTEL_SERVICE_NAME=service), check=False, timeout=20,
                   stdout=subprocess.DEVNULL)


def test_lookups_without_an_answer_time_out(sonde, net):
    service = unique("dns-silent")
    for _ in range(3):
        ask_in_vain(net, service)
    assert net.asked(service) == {"A": 3}
    expect_lookups(sonde, service, net.replied(service), {("A", "timeout"): 3})


def test_asked_again_on_the_same_socket_it_is_the_same_lookup(sonde, net):
    """libc asks again after a second, with the same id on the same socket."""
    service = unique("dns-again")
    net.use_server(RESOLVER, "options timeout:1 attempts:3")
    try:
        output_of(*net.inside, PYTHON, f"{PROGRAMS}/lookup.py", "libc4", f"{service}.silent.test",
                  name=service)
    finally:
        net.use_server(RESOLVER)
    assert net.asked(service)["A"] == 3
    expect_lookups(sonde, service, net.replied(service), {("A", "timeout"): 1})


def test_a_server_that_is_not_there_is_unreachable(sonde, net):
    service = unique("dns-nobody")
    result = subprocess.run([*net.inside, "dig", "+tries=1", "@127.0.0.99", f"{service}.ok.test"],
                            env=clean_environment(OTEL_SERVICE_NAME=service), check=False,
                            timeout=20, capture_output=True)
    assert result.returncode and result.stdout.count(b"connection refused") == 1
    expect_lookups(sonde, service, collections.Counter(), {("A", "unreachable"): 1})


def test_a_duration_lies_between_what_the_server_waits_and_what_the_client_sees(sonde, net):
    service, address, delay, count = unique("dns-slow"), "127.0.0.77", 0.08, 10
    net.use_server(address)
    try:
        with slow_server(net, address, delay):
            seconds = float(output_of(*net.inside, PYTHON, f"{PROGRAMS}/lookup.py", "libc4",
                                      *names(service, ["ok"], count), name=service))
    finally:
        net.use_server(RESOLVER)
    expect_lookups(sonde, service, collections.Counter({("A", "NOERROR"): count}))
    shown = sonde.metrics().sum(f"{DURATION}_sum", service_name=service)
    assert count * delay <= shown <= seconds


def test_a_forwarder_asks_as_often_as_it_is_asked(sonde, net):
    service, forwarder, address = unique("dns-client"), unique("dns-forwarder"), "127.0.0.54"
    net.use_server(address)
    try:
        with dnsmasq(net, address, forwarder) as log:
            output_of(*net.inside, PYTHON, f"{PROGRAMS}/lookup.py", "libc", *names(service),
                      name=service)
            with open(log, encoding="utf-8") as file:
                text = file.read()
    finally:
        net.use_server(RESOLVER)
    replies = net.replied(service)
    assert sum(replies.values()) == len(re.findall(rf"forwarded {service}\.\S+ to", text))
    expect_lookups(sonde, forwarder, replies)
    asked = collections.Counter(re.findall(rf"query\[(\S+)\] {service}\.", text))
    shown = collections.Counter()
    for (kind, _), count in answered(sonde.metrics(), service).items():
        shown[kind] += count
    assert shown == asked and sum(asked.values()) >= 2 * len(names(service))


def test_none_of_these_lookups_is_told_again_later(sonde, net):
    """What is taken for another lookup times out: not later than one that is made now."""
    service = unique("dns-last")
    ask_in_vain(net, service)
    expect_lookups(sonde, service, collections.Counter(), {("A", "timeout"): 1})
    metrics = sonde.metrics()
    for name, wanted in sonde.expected.items():
        assert (answered(metrics, name), failed(metrics, name)) == wanted, name


@pytest.mark.parametrize("flags", [("--no-http",), ("--no-syscalls",),
                                   ("--no-http", "--no-syscalls", "--no-tcp", "--no-processes")])
def test_dns_needs_no_other_source(tmp_path, net, flags):
    service = unique("dns-alone")
    with Sonde(tmp_path, *flags) as sonde:
        dig(net, service, *names(service))
        expect_lookups(sonde, service, net.replied(service))


def test_without_dns_nothing_is_told_of_it(tmp_path, net):
    service = unique("dns-off")
    with Sonde(tmp_path, "--no-dns") as sonde:
        dig(net, service, *names(service))
        wait_until(lambda: sonde.metrics().sum("sonde_process_exits_total", service_name=service),
                   "the client is seen to end")
        metrics = sonde.metrics()
        assert not metrics.select(f"{DURATION}_count") and not metrics.select(FAILED)
        assert not metrics.select("sonde_events_total", source="dns")


def test_each_lookup_is_a_span_on_request(tmp_path, net):
    service = unique("dns-span")
    with Collector() as collector, \
            Sonde(tmp_path, "--dns-spans", "--otlp-endpoint", collector.url) as sonde:
        dig(net, service, f"{service}.ok.test")
        dig(net, service, "+tcp", "-t", "AAAA", f"{service}.missing.test")
        wait_until(lambda: collector.count(service) >= 2, "spans come")
        sonde.stop()
        spans = {span.name: span for span in collector.of(service)}
    assert len(spans) == collector.count(service) == 2
    good, bad = spans["DNS A"].attributes, spans["DNS AAAA"].attributes
    assert spans["DNS A"].kind == "CLIENT" and spans["DNS A"].start < spans["DNS A"].end
    assert good["dns.question.name"] == f"{service}.ok.test"
    assert [value.string_value for value in good["dns.answers"].values] == ["10.1.2.3"]
    assert (good["server.address"], good["server.port"]) == (RESOLVER, 53)
    assert good["network.transport"] == "udp" and "error.type" not in good
    assert bad["error.type"] == "NXDOMAIN" and bad["network.transport"] == "tcp"
    assert "dns.answers" not in bad


def test_a_name_that_was_looked_up_names_the_peer(tmp_path, net):
    service, limit = unique("dns-peer"), 2
    subprocess.run([*net.inside, "ip", "address", "replace", "10.1.2.4/32", "dev", "lo"],
                   check=True)
    wanted = {f"{name}.{service}.only4.test": 1 for name in ("first", "second")}
    with Sonde(tmp_path, "--peers-per-service-limit", str(limit)) as sonde:
        def peers():
            return {labels["peer"]: value for _, labels, value in sonde.metrics().select(
                CONNECTIONS, service_name=service, result="refused", port="9")}

        for count, name in enumerate([*wanted, f"third.{service}.only4.test"], 1):
            refused = subprocess.run([*net.inside, "curl", "-s", f"http://{name}:9/"], check=False,
                                     env=clean_environment(OTEL_SERVICE_NAME=service), timeout=20)
            assert refused.returncode == 7  # what curl says when it cannot connect
            wait_until(lambda count=count: sum(peers().values()) == count, "the connection")
        assert peers() == {**wanted, "external": 1}
        assert sonde.metrics().sum("sonde_tcp_peers_folded_total", service_name=service) == 1


PEER = "10.1.2.4"  # what the resolver answers for all of only4.test
FORGE = (PYTHON, f"{PROGRAMS}/forge-dns.py")


def peers_of(sonde, service):
    return {labels["peer"]: value for _, labels, value in sonde.metrics().select(
        CONNECTIONS, service_name=service, result="refused", port="9")}


def connect(net, service, *arguments):
    """One connection to PEER, which is refused."""
    refused = subprocess.run([*net.inside, "curl", "-s", *arguments], check=False, timeout=20,
                             env=clean_environment(OTEL_SERVICE_NAME=service))
    assert refused.returncode == 7


@pytest.fixture
def peer(net):
    subprocess.run([*net.inside, "ip", "address", "replace", f"{PEER}/32", "dev", "lo"],
                   check=True)


def own_namespace():
    """How anybody starts a program in a network namespace of their own."""
    unprivileged = (*NOBODY, "unshare", "--user", "--map-root-user", "--net")
    works = subprocess.run([*unprivileged, "true"], check=False, capture_output=True)
    return ("unshare", "--net") if works.returncode else unprivileged


def forged(sonde, forger):
    """Whether the lookup was seen: else nothing would be tested."""
    wait_until(lambda: answered(sonde.metrics(), forger) == {("A", "NOERROR"): 1}, "the forgery")


def test_what_is_forged_in_a_namespace_of_ones_own_names_nobodys_peers(tmp_path, net, peer):
    forger, victim, name = unique("dns-forger"), unique("dns-victim"), unique("forged") + ".test"
    recording = os.path.join(str(tmp_path), "recording")
    own = own_namespace()
    wanted = {"external": 1, f"{victim}.only4.test": 1}
    with Sonde(tmp_path, "--record", recording) as sonde:
        output_of(*own, *FORGE, "127.0.0.53", name, PEER, name=forger)
        forged(sonde, forger)
        connect(net, victim, f"http://{PEER}:9/")
        wait_until(lambda: peers_of(sonde, victim), "the first connection")
        connect(net, victim, f"http://{victim}.only4.test:9/")
        wait_until(lambda: sum(peers_of(sonde, victim).values()) == 2, "the connections")
        assert peers_of(sonde, victim) == wanted
        sonde.stop()
    with Sonde(tmp_path, "--replay", recording) as sonde:
        wait_until(lambda: "played back" in sonde.log(), "the recording was played back")
        assert peers_of(sonde, victim) == wanted


LISTEN = """
import socket, time
with socket.create_server(("10.1.2.4", 9)):
    print("listens", flush=True)
    time.sleep(60)
"""


def test_who_listens_in_a_namespace_of_ones_own_is_nobodys_peer(tmp_path, net, peer):
    forger, victim = unique("tcp-forger"), unique("tcp-victim")
    script = (f"ip link set lo up; ip address add {PEER}/32 dev lo; "
              f'exec {PYTHON} -c "$1"')
    with Sonde(tmp_path) as sonde, program(*own_namespace(), "sh", "-ec", script, "sh", LISTEN,
                                           name=forger, stdout=subprocess.PIPE) as server:
        assert server.stdout.readline() == b"listens\n"
        wait_until(lambda: sonde.metrics().sum("sonde_tcp_accept_queue_limit",
                                               service_name=forger), "the listener")
        connect(net, victim, f"http://{PEER}:9/")
        wait_until(lambda: peers_of(sonde, victim), "the connection")
        assert peers_of(sonde, victim) == {"external": 1}


def test_what_a_server_answers_that_nobody_else_asks_names_nobody_elses_peers(tmp_path, net, peer):
    forger, victim, name = unique("dns-forger"), unique("dns-victim"), unique("forged") + ".test"
    with Sonde(tmp_path) as sonde:
        dig(net, victim, f"{victim}.ok.test")  # asks the server that it is to ask
        output_of(*net.inside, *FORGE, "127.0.0.66", name, PEER, name=forger)
        forged(sonde, forger)
        connect(net, victim, f"http://{PEER}:9/")
        connect(net, forger, f"http://{PEER}:9/")
        wait_until(lambda: peers_of(sonde, victim) and peers_of(sonde, forger), "the connections")
        assert peers_of(sonde, victim) == {"external": 1}


def test_what_the_resolver_answered_another_names_ones_peers(tmp_path, net, peer):
    """A program that leaves its lookups to another: both ask the same server."""
    other, service = unique("dns-other"), unique("dns-service")
    with Sonde(tmp_path) as sonde:
        output_of(*net.inside, PYTHON, f"{PROGRAMS}/lookup.py", "libc4", f"{other}.only4.test",
                  name=other)
        subprocess.run([*net.inside, "curl", "-s", f"http://{service}.missing.test:9/"],
                       env=clean_environment(OTEL_SERVICE_NAME=service), check=False, timeout=20)
        connect(net, service, f"http://{PEER}:9/")
        wait_until(lambda: peers_of(sonde, service), "the connection")
        assert peers_of(sonde, service) == {f"{other}.only4.test": 1}


def test_a_replay_gives_the_same(tmp_path, net):
    service, recording = unique("dns-replay"), os.path.join(str(tmp_path), "recording")

    def of_service(metrics):
        return sorted((name, sorted(labels.items()), value) for name, labels, value
                      in metrics.samples if name.startswith("sonde_dns_")
                      and labels["service_name"] == service)

    with Sonde(tmp_path, "--record", recording) as sonde:
        output_of(*net.inside, PYTHON, f"{PROGRAMS}/lookup.py", "libc", *names(service),
                  name=service)
        dig(net, service, "+tcp", *names(service))
        expect_lookups(sonde, service, net.replied(service))
        before = of_service(sonde.metrics())
        sonde.stop()
    with Sonde(tmp_path, "--replay", recording) as sonde:
        wait_until(lambda: "played back" in sonde.log(), "the recording was played back")
        assert of_service(sonde.metrics()) == before
