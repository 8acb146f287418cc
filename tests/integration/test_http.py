# SPDX-License-Identifier: Apache-2.0
"""HTTP/1 against real programs: every request is counted once, on both sides, with its times.

The truth is nginx's access log, or the number of requests that a client was told to make. For each
kind of traffic and the time of each system call see test_http_truth.py.
"""
import collections
import contextlib
import os
import re
import shutil
import signal
import socket
import tempfile
import time

import pytest

from harness import (Sonde, access_log, free_port, http_counts, nginx, output_of, program,
                     wait_until)
from http_peers import DOWNLOAD_CLIENT, HALF_CLOSING_CLIENT, LATE_SERVER, PYTHON_SERVER
from span_collector import Collector

PYTHON = "/usr/bin/python3"
KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
LOOKS_LIKE_A_REQUEST = b"GET / HTTP/1.1\r\nHost: body\r\n\r\n" * 3

# --- what the tests share ---


@pytest.fixture(scope="module")
def sonde(tmp_path_factory):
    """One for all tests here, as each has services of its own."""
    with Sonde(tmp_path_factory.mktemp("sonde"), "--sweep-interval", "100ms") as running:
        yield running


def curl(*arguments, name):
    """The responses go nowhere; -D - prints their heads."""
    return output_of("curl", "-s", "-S", "--output-dir", "/dev", "-o", "null", *arguments,
                     name=name)


def expect(sonde, side, service, expected):
    """These requests are counted, and a little later there are still no more."""
    def found():
        return http_counts(sonde.metrics(), side, service)
    end = time.monotonic() + 5
    while found() != expected and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.25)
    metrics = sonde.metrics()
    assert http_counts(metrics, side, service) == expected, "\n".join(
        [f"{side} {service}; events, and what was counted for nobody:"] +
        [f"{name} {labels} {value}" for name, labels, value in metrics.samples
         if name == "sonde_events_total" or
         name.endswith("request_duration_seconds_count") and labels["service_name"][:1] == "_"])


def seconds_of(sonde, side, service):
    return sonde.metrics().sum(f"http_{side}_request_duration_seconds_sum", service_name=service)


def logged(log, requests):
    """{(method, status): requests} of an access log, once it has this many lines."""
    wait_until(lambda: len(access_log(log)) >= requests, f"{requests} lines in the access log")
    lines = access_log(log)
    assert len(lines) == requests
    return collections.Counter(
        (method if method in KNOWN_METHODS else "_OTHER", status) for method, _, status, _ in lines)


@contextlib.contextmanager
def python_server(name):
    port = free_port()
    with program(PYTHON, "-c", PYTHON_SERVER, str(port), port=port, name=name):
        yield port


def read_to_end(connection):
    data = bytearray()
    while piece := connection.recv(1 << 16):
        data += piece
    return bytes(data)


# --- counts ---

STATUSES = """
    location / { return 200 "hello\\n"; }
    location /created { return 201 "made\\n"; }
    location /empty { return 204; }
    location /unmodified { return 304; }
    location /moved { return 301 /; }
    location /missing { return 404; }
    location /broken { return 503; }
"""


def test_each_method_and_status_is_counted_as_the_access_log_has_it(sonde, tmp_path):
    port, client = free_port(), f"curl-statuses-{os.getpid()}"
    paths = ["", "created", "empty", "unmodified", "moved", "missing", "broken", "a", "b"]
    methods = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"]
    arguments = []
    for method in methods:
        for path in paths:
            arguments += ["--next", "-s", "-o", "/dev/null", "-X", method,
                          f"http://127.0.0.1:{port}/{path}"]
    with nginx(tmp_path, port, STATUSES) as log:
        output_of("curl", *arguments[1:], name=client)
        expected = logged(log, len(paths) * len(methods))
        expect(sonde, "server", f"nginx-{port}", expected)
        expect(sonde, "client", client, expected)


def test_answers_without_a_body_do_not_hide_the_next_request(sonde, tmp_path):
    port, client = free_port(), f"curl-bodiless-{os.getpid()}"
    url = f"http://127.0.0.1:{port}"
    arguments = []
    for _ in range(5):
        arguments += ["--next", "-s", "-I", "-o", "/dev/null", f"{url}/head"]  # has Content-Length
        for path in ("get", "empty", "unmodified", "get"):
            arguments += ["--next", "-s", "-o", "/dev/null", f"{url}/{path}"]
    with nginx(tmp_path, port, STATUSES) as log:
        output_of("curl", *arguments[1:], name=client)
        expected = logged(log, 25)
        assert expected["HEAD", "200"] == 5 and expected["GET", "304"] == 5
        expect(sonde, "server", f"nginx-{port}", expected)
        expect(sonde, "client", client, expected)


