# SPDX-License-Identifier: Apache-2.0
"""HTTP whose bytes move through io_uring, in all the ways that a program may ask for.

The truth is what the programs count themselves (programs/uring.c), and nginx's access log.
"""
import collections
import os
import subprocess

import pytest

import harness
from harness import Sonde, free_port, output_of, start, stop, unique, wait_until

CONNECTIONS, REQUESTS = 8, 100
MODES = ("buffer", "message", "file", "vector", "sqpoll", "worker", "linked", "polled", "multishot",
         "registered", "zero-copy", "eventfd")
UNREADABLE = "fixed"  # a mode of whose receives the kernel keeps no address
COUNT = {side: f"http_{side}_request_duration_seconds_count" for side in ("server", "client")}


@pytest.fixture(scope="module")
def uring(tmp_path_factory):
    """uring.c, built."""
    built = tmp_path_factory.mktemp("uring") / "uring"
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs", "uring.c")
    subprocess.run(["gcc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-o", built, source, "-luring"],
                   check=True)
    return str(built)


@pytest.fixture(scope="module")
def sonde(tmp_path_factory):
    with Sonde(tmp_path_factory.mktemp("sonde"), "--sweep-interval", "100ms") as running:
        yield running


def counted(text):
    """{(method, status): requests} of the lines that uring.c prints."""
    return collections.Counter({(method, status): int(requests) for method, status, requests
                                in map(str.split, text.splitlines())})


def is_listening(address):
    """Without a connection to it, which would be one of those that it waits for."""
    if address.startswith("/"):
        return os.path.exists(address)
    with open("/proc/net/tcp", encoding="utf-8") as sockets:
        return f"0100007F:{int(address):04X} 00000000:0000 0A" in sockets.read()


def serve(uring, mode, connections, ask, address=None):
    """What a server counted for which ask(address) made so many connections, and its name."""
    address, name = address or str(free_port()), unique(f"{mode}-server")
    with start(uring, "server", mode, address, str(connections), name=name) as server:
        try:
            wait_until(lambda: is_listening(address), "the server listens")
            ask(address)
            output, _ = server.communicate(timeout=20)
        finally:
            stop(server)
    assert server.returncode == 0
    return counted(output.decode()), name


def ask_by(uring, mode, address):
    """What a client counted, and its service name."""
    name = unique(f"{mode}-client")
    answers = counted(output_of(uring, "client", mode, address, str(CONNECTIONS), str(REQUESTS),
                                name=name))
    assert sum(answers.values()) == CONNECTIONS * REQUESTS and len(answers) == 4
    return answers, name


def both(uring, mode, address=None):
    """What a server counted that a client of the same mode asked, and the names of both."""
    by_client = []
    served, server = serve(uring, mode, CONNECTIONS,
                           lambda at: by_client.extend(ask_by(uring, mode, at)), address)
    answers, client = by_client
    assert served == answers
    return served, server, client


def unreadable(sonde):
    return sonde.metrics().sum("sonde_events_total", source="http", outcome="unreadable")


def expect(sonde, unreadable_at_last, *sides):
    """For each (side, service, truth) that is counted and nothing else, under no other name."""
    harness.expect(
        sonde,
        ("sonde_events_total", {"source": "http", "outcome": "unreadable"}, unreadable_at_last),
        *((COUNT[side], {"service_name": service, "http_request_method": method,
                         "http_response_status_code": status}, requests)
          for side, service, truth in sides for (method, status), requests in truth.items()),
        *((COUNT[side], {"service_name": service}, sum(truth.values()))
          for side, service, truth in sides))


NOTHING = collections.Counter()


@pytest.mark.parametrize("mode", MODES)
def test_a_server_that_curl_asks(sonde, uring, mode):
    before, by_curl, answers = unreadable(sonde), unique("curl"), []

    def ask(port):
        url = f"http://127.0.0.1:{port}"
        each = ("-s", "-o", "/dev/null", "-w", "%{method} %{response_code}\n")
        answers.extend(output_of(
            "curl", *each, f"{url}/[1-50]", "--next", *each, "-I", f"{url}/[1-50]",
            "--next", *each, "-d", "x" * 1000, f"{url}/[1-50]",
            "--next", *each, f"{url}/missing#[1-50]", name=by_curl).splitlines())

    served, name = serve(uring, mode, 1, ask)
    assert served == collections.Counter(tuple(answer.split()) for answer in answers)
    assert sum(served.values()) == 200
    expect(sonde, before, ("server", name, served), ("client", by_curl, served))


@pytest.mark.parametrize("mode", MODES)
def test_a_client_that_asks_nginx(sonde, uring, mode, tmp_path):
    before, port = unreadable(sonde), free_port()
    locations = """
        location / { return 200 "hello\\n"; }
        location = /missing { return 404; }"""
    with harness.nginx(tmp_path, port, locations) as log:
        asked, name = ask_by(uring, mode, str(port))
        wait_until(lambda: len(harness.access_log(log)) == sum(asked.values()),
                   "nginx has logged the last answers")
        served = collections.Counter(
            (method, status) for method, _, status, _ in harness.access_log(log))
    assert served == asked
    expect(sonde, before, ("server", f"nginx-{port}", served), ("client", name, asked))


@pytest.mark.parametrize("mode", MODES)
def test_a_server_and_a_client(sonde, uring, mode):
    before = unreadable(sonde)
    served, server, client = both(uring, mode)
    expect(sonde, before, ("server", server, served), ("client", client, served))


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "zero-copy"])  # TCP's alone
def test_a_server_and_a_client_over_a_unix_socket(sonde, uring, mode, tmp_path):
    before = unreadable(sonde)
    served, server, client = both(uring, mode, f"{tmp_path}/socket")
    expect(sonde, before, ("server", server, served), ("client", client, served))


def test_what_cannot_be_read_is_counted_once_on_each_side(sonde, uring):
    before = unreadable(sonde)
    served, server, client = both(uring, UNREADABLE)
    expect(sonde, before + 2 * sum(served.values()),
           ("server", server, NOTHING), ("client", client, NOTHING))
