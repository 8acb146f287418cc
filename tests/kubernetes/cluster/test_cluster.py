# SPDX-License-Identifier: Apache-2.0
"""
Sonde in a real node: installed by Helm and by Kustomize, without root, and every figure with the pod that it
is of. What is right is told by the servers' own logs and by Kubernetes.
"""
import glob
import json
import os
import re
import subprocess
import time
import urllib.request

import pytest

from cluster import NODE, NODE_ADDRESS, ROOT, run
from harness import Metrics
from workloads import NAMESPACE, PROBE, asks, cron_job, nginx, pod, requests, service, workload

CHART = f"{ROOT}/deploy/helm/sonde"
WEB, STORE = "10.96.0.80", "10.96.0.81"  # ClusterIPs, as there is no name server
SERVED = "http_server_request_duration_seconds_count"
ASKED = "http_client_request_duration_seconds_count"
EACH = 25
EXECUTED = "sonde_process_starts_total"
RUNC = 4  # it starts two containers of such a pod, and may execute itself twice for each
CONNECTIONS = "sonde_tcp_connections_total"
MADE = {"direction": "outbound", "result": "established"}
ACCEPTED = {"direction": "inbound", "result": "established"}
PERFMON, BPF = 38, 39


class Installed:
    """The one pod of the DaemonSet, by its address in the pods' network."""

    def __init__(self, cluster):
        self.cluster = cluster

    def pod(self):
        (found,) = [each for each in self.cluster.pods("sonde", **{"app.kubernetes.io/name": "sonde"})]
        return found

    def address(self):
        return self.pod()["status"]["podIP"]

    def text(self):
        with urllib.request.urlopen(f"http://{self.address()}:9760/metrics", timeout=30) as answer:
            return answer.read().decode()

    def metrics(self):
        return Metrics(self.text())

    def log(self):
        return "\n".join(self.cluster.pod_log("sonde", self.pod()["metadata"]["name"], "sonde"))

    def process(self):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/exe") == "/usr/bin/sonde":
                    return int(pid)
            except OSError:
                pass
        raise AssertionError("no sonde runs")


class Traffic:
    """All workloads, each of which has done what it does."""

    def __init__(self, cluster):
        self.cluster = cluster
        cluster.apply(
            service("store", STORE), workload("StatefulSet", "store", 1, nginx()),
            pod("hostnet", nginx(8081), hostNetwork=True))
        static = pod("static", nginx(8082))
        cluster.write("static/static.json", json.dumps(static))
        self.wait_ready("store", "hostnet", "static")
        cluster.apply(
            workload("Deployment", "client", 2, asks("asks", f"http://{WEB}", "client", EACH)),
            pod("reader", asks("reads", f"http://{STORE}", "reads", EACH, first="sleep 3"),
                initContainers=[asks("prepares", f"http://{STORE}", "prepares", EACH,
                                     first="sleep 3", then="exit 0")]),
            cron_job("tick", asks("ticks", f"http://{STORE}", "ticks", 5, then="exec sleep 2")))
        for address, port in ((NODE_ADDRESS, 8081), (self.pods("static")[0]["status"]["podIP"], 8082)):
            for number in range(EACH):
                run("curl", "-sS", f"http://{address}:{port}/outside/{number}")
        cluster.wait(lambda: len(self.asked("web", "/client/")) == 2 * EACH, "the client")
        cluster.wait(lambda: len(self.asked("store", "/reads/")) == EACH, "the reader")
        cluster.wait(lambda: len(self.asked("store", "/ticks/")) >= 10, "the CronJob", 90)
        cluster.kubectl("-n", NAMESPACE, "patch", "cronjob", "tick", "-p", '{"spec": {"suspend": true}}')
        cluster.wait(lambda: all(each["status"]["phase"] == "Succeeded" for each in self.pods("tick")),
                     "the end of its pods")

    def pods(self, app):
        return self.cluster.pods(NAMESPACE, app=app)

    def wait_ready(self, *apps):
        for app in apps:
            self.cluster.wait(lambda app=app: [each for each in self.pods(app) if not all(
                status["ready"] for status in each["status"]["containerStatuses"])] == [] != self.pods(app),
                              f"{app} is ready")

    def log(self, name, prefix=""):
        """Paths that this nginx answered."""
        return [path for path in requests(self.cluster.pod_log(NAMESPACE, name, "nginx"))
                if path.startswith(prefix)]

    def asked(self, app, prefix):
        return [path for each in self.pods(app) for path in self.log(each["metadata"]["name"], prefix)]


@pytest.fixture(scope="module")
def sonde(cluster):
    """Installed beside a Deployment that was there before."""
    cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.wait(lambda: cluster.kubectl("-n", NAMESPACE, "get", "serviceaccount", "default"), "accounts")
    cluster.apply(service("web", WEB), workload("Deployment", "web", 2, nginx()))
    cluster.kubectl("-n", NAMESPACE, "rollout", "status", "deployment/web", "--timeout=120s")
    cluster.helm("install", "sonde", CHART, "-n", "sonde", "--create-namespace", "--wait", "--timeout", "120s",
                 "--set", "config.kubernetes-labels=pod", "--set", "config.series-limit=1000000")
    return Installed(cluster)


