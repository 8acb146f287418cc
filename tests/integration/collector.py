# SPDX-License-Identifier: Apache-2.0
"""The OpenTelemetry Collector that the tests send to, and what it hands on.

There is no package of it in Debian; one with only these parts takes three minutes to build on two
cores. It is kept in build/collector; `python3 tests/integration/collector.py` builds it ahead.
"""
import gzip
import http.server
import json
import os
import subprocess
import threading
import time

import pytest

from harness import free_port, port_open, program, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(ROOT, "build", "collector")
BINARY = os.path.join(FOLDER, "sonde-test-collector")
VERSION = "v0.150.0"
PROVIDERS = "v1.56.0"
BUILD_SECONDS = 1800  # a busy machine with cold caches; a build that hangs must still end

MANIFEST = f"""\
dist:
  name: sonde-test-collector
  description: OpenTelemetry Collector for Sonde's tests
  output_path: {FOLDER}
  version: {VERSION[1:]}
receivers:
  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver {VERSION}
processors:
  - gomod: go.opentelemetry.io/collector/processor/batchprocessor {VERSION}
exporters:
  - gomod: go.opentelemetry.io/collector/exporter/debugexporter {VERSION}
  - gomod: go.opentelemetry.io/collector/exporter/otlphttpexporter {VERSION}
providers:
  - gomod: go.opentelemetry.io/collector/confmap/provider/fileprovider {PROVIDERS}
  - gomod: go.opentelemetry.io/collector/confmap/provider/envprovider {PROVIDERS}
  - gomod: go.opentelemetry.io/collector/confmap/provider/yamlprovider {PROVIDERS}
"""


def collector_build():
    """Returns the path of the collector; the first call builds it and prints how it goes."""
    if os.path.exists(BINARY):
        return BINARY
    os.makedirs(FOLDER, exist_ok=True)
    go = subprocess.run([os.path.join(ROOT, "tests", "integration", "go-toolchain.sh")], check=True,
                        stdout=subprocess.PIPE, text=True).stdout.strip()
    environment = dict(os.environ, GOBIN=FOLDER, GOTOOLCHAIN="local",
                       PATH=os.path.dirname(go) + ":" + os.environ["PATH"])
    manifest = os.path.join(FOLDER, "manifest.yaml")
    with open(manifest, "w", encoding="utf-8") as file:
        file.write(MANIFEST)

    def step(what, *command):
        print(f"collector: {what} …", flush=True)
        start = time.monotonic()
        subprocess.run(["nice", *command], check=True, cwd=FOLDER, env=environment,
                       timeout=BUILD_SECONDS)
        print(f"collector: {what} took {time.monotonic() - start:.0f} s", flush=True)

    step("building the builder", go, "install",
         f"go.opentelemetry.io/collector/cmd/builder@{VERSION}")
    # Without symbols and debug information it links faster and is a third smaller.
    step(f"building the Collector {VERSION}", os.path.join(FOLDER, "builder"),
         f"--config={manifest}", "--ldflags=-s -w")
    return BINARY


class Receiver(http.server.ThreadingHTTPServer):
    """Takes what the Collector's otlphttp exporter posts, as JSON."""

    def __init__(self):
        self.batches = []
        super().__init__(("127.0.0.1", 0), ReceiverHandler)

    def spans(self, service=None):
        """(attributes of the resource, span, its attributes) of all that arrived so far."""
        return [(attributes(resource["resource"]), span, attributes(span))
                for batch in list(self.batches) for resource in batch.get("resourceSpans", ())
                for scope in resource["scopeSpans"] for span in scope["spans"]
                if service in (None, attributes(resource["resource"])["service.name"])]

    def log_records(self, service):
        """The same of log records."""
        return [(attributes(resource["resource"]), record, attributes(record))
                for batch in list(self.batches) for resource in batch.get("resourceLogs", ())
                for scope in resource["scopeLogs"] for record in scope["logRecords"]
                if attributes(resource["resource"])["service.name"] == service]


class ReceiverHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        self.server.batches.append(json.loads(body))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


def attributes(of):
    return {a["key"]: next(iter(a["value"].values())) for a in of.get("attributes", ())}


@pytest.fixture
def receiver():
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def collector(tmp_path, receiver):
    """The Collector, which sends on to `receiver`; the URL of its own receiver."""
    port = free_port()
    configuration = tmp_path / "collector.yaml"
    configuration.write_text(f"""
receivers: {{otlp: {{protocols: {{http: {{endpoint: '127.0.0.1:{port}'}}}}}}}}
processors: {{batch: {{timeout: 100ms}}}}
exporters:
  otlphttp:
    endpoint: http://127.0.0.1:{receiver.server_address[1]}
    encoding: json
    compression: none
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], processors: [batch], exporters: [otlphttp]}}
    logs: {{receivers: [otlp], processors: [batch], exporters: [otlphttp]}}
""")
    with open(tmp_path / "collector.log", "wb") as log, \
            program(collector_build(), "--config", str(configuration), name=f"collector-{port}",
                    stderr=log) as process:
        def listens():
            assert process.poll() is None, (tmp_path / "collector.log").read_text()
            return port_open(port)
        wait_until(listens, "the Collector listens")
        yield f"http://127.0.0.1:{port}"


if __name__ == "__main__":
    print(collector_build())
