# SPDX-License-Identifier: Apache-2.0
"""The run queue: how long threads wait for a CPU, against what the kernel says of each thread.

tests/kernels/ compares the same programs on other kernels.
"""
import contextlib
import os
import signal
import subprocess
import time

from harness import Sonde, program, unique, wait_until

PYTHON = "/usr/bin/python3"
WAIT = "sonde_sched_run_queue_seconds"
LONGER_THAN_A_SWEEP = 1.2

# Each begins to work at SIGUSR1, says "done" after that and sleeps: so the kernel's figures and
# Sonde's stand still, and what it took to execute it, first under another name, is left out.
BEGIN = """
import os, signal, sys, threading, time
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
os.sched_setaffinity(0, {int(sys.argv[1])})
amount = float(sys.argv[2])
print("ready", flush=True)
signal.sigwait({signal.SIGUSR1})
"""
END = """
print("done", flush=True)
signal.pause()
"""
BUSY = f"""{BEGIN}
end = time.monotonic() + amount
while time.monotonic() < end:
    pass
{END}"""
SLEEPER = f"""{BEGIN}
for i in range(int(amount)):
    time.sleep(0.001)
{END}"""
THREADS = f"""{BEGIN}
ready, stay = threading.Barrier(int(amount) + 1), threading.Event()
def work():
    for i in range(20):
        sum(range(20000))
        time.sleep(0.001)
    ready.wait()
    stay.wait()
for i in range(int(amount)):
    threading.Thread(target=work, daemon=True).start()
ready.wait()
{END}"""
ENDING = """
import os, sys
def waited():
    with open("/proc/thread-self/schedstat", encoding="ascii") as file:
        return file.read().split()[1]
os.sched_setaffinity(0, {int(sys.argv[1])})
before = waited()
sum(range(3000000))
os.nice(-20)  # to its end it hardly waits any more
print(before, waited(), flush=True)
os._exit(0)
"""


class Programs:
    """Python programs under one service name, all of which begin to work at once."""

    def __init__(self, stack, script, *arguments, count=1):
        self.name = unique("sched")
        self.processes = [stack.enter_context(program(
            PYTHON, "-S", "-c", script, *map(str, arguments), name=self.name,
            stdout=subprocess.PIPE)) for _ in range(count)]

    def expect(self, line):
        for process in self.processes:
            assert process.stdout.readline() == line

    def begin(self):
        for process in self.processes:
            process.send_signal(signal.SIGUSR1)

    def truth(self):
        """(seconds, turns) of all their threads, as the kernel counts them."""
        seconds = turns = 0
        for process in self.processes:
            for thread in os.listdir(f"/proc/{process.pid}/task"):
                with open(f"/proc/{process.pid}/task/{thread}/schedstat", encoding="ascii") as file:
                    _, delay, count = file.read().split()
                seconds += int(delay) / 1e9
                turns += int(count)
        return seconds, turns


    def at_rest(self):
        """The truth, once it does not change any more."""
        wait_until(lambda: self.truth() == (time.sleep(0.2), self.truth())[1], "all sleep")
        return self.truth()


def is_near(shown, truth, part=0.01):
    return abs(shown - truth) <= part * truth


def told(metrics, name):
    """(seconds, turns) of a service, as Sonde tells them."""
    return (metrics.sum(f"{WAIT}_sum", service_name=name),
            metrics.sum(f"{WAIT}_count", service_name=name))


def shown(sonde, name):
    time.sleep(LONGER_THAN_A_SWEEP)
    return told(sonde.metrics(), name)


def assert_true(sonde, *kinds):
    """Programs of each kind, (script, amount, count), wait as long as the kernel says; how long."""
    with contextlib.ExitStack() as stack:
        all_programs = [Programs(stack, script, cpu(), amount, count=count)
                        for script, amount, count in kinds]
        for programs in all_programs:
            programs.expect(b"ready\n")
        before = [(programs.at_rest(), shown(sonde, programs.name)) for programs in all_programs]
        for programs in all_programs:
            programs.begin()
        for programs in all_programs:
            programs.expect(b"done\n")
        waits = []
        for programs, (truth_before, shown_before) in zip(all_programs, before):
            truth, seen = programs.at_rest(), shown(sonde, programs.name)
            for i in range(2):
                assert is_near(seen[i] - shown_before[i], truth[i] - truth_before[i])
            waits.append(truth[0] - truth_before[0])
        return waits


def cpu():
    return max(os.sched_getaffinity(0))


def test_busy_programs_on_one_cpu_wait_as_the_kernel_says(sonde):
    assert assert_true(sonde, (BUSY, 1.5, 4))[0] > 3  # three of four wait at any time


def test_threads_and_sleepers_beside_a_busy_program_have_exact_sums_each(sonde):
    assert_true(sonde, (THREADS, 50, 1), (SLEEPER, 500, 2), (BUSY, 2, 1))


def test_what_has_ended_is_counted_to_its_end(sonde):
    with contextlib.ExitStack() as stack:
        alive = Programs(stack, BUSY, cpu(), 0)  # so that the service's series stay
        alive.expect(b"ready\n")
        alive.at_rest()
        before, _ = shown(sonde, alive.name)
        processes = [stack.enter_context(program(
            PYTHON, "-S", "-c", ENDING, str(cpu()), name=alive.name, stdout=subprocess.PIPE))
            for _ in range(20)]
        waits = [process.communicate(timeout=60)[0].split() for process in processes]
        seen = shown(sonde, alive.name)[0] - before
    begin, end = (sum(int(line[i]) for line in waits) / 1e9 for i in range(2))
    assert 0.99 * (end - begin) <= seen <= 1.01 * end + 0.05 * len(processes)


def test_a_program_from_before_sonde_counts_from_its_first_turn_on(tmp_path):
    with contextlib.ExitStack() as stack:
        programs = Programs(stack, BUSY, cpu(), 1, count=3)
        programs.expect(b"ready\n")
        seconds, turns = programs.at_rest()
        with Sonde(tmp_path) as sonde:
            programs.begin()
            programs.expect(b"done\n")
            after, turns_after = programs.at_rest()
            told_seconds, told_turns = shown(sonde, programs.name)
    assert is_near(told_seconds, after - seconds, 0.05)
    assert turns_after - turns - 3 <= told_turns <= turns_after - turns


def test_without_the_source_there_is_no_series(tmp_path):
    with Sonde(tmp_path, "--no-sched") as sonde:
        time.sleep(LONGER_THAN_A_SWEEP)
        assert not sonde.metrics().select(f"{WAIT}_count")
