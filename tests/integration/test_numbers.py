# SPDX-License-Identifier: Apache-2.0
"""Numbers of workloads: bounded, shared, and given back, whoever takes as many as there are."""
import contextlib
import os
import shutil
import subprocess
import time

import pytest

from harness import Sonde, expect, only, run, start, unique
from holders import another_holder
from known_work import EXITS

STARTS = "sonde_process_starts_total"
CALLS = "sonde_syscall_duration_seconds_count"
LIMITS = "sonde_limit_reached_total"
NUMBERS = 2047  # WORKLOADS_MAX - 1
AT_ONCE = 1300  # that one user alone may have without anybody noticing
TOO_MANY = 3000
AGAIN_SECONDS = 30  # until who has none has asked again, on a busy machine
# many names make many series, which are not what is tested here
ONLY_PROCESSES = (*only("processes"), "--series-limit", "1000000")


SLEEPERS = """
import os, signal, sys
pids = [os.posix_spawn("/bin/sleep", ["sleep", "600"], {"OTEL_SERVICE_NAME": f"{sys.argv[1]}-{i}"})
        for i in range(int(sys.argv[2]))]
print("they sleep", flush=True)
sys.stdin.read()
for pid in pids:
    os.kill(pid, signal.SIGKILL)
for pid in pids:
    os.waitpid(pid, 0)
"""


@contextlib.contextmanager
def sleepers(count, before=()):
    """So many programs that live and do nothing, each with a name of its own."""
    with start(*before, "/usr/bin/python3", "-c", SLEEPERS, unique("sleeper"), str(count),
               stdin=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"they sleep\n"
        try:
            yield
        finally:
            process.communicate(timeout=60)


def jobs(count, seconds, prefix):
    """So many short programs one after the other, each with a name of its own, evenly spread."""
    begin = time.monotonic()
    for i in range(count):
        pid = os.posix_spawn("/bin/true", ["true"], {"OTEL_SERVICE_NAME": f"{prefix}-{i}"})
        assert os.waitpid(pid, 0)[1] == 0
        time.sleep(max(0, begin + seconds * i / count - time.monotonic()))


def expect_whole(sonde, calls, name, **how):
    assert run(calls, "getppid=10", name=name)[0] == 0
    expect(sonde, (STARTS, {"service_name": name}, 1),
           (EXITS, {"service_name": name, "reason": "success"}, 1), **how)


def test_service_after_more_short_jobs_than_there_are_numbers_is_whole(tmp_path, calls):
    prefix, name = unique("job"), unique("after-jobs")
    with Sonde(tmp_path, *ONLY_PROCESSES) as sonde:
        jobs(2 * NUMBERS, 25, prefix)
        expect_whole(sonde, calls, name)
        metrics = sonde.metrics()
        assert metrics.sum(LIMITS, limit="workloads") == 0
        assert metrics.dropped("workload") == 0
        assert sonde.stop() == 0


@pytest.mark.parametrize("is_named", [True, False])
def test_service_beside_many_that_sleep_is_whole_at_once(
        tmp_path, calls, is_named, named_by_executable):
    name = unique("beside-sleepers")
    with sleepers(AT_ONCE), Sonde(tmp_path, *ONLY_PROCESSES) as sonde:
        with sleepers(AT_ONCE):
            if is_named:
                expect_whole(sonde, calls, name)
            else:
                assert run(shutil.copy(calls, tmp_path / name), "getppid=10")[0] == 0
                expect(sonde, (STARTS, {"service_name": name}, 1))


def test_service_beside_more_that_sleep_than_there_are_numbers_gets_one_later(tmp_path, calls):
    name = unique("beside-many")
    with Sonde(tmp_path, *ONLY_PROCESSES, "--log-format", "json") as sonde, sleepers(TOO_MANY):
        with start(calls, "read=1", "exit=3", name=name, stdin=subprocess.PIPE) as process:
            expect(sonde, (LIMITS, {"limit": "workloads"}, sonde.metrics().sum(
                LIMITS, limit="workloads")), seconds=AGAIN_SECONDS, settle=5)
            process.communicate(b"x", timeout=20)
        expect(sonde, (EXITS, {"service_name": name, "reason": "error"}, 1))
        expect_whole(sonde, calls, unique("later"))
        assert sonde.log().count("no number is left") == 1


def test_services_beside_a_holder_with_more_than_there_are_numbers_are_whole_at_once(
        tmp_path, calls):
    """Its share leaves more than these need, as it would leave nothing to programs of its own."""
    names = [unique("beside-holder") for _ in range(50)]
    with Sonde(tmp_path, *ONLY_PROCESSES) as sonde, another_holder() as before, \
            sleepers(TOO_MANY, before):
        for name in names:
            assert run(calls, "getppid=10", name=name)[0] == 0
        expect(sonde, *[(STARTS, {"service_name": name}, 1) for name in names],
               *[(EXITS, {"service_name": name, "reason": "success"}, 1) for name in names])
        assert sonde.metrics().sum(LIMITS, limit="workloads") > 0


def test_who_slept_meanwhile_still_has_its_name(tmp_path, calls):
    """Also one that has written over its environment, and one that is killed in its sleep."""
    awake, overwritten, killed = unique("awake"), unique("overwritten"), unique("killed")
    with Sonde(tmp_path, *ONLY_PROCESSES) as sonde, \
            start(calls, "read=1", "exit=3", name=awake, stdin=subprocess.PIPE) as one, \
            start(calls, "forget=1", "read=1", "exit=4", name=overwritten,
                  stdin=subprocess.PIPE) as two, \
            start(calls, "nanosleep=600000", name=killed) as three:
        with sleepers(TOO_MANY):
            time.sleep(10)  # longer than an idle one keeps its number when they are short
            one.communicate(b"x", timeout=20)
            two.communicate(b"x", timeout=20)
            three.kill()
            three.wait(timeout=20)
            expect(sonde, (EXITS, {"service_name": awake, "reason": "error"}, 1),
                   (EXITS, {"service_name": overwritten, "reason": "error"}, 1),
                   (EXITS, {"service_name": killed, "reason": "signal"}, 1))


def test_executable_that_is_built_again_keeps_its_number(tmp_path, calls, named_by_executable):
    name, count = unique("rebuilt"), 200

    def told(metrics):
        return metrics.sum("sonde_events_total", source="workload", outcome="delivered")

    with Sonde(tmp_path, *ONLY_PROCESSES) as sonde:
        before = told(sonde.metrics())
        for i in range(count):
            folder = tmp_path / f"build-{i}"
            folder.mkdir()
            assert run(shutil.copy(calls, folder / name), "getppid=1")[0] == 0
        expect(sonde, (STARTS, {"service_name": name}, count))
        # others on this machine may start programs, too, but not so many new ones
        assert told(sonde.metrics()) - before < count / 2


def test_histograms_of_those_that_sleep_serve_others(tmp_path, calls):
    """Each sleeper makes some twenty different calls as it starts, and no more."""
    with Sonde(tmp_path, *only("syscalls"), "--series-limit", "1000000") as sonde, sleepers(900):
        deadline = time.monotonic() + AGAIN_SECONDS
        while True:
            name = unique("late-calls")
            assert run(calls, "getppid=1234", name=name)[0] == 0
            time.sleep(1.2)
            shown = sonde.metrics().sum(CALLS, service_name=name, syscall="getppid")
            if shown == 1234 or time.monotonic() > deadline:
                break
        assert shown == 1234
        expect(sonde, (CALLS, {"service_name": name, "syscall": "getppid"}, 1234))
