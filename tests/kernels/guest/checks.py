# SPDX-License-Identifier: Apache-2.0
"""Checks of known work, all of them step by step, against one Sonde.

A check is a generator: it does some work, and gives a list of what must be seen of that (Figures),
or of what it Compared itself. Then it gets the metrics, and may go on. To see that figures stay as
they are takes a while, and no longer for all checks than for one.
"""
import contextlib
import dataclasses
import math
import time
import traceback

from harness import expect
from left_out import Compared

SETTLE_SECONDS = 10


@dataclasses.dataclass
class Figures:
    """What must be seen of one source: (metric, labels, value) each."""
    rows: list
    source: str       # whose runs that the kernel left out may account for what is missing
    each: int = None  # the values are sums over as many things that a run may be missing of
    one_connection: bool = False  # of each service, which does not get over a gap

    def compared(self, metrics, left_out):
        wrong, missing = [], {}
        for name, labels, truth in self.rows:
            shown = metrics.sum(name, **labels)
            if shown == truth:
                continue
            wrong.append(f"{name}{labels} is {shown:g}, should be {truth}")
            of = labels["service_name"], labels.get("syscall")
            missing[of] = max(missing.get(of, 0), self.runs(truth, shown))
        return left_out.compared(len(self.rows), wrong, self.source, sum(missing.values()))

    def runs(self, truth, shown):
        """How many that were left out would account for it."""
        if self.one_connection:
            return 1
        if shown > truth:
            return math.inf
        return math.ceil((truth - shown) * (self.each or truth) / truth)


class Try:
    """A check that is under way, and what came of it."""

    def __init__(self, check, folder):
        self.steps = check(folder)
        self.given = []  # by the step before; None at the end
        self.compared = Compared(0, [])
        self.seconds = 0

    def step(self, metrics):
        begin = time.monotonic()
        try:
            self.given = self.steps.send(metrics)
        except StopIteration:
            self.given = None
        except Exception:  # what else there is to check can still tell something
            self.given = None
            self.compared += Compared(1, [traceback.format_exc()])
        self.seconds += time.monotonic() - begin

    def figures(self):
        return [given for given in self.given if isinstance(given, Figures)]

    def take(self, metrics, left_out):
        for given in self.given:
            self.compared += (given.compared(metrics, left_out) if isinstance(given, Figures)
                              else given)


def try_all(checks, sonde, folder, left_out):
    """{name: Try} of what has ended."""
    tries = {name: Try(check, folder) for name, check in checks.items()}
    running, metrics = list(tries.values()), None
    while running:
        for one in running:
            one.step(metrics)
        running = [one for one in running if one.given is not None]
        rows = [row for one in running for figures in one.figures() for row in figures.rows]
        if rows:
            with contextlib.suppress(AssertionError):  # each says for itself what is wrong
                expect(sonde, *rows, seconds=SETTLE_SECONDS)
        metrics = sonde.metrics()
        for one in running:
            one.take(metrics, left_out)
    return tries