@pytest.fixture(scope="module")
def traffic(cluster, sonde):  # pylint: disable=unused-argument
    return Traffic(cluster)


def test_it_is_ready_without_root_and_with_two_capabilities(cluster, sonde):
    status = cluster.get("daemonset", "sonde", "-n", "sonde")["status"]
    assert status["numberReady"] == status["desiredNumberScheduled"] == 1
    with open(f"/proc/{sonde.process()}/status", encoding="utf-8") as file:
        own = dict(re.findall(r"^(\w+):[ \t]*(.*)$", file.read(), re.M))
    assert own["Uid"].split() == ["65534"] * 4 and own["NoNewPrivs"] == "1" and own["Seccomp"] == "2"
    assert int(own["CapEff"], 16) == int(own["CapPrm"], 16) == 0  # given up once all is attached
    assert int(own["CapBnd"], 16) == 1 << BPF | 1 << PERFMON
    assert own["NSpid"].split()[-1] == "1" and len(own["NSpid"].split()) > 1
    assert "privileges dropped" in sonde.log()
    assert sonde.pod()["status"]["containerStatuses"][0]["restartCount"] == 0


def settled(sonde, figures):
    """Waits until (family, labels) is what the truth says for each, and sees that it stays so."""
    def wrong():
        metrics = sonde.metrics()
        return [(family, labels, metrics.sum(family, **labels), should)
                for family, labels, should in figures if metrics.sum(family, **labels) != should]
    end = time.monotonic() + 15
    while wrong() and time.monotonic() < end:
        time.sleep(0.3)
    time.sleep(1.5)
    assert not wrong(), "\n".join(map(str, wrong()))


def of_pod(name, container=None, owner=None, **more):
    labels = {"k8s_namespace_name": NAMESPACE, "k8s_pod_name": name, **more}
    if container:
        labels["k8s_container_name"] = container
    return {**labels, **({f"k8s_{owner[0]}_name": owner[1]} if owner else {})}


def test_deployments_that_talk_through_a_service(sonde, traffic):
    """
    A pod is known before its first process; which of its containers that is in, the API server tells a second
    later. So clients, who begin at once, are looked at by their pod, and servers by their container.
    """
    figures = []
    for each in traffic.pods("web"):
        name = each["metadata"]["name"]
        count = len(traffic.log(name, "/client/"))
        assert count, "kube-proxy gives both some"
        who = of_pod(name, "nginx", ("deployment", "web"))
        figures += [(SERVED, who, count), (CONNECTIONS, {**who, **ACCEPTED}, count)]
    for each in traffic.pods("client"):
        who = of_pod(each["metadata"]["name"], owner=("deployment", "client"))
        figures += [(ASKED, who, EACH), (CONNECTIONS, {**who, **MADE}, EACH)]
    settled(sonde, figures)


def test_each_process_belongs_to_its_pod(sonde, traffic):
    """
    Those that a container executes when it is known are told exactly: curl, and sleep at the end. Of a pod that
    begins at once they come with the shell and the pause container, and with what runc executes of itself in
    the pod's cgroup, which depends on when it goes there.
    """
    settled(sonde, [(EXECUTED, of_pod("reader", "prepares"), EACH), (EXECUTED, of_pod("reader", "reads"), EACH + 1)])
    metrics = sonde.metrics()
    for each in traffic.pods("client"):
        count = metrics.sum(EXECUTED, **of_pod(each["metadata"]["name"]))
        assert EACH + 3 <= count <= EACH + 3 + RUNC, count


def test_stateful_set_bare_pod_and_init_container(sonde, traffic):
    settled(sonde, [
        (SERVED, of_pod("store-0", owner=("statefulset", "store")), len(traffic.log("store-0"))),
        (ASKED, of_pod("reader", "prepares"), EACH), (ASKED, of_pod("reader", "reads"), EACH),
        (ASKED, of_pod("reader"), 2 * EACH)])


def test_pods_of_a_cron_job_that_live_for_two_seconds(sonde, traffic):
    names = [each["metadata"]["name"] for each in traffic.pods("tick")]
    assert len(names) >= 2
    for name in names:
        assert len(traffic.log("store-0", f"/ticks/{name}/")) == 5
    settled(sonde, [figure for name in names for figure in (
        (ASKED, of_pod(name, owner=("cronjob", "tick")), 5),
        (CONNECTIONS, {**of_pod(name, owner=("cronjob", "tick")), **MADE}, 5))])


def test_static_pod_and_pod_in_the_network_of_the_host(sonde, traffic):
    names = ("hostnet", f"static-{NODE}")
    assert [len(traffic.log(name, "/outside/")) for name in names] == [EACH, EACH]
    settled(sonde, [(SERVED, of_pod(name), len(traffic.log(name))) for name in names])


