# SPDX-License-Identifier: Apache-2.0
"""Runs rows of http_traffic, and compares what Sonde tells of them with what they know: exactly.

A row is a server and a client process that print for each request what a span of it must show:
between which readings of the clock its moments lie, taken by the processes themselves around the
very system calls. CHECKS, each of which takes an Outcome and a side, return what is wrong.
"""
import collections
import contextlib
import functools
import json
import os
import re
import socket
import subprocess

from harness import Sonde, clean_environment, unique, wait_until
from http_traffic.rows import ROWS
from span_collector import realtime_offset

PYTHON = "/usr/bin/python3"
FOLDER = os.path.dirname(os.path.abspath(__file__))
SIDES = ("server", "client")
KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
                 "QUERY"}
ROW_SECONDS = 60


# --- the traffic ---


def execute(service, arguments, descriptors):
    """Starts one side of a row as a program, which its environment names."""
    return subprocess.Popen(
        [PYTHON, "-m", "http_traffic", *arguments], cwd=FOLDER, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        pass_fds=descriptors, env=clean_environment(OTEL_SERVICE_NAME=service))


class Traffic:
    """The two processes of a row; start(service, arguments, descriptors) starts one of them."""

    def __init__(self, row, folder, start=execute):
        self.row = ROWS[row]
        self.start_process = start
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
        self.processes[side] = self.start_process(
            self.services[side], [side, *map(str, pipes), row, where],
            [*self.pipes, *descriptors])

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
        told = {}
        try:
            for side in reversed(SIDES):
                output, errors = self.processes[side].communicate(timeout=ROW_SECONDS)
                # without which the other side might wait for good
                assert not self.processes[side].returncode, f"{side}: {errors}"
                told[side] = [json.loads(line) for line in output.splitlines()]
        finally:
            self.end()
        return told

    def end(self):
        for process in self.processes.values():
            process.kill()
            process.communicate()
        for pipe in self.pipes:
            os.close(pipe)


# --- what Sonde saw of it ---


@contextlib.contextmanager
def sonde_for(collector, folder, *flags, kind=Sonde):
    """A Sonde that loses no span of any row."""
    with kind(folder, "--otlp-endpoint", collector.url, "--otlp-interval", "10ms",
              "--otlp-queue-size", "64MiB", "--ring-size", "64MiB", "--http-routes", "/*",
              "--series-limit", "1000000", *flags) as sonde:
        yield sonde


def settled(sonde, collector, services):
    """The metrics, when all that they count of these services has its span, or too late."""
    metrics = sonde.metrics()  # which has all that happened before
    counted = sum(metrics.sum(f"http_{side}_request_duration_seconds_count", service_name=name)
                  for side in SIDES for name in services)
    with contextlib.suppress(AssertionError):  # the checks say more of what is missing
        wait_until(lambda: sum(map(collector.count, services)) >= counted,
                   "the spans of what is counted")
    return metrics


class Clocks:
    """How CLOCK_REALTIME, in spans, stands to CLOCK_MONOTONIC, which the truth is told by."""

    def __init__(self):
        self.offset, self.error = realtime_offset()

    @functools.cached_property
    def uncertainty(self):
        """The clocks may be steered apart meanwhile, and Sonde read them for itself in between.

        It is to be asked for when all has happened, and is then that of all rows.
        """
        offset, error = realtime_offset()
        return abs(offset - self.offset) + self.error + error + 1000


class Outcome:
    """What both sides of a row told, and what Sonde saw of them.

    Where no hook is at the begin of a send (`begins` is false) it counts from its end; so it does
    where TCP's hook does not tell of it, as another protocol lies above.
    """

    def __init__(self, traffic, told, metrics, collector, clocks, begins=True):
        self.row, self.services = traffic.row, traffic.services
        self.told, self.metrics = told, metrics
        self.spans = {side: collector.of(self.services[side]) for side in SIDES}
        self.offset, self.uncertainty = clocks.offset, clocks.uncertainty
        self.begins = begins and not traffic.row.layered


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


