# SPDX-License-Identifier: Apache-2.0
"""Checks of known work, all of them step by step, against some Sondes that see the same.

A check is a generator: it does some work, and gives a list of what must be seen of that (Figures),
or of functions that look at a Sonde's metrics for themselves and return what they Compared. Then it
may go on. To see that figures stay as they are takes a while, and no longer for all than for one.
"""
import dataclasses
import math
import time
import traceback

from known_work import OPEN
from left_out import Compared

SHOWN_SECONDS = 15
LONGER_THAN_A_SWEEP = 1.1


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
            missing[of] = max(missing.get(of, 0), self.runs(name, truth, shown))
        return left_out.compared(len(self.rows), wrong, self.source, sum(missing.values()))

    def runs(self, name, truth, shown):
        """How many that were left out would account for it."""
        if self.one_connection:
            return 1
        if name == OPEN:  # more: the end of some was not seen, and only a sweep of all corrects it
            return abs(truth - shown)
        if shown > truth:
            return math.inf
        return math.ceil((truth - shown) * (self.each or truth) / truth)


class Try:
    """A check that is under way, and what came of it for each Sonde."""

    def __init__(self, check, folder, backends):
        self.steps = check(folder)
        self.given = []  # by the step before; None at the end
        self.compared = {backend: Compared(0, []) for backend in backends}
        self.seconds = 0

    def step(self):
        begin = time.monotonic()
        try:
            self.given = next(self.steps, None)
        except Exception:  # what else there is to check can still tell something
            self.given = None
            for backend in self.compared:
                self.compared[backend] += Compared(1, [traceback.format_exc()])
        self.seconds += time.monotonic() - begin

    def figures(self):
        return [given for given in self.given if isinstance(given, Figures)]

    def take(self, backend, metrics, left_out):
        for given in self.given:
            self.compared[backend] += (given.compared(metrics, left_out)
                                     if isinstance(given, Figures) else given(metrics))


def await_figures(rows, sondes):
    """Until all show these, or for long enough: each check says for itself what is wrong then."""
    end = time.monotonic() + SHOWN_SECONDS
    for sonde in sondes:
        metrics = sonde.metrics()
        while (any(metrics.sum(name, **labels) != truth for name, labels, truth in rows)
               and time.monotonic() < end):
            time.sleep(0.1)
            metrics = sonde.metrics()
    time.sleep(LONGER_THAN_A_SWEEP)


def try_all(checks, folder, left_out):
    """{name: Try} of what has ended; left_out has what each Sonde leaves out, by backend."""
    tries = {name: Try(check, folder, left_out) for name, check in checks.items()}
    sondes = [of.sonde for of in left_out.values()]
    running = list(tries.values())
    while running:
        for one in running:
            one.step()
        running = [one for one in running if one.given is not None]
        rows = [row for one in running for figures in one.figures() for row in figures.rows]
        if rows:
            await_figures(rows, sondes)
        for backend, of in left_out.items() if any(one.given for one in running) else ():
            metrics = of.sonde.metrics()
            for one in running:
                one.take(backend, metrics, of)
    return tries
