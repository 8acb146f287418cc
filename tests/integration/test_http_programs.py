# SPDX-License-Identifier: Apache-2.0
"""HTTP/1 of servers and clients as people run them: 100,000 requests are 100,000.

The truth is each server's access log and each client's own report, by method and status.
"""
import re
import signal
import time

import pytest

from harness import Sonde, free_port, http_counts, output_of, program, stop, unique
from http_programs import ASKS, PROGRAMS, PROXIES, PYTHON, SERVERS, answers_in, build, serve


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("built"))
    build(folder)
    return folder


@pytest.fixture
def sonde(tmp_path):
    """Its rings hold seconds of such a load: the programs leave Sonde little of the machine, and
    what is lost for that is what test_http.py is about."""
    with Sonde(tmp_path, "--sweep-interval", "100ms", "--ring-size", "64MiB") as running:
        yield running


def expect(sonde, *sides):
    """For each (side, service, truth): what truth() says is counted, and a little later still."""
    def wrong():
        metrics = sonde.metrics()
        return [f"{side} {service} is {dict(is_)}, should be {dict(should)}; "
                f"lost: {metrics.losses('http')}, "
                f"{metrics.sum('sonde_series_overflowed_updates_total'):.0f} found no series"
                for side, service, truth in sides
                if (is_ := http_counts(metrics, side, service)) != (should := truth())]

    def settle():
        end = time.monotonic() + 5
        while (still := wrong()) and time.monotonic() < end:
            time.sleep(0.1)
        assert not still, "\n".join(still)

    settle()
    time.sleep(0.5)  # what is counted twice shows by then
    settle()


def ask(built, running, requests, asks, name):
    """Has the Go client make requests, and returns its report."""
    return answers_in(output_of(f"{built}/client-go", running.address, str(requests), *asks,
                                name=name, seconds=120))


# --- servers ---


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_served_what_its_access_log_says(sonde, built, name):
    server, client = SERVERS[name], unique("go-client")
    with serve(name, built) as running:
        answers = ask(built, running, server.requests, server.asks, client)
        served = running.served_at_last(server.requests)
        # Apache asks itself, now and then: `OPTIONS *`, to wake a process that is not needed.
        assert answers <= served and sum(answers.values()) == server.requests
        assert len({status for _, status in answers}) >= 3
        expect(sonde, ("server", running.name, running.served), ("client", client, lambda: answers))


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_is_server_and_client_of_each_request(sonde, built, name):
    requests, client = PROXIES[name].requests, unique("go-client")
    with serve("nginx", built) as origin, serve(name, built, origin=origin.address) as proxy:
        answers = ask(built, proxy, requests, ASKS, client)
        assert origin.served_at_last(requests) == answers and sum(answers.values()) == requests
        expect(sonde, *((side, service, lambda: answers) for side, service in (
            ("client", client), ("server", proxy.name),
            ("client", proxy.name), ("server", origin.name))))


# --- Unix sockets ---


@pytest.mark.parametrize("name", [name for name, server in SERVERS.items() if server.unix])
def test_requests_over_a_unix_socket_are_counted_with_its_path(sonde, built, name):
    server, client, curl = SERVERS[name], unique("go-client"), unique("curl")
    requests = server.requests // 5
    with serve(name, built, over_unix=True) as running:
        answers = ask(built, running, requests, server.asks, client)
        by_curl = output_of("curl", "-s", "--unix-socket", running.address, "-o", "/dev/null",
                      "-w", "GET / %{response_code}\n", "http://localhost/#[1-100]", name=curl)
        assert running.served_at_last(requests + 100) == answers + answers_in(by_curl)
        assert sum(answers.values()) == requests
        expect(sonde, ("server", running.name, running.served), ("client", client, lambda: answers),
               ("client", curl, lambda: answers_in(by_curl)))
        addresses = {labels["server_address"] for _, labels, _ in sonde.metrics().select(
            "http_client_request_duration_seconds_count", service_name=curl)}
        assert addresses == {running.address}


# --- clients ---