def wrong_spans(outcome, side):
    """Where a request is not one span, or a span shows something else."""
    told = {t["key"]: what(t, side) for t in outcome.told[side]}
    assert len(told) == len(outcome.told[side]), "the row says a key twice"
    shown = collections.defaultdict(list)
    for span in outcome.spans[side]:
        attributes = {"kind": span.kind, **span.attributes}
        shown[key_of(span)].append({name: attributes.get(name) for name in told.get(
            key_of(span), attributes)})
    wrong = [f"{key}: a span that nobody asked for: {spans}"
             for key, spans in shown.items() if key not in told]
    for key, expected in told.items():
        if len(shown[key]) != 1:
            wrong.append(f"{key}: {len(shown[key])} spans: {shown[key]}")
        else:
            span, = shown[key]
            wrong += [f"{key}: {name} is {span[name]!r}, should be {value!r}"
                      for name, value in expected.items() if span[name] != value]
    return wrong


def wrong_counts(outcome, side):
    """Where requests are not counted once each."""
    told = collections.Counter(
        (known(t["method"]), str(t["status"] or ""), error_type(t, side) or "")
        for t in outcome.told[side])
    counted = collections.Counter()
    wrong = []
    for of in SIDES:
        for _, labels, value in outcome.metrics.select(
                f"http_{of}_request_duration_seconds_count", service_name=outcome.services[side]):
            if of != side:
                wrong.append(f"{value:g} are counted of a {of}, which it is not")
            counted[labels["http_request_method"], labels.get("http_response_status_code", ""),
                    labels.get("error_type", "")] += value
    return wrong + [f"{' '.join(filter(None, kind))}: {counted[kind]:g}, should be {told[kind]}"
                    for kind in sorted(told | counted) if counted[kind] != told[kind]]


def bounds(told, peer, moment, receiving, begins):
    """Between which readings of the clock a moment lies.

    Bytes are received after they were begun to be sent, and begin to be sent before they were
    received: so where a call took long, the other side's readings say more.
    """
    low, high = told[moment]
    if not peer or not peer.get(moment):
        return low, high
    if receiving or told["error"] == "connection_reset":
        low = max(low, peer[moment][0]) if receiving else min(low, peer[moment][0])
    elif moment != "end" and begins:
        high = min(high, peer[moment][1])
    return low, high


def moments_of(span, offset):
    """When a request began, its response did, and it ended, as its span tells."""
    start = span.start - offset
    first_byte = span.attributes.get("sonde.http.time_to_first_byte")
    return {"start": start, "end": span.end - offset,
            **({} if first_byte is None else {"response_first": start + round(first_byte * 1e9)})}


def each_with_span(outcome, side, wrong):
    """(request, what the other side told of it, its span); those without a span are wrong."""
    peers = {told["key"]: told for told in outcome.told[SIDES[side == "server"]]}
    spans = {key_of(span): span for span in outcome.spans[side]}
    for told in outcome.told[side]:
        if told["key"] in spans:
            yield told, peers.get(told["key"]), spans[told["key"]]
        else:
            wrong.append(f"{told['key']}: no span")


def wrong_moments(outcome, side):
    """Where a moment is not between the clock's readings around its system call."""
    wrong = []
    for told, peer, span in each_with_span(outcome, side, wrong):
        moments = moments_of(span, outcome.offset)
        if told["response_first"] and "response_first" not in moments:
            wrong.append(f"{told['key']}: no first byte of a response")
        for moment, at in moments.items():
            if not told[moment]:
                wrong.append(f"{told['key']} {moment}: never happened")
                continue
            receiving = (moment == "start") == (side == "server") and not (
                moment == "end" and told["error"])
            low, high = bounds(told, peer, moment, receiving, outcome.begins)
            if not low - outcome.uncertainty <= at <= high + outcome.uncertainty:
                wrong.append(f"{told['key']} {moment}: {at - low} ns after the clock before, "
                             f"{high - at} ns before the clock after (± {outcome.uncertainty})")
    return wrong


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


def wrong_waits(outcome, side):
    """Where a wait is not as long as the processes saw it."""
    wrong = []
    for told, peer, span in each_with_span(outcome, side, wrong):
        expected = waits(told, peer, side)
        shown = {name: value for name, value in span.attributes.items()
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
    return wrong


CHECKS = {"spans": wrong_spans, "counts": wrong_counts, "moments": wrong_moments,
          "waits": wrong_waits}
