# SPDX-License-Identifier: Apache-2.0
"""What runs in the cluster beside Sonde: nginx, curl and busybox, and what they themselves counted."""
import images

NAMESPACE = "shop"
PROBE = "/probe"  # of the kubelet, once


def container(name, *command, **more):
    return {"name": name, "image": images.WORK, "imagePullPolicy": "Never", "command": list(command),
            **more}


def nginx(port=8080):
    return container("nginx", "/usr/sbin/nginx", "-e", "stderr", "-c", f"/etc/nginx-{port}.conf",
                     startupProbe={"httpGet": {"path": PROBE, "port": port}, "periodSeconds": 1})


def asks(name, url, path, times, first="true", then="exec sleep 3600"):
    """A container in which curl makes so many requests, each over a connection of its own."""
    return container(name, "/bin/sh", "-c",
                     f"{first}; for i in $(seq {times}); do curl -sS {url}/{path}/$HOSTNAME/$i || exit 1; done; {then}")


def pod_template(app, *containers, **spec):
    return {"metadata": {"labels": {"app": app}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": list(containers), **spec}}


def workload(kind, name, replicas, *containers, **spec):
    more = {"serviceName": name} if kind == "StatefulSet" else {}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, **more,
                     "template": pod_template(name, *containers, **spec)}}


def service(name, address):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"clusterIP": address, "selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}}


def cron_job(name, *containers):
    return {"apiVersion": "batch/v1", "kind": "CronJob",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {"schedule": "* * * * *", "successfulJobsHistoryLimit": 10, "jobTemplate": {"spec": {
                "parallelism": 2, "completions": 2,
                "template": pod_template(name, *containers, restartPolicy="Never")}}}}


def pod(name, *containers, **spec):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {
        "name": name, "namespace": NAMESPACE, "labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 1, "containers": list(containers), **spec}}


def requests(lines):
    """Paths that nginx answered, by its own log."""
    words = [line.split() for line in lines if line.startswith("truth ")]
    assert all(each[3] == "200" for each in words)
    return [each[2] for each in words]