CLIENTS = {
    "node": ("node", f"{PROGRAMS}/node-client.js"),
    "python": (PYTHON, f"{PROGRAMS}/python-client.py", "http.client"),
    "requests": (PYTHON, f"{PROGRAMS}/python-client.py", "requests"),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_made_the_requests_that_it_reports(sonde, built, name):
    requests, client = 10_000, unique(name)
    with serve("nginx", built) as running:
        report = output_of(*CLIENTS[name], running.address, str(requests), *ASKS, name=client)
        answers = answers_in(report)
        assert running.served_at_last(requests) == answers and sum(answers.values()) == requests
        expect(sonde, ("client", client, lambda: answers), ("server", running.name, running.served))


@pytest.mark.parametrize("options", [(), ("-H", "Connection: close"), ("--parallel",)],
                         ids=["keep-alive", "close", "parallel"])
def test_curl_made_the_requests_that_it_reports(sonde, built, options):
    each, client = 1_000, unique("curl")
    requests = each * len(ASKS)
    with serve("nginx", built) as running:
        arguments = []
        for method, path in map(str.split, ASKS):
            arguments += ["--next", "-s", *options, "-o", "/dev/null",
                          *(["-I"] if method == "HEAD" else ["-X", method]),
                          "-w", f"{method} {path} %{{response_code}}\n",
                          f"http://127.0.0.1:{running.address}{path}#[1-{each}]"]
        answers = answers_in(output_of("curl", *arguments[1:], name=client))
        assert running.served_at_last(requests) == answers and sum(answers.values()) == requests
        expect(sonde, ("client", client, lambda: answers), ("server", running.name, running.served))


def test_what_follows_a_refused_expectation_is_counted(sonde, tmp_path):
    """After 417 curl asks again without waiting, and then for all else, on the same connection."""
    client, server, port, log = unique("curl"), unique("expect"), free_port(), tmp_path / "log"
    large = tmp_path / "large"  # for which curl waits, by itself
    large.write_bytes(b"GET / HTTP/1.1\r\n\r\n" * 100_000)
    body = ["--data-binary", f"@{large}"]
    asks = [(["-X", "PUT", *body], "/417/a"), ([], "/b#[1-6]"), (body, "/417/c"), ([], "/d#[1-6]"),
            (body, "/100/e"), ([], "/f#[1-6]")]
    arguments = []
    for options, path in asks:
        arguments += ["--next", "-s", *options, "-o", "/dev/null", "-w",
                      "%{num_connects}\n", f"http://127.0.0.1:{port}{path}"]
    with open(log, "wb") as out, program(
            PYTHON, f"{PROGRAMS}/expect-server.py", str(port), port=port, name=server, stdout=out):
        connects = output_of("curl", *arguments[1:], name=client).split()
        served = answers_in(log.read_text(encoding="utf-8"))
        assert served == {("PUT", "417"): 1, ("PUT", "200"): 1, ("POST", "417"): 1,
                          ("POST", "200"): 2, ("GET", "200"): 18}
        assert sum(map(int, connects)) == 1, "curl asked all on one connection"
        expect(sonde, ("server", server, lambda: served), ("client", client, lambda: served))


LOADS = {
    "ab": ("ab", "-q", "-n", "20000", "-c", "16"),
    "ab-keep-alive": ("ab", "-q", "-k", "-n", "100000", "-c", "16"),
    "wrk": ("wrk", "-t", "2", "-c", "16", "-d", "3s"),
}


@pytest.mark.parametrize("name", LOADS)
def test_a_load_generator_made_the_requests_that_it_reports(sonde, built, name):
    client = unique(name)
    with serve("nginx", built) as running:
        report = output_of(*LOADS[name], f"http://127.0.0.1:{running.address}/", name=client)
        stop(running.process, signal.SIGQUIT)  # once the last requests are answered
        answered = int("".join(re.search(r"Complete requests: +(\d+)|(\d+) requests in",
                                         report).groups("")))
        served = running.served()
        expect(sonde, ("server", running.name, running.served))
    # Of its 16 connections each may have a request under way when the generator ends.
    assert answered <= sum(served.values()) <= answered + 16
    as_client = http_counts(sonde.metrics(), "client", client)
    assert as_client["GET", "200"] == answered
    assert sum(as_client.values()) <= answered + 16
