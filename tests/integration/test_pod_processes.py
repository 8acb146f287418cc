# SPDX-License-Identifier: Apache-2.0
"""Processes that live a few milliseconds, in many pods at once: each is its pod's."""
import contextlib
import copy
import hashlib
import os
import subprocess

import pytest

from api_server import ApiServer, recorded
from cgroups import cgroup, mount_of
from harness import Sonde, clean_environment, only, unique, wait_until

PODS, EACH = 20, 50
STARTS = "sonde_process_starts_total"
EXITS = "sonde_process_exits_total"
# Moves into the cgroup, and runs so many programs one after the other.
RUN = 'echo $$ > "$1/cgroup.procs"; i=0; while [ $i -lt $2 ]; do /bin/true; i=$((i + 1)); done'


def pod_of(number):
    """A bare pod, and the cgroups of its one container as the cgroupfs driver names them."""
    pod = copy.deepcopy(recorded("bare"))
    name = f"worker-{number}"
    container = hashlib.sha256(unique(name).encode()).hexdigest()
    pod["metadata"].update(name=name, uid=f"{number:08x}-3a4b-5c6d-7e8f-90a1b2c3d4e5",
                           annotations={})
    pod["status"] = {"phase": "Running", "containerStatuses": [
        {"name": "main", "containerID": f"containerd://{container}"}]}
    return pod, ("kubepods", f"pod{pod['metadata']['uid']}", container)


def test_each_of_a_thousand_short_processes_is_its_pods(tmp_path):
    mount = mount_of("cgroup", "memory") or mount_of("cgroup2")
    if not mount:
        pytest.skip("no cgroup file system is mounted")
    with ApiServer(tmp_path / "api") as api, contextlib.ExitStack() as stack:
        folders = []
        for number in range(PODS):
            pod, names = pod_of(number)
            api.put(pod)
            folders.append(stack.enter_context(
                cgroup(mount, unique(f"sonde-node{number}"), *names)))
        with Sonde(tmp_path, *only("processes"), *api.flags()) as sonde:
            wait_until(lambda: sonde.metrics().sum("sonde_kubernetes_pods") >= PODS, "the list")
            running = [subprocess.Popen(["/bin/sh", "-c", RUN, "sh", folder, str(EACH)],
                                        env=clean_environment()) for folder in folders]
            assert [process.wait(timeout=60) for process in running] == [0] * PODS

            def ended():
                metrics = sonde.metrics()
                return [metrics.sum(EXITS, service_name=f"worker-{number}",
                                    k8s_container_name="main") for number in range(PODS)]
            # each program, and the shell that moved there
            wait_until(lambda: ended() == [EACH + 1] * PODS, "all processes")
            metrics = sonde.metrics()
            assert [metrics.sum(STARTS, service_name=f"worker-{number}")
                    for number in range(PODS)] == [EACH] * PODS
            assert not metrics.dropped("process")
            assert not [folder for folder in folders
                        if metrics.select(STARTS, service_name=os.path.basename(folder)[:12])]
