# SPDX-License-Identifier: Apache-2.0
"""Rules and dashboards on a real Prometheus that scrapes a real Sonde: nothing asks for what nobody emits."""
import collections
import glob
import json
import os
import re
import subprocess
import time

import pytest
import yaml

from dns_servers import network, unbound
from harness import ROOT, Sonde, access_log, curl, free_port, nginx, program, run, unique, wait_until
from prometheus import prometheus

DEPLOY = os.path.join(ROOT, "deploy")
RULES = sorted(glob.glob(f"{DEPLOY}/prometheus/rules/*.yml"))

# What people ask for who know http_requests_total and its kin; $service is one of theirs.
COMMON_QUERIES = """
http_requests_total
http_requests_total{status="200"}
http_requests_total{status=~"2.."}
http_requests_total{status!="200"}
http_requests_total{status!~"2.."}
http_requests_total[5m]
rate(http_requests_total[5m])
irate(http_requests_total[5m])
increase(http_requests_total[1h])
sum(rate(http_requests_total[5m]))
sum(rate(http_requests_total[5m])) by (service)
sum(rate(http_requests_total[5m])) without (instance)
count(up == 1) by (job)
sum(rate(http_requests_total{status=~"5.."}[5m])) by (service) / sum(rate(http_requests_total[5m])) by (service)
histogram_quantile(0.50, sum(rate(http_request_duration_seconds_bucket[5m])) by (le))
histogram_quantile(0.95, sum(rate(http_request_duration_seconds_bucket[5m])) by (le))
histogram_quantile(0.99, sum(rate(http_request_duration_seconds_bucket[5m])) by (le, service))
sum(rate(http_requests_total{service="$service"}[5m])) by (status)
sum(rate(http_requests_total{status=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))
sum(rate(http_requests_total{method="GET", endpoint="/", status_code="200"}[5m]))
rate(http_request_duration_seconds_sum[5m]) / rate(http_request_duration_seconds_count[5m])
http_requests_active
active_connections
"""


def boards():
    with open(f"{DEPLOY}/grafana/boards.yaml", encoding="utf-8") as file:
        return yaml.safe_load(file)


def dashboards():
    """{uid: what Grafana gets}"""
    found = {}
    for path in glob.glob(f"{DEPLOY}/grafana/*.json"):
        with open(path, encoding="utf-8") as file:
            made = json.load(file)
        found[made["uid"]] = made
    return found


def chosen(expression):
    """A query of a board, as Grafana sends it where all is chosen."""
    for variable, value in (("$job", "sonde"), ("$instance", ".*"), ("$service", ".*"),
                            ("$__rate_interval", "20s"), ("$__range", "1m")):
        expression = expression.replace(variable, value)
    assert "$" not in expression
    return expression


def board_queries():
    """{(board, panel, query): whether it always has rows}"""
    asked = {}
    for board in boards():
        for panel, made in zip(board["panels"], dashboards()[board["uid"]]["panels"], strict=True):
            for target in made["targets"]:
                asked[board["uid"], made["title"], chosen(target["expr"])] = "needs" not in panel
    return asked


def test_dashboards_are_those_of_their_source(tmp_path):
    for name in "make.py", "boards.yaml":
        with open(f"{DEPLOY}/grafana/{name}", encoding="utf-8") as file:
            (tmp_path / name).write_text(file.read())
    subprocess.run(["/usr/bin/python3", tmp_path / "make.py"], check=True)
    made = {path.name: path.read_text() for path in tmp_path.glob("*.json")}
    shipped = {}
    for path in glob.glob(f"{DEPLOY}/grafana/*.json"):
        with open(path, encoding="utf-8") as file:
            shipped[os.path.basename(path)] = file.read()
    assert made == shipped, "run deploy/grafana/make.py"


def rule_queries():
    for path in RULES:
        with open(path, encoding="utf-8") as file:
            for group in yaml.safe_load(file)["groups"]:
                for rule in group["rules"]:
                    yield rule.get("record"), rule["expr"]


def without_labels(query):
    return re.sub(r'by \([^)]*\)|on \([^)]*\)|"[^"]*"', "", query)


def labels_of(query):
    grouped = re.findall(r"(?:by|on) \(([^)]*)\)", query)
    return {label.strip() for labels in grouped for label in labels.split(",")} | set(
        re.findall(r"(\w+) ?(?:=~|!~|!=|=)\"", query))


