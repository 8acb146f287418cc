#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rules for Prometheus from slo.yaml: error ratios, budget left, and alerts of how fast it burns.

    deploy/prometheus/slo.py > deploy/prometheus/rules/slo.yml

The pairs of windows are those of the SRE workbook: an alert needs the long window, which says that it
matters, and the short one, which says that it still goes on.
"""
import os
import sys

import yaml

BY = "k8s_namespace_name, service_name"
COUNT = "http_server_request_duration_seconds_count"
BUCKET = "http_server_request_duration_seconds_bucket"
# how many times faster than the budget allows, long and short window, severity, held for
PAIRS = (
    (14.4, "1h", "5m", "critical", "2m"),
    (6, "6h", "30m", "critical", "5m"),
    (3, "1d", "2h", "warning", "15m"),
    (1, "3d", "6h", "warning", "30m"),
)
WINDOWS = ("30m", "1h", "2h", "6h", "1d", "3d")
ALERTS = {"critical": "SLOBurnRateFast", "warning": "SLOBurnRateSlow"}
BOUNDS = "0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10".split()


# what has to be true of a request that is good and fast
FAST = {"fast": 'error_type=""', "ok": 'http_response_status_code=~"2.."'}


def counted(slo):
    """Which requests an objective is about: not those of clients that hung up."""
    return f'service_name=~"{slo["service"]}", error_type!="closed_by_peer"'


def bad_rate(slo):
    """Requests a second that are not good."""
    requests = f"sum by ({BY}) (rate({COUNT}{{{counted(slo)}}}[5m]))"
    if slo["good"] == "answered":
        errors = f'sum by ({BY}) (rate({COUNT}{{{counted(slo)}, error_type!=""}}[5m]))'
        return f"{errors}\nor 0 * {requests}"
    within = str(slo["within"])
    if slo["good"] not in FAST or within not in BOUNDS:
        sys.exit(f"slo.yaml: {slo['name']}: good is answered or one of {list(FAST)}, "
                 f"and within one of {BOUNDS}")
    good = (f'sum by ({BY}) (rate({BUCKET}{{{counted(slo)}, {FAST[slo["good"]]}, '
            f'le="{within}"}}[5m]))')
    return f"clamp_min({requests} - ({good} or 0 * {requests}), 0)"


def recorded(slo):
    """(name, expression) of each record of an SLO, all with the label `slo`."""
    mark = f'{{slo="{slo["name"]}"}}'
    budget = f"{(100 - slo['objective']) / 100:.6g}"
    days = slo["window"]

    def ratio(window):
        return (f"sum_over_time(slo:bad:rate5m{mark}[{window}])\n"
                f"/ (sum_over_time(slo:requests:rate5m{mark}[{window}]) > 0)")

    yield "slo:requests:rate5m", f"sum by ({BY}) (rate({COUNT}{{{counted(slo)}}}[5m]))"
    yield "slo:bad:rate5m", bad_rate(slo)
    yield "slo:bad:ratio_rate5m", f"slo:bad:rate5m{mark} / (slo:requests:rate5m{mark} > 0)"
    for window in WINDOWS:
        yield f"slo:bad:ratio_rate{window}", ratio(window)
    # 1: nothing of the budget is spent; 0: all; below: the objective is missed
    yield "slo:budget_left:ratio", f"1 - ({ratio(f'{days}d')}) / {budget}"
    # until nothing is left, if it goes on as in the last day
    yield "slo:budget_left:days", (f"clamp_min(slo:budget_left:ratio{mark}, 0) * {days} * {budget}\n"
                                   f"/ (slo:bad:ratio_rate1d{mark} > 0)")


def alerts(slo):
    mark = f'{{slo="{slo["name"]}"}}'
    for factor, long, short, severity, held in PAIRS:
        limit = f"{factor * (100 - slo['objective']) / 100:.6g}"
        labels = {"slo": slo["name"], "severity": severity, "window": long,
                  "service": "{{ $labels.service_name }}"}
        labels.update({"team": slo["team"]} if "team" in slo else {})
        yield {
            "alert": ALERTS[severity],
            "expr": f"slo:bad:ratio_rate{long}{mark} > {limit}\n"
                    f"and slo:bad:ratio_rate{short}{mark} > {limit}\n"
                    f"and avg_over_time(slo:requests:rate5m{mark}[{long}]) > {slo['least_rate']}\n",
            "for": held,
            "labels": labels,
            "annotations": {
                "summary": f"{{{{ $labels.service_name }}}} spends its budget of {slo['name']} "
                           f"{factor} times too fast: {{{{ $value | humanizePercentage }}}} of requests "
                           f"in {long} are bad",
                "runbook_url": "https://runbooks.example.org/runbooks.md#"
                               + ALERTS[severity].lower(),
                "dashboard": "https://grafana.example.org/d/sonde-slo"
                             "?var-service={{ $labels.service_name }}",
            },
        }


def groups(slos):
    for slo in slos:
        records = [{"record": name, "expr": expression + "\n", "labels": {"slo": slo["name"]}}
                   for name, expression in recorded(slo)]
        yield {"name": f"slo-{slo['name']}", "rules": records}
        yield {"name": f"slo-{slo['name']}-alerts", "rules": list(alerts(slo))}


class Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def text(dumper, value):
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Dumper.add_representer(str, text)


def main():
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "slo.yaml")
    with open(sys.argv[1] if len(sys.argv) > 1 else source, encoding="utf-8") as file:
        made = {"groups": list(groups(yaml.safe_load(file)))}
    print("# SPDX-License-Identifier: Apache-2.0\n# Made by slo.py of slo.yaml.")
    print(yaml.dump(made, Dumper=Dumper, sort_keys=False, width=1000), end="")


if __name__ == "__main__":
    main()
