# SPDX-License-Identifier: Apache-2.0
"""HTTP whose bytes move through io_uring, in all the ways that a program may ask for.

The truth is what the programs count themselves (programs/uring.c), and nginx's access log.
"""
import collections
import os
import subprocess

import pytest

import harness
from harness import Sonde, free_port, output_of, start, unique

CONNECTIONS, REQUESTS = 8, 100
MODES = ("buffer", "message", "file", "sqpoll", "worker", "linked", "polled", "multishot",
         "registered", "eventfd")
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


def serve(uring, mode, connections, ask):
    """What a server counted for which ask(port) made so many connections, and its service name."""
    port, name = free_port(), unique(f"{mode}-server")
    with start(uring, "server", mode, str(port), str(connections), name=name) as server:
        try:
            harness.wait_until(lambda: is_listening(port), "the server listens")
            ask(port)
            output, _ = server.communicate(timeout=20)
        finally:
            harness.stop(server)
    assert server.returncode == 0
    return counted(output.decode()), name


def is_listening(port):
    """Without a connection to it, which would be one of those that it waits for."""
    with open("/proc/net/tcp", encoding="utf-8") as sockets:
        return f"0100007F:{port:04X} 00000000:0000 0A" in sockets.read()


def ask_by(uring, mode, port):
    """What a client counted, and its service name."""
    name = unique(f"{mode}-client")
    answers = counted(output_of(uring, "client", mode, str(port), str(CONNECTIONS), str(REQUESTS),
                                name=name))
    assert sum(answers.values()) == CONNECTIONS * REQUESTS and len(answers) == 4
    return answers, name


def expect(sonde, unreadable, *sides):
    """For each (side, service, truth) that is counted, and nothing else but what is unreadable."""
    harness.expect(
        sonde, ("sonde_events_total", {"source": "http", "outcome": "unreadable"}, unreadable),
        *((COUNT[side], {"service_name": service, "http_request_method": method,
                         "http_response_status_code": status}, requests)
          for side, service, truth in sides for (method, status), requests in truth.items()),
        *((COUNT[side], {"service_name": service}, sum(truth.values()))
          for side, service, truth in sides))


def unreadable(sonde):
    return sonde.metrics().sum("sonde_events_total", source="http", outcome="unreadable")


NOTHING = collections.Counter()


@pytest.mark.parametrize("mode", MODES)
def test_a_server_that_curl_asks(sonde, uring, mode):
    before, by_curl = unreadable(sonde), unique("curl")
    answers = []

    def ask(port):
        url = f"http://127.0.0.1:{port}"
        report = ("-s", "-o", "/dev/null", "-w", "%{method} %{response_code}\n")
        answers.extend(output_of(
            "curl", *report, f"{url}/[1-50]", "--next", *report, "-I", f"{url}/[1-50]",
            "--next", *report, "-d", "x" * 1000, f"{url}/[1-50]",
            "--next", *report, f"{url}/missing#[1-50]", name=by_curl).splitlines())

    served, name = serve(uring, mode, 1, ask)
    assert served == collections.Counter(tuple(answer.split()) for answer in answers)
    assert sum(served.values()) == 200
    expect(sonde, before + 200, ("client", by_curl, served), ("server", name, NOTHING))


@pytest.mark.parametrize("mode", MODES)
def test_a_client_that_asks_nginx(sonde, uring, mode, tmp_path):
    before, port = unreadable(sonde), free_port()
    locations = """
        location / { return 200 "hello\\n"; }
        location = /missing { return 404; }"""
    with harness.nginx(tmp_path, port, locations) as log:
        asked, name = ask_by(uring, mode, port)
        served = collections.Counter(
            (method, status) for method, _, status, _ in harness.access_log(log))
    assert served == asked
    expect(sonde, before + sum(asked.values()),
           ("server", f"nginx-{port}", served), ("client", name, NOTHING))


@pytest.mark.parametrize("mode", MODES)
def test_a_server_and_a_client(sonde, uring, mode):
    before, asked = unreadable(sonde), []
    served, server = serve(uring, mode, CONNECTIONS,
                           lambda port: asked.extend(ask_by(uring, mode, port)))
    assert asked[0] == served
    expect(sonde, before + 2 * sum(served.values()),
           ("server", server, NOTHING), ("client", asked[1], NOTHING))
