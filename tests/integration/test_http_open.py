# SPDX-License-Identifier: Apache-2.0
"""Requests that are open: counted while they are, and reported when they are so for long.

The truth is a server that holds its answers back until it is told to give them.
"""
import contextlib
import os
import re
import subprocess

import pytest

from harness import Sonde, free_port, start, stop, unique, wait_until

PYTHON = "/usr/bin/python3"

# Says on its standard output what it was asked, and answers all when its standard input ends.
HOLDING_SERVER = r"""
import os, socket, sys, threading
where = sys.argv[1]
if where.isdigit():
    listener = socket.create_server(("127.0.0.1", int(where)))
else:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(where)
    listener.listen()
may_answer = threading.Event()

def serve(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        piece = connection.recv(4096)
        if not piece:
            return
        head += piece
    os.write(1, head[:head.index(b"\r")] + b"\n")
    may_answer.wait()
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    connection.close()

def accept():
    while True:
        threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()

threading.Thread(target=accept, daemon=True).start()
print("listening", flush=True)
sys.stdin.read()
may_answer.set()
threading.Event().wait()
"""

REQUESTS = [("GET", "/open/a"), ("GET", "/open/b?secret=1"), ("GET", "/open/c"), ("POST", "/open/d")]
OPEN = {"GET": 3, "POST": 1}


class Held:
    """Requests that are open, until released."""

    def __init__(self, server, clients):
        self.server, self.clients = server, clients

    def release(self):
        self.server.stdin.close()
        for client in self.clients:
            assert client.wait(20) == 0


@contextlib.contextmanager
def held(where, names):
    server = start(PYTHON, "-c", HOLDING_SERVER, where, name=names["server"],
                   stdin=subprocess.PIPE)
    clients = []
    try:
        assert server.stdout.readline() == b"listening\n"
        to = [f"http://127.0.0.1:{where}"] if where.isdigit() else ["--unix-socket", where,
                                                                   "http://localhost"]
        for method, path in REQUESTS:
            clients.append(start("curl", "-s", "-S", "-o", "/dev/null", "-X", method, *to[:-1],
                                 to[-1] + path, name=names["client"]))
        for _ in REQUESTS:
            server.stdout.readline()
        yield Held(server, clients)
    finally:
        for process in [*clients, server]:
            stop(process)


def figures(metrics, family, service):
    return {labels["http_request_method"]: value
            for _, labels, value in metrics.select(family, service_name=service)}


@pytest.fixture(params=["tcp", "unix"])
def where(request, tmp_path):
    return str(free_port()) if request.param == "tcp" else os.path.join(tmp_path, "socket")


def test_open_requests_are_counted_and_long_ones_reported_once(tmp_path, where):
    names = {side: unique(f"open-{side}") for side in ("server", "client")}
    with Sonde(tmp_path, "--long-request", "300ms", "--sweep-interval", "100ms") as sonde, \
            held(where, names) as requests:
        metrics = sonde.metrics()  # all have arrived, and a scrape sweeps
        for side, name in names.items():
            assert figures(metrics, f"http_{side}_active_requests", name) == OPEN

        def all_long():
            now = sonde.metrics()
            return all(figures(now, f"sonde_http_{side}_long_requests", name) == OPEN
                       for side, name in names.items())
        wait_until(all_long, "all requests are open for long")
        metrics = sonde.metrics()
        for side, name in names.items():
            assert not metrics.select(f"http_{side}_request_duration_seconds_count",
                                      service_name=name)

        requests.release()

        def all_ended():
            now = sonde.metrics()
            return all(now.sum(f"http_{side}_request_duration_seconds_count", service_name=name) ==
                       len(REQUESTS) for side, name in names.items())
        wait_until(all_ended, "all requests have ended")
        metrics = sonde.metrics()
        for side, name in names.items():
            for family in (f"http_{side}_active_requests", f"sonde_http_{side}_long_requests"):
                assert figures(metrics, family, name) == {"GET": 0, "POST": 0}
    lines = [line for line in sonde.log().splitlines() if "request open for a long time" in line]
    for side, name in names.items():
        told = sorted(re.search(r"method=(\S+) path=(\S+)", line).groups() for line in lines
                      if f"service_name={name} " in line and f"role={side} " in line)
        assert told == sorted((method, path.split("?")[0]) for method, path in REQUESTS)


def test_with_0_no_request_is_long(tmp_path, where):
    names = {side: unique(f"never-long-{side}") for side in ("server", "client")}
    with Sonde(tmp_path, "--long-request", "0", "--sweep-interval", "100ms") as sonde, \
            held(where, names) as requests:
        for _ in range(3):
            metrics = sonde.metrics()
            assert figures(metrics, "sonde_http_server_long_requests", names["server"]) == \
                {"GET": 0, "POST": 0}
        assert figures(metrics, "http_server_active_requests", names["server"]) == OPEN
        requests.release()
    assert "request open for a long time" not in sonde.log()
