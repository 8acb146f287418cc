# SPDX-License-Identifier: Apache-2.0
"""HTTP/1 against traffic that knows the truth: every request is one span, on time, on both sides.

Each row of http_traffic/ is run once; http_truth.py runs and compares. The same rows are run on
other kernels by tests/kernels/.
"""
import pytest

import http_truth
from http_truth import SIDES, Clocks, Outcome, Traffic
from http_traffic.rows import ROWS
from span_collector import Collector


@pytest.fixture(scope="module")
def collector():
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def early(request, tmp_path_factory):
    """Traffic of the rows that begin before Sonde does, as far as they are asked for."""
    asked = {item.callspec.params["outcome"] for item in request.session.items
             if getattr(item, "module", None) is request.module}
    traffic = {}
    try:
        for row in asked:
            if ROWS[row].early:
                traffic[row] = Traffic(row, tmp_path_factory.mktemp("row"))
                traffic[row].wait_ready()
        yield traffic
    finally:
        for left in traffic.values():
            left.end()


@pytest.fixture(scope="module")
def sonde(tmp_path_factory, collector, early):
    with http_truth.sonde_for(collector, tmp_path_factory.mktemp("sonde"),
                              "--sweep-interval", "100ms") as running:
        yield running


@pytest.fixture(scope="module", params=ROWS)
def outcome(request, tmp_path_factory, sonde, collector, early):
    row = request.param
    clocks = Clocks()
    if row in early:
        traffic = early.pop(row)
        traffic.release()
    else:
        traffic = Traffic(row, tmp_path_factory.mktemp("row"))
    told = traffic.told()
    metrics = http_truth.settled(sonde, collector, traffic.services.values())
    return Outcome(traffic, told, metrics, collector, clocks)


def nothing(wrong):
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize("side", SIDES)
def test_each_request_is_one_span(outcome, side):
    nothing(http_truth.wrong_spans(outcome, side))


@pytest.mark.parametrize("side", SIDES)
def test_each_request_is_counted_once(outcome, side):
    nothing(http_truth.wrong_counts(outcome, side))


@pytest.mark.parametrize("side", SIDES)
def test_each_moment_is_between_the_clock_readings_around_its_system_call(outcome, side):
    nothing(http_truth.wrong_moments(outcome, side))


@pytest.mark.parametrize("side", SIDES)
def test_waits_are_as_long_as_the_processes_saw_them(outcome, side):
    nothing(http_truth.wrong_waits(outcome, side))
