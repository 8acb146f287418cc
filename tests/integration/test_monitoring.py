# SPDX-License-Identifier: Apache-2.0
"""What deploy/ has for Prometheus and Alertmanager, by promtool, amtool and a real Prometheus."""
import glob
import json
import os
import re
import subprocess

import pytest
import yaml

from alert_cases import CASES, LONG_CASES
from harness import ROOT

DEPLOY = os.path.join(ROOT, "deploy")
RULES = sorted(glob.glob(f"{DEPLOY}/prometheus/rules/*.yml"))


def text_of(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def done(*command, **more):
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **more)
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


def rules():
    return [rule for path in RULES for group in yaml.safe_load(text_of(path))["groups"]
            for rule in group["rules"]]


def alerts():
    return [rule for rule in rules() if "alert" in rule]


# --- rules ---

def test_promtool_takes_the_rules_and_configurations(tmp_path):
    done("promtool", "check", "rules", *RULES)
    done("promtool", "check", "config", f"{DEPLOY}/prometheus/prometheus.yml")
    # Debian's does without Kubernetes, so the rest is checked around other targets
    changed = re.sub(r"kubernetes_sd_configs:\n +- role: pod",
                     "static_configs: [{targets: ['127.0.0.1:1']}]",
                     text_of("deploy", "prometheus", "kubernetes.yml"))
    assert "kubernetes_sd" not in changed
    (tmp_path / "kubernetes.yml").write_text(changed.replace("rules/*", f"{DEPLOY}/prometheus/rules/*"))
    done("promtool", "check", "config", str(tmp_path / "kubernetes.yml"))


def test_rules_of_objectives_are_those_of_the_list():
    made = done("/usr/bin/python3", f"{DEPLOY}/prometheus/slo.py")
    assert made == text_of("deploy", "prometheus", "rules", "slo.yml"), \
        "run deploy/prometheus/slo.py > deploy/prometheus/rules/slo.yml"


@pytest.mark.parametrize("cases,interval,evaluated", [(CASES, "1m", "1m"), (LONG_CASES, "2m", "4m")])
def test_each_alert_fires_when_it_should_and_no_other_does(tmp_path, cases, interval, evaluated):
    """Situations of alert_cases.py; which alerts fire is the exact list."""
    tests = [{
        "name": name,
        "interval": interval,
        "input_series": [{"series": series, "values": values} for series, values in given.items()],
        "promql_expr_test": [{
            "expr": 'group by (alertname, severity, service) (ALERTS{alertstate="firing"})',
            "eval_time": time,
            "exp_samples": [{"labels": f'{{alertname="{alert}",severity="{severity}",service="{of}"}}',
                             "value": 1} for alert, severity, of in firing],
        } for time, firing in expected.items()],
    } for name, (given, expected) in cases.items()]
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(
        {"rule_files": RULES, "evaluation_interval": evaluated, "tests": tests}))
    done("promtool", "test", "rules", str(tmp_path / "tests.yml"))


def test_each_alert_was_seen_to_fire():
    tried = {alert for _, expected in [*CASES.values(), *LONG_CASES.values()]
             for firing in expected.values() for alert, _, _ in firing}
    assert tried == {rule["alert"] for rule in alerts()}


def test_each_alert_says_how_bad_it_is_and_what_to_do():
    headings = re.findall(r"^## (\w+)$", text_of("docs", "runbooks.md"), re.M)
    assert sorted({rule["alert"] for rule in alerts()}) == sorted(headings)
    for rule in alerts():
        name, annotations = rule["alert"], rule["annotations"]
        assert rule["labels"]["severity"] in ("critical", "warning"), name
        assert rule["labels"]["service"], name
        assert len(annotations["summary"]) > 20, name
        assert annotations["runbook_url"].endswith(f"/runbooks.md#{name.lower()}"), name
        assert annotations["dashboard"].startswith("https://grafana.example.org/d/sonde-"), name


# --- Alertmanager ---

@pytest.mark.parametrize("labels,receivers", [
    ("severity=critical service=shop alertname=HighErrorRate", "pager,channel"),
    ("severity=warning service=shop alertname=HighP99Latency", "channel"),
    ("severity=critical service=payment-service alertname=HighErrorRate", "pager,channel-payments"),
    ("severity=warning service=orders alertname=DBSlow", "channel-databases"),
    ("severity=warning service=sonde alertname=SondeDown", "channel-monitoring"),
])
def test_alerts_go_to_whom_they_are_for(labels, receivers):
    path = f"{DEPLOY}/alertmanager/alertmanager.yml"
    done("amtool", "check-config", path)
    assert done("amtool", "config", "routes", "test", f"--config.file={path}",
                *labels.split()).strip() == receivers
