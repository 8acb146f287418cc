# SPDX-License-Identifier: Apache-2.0
"""The pods of this node, as an API server tells them: it may be away, wrong, or cut short."""
import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.request

import pytest

from api_server import NODE, ApiServer, answer, recorded
from cgroups import cgroup, mount_of
from harness import Sonde, free_port, only, unique, wait_until
from span_collector import Collector

RUNNING = 6  # of the recorded list: one has ended


@pytest.fixture
def api(tmp_path):
    with ApiServer(tmp_path / "api") as server:
        yield server


def statuses(sonde, name):
    """/proc/PID/status of its threads of that name."""
    found = []
    for path in glob.glob(f"/proc/{sonde.process.pid}/task/*/status"):
        with open(path, encoding="utf-8") as file:
            status = dict(re.findall(r"^(\w+):[ \t]*(.*)$", file.read(), re.M))
        if status["Name"] == name:
            found.append(status)
    return found


def pods(sonde):
    return sonde.metrics().sum("sonde_kubernetes_pods")


def wait_current(sonde, count, what):
    wait_until(lambda: pods(sonde) == count and
               sonde.metrics().sum("sonde_kubernetes_current") == 1, what)


def events(sonde, kind):
    return sonde.metrics().sum("sonde_kubernetes_events_total", event=kind)


def test_pods_of_this_node_are_listed_once_and_then_watched(tmp_path, api):
    with Sonde(tmp_path, *api.flags()) as sonde:
        wait_current(sonde, RUNNING, "the list")
        api.put({**recorded("db-0"), "metadata": {**recorded("db-0")["metadata"],
                                                  "name": "db-1", "uid": "db-1"}})
        api.delete(recorded("bare"))
        wait_until(lambda: events(sonde, "deleted") == 1, "the events")
        assert events(sonde, "added") == 1 and pods(sonde) == RUNNING
        (path, query, _), (_, watch, _) = api.requests
        assert path == "/api/v1/pods" and query["fieldSelector"] == f"spec.nodeName={NODE}"
        assert watch["fieldSelector"] == f"spec.nodeName={NODE}"
        assert watch["resourceVersion"] == "296" and watch["allowWatchBookmarks"] == "true"
        assert 240 <= int(watch["timeoutSeconds"]) < 360
        # a watch that ends as it should is resumed where it was
        api.end_watches()
        wait_until(lambda: len(api.requests) == 3, "the next watch")
        assert api.requests[2][1]["resourceVersion"] == str(api.version)
        # and its thread can do no more than the others
        found = statuses(sonde, "kubernetes")
        assert found
        for status in found:
            assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"
            assert int(status["CapPrm"], 16) == 0
        assert sonde.stop() == 0


def test_token_that_is_rotated_is_read_again(tmp_path, api):
    with Sonde(tmp_path, *api.flags()) as sonde:
        wait_current(sonde, RUNNING, "the list")
        api.token = "second"
        api.end_watches()
        wait_until(lambda: "Unauthorized" in sonde.log(), "the refusal")
        assert pods(sonde) == RUNNING  # what is known stays
        api.account.rotate("second\n")
        wait_current(sonde, RUNNING, "the new token")
        assert "tells of pods again" in sonde.log()
        assert api.requests[-1][2] == "second" and len(api.lists()) == 1


def test_kubelet_is_asked_again_and_again(tmp_path, api):
    """It knows no watch: what has changed is there with the next list, within ten seconds."""
    with Sonde(tmp_path, *api.flags(), "--kubernetes-source", "kubelet") as sonde:
        wait_current(sonde, RUNNING, "the list")
        api.delete(recorded("bare"))
        wait_current(sonde, RUNNING - 1, "the next list")
        api.refuse = [403]
        wait_until(lambda: "the kubelet does not tell of pods" in sonde.log(), "the refusal")
        assert pods(sonde) == RUNNING - 1  # what is known stays
        wait_until(lambda: "the kubelet tells of pods again" in sonde.log(), "the list after it")
        assert {path for path, _, _ in api.requests} == {"/pods"}
        assert all(not query for _, query, _ in api.requests)
        assert sonde.log().count("the pods of this node are known") == 1
        assert sonde.stop() == 0


