# SPDX-License-Identifier: Apache-2.0
"""An innocent neighbour: a server and its client that do exactly what a test says, and no more.

Whatever is done to Sonde meanwhile, the neighbour's figures are to be exact and under its own name.
"""
import collections
import contextlib
import os
import subprocess

import attack
from harness import expect, http_counts, start, stop, unique

PYTHON = "/usr/bin/python3"

# Answers each path with the status that is the path's last segment.
SERVER = """
import socket, threading
listener = socket.create_server(("127.0.0.1", 0), backlog=64)
print(listener.getsockname()[1], flush=True)
def serve(connection):
    stream = connection.makefile("rb")
    while line := stream.readline():
        while stream.readline().strip():
            pass
        status = line.split()[1].rsplit(b"/", 1)[1]
        connection.sendall(b"HTTP/1.1 " + status + b" Of\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    connection.close()
while True:
    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
"""

# Takes lines `METHOD PATH COUNT`, and says `done` after each.
CLIENT = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
for line in sys.stdin:
    method, path, count = line.split()
    for _ in range(int(count)):
        connection.request(method, path)
        connection.getresponse().read()
    print("done", flush=True)
"""


class Neighbour:
    """Both ends, each under a name of its own, from when it is made until stop().

    Both live in a control group of their own, as services do: what others do there is not theirs.
    """

    def __init__(self, name):
        self.server, self.client = unique(f"{name}-server"), unique(f"{name}-client")
        self.truth = collections.Counter()  # (method, status): requests
        self.routes = collections.Counter()
        self.unit = contextlib.ExitStack()
        self.folder = self.unit.enter_context(attack.unit())
        self.serving = self.start(SERVER, name=self.server)
        self.port = int(self.serving.stdout.readline())
        self.asking = self.start(CLIENT, str(self.port), name=self.client, stdin=subprocess.PIPE)

    def start(self, program, *arguments, **options):
        if self.folder:
            options["preexec_fn"] = lambda: attack.enter(self.folder, os.getpid())
        return start(PYTHON, "-S", "-c", program, *arguments, **options)

    def ask(self, method, folder, status, count):
        """`count` requests of one kind, to their end."""
        path = f"{folder}/{status}"
        self.asking.stdin.write(f"{method} {path} {count}\n".encode())
        self.asking.stdin.flush()
        assert self.asking.stdout.readline() == b"done\n"
        self.truth[method, str(status)] += count
        self.routes[folder] += count

    def check(self, sonde):
        """Both ends have their requests, by method and status, one connection and one start."""
        total = sum(self.truth.values())
        expect(sonde, *(
            figure for service, side, direction in (
                (self.server, "server", "inbound"), (self.client, "client", "outbound"))
            for figure in (
                (f"http_{side}_request_duration_seconds_count", {"service_name": service}, total),
                ("sonde_tcp_connections_total",
                 {"service_name": service, "direction": direction, "result": "established"}, 1),
                ("sonde_process_starts_total", {"service_name": service}, 1))), seconds=30)
        metrics = sonde.metrics()
        for service, side in ((self.server, "server"), (self.client, "client")):
            assert http_counts(metrics, side, service) == self.truth
        peers = {labels["peer"] for _, labels, _ in metrics.select(
            "sonde_tcp_connections_total", service_name=self.client)}
        assert peers == {self.server}

    def stop(self):
        for process in (self.asking, self.serving):
            stop(process)
        self.unit.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
