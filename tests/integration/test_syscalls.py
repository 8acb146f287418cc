# SPDX-License-Identifier: Apache-2.0
"""System calls: counts, errors and sums, against a program that knows its own.

For what counts as slow see test_slow_calls.py."""
import shutil

from harness import expect, run, start, unique
from known_work import SYSCALLS, syscall_figures

SUM = "sonde_syscall_duration_seconds_sum"
SLOW = "sonde_syscall_slow_total"


def run_at_once(*commands):
    """Runs (name, program, steps) side by side, each to a good end."""
    processes = [start(program, *steps, name=name) for name, program, steps in commands]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0


def test_two_services_of_one_executable_have_exact_counts_each(sonde, calls):
    one, two = unique("calls-one"), unique("calls-two")
    run_at_once(
        (one, calls, ["getppid=100000", "openat=5000", "close=1234"]),
        (two, calls, ["close=77", "openat=4321", "getppid=60007"]))
    expect(sonde, *syscall_figures(one, 100000, 5000, 1234), *syscall_figures(two, 60007, 4321, 77))
    assert sonde.metrics().dropped("syscall") == 0


def test_two_executables_without_a_name_have_exact_counts_each(
        sonde, calls, tmp_path, named_by_executable):
    names = unique("one"), unique("two")
    paths = [shutil.copy(calls, tmp_path / name) for name in names]
    run_at_once(
        (None, str(paths[0]), ["getppid=100000", "openat=5000", "close=1234"]),
        (None, str(paths[1]), ["getppid=2500", "openat=333", "close=4000"]))
    expect(sonde, *syscall_figures(names[0], 100000, 5000, 1234),
           *syscall_figures(names[1], 2500, 333, 4000))


def test_calls_on_both_cpus_under_one_name_are_added_up(sonde, calls):
    name = unique("calls-many")
    run_at_once(*[(name, calls, ["getppid=30000", "openat=1000", "close=500"])] * 8)
    expect(sonde, *syscall_figures(name, 240000, 8000, 4000))


def test_calls_go_on_being_counted_between_sweeps(sonde, calls):
    name = unique("calls-again")
    for n in range(1, 6):
        assert run(calls, "getppid=10000", "openat=100", "close=10", name=name)[0] == 0
        expect(sonde, *syscall_figures(name, 10000 * n, 100 * n, 10 * n))


def test_sum_lies_between_the_time_slept_and_the_time_measured(sonde, calls):
    name = unique("calls-sleep")
    status, output = run(calls, "nanosleep=150", "nanosleep=250", name=name)
    assert status == 0
    measured = sum(int(line.split()[1]) for line in output.splitlines()) / 1e9
    labels = {"service_name": name, "syscall": "nanosleep"}
    expect(sonde, (SYSCALLS, labels, 2))
    assert 0.4 <= sonde.metrics().sum(SUM, **labels) <= measured


def test_histogram_buckets_of_a_call_hold_it_where_it_belongs(sonde, calls):
    name = unique("calls-bucket")
    assert run(calls, *["nanosleep=20"] * 5, "nanosleep=1100", name=name)[0] == 0
    labels = {"service_name": name, "syscall": "nanosleep"}
    bucket = SYSCALLS.replace("_count", "_bucket")
    expect(sonde,
           (bucket, dict(labels, le="0.0009765625"), 0),
           (bucket, dict(labels, le="0.0625"), 5),
           (bucket, dict(labels, le="4.0"), 6),
           (bucket, dict(labels, le="+Inf"), 6))


def test_call_that_waits_by_design_is_not_slow(sonde, calls):
    name = unique("calls-nap")
    assert run(calls, "nanosleep=300", name=name)[0] == 0
    expect(sonde,
           (SYSCALLS, {"service_name": name, "syscall": "nanosleep"}, 1),
           (SLOW, {"service_name": name}, 0))
    assert name not in sonde.log()


def test_calls_faster_than_the_threshold_are_not_slow(sonde, calls):
    name = unique("calls-fast")
    assert run(calls, "getppid=1000", "openat=100", name=name)[0] == 0
    expect(sonde,
           (SYSCALLS, {"service_name": name, "syscall": "getppid"}, 1000),
           (SLOW, {"service_name": name}, 0))


def test_threads_count_under_their_process(sonde):
    name = unique("calls-threads")
    code = ("import os, threading\n"
            "def work():\n"
            "    for _ in range(2000): os.getppid()\n"
            "t = [threading.Thread(target=work) for _ in range(8)]\n"
            "[x.start() for x in t]; [x.join() for x in t]\n")
    assert run("/usr/bin/python3", "-c", code, name=name)[0] == 0
    expect(sonde, (SYSCALLS, {"service_name": name, "syscall": "getppid"}, 2000 * 8))
