# SPDX-License-Identifier: Apache-2.0
"""`server_address` is the host that a client asks: nginx, which answers for any, and real clients."""
import collections
import subprocess

import pytest

from harness import (Sonde, clean_environment, free_port, http_counts, nginx, output_of, unique,
                     wait_until)
from span_collector import Collector

PYTHON = "/usr/bin/python3"
# Sends what it reads in pieces of some size, and waits for the answer to each request.
RAW_CLIENT = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as s:
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for request in sys.stdin.buffer.read().split(b"--\\n"):
        step = int(sys.argv[2])
        for i in range(0, len(request), step):
            s.sendall(request[i:i + step])
        head = b""
        while b"\\r\\n\\r\\n" not in head:
            byte = s.recv(1)
            assert byte, "closed after " + repr(head)
            head += byte
        length = [line for line in head.split(b"\\r\\n") if line.lower().startswith(b"content-length")]
        left = int(length[0].split(b":")[1])
        while left:
            left -= len(s.recv(left))
"""


@pytest.fixture(scope="module")
def collector():
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def sonde(tmp_path_factory, collector):
    with Sonde(tmp_path_factory.mktemp("sonde"), "--sweep-interval", "100ms",
               "--otlp-endpoint", collector.url, "--otlp-queue-size", "64MiB",
               "--peers-per-service-limit", "20") as running:
        yield running


@pytest.fixture(scope="module")
def port(tmp_path_factory, sonde):
    chosen = free_port()
    with nginx(tmp_path_factory.mktemp("nginx"), chosen):
        yield chosen


def hosts_of(sonde, service):
    """{(server_address, server_port): requests}"""
    counts = collections.Counter()
    for _, labels, value in sonde.metrics().select(
            "http_client_request_duration_seconds_count", service_name=service):
        counts[labels["server_address"], labels["server_port"]] += int(value)
    return counts


def expect_hosts(sonde, service, expected):
    wait_until(lambda: sum(hosts_of(sonde, service).values()) >= sum(expected.values()),
               f"requests of {service}")
    assert hosts_of(sonde, service) == expected


def ask_raw(port, service, requests, step=4096):
    subprocess.run([PYTHON, "-c", RAW_CLIENT, str(port), str(step)], input=b"--\n".join(requests), check=True,
                   timeout=60, env=clean_environment(OTEL_SERVICE_NAME=service))


def test_two_hosts_behind_one_address_are_two(sonde, collector, port):
    client = unique("curl")
    output_of("curl", "-s", "-o", "/dev/null", "--connect-to", f"::127.0.0.1:{port}",
              f"http://Shop.example:{port}/[1-3]", "--next", "-s", "-o", "/dev/null",
              "--connect-to", f"::127.0.0.1:{port}", "http://pay.example/[1-2]",
              "--next", "-s", "-o", "/dev/null", f"http://127.0.0.1:{port}/", name=client)
    expect_hosts(sonde, client, {("shop.example", str(port)): 3, ("pay.example", str(port)): 2,
                                 ("127.0.0.1", str(port)): 1})
    wait_until(lambda: collector.count(client) == 6, "spans")
    urls = {span.attributes["url.full"] for span in collector.of(client)}
    assert f"http://shop.example:{port}/1" in urls and f"http://pay.example:{port}/2" in urls
    assert {span.attributes["network.peer.address"] for span in collector.of(client)} == {
        "127.0.0.1"}


def test_a_target_that_names_the_host_counts_before_the_field(sonde, port):
    client = unique("curl")
    output_of("curl", "-s", "-o", "/dev/null", "-x", f"http://127.0.0.1:{port}", "-H",
              "Host: field.example", "http://target.example:81/", name=client)
    expect_hosts(sonde, client, {("target.example", "81"): 1})


def test_any_other_value_leaves_the_address(sonde, port):
    hostile = ["a b", "-", "x" * 128, "shop.example:0", "shop.example:65536", "user@shop.example",
               "shop.example/x", "a\tb", 'a"b', "a..b", "\u202eevil", "[::1", "a,b", "{}"]
    client = unique("raw")
    requests = [f"GET /{i} HTTP/1.1\r\nHost: {value}\r\n\r\n".encode()
                for i, value in enumerate(hostile) if value != "-"]
    requests += [b"GET /none HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                 b"GET /two HTTP/1.1\r\nHost: a.example\r\nHost: b.example\r\n\r\n",
                 b"GET /folded HTTP/1.1\r\nHost :a.example\r\n\r\n"]
    for request in requests:  # nginx closes after most of them
        ask_raw(port, client, [request])
    expect_hosts(sonde, client, {("127.0.0.1", str(port)): len(requests)})


def test_hosts_in_pieces_and_behind_long_targets(sonde, port):
    client = unique("raw")
    longest = ".".join(["a" * 31] * 4)
    requests = [f"GET /{'p' * length} HTTP/1.1\r\nX: y\r\nhOsT:{space}{host} \r\n\r\n".encode()
                for length in (0, 100, 200, 240, 600) for space in ("", " ")
                for host in ("b.example", longest, "[2001:db8::2]:99")]
    for step in (1, 50, 4096):
        ask_raw(port, client, requests, step)
    # a line of 254 bytes stays whole and leaves no host room, nor one of 214 bytes the longest one
    expect_hosts(sonde, client, {("b.example", str(port)): 24, (longest, str(port)): 18,
                                 ("2001:db8::2", "99"): 24, ("127.0.0.1", str(port)): 24})


def test_a_service_has_so_many_hosts_and_no_more(sonde, port):
    client, other = unique("crawler"), unique("other")
    ask_raw(port, client, [b"GET / HTTP/1.1\r\nHost: h%d.example\r\n\r\n" % i for i in range(300)])
    wait_until(lambda: http_counts(sonde.metrics(), "client", client) == {("GET", "200"): 300},
               "300 requests")
    hosts = hosts_of(sonde, client)
    assert len(hosts) <= 21 and hosts["127.0.0.1", str(port)] >= 280 - 20
    assert sonde.metrics().sum("sonde_limit_reached_total", limit="http_hosts") > 0
    ask_raw(port, other, [b"GET / HTTP/1.1\r\nHost: mine.example\r\n\r\n"])
    expect_hosts(sonde, other, {("mine.example", str(port)): 1})
