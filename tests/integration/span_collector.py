# SPDX-License-Identifier: Apache-2.0
"""An OTLP collector that keeps the spans it is asked for, and how their clock stands to ours."""
import collections
import gzip
import http.server
import os
import sys
import threading
import time

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
        self.paths = set()
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.paths.add(self.path)
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
