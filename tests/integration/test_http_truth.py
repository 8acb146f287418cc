# SPDX-License-Identifier: Apache-2.0
"""HTTP/1 against traffic that knows the truth: every request is one span, on time, on both sides.

Each row of http_traffic/ is run once, as a server and a client process that print for each request
what a span of it must show: between which readings of the clock its moments lie, taken by the
processes themselves around the very system calls. The comparison is exact.
"""
import collections
import contextlib
import json
import os
import re
import socket
import subprocess

import pytest

from harness import Sonde, clean_environment, unique, wait_until
from http_traffic.rows import ROWS
from span_collector import Collector, realtime_offset

PYTHON = "/usr/bin/python3"
FOLDER = os.path.dirname(os.path.abspath(__file__))
SIDES = ("server", "client")
KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
                 "QUERY"}
ROW_SECONDS = 60


class Watched:
    """One Sonde, and the collector of its spans."""

    def __init__(self, sonde, collector):
        self.sonde, self.collector = sonde, collector

    def settle(self, services):
        """The metrics, when all that they count of these services has its span, or too late."""
        metrics = self.sonde.metrics()  # which has all that happened before
        counted = sum(metrics.sum(f"http_{side}_request_duration_seconds_count", service_name=name)
                      for side in SIDES for name in services)
        with contextlib.suppress(AssertionError):  # the tests say more of what is missing
            wait_until(lambda: sum(map(self.collector.count, services)) >= counted,
                       "the spans of what is counted")
        return metrics


@contextlib.contextmanager
def watch(folder):
    with Collector() as collector, \
            Sonde(folder, "--sweep-interval", "100ms", "--otlp-endpoint", collector.url,
                  "--otlp-interval", "10ms", "--otlp-queue-size", "64MiB",
                  "--ring-size", "64MiB", "--http-routes", "/*",
                  "--series-limit", "1000000") as sonde:
        yield Watched(sonde, collector)


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """One Sonde for all rows but those that begin before it does."""
    with watch(tmp_path_factory.mktemp("sonde")) as running:
        yield running


class Traffic:
    """The two processes of a row."""

    def __init__(self, row, folder):
        self.row = ROWS[row]
        self.processes = {}
        self.services = {side: unique(f"{row}-{side}") for side in SIDES}
        self.pipes = [*os.pipe(), *os.pipe()]
        try:
            if ROWS[row].family == "socketpair":
                for side, end in zip(SIDES, socket.socketpair()):
                    with end:
                        self.start(side, row, str(end.fileno()), end.fileno())
            else:
                self.start("server", row, str(folder))
                self.start("client", row, self.processes["server"].stdout.readline() or "null")
        except BaseException:
            self.end()
            raise

    def start(self, side, row, where, *descriptors):
        a, b, c, d = self.pipes
        pipes = (a, d) if side == "server" else (c, b)
        self.processes[side] = subprocess.Popen(
            [PYTHON, "-m", "http_traffic", side, *map(str, pipes), row, where], cwd=FOLDER,
            text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            pass_fds=[*pipes, *descriptors],
            env=clean_environment(OTEL_SERVICE_NAME=self.services[side]))

    def wait_ready(self):
        """Until both wait for Sonde to start."""
        for side in SIDES:
            line = self.processes[side].stdout.readline()
            assert line == '"ready"\n', f"{side}: {line}"

    def release(self):
        for process in self.processes.values():
            process.stdin.write("go\n")
            process.stdin.flush()

    def told(self):
        """What both sides tell of each request, when they have ended."""
        try:
            outputs = {side: self.processes[side].communicate(timeout=ROW_SECONDS)
                       for side in reversed(SIDES)}
            assert not any(process.returncode for process in self.processes.values()), \
                "\n".join(error for _, error in outputs.values())
        finally:
            self.end()
        return {side: [json.loads(line) for line in outputs[side][0].splitlines()]
                for side in SIDES}

    def end(self):
        for process in self.processes.values():
            process.kill()
            process.communicate()
        for pipe in self.pipes:
            os.close(pipe)


class Outcome:
    """What both sides of a row told, and what Sonde saw of them."""

    def __init__(self, traffic, watched):
        self.row = traffic.row
        self.services = traffic.services
        self.offset, error = realtime_offset()
        self.told = traffic.told()
        self.metrics = watched.settle(self.services.values())
        self.spans = {side: watched.collector.of(self.services[side]) for side in SIDES}
        offset_after, error_after = realtime_offset()
        # the clocks may be steered apart meanwhile, and Sonde read them for itself in between
        self.uncertainty = abs(offset_after - self.offset) + error + error_after + 1000


