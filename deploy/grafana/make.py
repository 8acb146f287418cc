#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Files for Grafana (9 or later) of boards.yaml, one for each board.

    deploy/grafana/make.py            # writes sonde-*.json beside itself

Data source, job, node and service are variables; boards link to each other and keep them.
"""
import json
import os

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = {"type": "prometheus", "uid": "${source}"}
WIDTH, HEIGHT = 12, 8  # of 24 columns


def choice(name, label, query, many):
    return {
        "name": name, "label": label, "type": "query", "datasource": SOURCE, "refresh": 2, "sort": 1,
        "query": {"query": query, "refId": name}, "definition": query,
        "multi": many, "includeAll": many, "allValue": ".*" if many else None,
        "current": {"text": "All", "value": "$__all"} if many else {},
    }


def variables(board):
    yield {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus",
           "current": {}, "refresh": 1}
    yield choice("job", "job", "label_values(sonde_build_info, job)", False)
    yield choice("instance", "node", 'label_values(sonde_build_info{job="$job"}, instance)', True)
    if "services" in board:
        yield choice("service", "service", f'label_values({board["services"]}{{job="$job", '
                     'instance=~"$instance"}, service_name)', True)


def expression(query):
    chosen = 'job="$job", instance=~"$instance"'
    return query.replace("{$of", f'{{{chosen}, service_name=~"$service"').replace("{$in", "{" + chosen)


def panel(number, source):
    kind = source.get("type", "timeseries")
    found = {
        "id": number + 1,
        "title": source["title"],
        "description": source["help"],
        "type": kind,
        "datasource": SOURCE,
        "gridPos": {"x": number % 2 * WIDTH, "y": number // 2 * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": source["unit"]}, "overrides": []},
        "targets": [{"refId": chr(ord("A") + i), "expr": expression(query), "legendFormat": legend,
                     "datasource": SOURCE, **({"instant": True, "format": "table"} if kind == "table"
                                              else {"format": "heatmap"} if kind == "heatmap" else {})}
                    for i, (query, legend) in enumerate(source["queries"])],
    }
    if kind == "timeseries":
        found["options"] = {"legend": {"displayMode": "table", "placement": "right",
                                       "calcs": ["lastNotNull", "max"]},
                            "tooltip": {"mode": "multi", "sort": "desc"}}
    return found


def dashboard(board, boards):
    return {
        "uid": board["uid"],
        "title": f"Sonde / {board['title']}",
        "tags": ["sonde"],
        "schemaVersion": 37,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "links": [{"type": "link", "title": other["title"], "url": f"/d/{other['uid']}",
                   "keepTime": True, "includeVars": True} for other in boards if other is not board],
        "templating": {"list": list(variables(board))},
        "panels": [panel(number, source) for number, source in enumerate(board["panels"])],
    }


def main():
    with open(os.path.join(HERE, "boards.yaml"), encoding="utf-8") as file:
        boards = yaml.safe_load(file)
    for board in boards:
        with open(os.path.join(HERE, board["uid"] + ".json"), "w", encoding="utf-8") as file:
            json.dump(dashboard(board, boards), file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
