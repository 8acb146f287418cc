# SPDX-License-Identifier: Apache-2.0
"""Requests are counted to the last one however far the daemon is behind; only routes are lost."""
import collections
import re
import signal
import time

import pytest

from harness import Sonde, access_log, free_port, http_counts, nginx, start, wait_until

STOP_SECONDS = 20
LOAD_SECONDS = STOP_SECONDS + 4

LOCATIONS = """
    location /found { return 200 "hello\\n"; }
    location /missing { return 404; }
    location /broken { return 503; }
"""

# One request in ten is for what is not there, one in a hundred for what is broken. Each connection
# rests for 2 ms between two, so that others have some of this machine.
LOAD = """
    local sent = 0

    function request()
        sent = sent + 1
        return wrk.format("GET", sent % 100 == 0 and "/broken" or
                                 sent % 10 == 0 and "/missing" or "/found")
    end

    function delay()
        return 2
    end

    function done(summary, latency, requests)
        io.write(string.format("answers %d failed %d mean %f\\n",
                               summary.requests, summary.errors.status, latency.mean / 1e6))
    end
"""


def counts_by_status(metrics, side, service, **labels):
    """As nginx has it; what is open when wrk ends has none."""
    counts = collections.Counter()
    for _, found, value in metrics.select(f"http_{side}_request_duration_seconds_count",
                                          service_name=service, **labels):
        counts[found.get("http_response_status_code", "")] += int(value)
    return counts


@pytest.fixture(scope="module")
def overload(tmp_path_factory):
    """A scrape after wrk and a paused Sonde, what nginx and wrk say, and the two services."""
    folder = tmp_path_factory.mktemp("unread")
    script = folder / "load.lua"
    script.write_text(LOAD)
    port = free_port()
    # with room for what all of the machine does: series of who has ended, as wrk has, go first
    with Sonde(folder, "--series-limit", "200000") as sonde, nginx(folder, port, LOCATIONS) as log:
        with start("wrk", "-t1", "-c16", f"-d{LOAD_SECONDS}s", "-s", str(script),
                   f"http://127.0.0.1:{port}/", name=f"wrk-{port}") as load:
            time.sleep(1)
            sonde.process.send_signal(signal.SIGSTOP)
            time.sleep(STOP_SECONDS)
            sonde.process.send_signal(signal.SIGCONT)
            told = load.communicate(timeout=60)[0].decode()
        wait_until(lambda: sum(http_counts(sonde.metrics(), "server", f"nginx-{port}").values()) >=
                   len(access_log(log)), "all requests are counted")
        served = collections.Counter(status for _, _, status, _ in access_log(log))
        time.sleep(1.1)  # longer than a sweep, so that what is counted twice shows by then
        yield sonde.metrics(), served, told, f"nginx-{port}", f"wrk-{port}"


def test_the_server_has_each_request_that_nginx_logged(overload):
    metrics, served, _, server, _ = overload
    assert counts_by_status(metrics, "server", server) == served
    assert served["404"] > 1000 and served["503"] > 100


def test_the_client_has_each_answer_that_wrk_counted(overload):
    metrics, _, told, _, client = overload
    answers, failed = map(int, re.search(r"answers (\d+) failed (\d+)", told).groups())
    counted = counts_by_status(metrics, "client", client)
    assert sum(counted.values()) - counted[""] == answers
    assert counted["404"] + counted["503"] == failed
    assert counted[""] <= 16  # one of each connection may be open when wrk ends


def test_most_of_them_have_no_route_and_no_peer(overload):
    metrics, served, _, server, client = overload
    for side, service in ("server", server), ("client", client):
        name = f"http_{side}_request_duration_seconds_count"
        unread = metrics.select(name, service_name=service, http_route="_unread")
        assert metrics.sum(name, service_name=service, http_route="_unread") > \
            sum(served.values()) / 2
        assert all("server_address" not in labels for _, labels, _ in unread)
        routes = {labels["http_route"] for _, labels, _ in metrics.select(name, service_name=service)}
        assert {"_unread", "/found", "/broken"} <= routes


def test_errors_are_those_of_the_statuses(overload):
    metrics, served, _, server, client = overload
    for side, service, statuses in ("server", server, ("503",)), ("client", client, ("404", "503")):
        for status in served:
            found = metrics.select(f"http_{side}_request_duration_seconds_count",
                                   service_name=service, http_response_status_code=status)
            assert {labels.get("error_type") for _, labels, _ in found} == \
                {status if status in statuses else None}


def test_durations_are_those_that_wrk_measured(overload):
    metrics, _, told, server, client = overload
    mean = float(re.search(r"mean (\S+)", told)[1])
    name = "http_client_request_duration_seconds"
    seconds = metrics.sum(f"{name}_sum", service_name=client)
    assert 0.5 * mean < seconds / metrics.sum(f"{name}_count", service_name=client) < 1.1 * mean
    assert metrics.sum(f"{name}_sum", service_name=client, http_route="_unread") > seconds / 2
    assert 0 < metrics.sum("http_server_request_duration_seconds_sum", service_name=server) < seconds


def test_each_span_that_is_lost_is_counted(overload):
    metrics = overload[0]
    unread = sum(metrics.sum(f"http_{side}_request_duration_seconds_count", http_route="_unread")
                 for side in ("server", "client"))
    read = sum(metrics.sum(f"http_{side}_request_duration_seconds_count")
               for side in ("server", "client")) - unread
    assert metrics.losses("http")["ring_full"] == unread
    assert metrics.sum("sonde_events_total", source="http", outcome="delivered") == read
