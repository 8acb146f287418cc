# SPDX-License-Identifier: Apache-2.0
"""The OpenTelemetry Collector that the tests send to: built once, from its own modules.

There is no package of it in Debian, and a collector with only these parts takes three minutes on two
cores. It is kept in build/collector; `python3 tests/integration/collector.py` builds it ahead of time.
"""
import os
import subprocess
import time

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


if __name__ == "__main__":
    print(collector_build())
