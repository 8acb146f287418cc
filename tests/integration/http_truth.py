#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Ground truth for test_http.py: a collector that keeps spans, and peers that read the clock.

As a program (`http_truth.py server PORT`, `http_truth.py client PORT REQUESTS`) it speaks HTTP by
plain system calls, with readings of CLOCK_MONOTONIC right before and after each of them, and prints
one JSON object for each request: for each moment that a span may show, [before, after].
"""
import collections
import gzip
import http.server
import json
import os
import socket
import sys
import threading
import time

REQUEST_HEAD = (b"GET /times/%d HTTP/1.1\r\n", b"Host: truth\r\nAccept: */*\r\n\r\n")
RESPONSE = (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", b"0123456789", b"9876543210")
RESPONSE_BYTES = sum(map(len, RESPONSE))
PAUSE_SECONDS = 0.003  # between system calls: much longer than the call, so a wrong one is seen


# --- peers ---

def timed(call, *arguments):
    """What call() returned, and the clock before and after it."""
    before = time.monotonic_ns()
    result = call(*arguments)
    return result, [before, time.monotonic_ns()]


def serve_connection(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        head, first = timed(connection.recv, 4096)
        if not head:
            return
        received = first
        while not head.endswith(b"\r\n\r\n"):
            more, received = timed(connection.recv, 4096)
            head += more
        sent = []
        for part in RESPONSE:
            time.sleep(PAUSE_SECONDS)
            sent.append(timed(connection.sendall, part)[1])
        print(json.dumps({"path": head.split()[1].decode(), "start": first,
                          "request_last": received, "response_first": sent[0], "end": sent[-1]}),
              flush=True)


def serve(port):
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        connection, _ = listener.accept()
        with connection:
            serve_connection(connection)


def ask(port, requests):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(requests):
            time.sleep(0.02)  # idle: belongs to no request
            line = REQUEST_HEAD[0] % i
            _, first = timed(connection.sendall, line)
            time.sleep(PAUSE_SECONDS)
            _, sent = timed(connection.sendall, REQUEST_HEAD[1])
            received = []
            missing = RESPONSE_BYTES
            while missing:
                data, times = timed(connection.recv, missing)
                assert data, "the server closed"
                missing -= len(data)
                received.append(times)
            print(json.dumps({"path": line.split()[1].decode(), "start": first,
                              "request_last": sent, "response_first": received[0],
                              "end": received[-1]}), flush=True)


# --- the collector ---

Span = collections.namedtuple("Span", "service name kind start end trace parent attributes")


class Collector:
    """Receives OTLP over HTTP on a free port, and keeps the spans."""

    def __init__(self):
        folder = os.path.dirname(os.path.abspath(__file__))
        sys.path.insert(0, os.path.join(os.path.dirname(folder), "unit"))
        import otlp_decode
        self.request_class = otlp_decode.request_class()
        self.kinds = otlp_decode.KINDS
        # by service, as they came: whatever else this machine serves should cost little here
        self.taken = collections.defaultdict(list)
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.take(body)
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, body):
        for resource in self.request_class.FromString(body).resource_spans:
            for attribute in resource.resource.attributes:
                if attribute.key == "service.name":
                    self.taken[attribute.value.string_value].append(resource)

    def count(self, service):
        return sum(len(scope.spans) for resource in list(self.taken[service])
                   for scope in resource.scope_spans)

    def of(self, service):
        return [Span(service, s.name, self.kinds[s.kind], s.start_time_unix_nano,
                     s.end_time_unix_nano, s.trace_id.hex(), s.parent_span_id.hex(),
                     {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in s.attributes})
                for resource in list(self.taken[service])
                for scope in resource.scope_spans for s in scope.spans]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def realtime_offset():
    """(CLOCK_REALTIME - CLOCK_MONOTONIC, how far that may be off), in ns."""
    best = None
    for _ in range(1000):
        before = time.monotonic_ns()
        realtime = time.time_ns()
        after = time.monotonic_ns()
        if best is None or after - before < best[1]:
            best = (realtime - (before + after) // 2, after - before)
    return best


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve(int(sys.argv[2]))
    else:
        ask(int(sys.argv[2]), int(sys.argv[3]))
