# SPDX-License-Identifier: Apache-2.0
"""Numbers of workloads: bounded, shared, and given back, whoever takes as many as there are."""
import contextlib
import os
import shutil
import signal
import subprocess
import time

import pytest

from harness import Sonde, expect, run, start, unique
from known_work import EXITS
from test_replay import frames

STARTS = "sonde_process_starts_total"
CALLS = "sonde_syscall_duration_seconds_count"
RECORD_WORKLOAD = 1
LIMITS = "sonde_limit_reached_total"
NUMBERS = 2047  # WORKLOADS_MAX - 1
AT_ONCE = 1300  # that one user alone may have without anybody noticing
TOO_MANY = 3000
AGAIN_SECONDS = 30  # until who has none has asked again, on a busy machine
# many names make many series, which are not what is tested here
ONLY_PROCESSES = ("--no-syscalls", "--no-tcp", "--no-http", "--no-dns",
                  "--series-limit", "1000000")


@contextlib.contextmanager
def sleepers(count, prefix=None):
    """So many programs that live and do nothing, each with a name of its own."""
    prefix, pids = prefix or unique("sleeper"), []
    try:
        for i in range(count):
            pids.append(os.posix_spawn("/bin/sleep", ["sleep", "600"],
                                       {"OTEL_SERVICE_NAME": f"{prefix}-{i}"}))
        yield prefix
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for pid in pids:
            os.waitpid(pid, 0)


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


def expect_whole_soon(sonde, calls, *figure):
    """Starts services until one is whole at once; others may take numbers meanwhile, too."""
    metric, labels, value = figure
    deadline = time.monotonic() + AGAIN_SECONDS
    while True:
        labels = {**labels, "service_name": unique("later")}
        assert run(calls, "getppid=1234", name=labels["service_name"])[0] == 0
        time.sleep(1.2)
        if sonde.metrics().sum(metric, **labels) == value or time.monotonic() > deadline:
            break
    expect(sonde, (metric, labels, value))


def test_service_after_more_short_jobs_than_there_are_numbers_is_whole(tmp_path, calls):
    prefix, name = unique("job"), unique("after-jobs")
    with Sonde(tmp_path, *ONLY_PROCESSES) as sonde:
        jobs(2 * NUMBERS, 25, prefix)
        expect_whole(sonde, calls, name)
        metrics = sonde.metrics()
        whole = sum(metrics.sum(EXITS, service_name=f"{prefix}-{i}", reason="success") == 1
                    for i in range(2 * NUMBERS))
        assert whole == 2 * NUMBERS


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
    with Sonde(tmp_path, *ONLY_PROCESSES) as sonde, sleepers(TOO_MANY):
        with start(calls, "read=1", "exit=3", name=name, stdin=subprocess.PIPE) as process:
            expect_whole_soon(sonde, calls, EXITS, {"reason": "success"}, 1)
            process.communicate(b"x", timeout=20)
        expect(sonde, (EXITS, {"service_name": name, "reason": "error"}, 1))
        assert sonde.metrics().sum(LIMITS, limit="workloads") >= 1
        assert sonde.log().count("no number is left") == 1


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
    name, count, recording = unique("rebuilt"), 200, tmp_path / "recording"
    with Sonde(tmp_path, *ONLY_PROCESSES, "--record", str(recording)) as sonde:
        for i in range(count):
            folder = tmp_path / f"build-{i}"
            folder.mkdir()
            assert run(shutil.copy(calls, folder / name), "getppid=1")[0] == 0
        expect(sonde, (STARTS, {"service_name": name}, count))
        assert sonde.stop() == 0
    content = recording.read_bytes()
    told = [at for at, length in frames(content)
            if int.from_bytes(content[at + 8:at + 10], "little") == RECORD_WORKLOAD
            and name.encode() in content[at + 8:at + 8 + length]]
    # whenever numbers are looked through and none of them runs at the moment, the next has another
    assert 1 <= len(told) < count / 4


def test_histograms_of_those_that_sleep_serve_others(tmp_path, calls):
    """Each sleeper makes some twenty different calls as it starts, and no more."""
    with Sonde(tmp_path, "--no-tcp", "--no-http", "--no-dns", "--no-processes",
               "--series-limit", "1000000") as sonde, sleepers(900):
        expect_whole_soon(sonde, calls, CALLS, {"syscall": "getppid"}, 1234)
