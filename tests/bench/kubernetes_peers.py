#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Memory with the pods of a whole cluster: 150,000 of other nodes, listed and then watched over TLS.

    sudo tests/bench/kubernetes_peers.py [PODS]

Prints what of Sonde is resident, with peers off and on, and how long the list took. Its own memory
is what is not of files, as pages of libraries are: it fails above 32 MiB of it with peers, and above
2 MiB more than without Kubernetes for the watch of the own node.
"""
import json
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "integration"))
from api_server import ApiServer, recorded  # noqa: E402  (behind the path)
from harness import Sonde, wait_until  # noqa: E402

OWNERS, LIMIT_ALL, LIMIT_OWN = 10000, 32 << 20, 2 << 20


def template():
    """The text of a recorded pod, with places for a name, an owner, a uid, a version, an address."""
    pod = recorded("web-5d4f8c7b9-00001")
    pod["metadata"].update(name="@NAME@", uid="@UID@", resourceVersion="7")
    pod["metadata"]["labels"]["pod-template-hash"] = "5d4f8c7b9"
    pod["metadata"]["ownerReferences"][0]["name"] = "@OWNER@-5d4f8c7b9"
    pod["spec"]["nodeName"] = "node2"
    pod["status"].update(phase="Running", hostIP="192.0.2.1", podIP="@IP@", podIPs=[{"ip": "@IP@"}])
    return json.dumps(pod, separators=(",", ":"))


class BigServer(ApiServer):
    def __init__(self, folder, count):
        super().__init__(folder)
        self.count, self.text = count, template()

    def pod(self, number):
        return (self.text.replace("@NAME@", f"service-{number % OWNERS}-5d4f8c7b9-{number:05}")
                .replace("@OWNER@", f"service-{number % OWNERS}")
                .replace("@UID@", f"00000000-0000-4000-8000-{number:012}")
                .replace("@IP@", f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"))

    def answer(self, handler):
        if "fieldSelector" in handler.path or "watch" in handler.path or \
                "/pods" not in handler.path:
            super().answer(handler)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        handler.wfile.write(b'{"kind":"PodList","metadata":{"resourceVersion":"296"},"items":[')
        for first in range(0, self.count, 100):
            pods = ",".join(map(self.pod, range(first, min(first + 100, self.count))))
            handler.wfile.write((("," if first else "") + pods).encode())
        handler.wfile.write(b"]}")
        handler.close_connection = True


def resident(sonde, of="VmRSS"):
    """Bytes; VmRSS is all, RssAnon without pages of files, which are those of libraries."""
    with open(f"/proc/{sonde.process.pid}/status", encoding="utf-8") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith(of + ":"))


def measure(count):
    with tempfile.TemporaryDirectory() as folder:
        with Sonde(folder) as sonde:
            time.sleep(2)
            bare, bare_own = resident(sonde), resident(sonde, "RssAnon")
            sonde.stop()
        api = BigServer(os.path.join(folder, "api"), count)
        with api:
            with Sonde(folder, *api.flags()) as sonde:
                wait_until(lambda: sonde.metrics().sum("sonde_kubernetes_current") == 1, "the watch")
                time.sleep(2)
                own, own_own = resident(sonde), resident(sonde, "RssAnon")
                sonde.stop()
            with Sonde(folder, *api.flags(), "--kubernetes-peers") as sonde:
                begin, most = time.monotonic(), 0
                while sonde.metrics().sum("sonde_kubernetes_current") < 3:
                    most = max(most, resident(sonde, "RssAnon"))
                    time.sleep(0.5)
                took = time.monotonic() - begin
                time.sleep(2)
                known = sonde.metrics().sum("sonde_kubernetes_peer_addresses", of="pods")
                assert known == count, known
                whole, whole_own = resident(sonde), resident(sonde, "RssAnon")
                cpu = sonde.metrics().sum("process_cpu_seconds_total")
                sonde.stop()
    mib = 1 << 20
    print(f"resident without Kubernetes {bare / mib:.1f} MiB, of which its own "
          f"{bare_own / mib:.1f}; with own node's watch {own / mib:.1f}, of which its own "
          f"{own_own / mib:.1f}")
    print(f"{count} pods of {len(api.pod(1)) / 1024:.1f} KiB: {whole / mib:.1f} MiB in all, of which "
          f"its own {whole_own / mib:.1f}, at most {most / mib:.1f} MiB meanwhile; "
          f"listed in {took:.0f} s, {cpu:.1f} s of CPU")
    return max(whole_own, most) <= LIMIT_ALL and own_own - bare_own <= LIMIT_OWN


if __name__ == "__main__":
    sys.exit(0 if measure(int(sys.argv[1]) if len(sys.argv) > 1 else 150000) else 1)