def test_kubelet_knows_no_peers_and_must_be_somewhere(tmp_path, api):
    for flags, reason in ((("--kubernetes-peers", *api.flags()), "a kubelet knows its own node's pods alone"),
                          (("--kubernetes", "on"), "where the kubelet is, is not known")):
        sonde = Sonde(tmp_path, *flags, "--kubernetes-source", "kubelet", wait=False)
        assert sonde.process.wait(60) == 1
        assert reason in sonde.log()


def test_server_that_is_not_there_yet_is_waited_for(tmp_path, api):
    api.stop()
    with Sonde(tmp_path, *api.flags()) as sonde:
        wait_until(lambda: "does not tell of pods" in sonde.log(), "the failure")
        assert pods(sonde) == 0
        api.start()
        wait_current(sonde, RUNNING, "the list")
        assert "reason=" in re.search("does not tell of pods.*", sonde.log())[0]


@pytest.mark.parametrize("spoiled, lists", [
    ([503, 503], 3),                   # by both, a list as well
    (["torn"], 1),                     # resumed from the last whole event
    (["<html>busy</html>"], 2),        # nothing to resume from
    ([410], 2),                        # a version that is forgotten, by status,
    ([answer("gone.json")], 2),        # and by event
    ([410, "{\"kind\":\"PodList\",\"items\":[]", 500], 4),  # and lists that are not whole
], ids=["unavailable", "torn", "garbage", "gone-status", "gone-event", "torn-list"])
def test_what_is_known_stays_whatever_the_server_answers(tmp_path, api, spoiled, lists):
    with Sonde(tmp_path, *api.flags()) as sonde:
        wait_current(sonde, RUNNING, "the list")
        api.refuse = list(spoiled)
        api.end_watches()
        wait_until(lambda: not api.refuse, "the spoiled answers")
        assert pods(sonde) == RUNNING
        api.put({**recorded("db-0"), "metadata": {**recorded("db-0")["metadata"],
                                                  "name": "db-1", "uid": "db-1"}})
        wait_until(lambda: api.watches, "the next watch")
        wait_until(lambda: sonde.metrics().sum("sonde_kubernetes_current") == 1, "the watch")
        api.put(recorded("web-5d4f8c7b9-00001"))
        wait_until(lambda: events(sonde, "modified") == 1, "an event")
        assert len(api.lists()) == lists
        assert sonde.metrics().sum("sonde_kubernetes_requests_total", result="failed") >= 1
        assert events(sonde, "unread") == 0


def test_server_that_is_not_trusted_gets_no_token(tmp_path, api):
    with ApiServer(tmp_path / "other") as other:
        other.port, api.port = api.port, other.port
        with Sonde(tmp_path, *other.flags()) as sonde:  # the place of one, the authority of another
            wait_until(lambda: "certificate" in sonde.log(), "the failure")
            assert pods(sonde) == 0
    assert not api.requests and not other.requests


def test_outside_of_a_cluster_nothing_is_asked(tmp_path):
    with Sonde(tmp_path) as sonde:
        assert not sonde.metrics().select("sonde_kubernetes_pods")
        assert not statuses(sonde, "kubernetes")


# --- whose figures ---

class Container:
    """A container of a pod as the cgroupfs driver lays it out, with a web server in it."""

    def __init__(self, pod, container, uid=None):
        self.id = hashlib.sha256(unique(f"{pod}-{container}").encode()).hexdigest()
        self.port = free_port()
        mount = mount_of("cgroup", "memory") or mount_of("cgroup2")
        if not mount:
            pytest.skip("no cgroup file system is mounted")
        uid = uid or recorded(pod)["metadata"]["uid"]
        self.cgroup = cgroup(mount, unique("sonde-node"), "kubepods", f"pod{uid}", self.id)

    def __enter__(self):
        folder = self.cgroup_folder = self.cgroup.__enter__()
        self.process = subprocess.Popen(
            ["sh", "-c", f'echo $$ > {folder}/cgroup.procs; exec "$@"', "sh", sys.executable, "-m",
             "http.server", str(self.port), "--bind", "127.0.0.1", "--directory", str(folder)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self.ask, "the server")
        return self

    def ask(self, count=1):
        try:
            for _ in range(count):
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5).read()
        except OSError:
            return False
        return True

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.cgroup.__exit__(None, None, None)


def with_container(pod, name, container_id):
    """The recorded pod, whose status tells of that container."""
    pod = recorded(pod)
    pod["status"]["containerStatuses"] = [
        {"name": name, "containerID": f"containerd://{container_id}"}]
    return pod