def test_there_is_no_more_and_no_less_than_was_done(sonde, traffic):
    """Of all pods together; so no request is with a pod that did not make it."""
    served = [path for app in ("web", "store", "hostnet", "static") for each in traffic.pods(app)
              for path in traffic.log(each["metadata"]["name"]) if app != "web" or path != PROBE]
    asked = [path for path in served if path.split("/")[1] in ("client", "reads", "prepares", "ticks")]
    settled(sonde, [(SERVED, {"k8s_namespace_name": NAMESPACE}, len(served)),
                    (ASKED, {"k8s_namespace_name": NAMESPACE}, len(asked))])
    assert sonde.metrics().sum("sonde_kubernetes_unresolved_containers") == 0


def test_what_it_asks_for_is_what_it_takes(cluster, sonde, traffic):  # pylint: disable=unused-argument
    """The most that it ever took, with its start, the loading of programs and the kernel's tables."""
    identity = sonde.pod()["status"]["containerStatuses"][0]["containerID"].split("//")[1]
    (path,) = [path for name in ("memory.max_usage_in_bytes", "memory.peak")
               for path in glob.glob(f"/sys/fs/cgroup/**/{identity}/{name}", recursive=True)]
    with open(path, encoding="utf-8") as file:
        most = int(file.read())
    (container,) = cluster.get("daemonset", "sonde", "-n", "sonde")["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["requests"]["memory"] == "64Mi" and 20 << 20 < most <= 64 << 20, most


def test_prometheus_scrapes_it_in_the_pods_network(cluster, sonde, tmp_path):
    (tmp_path / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": "1s"}, "scrape_configs": [{
            "job_name": "sonde", "static_configs": [{"targets": [f"{sonde.address()}:9760"]}]}]}),
                                             encoding="utf-8")
    with subprocess.Popen(["prometheus", f"--config.file={tmp_path}/prometheus.yml",
                           f"--storage.tsdb.path={tmp_path}/data", "--web.listen-address=127.0.0.1:9090"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as prometheus:
        def is_up():
            with urllib.request.urlopen("http://127.0.0.1:9090/api/v1/query?query=up", timeout=5) as answer:
                (found,) = json.load(answer)["data"]["result"]
            return found["value"][1] == "1"
        cluster.wait(is_up, "a scrape", 60)
        prometheus.terminate()


def test_a_changed_config_map_is_read_without_a_restart(cluster, sonde):
    before = sonde.pod()["metadata"]["uid"]
    cluster.helm("upgrade", "sonde", CHART, "-n", "sonde", "--reuse-values", "--set", "config.slow-syscall=5ms")
    cluster.wait(lambda: "configuration read again" in sonde.log(), "the change", 150)
    assert sonde.pod()["metadata"]["uid"] == before


def test_what_pod_security_says_of_it(cluster, sonde):  # pylint: disable=unused-argument
    said = cluster.kubectl("label", "--dry-run=server", "--overwrite", "namespace", "sonde",
                           "pod-security.kubernetes.io/enforce=restricted")
    assert "unrestricted capabilities" in said or "non-default capabilities" in said, said
    for word in "privileged", "runAsNonRoot", "allowPrivilegeEscalation", "seccompProfile", "hostPath":
        assert word not in said, said


def test_the_tables_by_kubectl_exec(cluster, sonde):
    flows = cluster.kubectl("-n", "sonde", "exec", sonde.pod()["metadata"]["name"], "--", "/usr/bin/sonde",
                            "flows")
    assert "SERVICE" in flows and "kube-apiserver" in flows


def test_helm_test_runs_the_check_of_the_kernel(cluster, sonde):  # pylint: disable=unused-argument
    assert "Succeeded" in cluster.helm("test", "sonde", "-n", "sonde", "--timeout", "120s")


def test_a_new_version_is_ready_before_the_old_one_ends(cluster, sonde):
    before = sonde.pod()["metadata"]["uid"]
    cluster.kubectl("-n", "sonde", "rollout", "restart", "daemonset/sonde")
    cluster.kubectl("-n", "sonde", "rollout", "status", "daemonset/sonde", "--timeout=120s")
    cluster.wait(lambda: sonde.pod()["metadata"]["uid"] != before, "the old one's end")
    assert cluster.get("daemonset", "sonde", "-n", "sonde")["status"]["numberReady"] == 1


def test_the_manifests_without_helm(cluster, sonde):
    cluster.helm("uninstall", "sonde", "-n", "sonde", "--wait")
    cluster.kubectl("delete", "namespace", "sonde", "--wait")
    cluster.kubectl("apply", "--validate=strict", "-k", f"{ROOT}/deploy/kubernetes")
    cluster.kubectl("-n", "sonde", "rollout", "status", "daemonset/sonde", "--timeout=120s")
    cluster.wait(lambda: sonde.metrics().sum("sonde_kubernetes_current") == 1, "the API server's word")
