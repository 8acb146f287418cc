# SPDX-License-Identifier: Apache-2.0
"""Routes of real servers: nginx's access log says which paths were asked for, and how often."""
import collections
import http.client
import random
import re

from harness import Sonde, access_log, free_port, nginx, wait_until

WORDS = ("amber birch cedar delta ember fjord grove heron inlet jasper kelp larch maple north "
         "otter pearl quartz raven slate thyme umber vista willow yarrow zephyr").split()

CATALOGUES = {
    "/shoes/{id}": lambda words: f"/shoes/{'-'.join(words(3))}",
    "/hats/{id}": lambda words: f"/hats/{words(2)[0]}-{words(2)[1]}.html",
    "/coats/{id}/photos/{id}": lambda words: f"/coats/{'-'.join(words(2))}/photos/{len(words(1)[0])}",
    "/bags/{id}": lambda words: f"/bags/{'_'.join(words(2))}",
}
FIXED = ["/", "/cart", "/checkout"]


def routes_of(sonde, service):
    """{route: requests} of a server."""
    result = collections.Counter()
    for _, labels, value in sonde.metrics().select("http_server_request_duration_seconds_count",
                                                   service_name=service):
        result[labels["http_route"]] += int(value)
    return result


def ask(port, paths):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for path in paths:
        connection.request("GET", path, headers={"User-Agent": "test"})
        connection.getresponse().read()
    connection.close()


def crawl(seed):
    """Pages of four catalogues, each once or twice, with their right routes."""
    chance = random.Random(seed)
    pages = []
    for number in range(1138):
        route, page = list(CATALOGUES.items())[number % 4]
        pages += [(page(lambda count: chance.choices(WORDS, k=count)), route)] * chance.choice((1, 2))
    return pages


def test_a_crawler_takes_no_route_from_people(tmp_path):
    """People come while the crawler is there, and after it."""
    port = free_port()
    pages = crawl(1)
    requests = []
    for number, page in enumerate(pages):
        requests.append(page)
        if number > len(pages) / 2 and number % 12 == 0:
            requests += [(path, path) for path in FIXED]
    requests += [(path, path) for path in FIXED] * 10
    with Sonde(tmp_path, "--sweep-interval", "100ms") as sonde, nginx(tmp_path, port) as log:
        ask(port, [path for path, _ in requests])
        wait_until(lambda: len(access_log(log)) == len(requests), "the access log is whole")
        asked = collections.Counter(line[1] for line in access_log(log))
        service = f"nginx-{port}"
        wait_until(lambda: routes_of(sonde, service).total() == len(requests), "all are counted")
        routes = routes_of(sonde, service)
        limits = sonde.metrics().sum("sonde_limit_reached_total", limit="routes")
    assert {path: routes[path] for path in FIXED} == {path: asked[path] for path in FIXED}
    assert "/*" not in routes and limits == 0
    others = len(requests) - sum(asked[path] for path in FIXED)
    known = sum(routes[route] for route in CATALOGUES)
    # at most 30 names in each of four places, once or twice each, before they are known as data
    assert others - 240 <= known <= others


def test_a_scanner_that_finds_nothing_teaches_nothing(tmp_path):
    port = free_port()
    chance = random.Random(2)
    scans = [f"/{'/'.join(chance.choices(WORDS, k=chance.randint(1, 5)))}.php" for _ in range(500)]
    locations = """
        location ~ ^/(users/[a-z]+)?$ { return 200 "page"; }
        location / { return 404 "nothing"; }"""
    with Sonde(tmp_path, "--sweep-interval", "100ms", "--routes-per-service-limit", "5") as sonde, \
            nginx(tmp_path, port, locations) as log:
        ask(port, [*scans, "/", "/users/ann", *scans, "/", "/users/ann"])
        wait_until(lambda: len(access_log(log)) == 1004, "the access log is whole")
        service = f"nginx-{port}"
        wait_until(lambda: routes_of(sonde, service).total() == 1004, "all are counted")
        routes = routes_of(sonde, service)
        folded = sonde.metrics().sum("sonde_http_routes_folded_total", service_name=service)
    assert routes == {"/*": 1000, "/": 2, "/users/ann": 2}
    assert folded == 0
    assert not [line for line in access_log(log) if not re.fullmatch("200|404", line[2])]


def test_more_routes_in_use_than_may_be_learned_is_said(tmp_path):
    port = free_port()
    paths = [f"/{word}" for word in WORDS[:8]]
    with Sonde(tmp_path, "--sweep-interval", "100ms", "--routes-per-service-limit", "5") as sonde, \
            nginx(tmp_path, port) as log:
        ask(port, paths[:5] * 4 + paths[5:] * 4)
        wait_until(lambda: len(access_log(log)) == 32, "the access log is whole")
        service = f"nginx-{port}"
        wait_until(lambda: routes_of(sonde, service).total() == 32, "all are counted")
        routes = routes_of(sonde, service)
        metrics = sonde.metrics()
        text = sonde.log()
    assert routes == {**dict.fromkeys(paths[:5], 4), "/*": 12}
    assert metrics.sum("sonde_http_routes_folded_total", service_name=service) == 12
    assert metrics.sum("sonde_limit_reached_total", limit="routes") >= 12
    assert text.count("limit=routes") == 1
