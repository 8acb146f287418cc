#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the order of user/'s folders against every #include: data flows one way.

And holds protocols in bpf/ against knowing what carries a channel."""
import os
import re
import sys

# From the lowest up. A folder includes itself, and folders that stand before it here.
LAYERS = """
    base
    privilege
    record
    kernel/process
    kernel/load
    kernel/sweep
    kernel
    tls
    kubernetes
    identity
    protocol
    protocol/http
    protocol/dns
    telemetry/metrics
    telemetry/exchange
    telemetry/tcp
    telemetry/http
    telemetry/syscall
    telemetry
    export
    export/lines
    export/flows
    export/events
    export/prometheus
    export/otlp
    export/server
    export/terminal
    config
    command
    .
""".split()


def includes(path):
    with open(path, encoding="utf-8") as file:
        return re.findall(r'^#include "([^"]+)"', file.read(), re.M)


def carriers():
    """Where bpf/protocol/ names a socket: a channel need not be one (bpf/stream/channel.bpf.h)."""
    for folder, _, files in os.walk("bpf/protocol"):
        for file in sorted(files):
            path = os.path.join(folder, file)
            with open(path, encoding="utf-8") as source:
                found = re.search(r"\bstruct ((tcp_|unix_|inet_)?sock|socket)\b", source.read())
            if found:
                yield f"{path} names {found.group()}, and a channel may have none"


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
    wrong = list(carriers())
    os.chdir("user")
    for folder, _, files in os.walk("."):
        layer = os.path.relpath(folder, ".")
        sources = [file for file in files if file.endswith((".c", ".h"))]
        if sources and layer not in LAYERS:
            wrong.append(f"user/{layer} has no place in tests/layers.py")
            continue
        for file in sorted(sources):
            for included in includes(os.path.join(folder, file)):
                below = os.path.dirname(included) or "."
                if os.path.exists(included) and LAYERS.index(below) > LAYERS.index(layer):
                    wrong.append(f"user/{os.path.normpath(os.path.join(layer, file))} includes "
                                 f"{included}, which is above it")
    return "\n".join(wrong) or 0


sys.exit(main())