@pytest.fixture(scope="module", params=ROWS)
def outcome(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("row")
    if not ROWS[request.param].early:
        watched = request.getfixturevalue("watched")
        return Outcome(Traffic(request.param, folder), watched)
    traffic = Traffic(request.param, folder)
    try:
        traffic.wait_ready()
        with watch(folder) as watched:
            traffic.release()
            return Outcome(traffic, watched)
    except BaseException:
        traffic.end()
        raise


def key_of(span):
    target = span.attributes.get("url.path") or span.attributes.get("url.full") or ""
    match = re.search(r"/r\d+", target)
    return match.group() if match else span.attributes["http.request.method"]


def error_type(told, side):
    if told["error"]:
        return told["error"]
    return str(told["status"]) if told["status"] >= {"server": 500, "client": 400}[side] else None


def known(method):
    return method if method in KNOWN_METHODS else "_OTHER"


def what(told, side):
    """What a span must show of a request, its times aside."""
    return {"kind": side.upper(), "http.request.method": known(told["method"]),
            "http.request.method_original":
                None if told["method"] in KNOWN_METHODS else told["method"],
            "http.response.status_code": told["status"] or None,
            "error.type": error_type(told, side), **told["attributes"]}


@pytest.mark.parametrize("side", SIDES)
def test_each_request_is_one_span(outcome, side):
    told = {t["key"]: what(t, side) for t in outcome.told[side]}
    assert len(told) == len(outcome.told[side]), "the row says a key twice"
    shown = collections.defaultdict(list)
    for span in outcome.spans[side]:
        attributes = {"kind": span.kind, **span.attributes}
        shown[key_of(span)].append({name: attributes.get(name) for name in told.get(
            key_of(span), attributes)})
    assert shown == {key: [t] for key, t in told.items()}


@pytest.mark.parametrize("side", SIDES)
def test_each_request_is_counted_once(outcome, side):
    told = collections.Counter(
        (known(t["method"]), str(t["status"] or ""), error_type(t, side) or "")
        for t in outcome.told[side])
    counted = collections.Counter()
    for of in SIDES:  # nobody is on the other side as well
        for _, labels, value in outcome.metrics.select(
                f"http_{of}_request_duration_seconds_count", service_name=outcome.services[side]):
            assert of == side
            counted[labels["http_request_method"], labels.get("http_response_status_code", ""),
                    labels.get("error_type", "")] += value
    assert counted == told


def bounds(told, peer, moment, receiving):
    """Between which readings of the clock a moment lies.

    Bytes are received after they were begun to be sent, and begin to be sent before they were
    received: so where a call took long, the other side's readings say more.
    """
    low, high = told[moment]
    if not peer or not peer.get(moment):
        return low, high
    if receiving or told["error"] == "connection_reset":
        low = max(low, peer[moment][0]) if receiving else min(low, peer[moment][0])
    elif moment != "end":
        high = min(high, peer[moment][1])
    return low, high


@pytest.mark.parametrize("side", SIDES)
def test_each_moment_is_between_the_clock_readings_around_its_system_call(outcome, side):
    other = SIDES[side == "server"]
    peers = {told["key"]: told for told in outcome.told[other]}
    spans = {key_of(span): span for span in outcome.spans[side]}
    wrong = []
    for told in outcome.told[side]:
        span = spans.get(told["key"])
        if not span:
            wrong.append(f"{told['key']}: no span")
            continue
        start = span.start - outcome.offset
        moments = {"start": start, "end": span.end - outcome.offset}
        first_byte = span.attributes.get("sonde.http.time_to_first_byte")
        if first_byte is not None:
            moments["response_first"] = start + round(first_byte * 1e9)
        if told["response_first"] and "response_first" not in moments:
            wrong.append(f"{told['key']}: no first byte of a response")
        for moment, at in moments.items():
            if not told[moment]:
                wrong.append(f"{told['key']} {moment}: never happened")
                continue
            receiving = (moment == "start") == (side == "server") and not (
                moment == "end" and told["error"])
            # where no hook is at the begin of a send, it counts from its end
            peer = peers.get(told["key"]) if outcome.row.family != "mptcp" else None
            low, high = bounds(told, peer, moment, receiving)
            if not low - outcome.uncertainty <= at <= high + outcome.uncertainty:
                wrong.append(f"{told['key']} {moment}: {at - low} ns after the clock before, "
                             f"{high - at} ns before the clock after (± {outcome.uncertainty})")
    assert not wrong, "\n".join(wrong[:20])


def waits(told, peer, side):
    """{attribute: (shortest, longest)} in ns, of what a request waited for outside its duration."""
    if not peer:
        return {}
    if side == "client":
        if "setup" not in told or not told["setup"]:
            return {}
        begin, end = told["setup"]
        shortest = peer["freed"] - told["connecting"] if "connecting" in told else 0
        return {"sonde.http.connect_duration": (shortest, end - begin)}
    first_read, read = told["start"]
    result = {"sonde.http.queue_duration": (
        first_read - told.get("readable", first_read), read - peer["start"][0])}
    if told.get("setup") and peer.get("setup"):
        call, accepted = told["setup"]
        result["sonde.http.accept_duration"] = (
            call - told.get("acceptable", call), accepted - peer["setup"][0])
    return result


@pytest.mark.parametrize("side", SIDES)
def test_waits_are_as_long_as_the_processes_saw_them(outcome, side):
    peers = {told["key"]: told for told in outcome.told[SIDES[side == "server"]]}
    spans = {key_of(span): span for span in outcome.spans[side]}
    wrong = []
    for told in outcome.told[side]:
        if told["key"] not in spans:
            wrong.append(f"{told['key']}: no span")
            continue
        expected = waits(told, peers.get(told["key"]), side)
        shown = {name: value for name, value in spans[told["key"]].attributes.items()
                 if name in ("sonde.http.queue_duration", "sonde.http.accept_duration",
                             "sonde.http.connect_duration")}
        wrong += [f"{told['key']}: {name} is not to be there" for name in shown.keys() - expected]
        for name, (shortest, longest) in expected.items():
            if name in shown:
                took = round(shown[name] * 1e9)
                if not shortest <= took <= longest:
                    wrong.append(f"{told['key']}: {name} {took}, not {shortest} to {longest} ns")
            elif shortest > 0:
                wrong.append(f"{told['key']}: no {name}, which took {shortest} ns or more")
    assert not wrong, "\n".join(wrong[:20])