def test_a_client_that_lives_for_one_request_has_its_name(sonde, tmp_path):
    port, client = free_port(), f"curl-short-{os.getpid()}"
    with nginx(tmp_path, port) as log:
        for _ in range(50):
            curl(f"http://127.0.0.1:{port}/", name=client)
        expected = logged(log, 50)
        expect(sonde, "server", f"nginx-{port}", expected)
        expect(sonde, "client", client, expected)


def test_counter_and_drops_equal_the_access_log_under_load(tmp_path):
    port, client = free_port(), f"wrk-{os.getpid()}"
    server = f"nginx-{port}"
    with Sonde(tmp_path, "--series-limit", "1000000") as sonde:  # others' names push out none
        with nginx(tmp_path, port) as log:
            report = output_of("wrk", "-t2", "-c64", "-d10s", f"http://127.0.0.1:{port}/",
                               name=client)
            pid_file = os.path.join(os.path.dirname(log), "pid")
            with open(pid_file, encoding="utf-8") as file:
                os.kill(int(file.read()), signal.SIGQUIT)
            wait_until(lambda: not os.path.exists(pid_file), "nginx ends its requests")
        time.sleep(2)  # two sweeps, for the counters of drops
        metrics = sonde.metrics()
    in_log = len(access_log(log))
    answered = int(re.search(r"(\d+) requests in", report).group(1))
    as_server = http_counts(metrics, "server", server)
    as_client = http_counts(metrics, "client", client)
    lost = metrics.losses("http")
    print(f"log {in_log}, wrk {answered}, server {dict(as_server)}, client {dict(as_client)}, "
          f"lost {lost}")

    # When its time is up wrk leaves up to 64 requests unanswered. Those that nginx read are in its
    # log, and were requests to the server whatever became of their answers; all of them were sent.
    assert answered <= in_log <= answered + 64
    assert set(method for method, _ in as_server) == {"GET"}
    # None is counted twice, and what is missing is counted as lost, along with what other programs
    # of this machine lose; what makes no sense is theirs alone.
    missing = in_log - sum(as_server.values()), answered - as_client["GET", "200"]
    assert min(missing) >= 0 and sum(as_client.values()) <= answered + 64
    assert sum(missing) <= sum(lost.values()) - lost.get("unparsable", 0) - lost.get(
        "line_invalid", 0)


def test_an_answer_that_was_sent_is_one_though_a_reset_comes_back_within_the_send(sonde):
    server, port = f"late-server-{os.getpid()}", free_port()
    with program(PYTHON, "-c", LATE_SERVER, str(port), port=port, name=server):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.sendall(b"OPTIONS * HTTP/1.0\r\n\r\n")
        expect(sonde, "server", server, {("OPTIONS", "200"): 5})


def test_a_request_line_longer_than_is_kept_is_counted_as_truncated(sonde, tmp_path):
    port, client = free_port(), f"curl-long-{os.getpid()}"
    url = f"http://127.0.0.1:{port}/?q="
    kept = 256 - len("GET /?q= HTTP/1.1")
    with nginx(tmp_path, port) as log:
        for length in (1, kept, kept + 1, 2000):
            curl(url + "x" * length, name=client)
        expected = logged(log, 4)
        expect(sonde, "server", f"nginx-{port}", expected)
        expect(sonde, "client", client, expected)
    metrics = sonde.metrics()
    for service in (f"nginx-{port}", client):
        assert metrics.sum("sonde_http_truncated_requests_total", service_name=service) == 2


# --- framing ---