def served(sonde, **labels):
    return sonde.metrics().sum("http_server_request_duration_seconds_count", **labels)


def test_figures_bear_namespace_owner_and_container(tmp_path, api):
    collector = Collector()
    with Container("web-5d4f8c7b9-00001", "main") as web, Container("bare", "side") as bare:
        api.put(with_container("web-5d4f8c7b9-00001", "main", web.id))
        api.put(with_container("bare", "side", bare.id))
        log = tmp_path / "flows"
        with Sonde(tmp_path, *api.flags(), "--otlp-endpoint", collector.url,
                   "--flow-log", str(log)) as sonde:
            wait_current(sonde, RUNNING, "the list")
            assert web.ask(5) and bare.ask(3)
            of_web = {"service_name": "web", "k8s_namespace_name": "shop",
                      "k8s_deployment_name": "web", "k8s_container_name": "main"}
            of_bare = {"service_name": "checkout", "k8s_namespace_name": "shop",
                       "k8s_container_name": "side"}
            wait_until(lambda: served(sonde, **of_web) == 5, "the figures")
            assert served(sonde, **of_bare) == 3
            metrics = sonde.metrics()
            for name in ("sonde_syscall_duration_seconds_count", "sonde_tcp_connections_total",
                         "sonde_run_queue_seconds_count", "sonde_tcp_received_bytes_total"):
                if metrics.select(name):
                    assert metrics.sum(name, **of_web) > 0, name
            assert metrics.sum("sonde_kubernetes_unresolved_containers") == 0
            assert not metrics.sum("http_server_request_duration_seconds_count",
                                   k8s_pod_name="bare")
            assert sonde.stop() == 0
        flows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        of_pod = [f for f in flows if f.get("k8s.pod.name") == "web-5d4f8c7b9-00001"]
        assert len([f for f in of_pod if f["server.port"] == web.port]) == 5
        for flow in of_pod:
            assert flow.items() >= {
                "k8s.namespace.name": "shop", "k8s.deployment.name": "web",
                "k8s.container.name": "main", "k8s.node.name": NODE}.items()
        resource = collector.taken["web"][0].resource
        attributes = {a.key: a.value.string_value for a in resource.attributes}
        assert attributes.items() >= {
            "service.namespace": "shop", "k8s.namespace.name": "shop",
            "k8s.pod.name": "web-5d4f8c7b9-00001", "k8s.container.name": "main",
            "k8s.deployment.name": "web", "k8s.node.name": NODE, "container.id": web.id,
            "service.instance.id": "shop.web-5d4f8c7b9-00001.main",
            "service.version": "1"}.items()  # of the image's tag


def test_annotations_and_labels_say_which_service_a_pod_is(tmp_path, api):
    pod = recorded("web-5d4f8c7b9-00001")
    prefix = "resource.opentelemetry.io/service."
    pod["metadata"]["labels"].update({"app.kubernetes.io/instance": "till",
                                      "app.kubernetes.io/version": "2.0"})
    collector = Collector()
    with Container("web-5d4f8c7b9-00001", "main") as web:
        pod["status"] = with_container("web-5d4f8c7b9-00001", "main", web.id)["status"]
        pod["metadata"]["annotations"] = {f"{prefix}namespace": "eu", f"{prefix}instance.id": "one"}
        api.put(pod)
        with Sonde(tmp_path, *api.flags(), "--otlp-endpoint", collector.url,
                   "--kubernetes-service-labels") as sonde:
            wait_current(sonde, RUNNING, "the list")
            assert web.ask(5)
            wait_until(lambda: served(sonde, service_name="till", service_namespace="eu",
                                      k8s_deployment_name="web") == 5, "the figures")
            assert sonde.stop() == 0
    attributes = {a.key: a.value.string_value
                  for a in collector.taken["till"][0].resource.attributes}
    assert attributes.items() >= {"service.namespace": "eu", "service.version": "2.0",
                                  "service.instance.id": "one"}.items()


