# SPDX-License-Identifier: Apache-2.0
"""The start beside processes that make it hard, and what is said while it takes long."""
import contextlib
import os
import signal
import subprocess
import time

import pytest

from cgroups import small_memory_cgroup
from harness import SONDE, Sonde, expect, run, start, unique, wait_until

CALLS = "sonde_syscall_duration_seconds_count"
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs", "environment.c")
PROMPT_SECONDS = 8  # longer than it may take on a busy machine, shorter than what it must not wait


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """environment.c, built."""
    program = tmp_path_factory.mktemp("environment") / "environment"
    subprocess.run(["gcc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-pthread", "-o", program, SOURCE],
                   check=True)
    return str(program)


@contextlib.contextmanager
def odd(program, *how, name=None):
    """One that has done what it was told, until the block ends."""
    with start(program, *how, name=name, stdin=subprocess.PIPE) as process:
        if process.stdout.readline() != b"ready\n":
            assert process.wait() == 99
            pytest.skip(f"this kernel does not let a process do {how}")
        try:
            yield process
        finally:
            process.kill()


def beside(process):
    """What starts a program in the mount namespace of another one."""
    return ("nsenter", f"--mount=/proc/{process.pid}/ns/mnt")


def peak_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def test_environment_of_zeros_without_end_takes_neither_time_nor_memory(tmp_path, environment):
    with odd(environment, "zeros", "40"), Sonde(tmp_path) as sonde:
        peak = peak_kib(sonde.process.pid)
        assert "could not be read" not in sonde.log()
        assert sonde.stop() == 0
    with Sonde(tmp_path) as alone:
        assert peak < peak_kib(alone.process.pid) + 4096
        assert alone.stop() == 0


def test_environment_that_never_comes_is_left_out_and_told(tmp_path, environment, calls):
    name = unique("beside-blocked")
    with odd(environment, "blocks", "3") as blocked, \
            start(calls, "read=1", "getppid=777", name=name, stdin=subprocess.PIPE) as other, \
            Sonde(tmp_path, command=(*beside(blocked), SONDE)) as sonde:
        told = next(line for line in sonde.log().splitlines() if "could not be read in time" in line)
        assert "processes=3" in told
        other.stdin.write(b"x")
        other.stdin.flush()
        expect(sonde, (CALLS, {"service_name": name, "syscall": "getppid"}, 777))
        assert sonde.stop() == 0, sonde.log()


def test_start_that_takes_long_says_what_it_does_and_ends_on_a_signal(tmp_path, environment):
    with contextlib.ExitStack() as stack:
        blocked = stack.enter_context(odd(environment, "blocks", "15"))
        sonde = Sonde(tmp_path, wait=False, command=(*beside(blocked), SONDE))
        stack.callback(sonde.process.kill)
        wait_until(lambda: "still starting" in sonde.log(), "it tells that it is still starting")
        assert 'phase="reading names of processes"' in sonde.log()
        begin = time.monotonic()
        assert sonde.stop() == 0, sonde.log()
        assert time.monotonic() - begin < PROMPT_SECONDS


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_signal_at_any_time_of_the_start_ends_it_with_status_0(tmp_path, with_signal):
    for delay in (0.02, 0.06, 0.12, 0.2, 0.3):
        sonde = Sonde(tmp_path, wait=False)
        # before its signals are blocked the default action ends it
        wait_until(lambda s=sonde: blocks(s.process.pid, signal.SIGTERM), "signals are its own")
        time.sleep(delay)
        begin = time.monotonic()
        assert sonde.stop(with_signal) == 0, sonde.log()
        assert time.monotonic() - begin < PROMPT_SECONDS
        assert "error" not in sonde.log()


def blocks(pid, number):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        blocked = next(int(line.split()[1], 16) for line in status if line.startswith("SigBlk"))
    return blocked >> (number - 1) & 1


def test_process_whose_first_thread_has_ended_has_its_name(tmp_path, environment):
    name = unique("orphaned")
    with odd(environment, "orphan", name=name) as process, Sonde(tmp_path) as sonde:
        with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
            assert stat.read().rsplit(")", 1)[1].split()[0] == "Z", "the first thread has ended"
        process.stdin.write(b"x")
        process.stdin.flush()
        expect(sonde, (CALLS, {"service_name": name, "syscall": "getppid"}, 4321))


@pytest.mark.parametrize("mib,is_enough", [(32, False), (300, True)])
def test_memory_that_is_needed_and_not_there_is_told_before_the_kernel_acts(
        tmp_path, mib, is_enough):
    with small_memory_cgroup(mib) as folder:
        enter = ("sh", "-c", f'echo 0 > {folder}/cgroup.procs && exec "$0" "$@"', SONDE)
        sonde = Sonde(tmp_path, wait=is_enough, command=enter)
        if is_enough:
            assert sonde.stop() == 0
            assert "memory" not in sonde.log()
        else:
            told = wait_until(lambda: [line for line in sonde.log().splitlines()
                                       if "less memory than Sonde needs" in line], "it is told")
            assert len(told) == 1 and f"limit_mib={mib}" in told[0]
            assert f"cgroup={folder}" in told[0] and "needed_mib=48" in told[0]
            sonde.process.kill()
            sonde.process.wait()


@contextlib.contextmanager
def sonde_in_pid_namespace(tmp_path):
    """Sonde as the first process of a pid namespace of its own."""
    sonde = Sonde(tmp_path, command=("unshare", "--pid", "--fork", "--mount-proc", SONDE))
    try:
        with open(f"/proc/{sonde.process.pid}/task/{sonde.process.pid}/children",
                  encoding="ascii") as children:
            inside = int(children.read())
        yield sonde
        os.kill(inside, signal.SIGTERM)
        assert sonde.process.wait(20) == 0
    finally:
        if sonde.process.poll() is None:
            os.kill(inside, signal.SIGKILL)
            sonde.process.wait()


def test_own_pid_namespace_is_told_and_hides_nobody(tmp_path, calls):
    """Who was there before has its name, who comes too, and Sonde still knows itself."""
    before, after = unique("outside-before"), unique("outside-after")
    with start(calls, "read=1", "getppid=777", "read=1", "getppid=223", name=before,
               stdin=subprocess.PIPE) as process, sonde_in_pid_namespace(tmp_path) as sonde:
        assert sonde.log().count("not the machine's own pid namespace") == 1
        assert "hostPID: true" in sonde.log()
        process.stdin.write(b"x")
        process.stdin.flush()
        expect(sonde, (CALLS, {"service_name": before, "syscall": "getppid"}, 777))
        for _ in range(20):  # longer than it takes until numbers are looked through
            assert run(calls, "getppid=10", name=after)[0] == 0
            time.sleep(1)
        process.communicate(b"x", timeout=20)
        expect(sonde, (CALLS, {"service_name": before, "syscall": "getppid"}, 1000),
               (CALLS, {"service_name": after, "syscall": "getppid"}, 200))
        metrics = sonde.metrics()
        assert metrics.sum(CALLS, service_name="sonde") > 0
        assert metrics.sum("http_server_request_duration_seconds_count", service_name="sonde") == 0