def test_pipelined_requests_are_counted_once_each(sonde, tmp_path):
    port = free_port()
    body = LOOKS_LIKE_A_REQUEST
    post = b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
    requests = [b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % i if i % 3 else
                post % (i, len(body), body) for i in range(9)]
    requests.append(b"DELETE /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    with nginx(tmp_path, port, STATUSES) as log:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"".join(requests))
            assert read_to_end(connection).count(b"HTTP/1.1 200 OK\r\n") == 10
        expected = logged(log, 10)
        assert expected == {("GET", "200"): 6, ("POST", "200"): 3, ("DELETE", "200"): 1}
        expect(sonde, "server", f"nginx-{port}", expected)


def test_heads_that_come_one_byte_at_a_time_are_counted_once_each(sonde, tmp_path):
    port = free_port()
    with nginx(tmp_path, port) as log:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for i in range(5):
                ending = b"Connection: close\r\n" if i == 4 else b""
                for byte in b"PUT /slow/%d HTTP/1.1\r\nHost: x\r\n%s\r\n" % (i, ending):
                    connection.sendall(bytes([byte]))
                    time.sleep(0.0005)
            assert read_to_end(connection).count(b"HTTP/1.1 200 OK\r\n") == 5
        expect(sonde, "server", f"nginx-{port}", logged(log, 5))


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_that_looks_like_requests_is_one_request(sonde, tmp_path, framing):
    server = f"python-body-{framing}-{os.getpid()}"
    client = f"curl-body-{framing}-{os.getpid()}"
    upload = os.path.join(tmp_path, "upload")
    with open(upload, "wb") as file:
        file.write(LOOKS_LIKE_A_REQUEST * 10000)
    header = ["-H", "Transfer-Encoding: chunked"] if framing == "chunked" else []
    with python_server(server) as port:
        url = f"http://127.0.0.1:{port}/upload"
        curl(*header, "-H", "Expect:", "--data-binary", f"@{upload}", url, "-o", "null",
             url, name=client)  # two on one connection
        expect(sonde, "server", server, {("POST", "200"): 2})
        expect(sonde, "client", client, {("POST", "200"): 2})


def test_100_continue_is_not_the_answer(sonde, tmp_path):
    server, client = f"python-continue-{os.getpid()}", f"curl-continue-{os.getpid()}"
    upload = os.path.join(tmp_path, "upload")
    with open(upload, "wb") as file:
        file.write(b"x" * 100000)
    with python_server(server) as port:
        url = f"http://127.0.0.1:{port}/upload"
        heads = curl("-D", "-", "-H", "Expect: 100-continue", "--data-binary", f"@{upload}", url,
                     "-o", "null", url, name=client)
        assert heads.count("HTTP/1.1 100") == 2
        expect(sonde, "server", server, {("POST", "200"): 2})
        expect(sonde, "client", client, {("POST", "200"): 2})


def test_an_answer_that_ends_with_the_connection_is_complete(sonde):
    server, client = f"python-until-close-{os.getpid()}", f"curl-until-close-{os.getpid()}"
    with python_server(server) as port:
        for _ in range(5):
            curl(f"http://127.0.0.1:{port}/until-close", name=client)
        expect(sonde, "server", server, {("GET", "200"): 5})
        expect(sonde, "client", client, {("GET", "200"): 5})


def test_a_download_by_sendfile_is_one_request_as_long_as_it_took(sonde, tmp_path):
    port, client = free_port(), f"download-{os.getpid()}"
    folder = tempfile.mkdtemp()  # nginx's workers, who are nobody, must reach it
    try:
        os.chmod(folder, 0o755)
        with open(os.path.join(folder, "file"), "wb") as file:
            file.truncate(32 << 20)
        with nginx(tmp_path, port, f"location / {{ root {folder}; sendfile on; }}") as log:
            before = time.monotonic()
            inside = float(output_of(PYTHON, "-c", DOWNLOAD_CLIENT, str(port), name=client))
            outside = time.monotonic() - before
            expected = logged(log, 1)
            assert access_log(log)[0][3] == str(32 << 20)
            expect(sonde, "client", client, expected)
            expect(sonde, "server", f"nginx-{port}", expected)
        # its last reading of the clock was just after the last piece: allow that one call
        assert inside - 0.001 <= seconds_of(sonde, "client", client) <= outside
        # the client's pause holds the server up: 16 MiB are more than the sockets' buffers take
        assert 0.5 <= seconds_of(sonde, "server", f"nginx-{port}") <= outside
    finally:
        shutil.rmtree(folder)


def test_a_client_that_closes_its_sending_side_still_gets_its_answer(sonde, tmp_path):
    port, client = free_port(), f"half-closing-{os.getpid()}"
    with nginx(tmp_path, port) as log:
        output_of(PYTHON, "-c", HALF_CLOSING_CLIENT, str(port), name=client)
        expected = logged(log, 10)
        assert expected == {("GET", "200"): 10}
        expect(sonde, "server", f"nginx-{port}", expected)
        expect(sonde, "client", client, expected)


# --- spans ---


def test_traceparent_becomes_trace_and_parent(tmp_path):
    port, client = free_port(), f"curl-trace-{os.getpid()}"
    trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    with Collector() as collector, Sonde(tmp_path, "--otlp-endpoint", collector.url), \
            nginx(tmp_path, port):
        url = f"http://127.0.0.1:{port}"
        curl("-H", f"traceparent: 00-{trace}-{parent}-01", f"{url}/with", name=client)
        curl(f"{url}/without", name=client)
        spans = wait_until(lambda: len(s := collector.of(f"nginx-{port}") + collector.of(client))
                           >= 4 and s, "spans at the collector", 10)
    with_it = [s for s in spans if "/with" in str(s.attributes) and "/without" not in
               str(s.attributes)]
    without = [s for s in spans if "/without" in str(s.attributes)]
    for both in (with_it, without):
        assert sorted(s.kind for s in both) == ["CLIENT", "SERVER"]
    assert {(s.trace, s.parent) for s in with_it} == {(trace, parent)}
    assert all(s.parent == "" and s.trace not in (trace, "0" * 32) for s in without)
