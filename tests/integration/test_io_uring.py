# SPDX-License-Identifier: Apache-2.0
"""HTTP whose bytes move through io_uring, in all the ways that a program may ask for.

The truth is what the programs count themselves (programs/uring.c), and nginx's access log.
"""
import collections
import subprocess

import pytest

import harness
import uring_programs
from harness import Sonde, free_port, output_of, unique, wait_until
from uring_programs import SOURCE, UNREADABLE, figures, serve

CONNECTIONS, REQUESTS = 8, 100
MODES = ("buffer", "message", "file", "vector", "sqpoll", "worker", "linked", "polled", "multishot",
         "registered", "zero-copy", "eventfd", "spinning")


@pytest.fixture(scope="module")
def uring(tmp_path_factory):
    """uring.c, built."""
    built = tmp_path_factory.mktemp("uring") / "uring"
    subprocess.run(["gcc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-o", built, SOURCE, "-luring"],
                   check=True)
    return str(built)


@pytest.fixture(scope="module")
def sonde(tmp_path_factory):
    with Sonde(tmp_path_factory.mktemp("sonde"), "--sweep-interval", "100ms") as running:
        yield running


def both(uring, mode, address=None):
    return uring_programs.both(uring, mode, CONNECTIONS, REQUESTS, address)


def unreadable(sonde):
    return sonde.metrics().sum("sonde_events_total", source="http", outcome="unreadable")


def expect(sonde, unreadable_at_last, *sides):
    harness.expect(
        sonde,
        ("sonde_events_total", {"source": "http", "outcome": "unreadable"}, unreadable_at_last),
        *figures(*sides))


NOTHING = collections.Counter()


def test_no_mode_is_left_out(uring):
    assert {*MODES, UNREADABLE}.issuperset(uring_programs.modes(uring))


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
        asked, name = uring_programs.ask_by(uring, mode, str(port), CONNECTIONS, REQUESTS)
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