def test_no_query_names_a_metric_that_is_not_documented():
    with open(os.path.join(ROOT, "docs", "metrics.md"), encoding="utf-8") as file:
        documented = set(re.findall(r"`((?:sonde|http|process)_\w+)[`{]", file.read()))
    queries = [query for _, _, query in board_queries()] + [query for _, query in rule_queries()]
    recorded = {record for record, _ in rule_queries()}
    used = {name for query in queries
            for name in re.findall(r"(?<![\w:.])((?:sonde|http|process|service|service_route|slo)[_:][\w:]+)"
                                   r"(?=[{\[) \n,]|$)", without_labels(query))}
    assert len(used) > 60
    unknown = {name for name in used
               if name not in documented | recorded
               and re.sub("_(bucket|sum|count)$", "", name) not in documented}
    assert not unknown


@pytest.fixture(scope="module")
def scraped(tmp_path_factory):
    """(Prometheus, name of a server, its access log) after some traffic of each kind."""
    folder, port, closed = tmp_path_factory.mktemp("boards"), free_port(), free_port()
    client, server = unique("browser"), f"nginx-{port}"
    locations = ('location / { return 200 "hello\\n"; } location /broken { return 500; } '
                 'location /slow { limit_rate 1; return 200 "' + "slow " * 60 + '"; } '
                 f'location /away {{ proxy_pass http://127.0.0.1:{closed}; }}')
    with network(folder) as net:
        if not net:
            pytest.skip("no network namespace can be made here")
        with unbound(net), Sonde(folder) as sonde, nginx(folder, port, locations) as log, \
                prometheus(folder, sonde, rules=RULES) as database, \
                program("curl", "-s", f"http://127.0.0.1:{port}/slow", name=client):
            def work():  # beside a request that stays open
                curl(port, *["/"] * 20, "/broken", "/away", name=client)
                curl(port, "/", name=client)
                for name in "ok.test", "missing.test":
                    run(*net.inside, "dig", "+short", f"{unique('x')}.{name}", name=client)
                run("sh", "-c", "sleep 0.01; exit 3", name=client)

            end = time.monotonic() + 6
            while time.monotonic() < end:
                work()
                time.sleep(0.2)
            yield database, server, log


def test_each_panel_shows_something(scraped):
    database, _, _ = scraped
    left = [key for key, always in board_queries().items() if always]
    assert len(left) > 40

    def still_empty():
        left[:] = [key for key in left if not database.query(key[2])]
        return not left
    try:
        wait_until(still_empty, "rows of each query", 10)
    except AssertionError:
        pytest.fail("without rows:\n" + "\n".join(map(str, left)))


def test_queries_by_common_names_run_unchanged_and_are_true(scraped):
    database, server, log = scraped
    for query in COMMON_QUERIES.strip().split("\n"):
        assert database.query(query.replace("$service", server)), query
    truth = collections.Counter(line[2] for line in access_log(log))
    assert truth["500"] and truth["502"]

    def counted():
        return {row["metric"]["status"]: int(row["value"][1]) for row in database.query(
            f'sum by (status) (http_requests_total{{service="{server}"}})')}
    wait_until(lambda: counted() == truth, f"{truth} requests")


def test_no_query_names_a_label_that_nothing_bears(scraped):
    database, _, _ = scraped
    queries = [query for _, _, query in board_queries()] + [query for _, query in rule_queries()]
    used = set().union(*map(labels_of, queries))
    assert len(used) > 15
    of_pods = {"k8s_namespace_name", "k8s_container_name"}  # test_kubernetes.py has some
    assert used - of_pods <= set(database.api("labels"))


def test_alerts_and_objectives_are_evaluated(scraped):
    database, server, _ = scraped
    rules = [rule for group in database.api("rules")["groups"] for rule in group["rules"]]
    assert len(rules) > 50
    assert not [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] == "err"]
    of_server = f'{{service_name="{server}", slo="availability"}}'
    truth = database.value(f'slo:bad:rate5m{of_server} / slo:requests:rate5m{of_server}')
    assert 0.02 < truth < 0.2  # two of 23
    assert database.value(f"slo:budget_left:ratio{of_server}") < 0
