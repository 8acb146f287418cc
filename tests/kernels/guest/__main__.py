# SPDX-License-Identifier: Apache-2.0
"""All that is tried on a kernel, from within: told as lines of JSON that begin with a mark.

The host (machine.py) reads them off the console. Whatever happens here, the next thing is tried.
"""
import contextlib
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))

from forked import forks  # noqa: E402

FORKED = forks()  # before there is more in memory

import checks  # noqa: E402
import expected  # noqa: E402
import forbidden  # noqa: E402
import http_rows  # noqa: E402
import work  # noqa: E402
from harness import SONDE  # noqa: E402
from http_truth import sonde_for  # noqa: E402
from lean import LeanSonde  # noqa: E402
from left_out import EVENTS, Compared, LeftOut, is_rare  # noqa: E402
from span_collector import Collector  # noqa: E402

MARK = "@sonde "
BACKENDS = ("tracepoints", "fentry", "kprobes")
# What `sonde check` says of them: the one that `auto` takes, and those before that.
CHOSEN = r"^  HTTP/1 +runs by (\w+)"
REFUSED = r"^    not by (\w+): "
OBJECTS = ("sonde.bpf.o", "sonde_tables.bpf.o")
COMMAND_SECONDS = 120
SPANS_AT_ONCE = "250ms"  # those of a shorter time would be so many requests to the collector
LOG_LINES = 40  # of a Sonde that says more, the first ones


def tell(what, **more):
    tell.lines += 1
    print(f"\n{MARK}{json.dumps({'what': what, **more})}", flush=True)


tell.lines = 0


def losses(sonde):
    """Whether Sonde lost anything, as it says of itself."""
    metrics = sonde.metrics()
    sources = sorted({labels["source"] for _, labels, _ in metrics.select(EVENTS)})
    result = Compared(len(sources), [])
    for source in sources:
        delivered = metrics.sum(EVENTS, source=source, outcome="delivered")
        for outcome, lost in metrics.losses(source).items():
            if lost:
                lines = result.accounted if is_rare(outcome, lost, delivered) else result.wrong
                lines.append(f"{source} {outcome}: {lost:g}, and {delivered:g} delivered")
    return result


def timed(check, *arguments):
    """What a check returns, and how many seconds it took."""
    begin = time.monotonic()
    try:
        compared = check(*arguments)
    except Exception:  # what else there is to check can still tell something
        compared = Compared(1, [traceback.format_exc()])
    return compared, time.monotonic() - begin


def tell_compared(backend, name, compared, seconds):
    """How much was compared, and what of that is wrong."""
    tell("compared", backend=backend, name=name, **vars(compared), seconds=round(seconds, 1))


def judge(backend, name, check, *arguments):
    tell_compared(backend, name, *timed(check, *arguments))


class Watch:
    """A Sonde whose HTTP comes by one backend's hooks, and the collector of its spans."""

    def __init__(self, backend, folder):
        self.differences = expected.of(backend)
        begin = time.monotonic()
        with contextlib.ExitStack() as stack:
            self.collector = stack.enter_context(Collector())
            sonde = stack.enter_context(sonde_for(
                self.collector, folder, "--log-format", "json", "--http-hooks", backend,
                "--otlp-interval", SPANS_AT_ONCE, kind=LeanSonde))
            self.left_out = LeftOut(sonde)
            self.end = stack.pop_all().close
        tell("started", backend=backend, seconds=round(time.monotonic() - begin, 1))
        tell("differs", backend=backend, reasons=self.differences)


@contextlib.contextmanager
def watching(backends, folder):
    """{backend: Watch} of those that run."""
    with contextlib.ExitStack() as stack:
        watches = {}
        for backend in backends:
            try:
                watches[backend] = Watch(backend, folder)
                stack.callback(watches[backend].end)
            except AssertionError as error:
                tell("refused", backend=backend, reason=str(error))
        yield watches


def try_backends(backends, folder):
    """All works and all rows of HTTP, which the Sondes of all backends see at once."""
    rows = http_rows.Rows(folder, FORKED)
    try:
        rows.begin_early()
        with watching(backends, folder) as watches:
            left_out = {backend: watch.left_out for backend, watch in watches.items()}
            works = checks.try_all(work.CHECKS, folder, left_out)
            traffic = timed(rows.run)
            for backend, watch in watches.items():
                for name, tried in works.items():
                    tell_compared(backend, name, tried.compared[backend], tried.seconds)
                tell_compared(backend, "HTTP traffic", *traffic)
                for name, check in rows.checks(watch.collector, watch.left_out,
                                               expected.BEGINS not in watch.differences):
                    judge(backend, name, check)
                judge(backend, "nothing lost", losses, watch.left_out.sonde)
                tell_log(backend, forbidden.log_lines(watch.left_out.sonde))
    finally:
        rows.end()


def try_refused(backend, folder):
    """Sonde does not start, and says why."""
    try:
        with LeanSonde(folder, "--log-format", "json", "--http-hooks", backend):
            tell_compared(backend, "hooks", Compared(1, ["it starts with them"]), 0)
    except AssertionError as error:
        tell("refused", backend=backend, reason=str(error))


def tell_log(backend, lines):
    tell("log", backend=backend,
         lines=[line for line in lines if line["level"] != "debug"][:LOG_LINES])


def try_auto(check, chosen, folder):
    """With all its programs `auto` is one of the backends: here it is without some of them."""
    rounds = forbidden.Rounds(check, folder)
    judge("auto", "forbidding", rounds.run)
    start = rounds.start
    if start:
        tell("started", backend="auto", seconds=round(start.seconds, 1))
        tell_compared("auto", "hooks", Compared(1, [] if start.backend == chosen else [
            f"it takes {start.backend}, and `sonde check` says {chosen}"]), 0)
        tell_log("auto", start.lines)


def run(what, *command):
    begin = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=COMMAND_SECONDS, check=False)
    tell(what, status=done.returncode, text=done.stdout, seconds=round(time.monotonic() - begin, 1))
    return done.stdout


def main():
    gc.freeze()  # what is imported stays, and need not be looked through again and again
    tell("kernel", release=os.uname().release, seconds=round(time.monotonic(), 1))
    try:
        check = run("check", SONDE, "check")
        run("programs", os.path.join(ROOT, "build", "verify"),
            *(os.path.join(ROOT, "build", name) for name in OBJECTS))
        chosen = re.search(CHOSEN, check, re.M)[1]
        tell("chosen", backend=chosen)
        refused = re.findall(REFUSED, check, re.M)
        with tempfile.TemporaryDirectory() as folder:
            for backend in refused:
                try_refused(backend, folder)
            try_backends([backend for backend in BACKENDS if backend not in refused], folder)
        with tempfile.TemporaryDirectory() as folder:
            try_auto(check, chosen, folder)
    except Exception:
        tell("failed", reason=traceback.format_exc())
    tell("end", lines=tell.lines)


main()
