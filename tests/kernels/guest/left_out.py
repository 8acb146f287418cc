# SPDX-License-Identifier: Apache-2.0
"""What a comparison with the truth found, and what of it is accounted for.

Kernels leave out runs of a program that is being run on the same CPU already: before it was
interrupted, since 7.0 by other tasks as well (README, Limits). Sonde counts them as `recursion`.
Now and then bytes are `unreadable`, as the kernel is moving their page, and on 7.x some requests
are `unparsable`. What is missing must not be more than what is counted so; each accounts for one
thing.
"""
import collections
import dataclasses

import expected

EVENTS = "sonde_events_total"
RARE = 10  # losses; more are nothing rare any more, unless they are a small share of the events
# One run that was left out may leave a whole body, piece by piece, within no message.
RARE_SHARES = {"recursion": 0.05, "unreadable": 0.2, "unparsable": 0.05}  # where tasks interrupt
RARE_SHARE = 0.01  # where only interrupts do; they come the more often, the slower the emulation is


def outcomes():
    """What Sonde may count of events that it lost by no fault of its own."""
    return ("recursion", "unreadable", *(("unparsable",) if expected.interrupted() else ()))


def is_rare(outcome, lost, delivered):
    if outcome not in outcomes():
        return False
    share = RARE_SHARES[outcome] if expected.interrupted() else RARE_SHARE
    return lost <= max(RARE, delivered * share)


@dataclasses.dataclass
class Compared:
    count: int   # of figures
    wrong: list  # lines
    accounted: list = dataclasses.field(default_factory=list)

    def __add__(self, other):
        return Compared(self.count + other.count, self.wrong + other.wrong,
                        self.accounted + other.accounted)


class LeftOut:
    """The runs that the kernel left out for one Sonde, each of which is used once."""

    def __init__(self, sonde):
        self.sonde = sonde
        self.used, self.known = collections.Counter(), collections.Counter()
        self.rows = set()

    def account(self, source, things):
        """Whether so many things more may be missing."""
        if self.used[source] + things > self.known[source]:
            lost = self.sonde.metrics().losses(source)
            self.known[source] = sum(lost.get(outcome, 0) for outcome in outcomes())
        if self.used[source] + things > self.known[source]:
            return False
        self.used[source] += things
        return True

    def compared(self, count, lines, source, things):
        """`lines` are what is wrong in these things: all of them are accounted for, or none."""
        if lines and self.account(source, things):
            return Compared(count, [], lines)
        return Compared(count, lines)

    def compared_rows(self, count, rows):
        """Of rows of HTTP, {name: lines}: each, whatever is wrong in it, is one thing."""
        result = Compared(count, [])
        for row, lines in rows.items():
            if row not in self.rows and self.account("http", 1):
                self.rows.add(row)
            (result.accounted if row in self.rows else result.wrong).extend(lines)
        return result