def test_what_was_chosen_of_a_pod_is_a_label_and_an_attribute(tmp_path, api):
    collector = Collector()
    config = tmp_path / "sonde.yaml"
    config.write_text("kubernetes-labels: [node, label:app, annotation:example.org/team]\n",
                      encoding="utf-8")
    with Container("web-5d4f8c7b9-00001", "main") as web:
        pod = with_container("web-5d4f8c7b9-00001", "main", web.id)
        pod["metadata"]["annotations"] = {"example.org/team": 'a "b"\n' + "x" * 100}
        api.put(pod)
        with Sonde(tmp_path, *api.flags(), "--config", str(config), "--otlp-endpoint",
                   collector.url) as sonde:
            wait_current(sonde, RUNNING, "the list")
            assert web.ask(3)
            team = 'a "b"?' + "x" * 57  # of a control character nothing is told, and it is cut
            wait_until(lambda: served(
                sonde, service_name="web", k8s_node_name=NODE, k8s_pod_label_app="web",
                k8s_pod_annotation_example_org_team=team.replace('"', '\\"')) == 3, "the figures")
            assert sonde.stop() == 0
        attributes = {a.key: a.value.string_value
                      for a in collector.taken["web"][0].resource.attributes}
        assert attributes["k8s.pod.label.app"] == "web"
        assert attributes["k8s.pod.annotation.example.org/team"] == team


def test_what_was_nameless_is_named_and_no_count_is_lost_or_reset(tmp_path, api):
    uid = "0f5c1d2e-3a4b-5c6d-7e8f-90a1b2c3d4e5"
    with Container("db-0", "main", uid) as db:
        with Sonde(tmp_path, *api.flags(), "--kubernetes-labels", "pod") as sonde:
            wait_current(sonde, RUNNING, "the list")
            nameless = {"service_name": db.id[:12]}
            assert db.ask(4)
            wait_until(lambda: served(sonde, **nameless) == 4, "figures without a name")
            assert sonde.metrics().sum("sonde_kubernetes_unresolved_containers") == 1
            # the pod comes first, and its container when it runs
            pod = {**recorded("db-0"), "status": {"phase": "Pending"}}
            pod["metadata"].update(uid=uid)
            api.put(pod)
            of_pod = {"service_name": "db", "k8s_statefulset_name": "db", "k8s_pod_name": "db-0"}
            wait_until(lambda: not sonde.metrics().sum("sonde_kubernetes_unresolved_containers"),
                       "the name")
            assert db.ask(2)
            wait_until(lambda: served(sonde, **of_pod) == 2, "figures of the pod")
            pod = with_container("db-0", "main", db.id)
            pod["metadata"].update(uid=uid)
            api.put(pod)
            wait_until(lambda: events(sonde, "modified") == 2, "the event")
            time.sleep(0.3)
            assert db.ask(3)
            wait_until(lambda: served(sonde, **of_pod, k8s_container_name="main") == 3,
                       "figures of the container")
            # what was counted before stands where it was
            assert served(sonde, **nameless) == 4 and served(sonde, **of_pod) == 5
            # a pod that is gone is still known
            api.delete(pod)
            wait_until(lambda: events(sonde, "deleted") == 1, "the event")
            assert db.ask(1)
            wait_until(lambda: served(sonde, **of_pod, k8s_container_name="main") == 4,
                       "figures after its end")


def test_config_map_that_changes_is_read_again_without_a_signal(tmp_path):
    """As the kubelet mounts it: another folder, and a link that is moved there."""
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "sonde.yaml").symlink_to("..data/sonde.yaml")

    def put(version, text):
        (volume / version).mkdir()
        (volume / version / "sonde.yaml").write_text(text, encoding="utf-8")
        (volume / "..data_tmp").symlink_to(version)
        (volume / "..data_tmp").rename(volume / "..data")

    put("..1", "log-level: info\n")
    with Sonde(tmp_path, *only("tcp"), "--config", str(volume / "sonde.yaml")) as sonde:
        assert sonde.log().count("configuration read again") == 0
        put("..2", "log-level: info\nslow-syscall: 5ms\n")
        wait_until(lambda: sonde.log().count("configuration read again") == 1, "the change")
        put("..3", "log-level: info\nslow-syscall: soon\n")
        wait_until(lambda: "sonde.yaml:2: slow-syscall" in sonde.log(), "the mistake")
        put("..4", "log-level: info\nring-size: 4MiB\n")
        wait_until(lambda: '"key":"ring-size"' in sonde.log() or "key=ring-size" in sonde.log(),
                   "the key that takes a restart")
        assert sonde.log().count("configuration read again") == 1
        assert sonde.stop() == 0
