# SPDX-License-Identifier: Apache-2.0
"""Processes: starts, exits, CPU time, out-of-memory kills, and whose name each of them bears."""
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
import uuid

import pytest

from cgroups import cgroup, mount_of, small_memory_cgroup
from harness import Sonde, clean_environment, expect, run, start, unique, wait_until
from known_work import EXITS, exits

STARTS = "sonde_process_starts_total"
FORKS = "sonde_process_forks_total"
CPU = "sonde_process_exited_cpu_seconds_total"
OOM_KILLS = "sonde_oom_kills_total"
CALLS = "sonde_syscall_duration_seconds_count"
ERRORS = "sonde_syscall_errors_total"

# Starts `count` programs of a millisecond or two, several at a time, under names by turns.
SPAWNER = """
import os, sys
program, count, names = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
running = 0
for i in range(count):
    os.posix_spawn(program, [program, "getppid=10", "close=3", "nanosleep=1"],
                   {"OTEL_SERVICE_NAME": names[i % len(names)], "UNRELATED": "x" * 500})
    running += 1
    if running == 4:
        assert os.wait()[1] == 0
        running -= 1
for _ in range(running):
    assert os.wait()[1] == 0
"""


def test_each_of_2000_brief_processes_counts_under_its_own_name(sonde, calls):
    spawner, names = unique("spawner"), [unique(f"brief-{i}") for i in range(20)]
    assert run("/usr/bin/python3", "-c", SPAWNER, calls, "2000", *names, name=spawner)[0] == 0
    each = []
    for name in names:
        each += exits(name, success=100)
        each += [(STARTS, {"service_name": name}, 100),
                 (CALLS, {"service_name": name, "syscall": "getppid"}, 1000),
                 (CALLS, {"service_name": name, "syscall": "nanosleep"}, 100),
                 (ERRORS, {"service_name": name, "syscall": "close", "errno": "EBADF"}, 300)]
    expect(sonde, *each, (FORKS, {"service_name": spawner}, 2000),
           (STARTS, {"service_name": spawner}, 1), *exits(spawner, success=1))
    assert sonde.metrics().dropped("process") == 0
    assert sonde.metrics().dropped("workload") == 0


def test_300_names_one_after_another_keep_their_figures(tmp_path, calls):
    names = [unique(f"fleeting-{i}") for i in range(300)]
    with Sonde(tmp_path, "--series-limit", "200000") as sonde:  # each has some 200
        assert run("/usr/bin/python3", "-c", SPAWNER, calls, "300", *names)[0] == 0
        expect(sonde, *[(STARTS, {"service_name": name}, 1) for name in names],
               *[(EXITS, {"service_name": name, "reason": "success"}, 1) for name in names],
               *[(CALLS, {"service_name": name, "syscall": "getppid"}, 10) for name in names])


def test_exit_reasons_are_success_error_and_signal(sonde, calls):
    name = unique("reasons")
    for steps, status in ((["exit=0"], 0), (["getppid=1"], 0), (["exit=1"], 1), (["exit=255"], 255),
                          (["exit=3"], 3), ([f"raise={signal.SIGKILL}"], -signal.SIGKILL),
                          ([f"raise={signal.SIGTERM}"], -signal.SIGTERM)):
        assert run(calls, *steps, name=name)[0] == status
    expect(sonde, *exits(name, success=2, error=3, signal=2), (STARTS, {"service_name": name}, 7),
           (OOM_KILLS, {"service_name": name}, 0))


def test_process_of_many_threads_ends_once(sonde):
    name = unique("threads")
    code = ("import os, threading, time\n"
            "[threading.Thread(target=time.sleep, args=(.05,)).start() for _ in range(20)]\n"
            "time.sleep(.05)\n")
    for _ in range(5):
        assert run("/usr/bin/python3", "-c", code, name=name)[0] == 0
    # and one that ends while its threads still sleep
    assert run("/usr/bin/python3", "-c", code.replace(".05,", "9,") + "os._exit(4)", name=name)[0]
    expect(sonde, *exits(name, success=5, error=1), (STARTS, {"service_name": name}, 6))


@pytest.mark.parametrize("first,last", [(0, 3), (3, 0)])
def test_exit_status_is_the_one_that_the_parent_is_told(sonde, calls, first, last):
    name = unique("thread-by-thread")
    told = run(calls, f"outlive={last}", f"exit-thread={first}", name=name)[0]
    assert told in (first, last)  # since Linux 6.0 it is the last one's
    expect(sonde, *exits(name, **{"error" if told else "success": 1}))


