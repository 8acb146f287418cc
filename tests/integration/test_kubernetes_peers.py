# SPDX-License-Identifier: Apache-2.0
"""Peers by the names of their pods and Services: through NAT, as nodes do it, and on this node."""
import copy
import subprocess
import time

import pytest

from api_server import ApiServer, answer, recorded
from harness import Sonde, wait_until
from netlab import Lab
from span_collector import Collector
from test_kubernetes import Container, with_container

REMOTE, CLUSTER, HOST, NOBODY = "10.244.1.5", "10.96.0.10", "10.0.0.1", "10.244.7.7"


@pytest.fixture
def api(tmp_path):
    with ApiServer(tmp_path / "api") as server:
        yield server


def pod(name, address, **more):
    """A pod as recorded, of another node."""
    item = copy.deepcopy(recorded(name))
    item["metadata"]["uid"] = more.pop("uid", name + address)
    item["metadata"]["name"] = more.pop("name", name)
    item["spec"].update(nodeName="node2", **more)
    item["status"].update(phase="Running", podIP=address, podIPs=[{"ip": address}],
                          hostIP=HOST)
    return item


def service(name, address):
    return {"metadata": {"name": name, "namespace": "shop", "uid": name},
            "spec": {"clusterIP": address, "clusterIPs": [address]}}


class Node:
    """A network namespace in which connections to addresses of a cluster end at a server of it."""

    def __init__(self, lab, *addresses):
        self.network = lab.namespace()
        run = self.network.run
        run("ip", "address", "add", "10.244.0.9/32", "dev", "lo")
        run("ip", "route", "add", "10.0.0.0/8", "dev", "lo", "src", "10.244.0.9")
        rules = "\n".join(f"ip daddr {a} tcp dport 80 dnat to 127.0.0.1:8080" for a in addresses)
        run("nft", "-f", "-", text=f"table ip nat {{\nchain out {{\n"
                                   f"type nat hook output priority -100\n{rules}\n}}\n}}\n")

    def ask(self, address, count=1):
        for _ in range(count):
            self.network.run("curl", "-s", "-o", "/dev/null", "-m", "5", f"http://{address}/")


