# SPDX-License-Identifier: Apache-2.0
"""All rows of http_traffic, some at a time, and then one look at what each Sonde tells of them."""
import os

import expected
import http_truth
from http_traffic.rows import ROWS
from left_out import Compared

AT_ONCE = 10  # most of them wait for most of their time
ALONE = {"port-reused-at-once"}  # any other connection might get the port meanwhile


class Rows:
    def __init__(self, folder, start):
        self.folder, self.start = folder, start
        self.clocks = http_truth.Clocks()
        self.rows = [row for row in ROWS if row not in expected.unserved()]
        self.early = {}
        self.failed = {}
        self.told = {}

    def begin(self, row):
        folder = os.path.join(self.folder, row)
        os.mkdir(folder)
        return http_truth.Traffic(row, folder, self.start)

    def begin_early(self):
        """Those that begin before Sonde does."""
        for row in self.rows:
            if ROWS[row].early:
                self.early[row] = self.begin(row)
        for traffic in self.early.values():
            traffic.wait_ready()

    def end(self):
        for traffic in self.early.values():
            traffic.end()
        self.early.clear()

    def finish(self, row, traffic):
        try:
            self.told[row] = traffic, traffic.told()
        except AssertionError as error:
            self.failed[row] = str(error)

    def run(self):
        """Runs the traffic, to its end."""
        while self.early:
            row, traffic = self.early.popitem()
            traffic.release()
            self.finish(row, traffic)
        running = []
        for row in self.rows:
            if not ROWS[row].early and row not in ALONE:
                running.append((row, self.begin(row)))
            if len(running) == AT_ONCE:
                self.finish(*running.pop(0))
        for row, traffic in running:
            self.finish(row, traffic)
        for row in ALONE:
            self.finish(row, self.begin(row))
        return Compared(len(self.rows),
                        [f"{row}: {reason}" for row, reason in self.failed.items()])

    def checks(self, collector, left_out, begins):
        """(name, check) of each kind of comparison with what one Sonde tells."""
        services = [name for traffic, _ in self.told.values()
                    for name in traffic.services.values()]
        metrics = http_truth.settled(left_out.sonde, collector, services)
        outcomes = {row: http_truth.Outcome(traffic, told, metrics, collector, self.clocks,
                                              begins)
                    for row, (traffic, told) in self.told.items()}
        for name, check in http_truth.CHECKS.items():
            yield f"HTTP {name}", lambda check=check: compare(check, outcomes, left_out)


def compare(check, outcomes, left_out):
    wrong = {row: [f"{row} {side}: {what}" for side in http_truth.SIDES
                   for what in check(outcome, side)] for row, outcome in outcomes.items()}
    return left_out.compared_rows(len(outcomes) * len(http_truth.SIDES),
                                  {row: lines for row, lines in wrong.items() if lines})
