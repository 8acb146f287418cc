# SPDX-License-Identifier: Apache-2.0
"""All that is tried on a kernel, from within: told as lines of JSON that begin with a mark.

The host (machine.py) reads them off the console. Whatever happens here, the next thing is tried.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))

import expected  # noqa: E402
import forbidden  # noqa: E402
import http_rows  # noqa: E402
import work  # noqa: E402
from harness import SONDE, Metrics, Sonde  # noqa: E402
from http_truth import sonde_for  # noqa: E402
from left_out import EVENTS, Compared, LeftOut, is_rare  # noqa: E402
from span_collector import Collector  # noqa: E402

MARK = "@sonde "
SHELLS = ("auto", "tracepoints", "fentry", "kprobes")
OBJECTS = ("sonde.bpf.o", "sonde_tables.bpf.o")
SOURCES = ("http", "tcp", "dns", "process", "syscall", "slow_syscall", "workload")
COMMAND_SECONDS = 120
LOG_LINES = 40  # of a Sonde that says more, the first ones


def tell(what, **more):
    tell.lines += 1
    print(f"\n{MARK}{json.dumps({'what': what, **more})}", flush=True)


tell.lines = 0


class LeanSonde(Sonde):
    """Without buckets, most lines of the metrics, whose reading takes long where all is slow."""

    def metrics(self):
        return Metrics("\n".join(line for line in self.text().splitlines()
                                 if "_bucket{" not in line))


def losses(sonde):
    """Whether Sonde lost anything, as it says of itself."""
    metrics = sonde.metrics()
    result = Compared(len(SOURCES), [])
    for source in SOURCES:
        delivered = metrics.sum(EVENTS, source=source, outcome="delivered")
        for outcome, lost in metrics.losses(source).items():
            if lost:
                lines = result.accounted if is_rare(outcome, lost, delivered) else result.wrong
                lines.append(f"{source} {outcome}: {lost:g}, and {delivered:g} delivered")
    return result


def judge(shell, name, check, *arguments):
    """Tells what a check returns: how much it compared, and what of that is wrong."""
    begin = time.monotonic()
    try:
        compared = check(*arguments)
    except Exception:  # what else there is to check can still tell something
        compared = Compared(1, [traceback.format_exc()])
    tell("compared", shell=shell, name=name, **vars(compared),
         seconds=round(time.monotonic() - begin, 1))


def try_shell(shell, folder):
    """Everything with one Sonde, whose HTTP comes by the hooks of this shell.

    As `auto` is one of the others, the rows of HTTP are left to those.
    """
    differences = expected.of(shell)
    begin = time.monotonic()
    with Collector() as collector:
        rows = http_rows.Rows(collector, folder)
        try:
            if shell != "auto":
                rows.begin_early()
            sonde = sonde_for(collector, folder, "--log-format", "json",
                              "--http-hooks", shell, kind=LeanSonde)
            with sonde as sonde:
                accounts = LeftOut(sonde)
                tell("started", shell=shell, seconds=round(time.monotonic() - begin, 1))
                for name, check in (work.CHECKS if shell == "auto" else work.HTTP_CHECKS).items():
                    judge(shell, name, check, sonde, folder, accounts)
                if shell != "auto":
                    tell("differs", shell=shell, reasons=differences)
                    for name, check in rows.checks(sonde, accounts,
                                                   expected.BEGINS not in differences):
                        judge(shell, name, check)
                judge(shell, "nothing lost", losses, sonde)
                lines = forbidden.log_lines(sonde)[:LOG_LINES]
        except AssertionError as error:
            tell("refused", shell=shell, reason=str(error))
            return
        finally:
            rows.end()
    tell("log", shell=shell, lines=[line for line in lines if line["level"] != "debug"])


def run(what, *command):
    begin = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=COMMAND_SECONDS, check=False)
    tell(what, status=done.returncode, text=done.stdout, seconds=round(time.monotonic() - begin, 1))
    return done.stdout


def main():
    tell("kernel", release=os.uname().release, seconds=round(time.monotonic(), 1))
    try:
        check = run("check", SONDE, "check")
        run("programs", os.path.join(ROOT, "build", "verify"),
            *(os.path.join(ROOT, "build", name) for name in OBJECTS))
        for shell in SHELLS:
            with tempfile.TemporaryDirectory() as folder:
                try_shell(shell, folder)
        with tempfile.TemporaryDirectory() as folder:
            judge("auto", "forbidding", forbidden.each, check, folder)
    except Exception:
        tell("failed", reason=traceback.format_exc())
    tell("end", lines=tell.lines)


main()