def test_cpu_time_is_what_the_kernel_charges(sonde, calls):
    name = unique("burner")
    process = subprocess.Popen([calls, "burn=300"], stdout=subprocess.DEVNULL,
                               env=clean_environment(OTEL_SERVICE_NAME=name))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    expect(sonde, *exits(name, success=1))
    shown = sonde.metrics().sum(CPU, service_name=name)
    charged = usage.ru_utime + usage.ru_stime
    assert charged >= 0.3 and 0.8 * charged <= shown <= 1.2 * charged


def test_arguments_of_a_start_are_in_the_debug_log(tmp_path):
    name, attempts = unique("argued"), 0
    with Sonde(tmp_path, "--log-level", "debug") as sonde:
        # the log lets through few lines of a kind at a time, and other programs start, too
        while f"service_name={name}" not in sonde.log() and attempts < 60:
            assert run("/bin/sh", "-c", "exit 0", "first word", "second", name=name)[0] == 0
            attempts += 1
            time.sleep(0.5)
        lines = [line for line in sonde.log().splitlines() if name in line and "started" in line]
        assert lines and "sh -c exit 0 first word second" in lines[0] and "command=sh" in lines[0]


def test_process_killed_for_memory_counts_as_oom_kill(sonde, calls):
    name = unique("eater")
    with small_memory_cgroup() as folder:
        procs = os.path.join(folder, "cgroup.procs")
        for _ in range(3):
            assert run(calls, f"join={procs}", "eat=64", name=name)[0] == -signal.SIGKILL
        assert run(calls, f"join={procs}", "eat=2", name=name)[0] == 0
        assert run(calls, f"join={procs}", "raise=9", name=name)[0] == -signal.SIGKILL
    expect(sonde, *exits(name, oom=3, success=1, signal=1), (OOM_KILLS, {"service_name": name}, 3))


# --- whose name ---


def named(sonde, name, getppid):
    expect(sonde, (CALLS, {"service_name": name, "syscall": "getppid"}, getppid))


def test_executable_names_a_process_that_nothing_else_names(
        sonde, calls, tmp_path, named_by_executable):
    name = unique("plain")
    assert run(shutil.copy(calls, tmp_path / name), "getppid=1234")[0] == 0
    named(sonde, name, 1234)


def test_environment_names_a_process_whatever_its_executable(sonde, calls):
    for name in (unique("named"), unique("with space, ümlaut")):
        assert run(calls, "getppid=1234", name=name)[0] == 0
        named(sonde, name, 1234)


def test_names_as_long_as_a_file_name_are_whole(sonde, calls, tmp_path, named_by_executable):
    """NAME_MAX is 255 bytes; names that differ in the last one are two."""
    long = unique("plain") + "-" * 300
    for last, times in (("a", 1111), ("b", 2222)):
        assert run(shutil.copy(calls, tmp_path / (long[:254] + last)), f"getppid={times}")[0] == 0
        assert run(calls, f"getppid={times}", name="N" + long[:253] + last)[0] == 0
    expect(sonde, *((CALLS, {"service_name": name + last, "syscall": "getppid"}, times)
                    for name in (long[:254], "N" + long[:253])
                    for last, times in (("a", 1111), ("b", 2222))))


def test_words_of_sondes_own_are_marked_where_programs_bear_them(sonde, calls):
    def count(name):
        return sonde.metrics().sum(STARTS, service_name=name)

    for word in ("_other", "_overflow", "kernel", "sonde", "external", "localhost"):
        before = count(word + "_")
        for _ in range(3):
            assert run(calls, "getppid=1", name=word)[0] == 0
        wait_until(lambda: count(word + "_") == before + 3, f"three starts of {word}_")
        assert count(word) == 0


def test_name_is_found_behind_a_long_environment(sonde, calls):
    name = unique("named-late")
    environment = {f"FILLER_{i}": "OTEL_SERVICE_NAME=wrong" * 30 for i in range(30)}
    subprocess.run([calls, "getppid=1234"], env={**environment, "OTEL_SERVICE_NAME": name},
                   stdout=subprocess.DEVNULL, check=True)
    named(sonde, name, 1234)


def test_name_is_that_of_the_last_executed_program(sonde, calls):
    first, second = unique("shell"), unique("inner")
    assert run("/bin/sh", "-c", f"OTEL_SERVICE_NAME={second} exec {calls} getppid=4321",
               name=first)[0] == 0
    named(sonde, second, 4321)
    expect(sonde, (STARTS, {"service_name": first}, 1), (STARTS, {"service_name": second}, 1),
           *exits(first), *exits(second, success=1))


