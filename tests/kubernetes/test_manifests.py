# SPDX-License-Identifier: Apache-2.0
"""
The manifests and the chart as they are rendered: one and the same, and what Kubernetes' own description
of its interface allows. Needs what `cluster/setup --tools` builds, and no cluster.
"""
import json
import os
import subprocess

import pytest
import yaml

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
BUILT = os.path.join(ROOT, "build", "kubernetes")
BASE = os.path.join(ROOT, "deploy", "kubernetes")
CHART = os.path.join(ROOT, "deploy", "helm", "sonde")
COMPONENTS = sorted(os.listdir(os.path.join(BASE, "components")))
VERSION = "1.34.4"

# The same by the chart's values.
VALUES = {"host-pids": ["hostPID=true"], "peers": ["peers=true"], "pod-monitor": ["podMonitor.enabled=true"],
          "service-monitor": ["serviceMonitor.enabled=true"]}


def run(*command, status=0, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **more)
    assert done.returncode == status, f"{' '.join(command)}: {done.stdout}"
    return done.stdout


def helm(*arguments, **more):
    return run(f"{BUILT}/bin/helm", *arguments, **more)


def render_chart(*values, **more):
    settings = [part for value in values for part in ("--set", value)]
    return helm("template", "sonde", CHART, "-n", "sonde", "--kube-version", VERSION, *settings, **more)


def render_base(tmp_path, *components):
    overlay = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
               "resources": [os.path.relpath(BASE, tmp_path)],
               "components": [os.path.relpath(f"{BASE}/components/{name}", tmp_path)
                              for name in components]}
    (tmp_path / "kustomization.yaml").write_text(json.dumps(overlay), encoding="utf-8")
    return run(f"{BUILT}/bin/kubectl", "kustomize", "--load-restrictor", "LoadRestrictionsNone",
               str(tmp_path))


def objects(text):
    """By kind and name, without what only a chart says of itself, and with the configuration read."""
    found = {}
    for each in yaml.safe_load_all(text):
        if not each or "helm.sh/hook" in each["metadata"].get("annotations", {}):
            continue
        labels = each["metadata"].get("labels", {})
        for name in "helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/version":
            labels.pop(name, None)
        if each["kind"] == "ConfigMap":
            each["data"] = {name: yaml.safe_load(value) for name, value in each["data"].items()}
        assert (each["kind"], each["metadata"]["name"]) not in found
        found[each["kind"], each["metadata"]["name"]] = each
    return found


@pytest.mark.parametrize("components", [(), *((name,) for name in COMPONENTS), tuple(COMPONENTS)],
                         ids=lambda names: "+".join(names) or "base")
def test_the_chart_and_the_base_are_the_same(tmp_path, components):
    values = ["namespace.create=true", *(value for name in components for value in VALUES[name])]
    chart, base = objects(render_chart(*values)), objects(render_base(tmp_path, *components))
    assert sorted(chart) == sorted(base)
    for key, each in base.items():
        assert chart[key] == each, key


def test_helm_finds_nothing_to_say():
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART)


@pytest.mark.parametrize("value, word", [
    ("image.digest=latest", "digest"), ("capabilities={CAP_BPF,CAP_PERFMON}", "capabilities"),
    ("config.listen=9760", "listen"), ("hostPid=true", "hostPid"), ("networkPolicy.from=null", None)])
def test_a_value_that_cannot_be_is_refused_by_name(value, word):
    said = render_chart(value, status=1 if word else 0)
    assert not word or word in said


def test_what_is_set_arrives():
    digest = "sha256:" + "0" * 64
    made = objects(render_chart(
        "image.repository=example.org/sonde", f"image.digest={digest}", "config.slow-syscall=5ms",
        "config.http-routes={/a,/b}", "nameOverride=probe", "hostNetwork=true",
        "env[0].name=OTEL_EXPORTER_OTLP_ENDPOINT", "env[0].value=http://collector:4318"))
    spec = made["DaemonSet", "probe"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["image"] == f"example.org/sonde@{digest}"
    assert {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://collector:4318"} in container["env"]
    assert spec["hostNetwork"] and ("NetworkPolicy", "probe") not in made
    assert "maxSurge" not in made["DaemonSet", "probe"]["spec"]["updateStrategy"].get(
        "rollingUpdate", {})
    read = made["ConfigMap", "probe"]["data"]["sonde.yaml"]
    assert read["slow-syscall"] == "5ms" and read["http-routes"] == ["/a", "/b"]


def test_it_asks_for_no_more_than_it_says():
    spec = objects(render_chart())["DaemonSet", "sonde"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"], "add": ["BPF", "PERFMON"]}}
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] == 65534
    assert not {"hostPID", "hostNetwork", "hostIPC"} & set(spec)
    assert [list(volume) for volume in spec["volumes"]] == [["name", "configMap"]]


@pytest.fixture(scope="session")
def schemas(tmp_path_factory):
    """For kubeconform, of the description that Kubernetes publishes with its source."""
    with open(f"{BUILT}/go/mod/k8s.io/kubernetes@v{VERSION}/api/openapi-spec/swagger.json",
              encoding="utf-8") as file:
        definitions = json.load(file)["definitions"]
    folder = tmp_path_factory.mktemp("schemas")
    for each in definitions.values():
        if each.get("properties") and "additionalProperties" not in each:
            each["additionalProperties"] = False  # what is misspelt is wrong
        if each.get("format") == "int-or-string":
            each.pop("format")
            each["type"] = ["integer", "string"]
    (folder / "definitions.json").write_text(json.dumps({"definitions": definitions}),
                                             encoding="utf-8")
    for name, each in definitions.items():
        for kind in each.get("x-kubernetes-group-version-kind", []):
            group = kind["group"].split(".")[0]
            file = "-".join(filter(None, (kind["kind"].lower(), group, kind["version"]))) + ".json"
            (folder / file).write_text(json.dumps({"$ref": f"definitions.json#/definitions/{name}"}),
                                       encoding="utf-8")
    return folder


def conforms(text, schemas, status=0):
    return run(f"{BUILT}/bin/kubeconform", "-summary", "-strict", "-skip", "PodMonitor,ServiceMonitor",
               "-schema-location", f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json", input=text,
               status=status)


def test_kubernetes_would_take_them(tmp_path, schemas):
    for text in (render_base(tmp_path, *COMPONENTS), render_chart("namespace.create=true", "hostNetwork=true")):
        assert "Invalid: 0, Errors: 0" in conforms(text, schemas)
    spoilt = render_chart().replace("allowPrivilegeEscalation", "allowPrivilegesEscalation")
    assert "Privileges" in conforms(spoilt, schemas, status=1)
