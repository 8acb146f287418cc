# SPDX-License-Identifier: Apache-2.0
"""Each program that this kernel has is forbidden once: one line says what is lost, the rest counts.

As many as do not lose the same are forbidden together, as starting takes long here. One that left
no line, because another one had taken along what it serves, has its turn in the next round. All of
it is with the hooks of `auto`.
"""
import collections
import json
import re
import time

import expected
from harness import expect, run, unique
from lean import LeanSonde
from left_out import Compared
from lost_programs import CALLS, IS_OFF, NEEDED, REQUESTS, TRAFFIC
from lost_programs import expected as figures

PYTHON = "/usr/bin/python3"
HOOKS = r"    ([a-z_0-9]+) +(?:(?:tp_btf|fentry|fexit|k\w*probe) \w+|iter/\w+)"
FALLS_BACK = "HTTP falls back to other hooks"
FIRST = "tracepoints"  # what falls back at first
BY_US = "it is one of disabled-programs"
SOURCES_OFF = 2  # in one round, so that there is a rest to count
# Without which nothing is promised of what would be counted.
ALONE = {"workload_exec", "tcp_forget"}
SETTLE_SECONDS = 5
SWEEP, LONGER_THAN_A_SWEEP = "200ms", 0.5


# How `auto` started in seconds, and what it said of that by itself.
Start = collections.namedtuple("Start", "seconds backend lines")


def choose(left):
    """Of the programs that are left those that are forbidden together."""
    alone = [program for program in left if program in ALONE]
    if alone:
        return alone
    chosen, off = [], set()
    for program in left:
        source = NEEDED.get(program)
        if source and (source in off or len(off) == SOURCES_OFF):
            continue
        chosen.append(program)
        if source:
            off.add(source)
    return chosen


def judge(forbidden, lines):
    """(programs that left a line, sources that are off, what of the lines is wrong)"""
    told, off, wrong = [], set(), []
    for program in forbidden:
        own = [line for line in lines if program in (line.get("program"), line.get("from"))]
        if own:
            told.append(program)
        wrong += [f"{program}: {line}" for line in own
                  if len(own) > 1 or line["reason"] != BY_US]
    # HTTP goes on with the next kind of hooks, which this kernel may lack
    left_hooks = any(line["message"] == FALLS_BACK and line["program"] in told for line in lines)
    for source, message in IS_OFF.items():
        by = [line["program"] for line in lines if line["message"] == message]
        if by:
            off.add(source)
        needed = [program for program in told if NEEDED.get(program) == source]
        if by != needed and not (source == "http" and (left_hooks or set(by) <= set(told))):
            wrong.append(f"without {', '.join(told)}: {message} by {by}, should be by {needed}")
    return told, off, wrong


def log_lines(sonde):
    """As they are now: the last one may still be written."""
    return [json.loads(line) for line in sonde.log().split("\n")[:-1] if line.startswith("{")]


def wrong_traffic(sonde, off):
    service = unique("forbidden")
    run(PYTHON, "-S", "-c", TRAFFIC, str(REQUESTS), str(CALLS), name=service)
    try:
        expect(sonde, *figures(service, off), seconds=SETTLE_SECONDS, settle=LONGER_THAN_A_SWEEP)
    except AssertionError as error:
        return str(error).splitlines()
    return []


def start_of(seconds, lines):
    own = [line for line in lines if line.get("reason") != BY_US]
    fallbacks = [line["to"] for line in own if line["message"] == FALLS_BACK]
    return Start(seconds, [FIRST, *fallbacks][-1], own)


class Rounds:
    """Those that `sonde check` said are used here; the first round leaves HTTP's as they are."""

    def __init__(self, check, folder):
        self.folder = folder
        self.programs = re.findall(HOOKS, check, re.M)
        self.start = None

    def forbid(self, programs):
        begin = time.monotonic()
        with LeanSonde(self.folder, "--disabled-programs", ",".join(programs),
                       "--log-format", "json", "--sweep-interval", SWEEP) as sonde:
            lines = log_lines(sonde)
            self.start = self.start or start_of(time.monotonic() - begin, lines)
            told, off, wrong = judge(programs, lines)
            if not ALONE.intersection(programs):
                lines = wrong_traffic(sonde, off)
                if lines and expected.interrupted():  # a run left out is no loss of a second time
                    lines = wrong_traffic(sonde, off)
                wrong += [f"without {', '.join(told)}: {line}" for line in lines]
        return told, wrong

    def run(self):
        left = self.programs
        result = Compared(len(left), [])
        while left:
            told, wrong = self.forbid(choose(left))
            result.wrong += wrong
            if not told:
                result.wrong += [f"{program}: no line when it is forbidden" for program in left]
                break
            left = [program for program in left if program not in told]
        return result