def test_process_from_before_sonde_has_its_name(tmp_path, calls):
    name = unique("earlier")
    with subprocess.Popen([calls, "read=1", "getppid=5678"], stdin=subprocess.PIPE,
                          stdout=subprocess.DEVNULL,
                          env=clean_environment(OTEL_SERVICE_NAME=name)) as process, \
            Sonde(tmp_path) as sonde:
        process.communicate(b"x", timeout=20)
        named(sonde, name, 5678)
        expect(sonde, *exits(name, success=1), (STARTS, {"service_name": name}, 0))


def test_300_named_processes_from_before_sonde_have_their_names(tmp_path, calls):
    """More than are handed to the probes at a time."""
    names = [unique(f"earlier-{i}") for i in range(300)]
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(start(calls, "read=1", "getppid=10", name=name,
                                               stdin=subprocess.PIPE)) for name in names]
        with Sonde(tmp_path, "--no-tcp", "--no-http") as sonde:
            for process in processes:
                process.communicate(b"x", timeout=20)
            expect(sonde, *((CALLS, {"service_name": name, "syscall": "getppid"}, 10)
                            for name in names))


CONTAINER_ID = secrets.token_hex(32)
UNIT = unique("sonde-unit")
POD = f"kubepods-burstable-pod{str(uuid.uuid4()).replace('-', '_')}.slice"


@pytest.fixture(params=["version 1", "version 2"])
def cgroup_mount(request):
    one = request.param == "version 1"
    mount = mount_of("cgroup", "memory") if one else mount_of("cgroup2")
    if not mount:
        pytest.skip(f"no cgroup file system of {request.param} is mounted")
    return mount


LAYOUTS = pytest.mark.parametrize("names,service", [
    ((f"docker-{CONTAINER_ID}.scope",), CONTAINER_ID[:12]),
    ((CONTAINER_ID,), CONTAINER_ID[:12]),
    (("kubepods.slice", f"cri-containerd-{CONTAINER_ID}.scope"), CONTAINER_ID[:12]),
    ((f"{UNIT}.slice", f"{UNIT}.service"), UNIT),
    (("containerd.service", f"{POD}:cri-containerd:{CONTAINER_ID}"), CONTAINER_ID[:12]),
    (("containerd.service", f"{POD}:cri-containerd:{CONTAINER_ID}", "system.slice",
      f"{UNIT}.service"), UNIT),
    (("x" * 255, f"{'y' * (255 - len(UNIT))}{UNIT}"[:247] + ".service"),
     f"{'y' * (255 - len(UNIT))}{UNIT}"[:247])])


@LAYOUTS
def test_cgroup_names_a_process_that_executes_in_it(sonde, calls, cgroup_mount, names, service):
    with cgroup(cgroup_mount, *names) as folder:
        assert run("/bin/sh", "-c", f"echo 0 > {folder}/cgroup.procs; exec {calls} getppid=2345",
                   )[0] == 0
        named(sonde, service, 2345)


@LAYOUTS
def test_cgroup_names_a_process_from_when_it_is_moved_there(
        sonde, calls, cgroup_mount, names, service):
    with cgroup(cgroup_mount, *names) as folder:
        assert run(calls, "getppid=100", f"join={folder}/cgroup.procs", "getppid=3456")[0] == 0
        named(sonde, service, 3456)


def test_name_in_the_environment_wins_over_the_cgroup(sonde, calls, cgroup_mount):
    name = unique("named-in-container")
    with cgroup(cgroup_mount, f"docker-{CONTAINER_ID}.scope") as folder:
        assert run(calls, f"join={folder}/cgroup.procs", "getppid=777", name=name)[0] == 0
    named(sonde, name, 777)


def test_container_of_version_1_wins_over_the_engines_unit_in_version_2(sonde, calls):
    """A hybrid host, whose engine does not know of the unified hierarchy."""
    one, two = mount_of("cgroup", "memory"), mount_of("cgroup2")
    if not one or not two:
        pytest.skip("no hybrid host")
    identity = secrets.token_hex(32)
    with cgroup(two, unique("sonde") + ".slice", "containerd.service") as unit, \
            cgroup(one, unique("docker"), identity) as container:
        assert run(calls, f"join={unit}/cgroup.procs", f"join={container}/cgroup.procs",
                   "getppid=4567")[0] == 0
    named(sonde, identity[:12], 4567)