@pytest.fixture
def node(tmp_path):
    with Lab() as lab:
        node = Node(lab, REMOTE, CLUSTER, HOST, NOBODY)
        server = subprocess.Popen(
            [*node.network.enter, "/usr/bin/python3", "-m", "http.server", "8080", "--bind",
             "127.0.0.1", "--directory", str(tmp_path)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: "8080" in node.network.run("ss", "-Hltn"), "the server")
            yield node
        finally:
            server.kill()
            server.wait()


def connections(sonde, peer, direction="outbound"):
    return sonde.metrics().sum("sonde_tcp_connections_total", peer=peer, direction=direction,
                               service_name="curl")


def start(tmp_path, api, *flags):
    return Sonde(tmp_path, *api.flags(), "--kubernetes-peers", *flags)


def wait_known(sonde, pods, services=0):
    wait_until(lambda: sonde.metrics().sum("sonde_kubernetes_peer_addresses", of="pods") == pods and
               sonde.metrics().sum("sonde_kubernetes_peer_addresses", of="services") == services and
               sonde.metrics().sum("sonde_kubernetes_current") == 3, "the lists")
    time.sleep(2.2)  # a watch has brought by then what the list lacked


def test_peers_are_namespace_and_owner_or_service_or_unknown(tmp_path, api, node):
    collector = Collector()
    api.put_peer("pods", pod("web-5d4f8c7b9-00001", REMOTE))
    api.put_peer("pods", pod("log-7xk2p", HOST, hostNetwork=True))
    api.put_peer("services", service("front", CLUSTER))
    log = tmp_path / "flows"
    with start(tmp_path, api, "--otlp-endpoint", collector.url, "--flow-log", str(log)) as sonde:
        wait_known(sonde, 1, 1)
        node.ask(REMOTE, 4)
        node.ask(CLUSTER, 3)
        node.ask(HOST, 2)
        node.ask(NOBODY, 1)
        wait_until(lambda: connections(sonde, "shop/web") == 4, "the edge to the pod")
        assert connections(sonde, "shop/front") == 3
        assert connections(sonde, "external") == 3
        assert sonde.metrics().sum("sonde_kubernetes_peer_lookups_total", result="ambiguous") == 0
        # a pod that has ended, and one that follows at its address
        api.put_peer("pods", pod("web-5d4f8c7b9-00001", REMOTE), "DELETED")
        wait_until(lambda: sonde.metrics().sum("sonde_kubernetes_peer_addresses", of="pods") == 0,
                   "its end")
        node.ask(REMOTE, 2)
        wait_until(lambda: connections(sonde, "external") == 5, "nobody")
        api.put_peer("pods", pod("db-0", REMOTE))
        wait_until(lambda: sonde.metrics().sum("sonde_kubernetes_peer_addresses", of="pods") == 1,
                   "the next pod")
        time.sleep(0.2)
        node.ask(REMOTE, 5)
        wait_until(lambda: connections(sonde, "shop/db") == 5, "the edge to the next pod")
        assert connections(sonde, "shop/web") == 4
        assert sonde.stop() == 0
    spans = [span.attributes for span in collector.of("curl")]
    assert sum(s.get("service.peer.name") == "web" for s in spans) == 4
    assert sum(s.get("service.peer.name") == "front" and
               s.get("service.peer.namespace") == "shop" for s in spans) == 3
    assert log.read_text(encoding="utf-8").count('"peer":"shop/front"') == 3


@pytest.mark.parametrize("spoiled", [
    ["torn"], [410], [answer("gone.json")],
], ids=["torn", "gone-status", "gone-event"])
def test_what_is_known_of_peers_stays_whatever_the_server_answers(tmp_path, api, node, spoiled):
    api.put_peer("pods", pod("web-5d4f8c7b9-00001", REMOTE))
    with start(tmp_path, api) as sonde:
        wait_known(sonde, 1)
        api.refuse_peers["pods"] = list(spoiled)
        api.tell_peers("pods", None)
        wait_until(lambda: not api.refuse_peers["pods"], "the spoiled answers")
        node.ask(REMOTE, 2)
        wait_until(lambda: connections(sonde, "shop/web") == 2, "what is known")
        wait_until(lambda: api.peer_watches["pods"], "the next watch")
        api.put_peer("pods", pod("db-0", "10.244.1.6"))
        wait_until(lambda: sonde.metrics().sum("sonde_kubernetes_peer_addresses", of="pods") == 2,
                   "an event")
        assert sonde.metrics().sum("sonde_kubernetes_events_total", event="unread") == 0


def test_pods_of_this_node_are_peers_by_the_same_names(tmp_path, api):
    with Container("web-5d4f8c7b9-00001", "main") as web, Container("db-0", "main") as db:
        api.put(with_container("web-5d4f8c7b9-00001", "main", web.id))
        api.put(with_container("db-0", "main", db.id))
        with start(tmp_path, api) as sonde:
            wait_known(sonde, 0)
            with open(f"{db.cgroup_folder}/cgroup.procs", "w", encoding="utf-8") as procs:
                asking = subprocess.Popen(
                    ["sh", "-c", f"read go; exec curl -s -o /dev/null http://127.0.0.1:{web.port}/"],
                    stdin=subprocess.PIPE)
                procs.write(str(asking.pid))
            asking.communicate(b"\n", timeout=10)
            metrics = "sonde_tcp_connections_total"
            wait_until(lambda: sonde.metrics().sum(
                metrics, service_name="db", peer="shop/web", direction="outbound") == 1, "an end")
            assert sonde.metrics().sum(
                metrics, service_name="web", peer="shop/db", direction="inbound") == 1


def test_peers_are_not_asked_for_unless_that_is_wanted(tmp_path, api):
    with Sonde(tmp_path, *api.flags()) as sonde:
        wait_until(lambda: sonde.metrics().sum("sonde_kubernetes_current") == 1, "the list")
        assert not sonde.metrics().select("sonde_kubernetes_peer_addresses")
        assert all("fieldSelector" in query for _, query, _ in api.requests)
