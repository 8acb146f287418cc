# SPDX-License-Identifier: Apache-2.0
"""The pods of this node, as an API server tells them: it may be away, wrong, or cut short."""
import glob
import re

import pytest

from api_server import NODE, ApiServer, answer, recorded
from harness import Sonde, wait_until

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
