# SPDX-License-Identifier: Apache-2.0
"""Programs that a kernel refuses: Sonde says in a line what is lost, and the rest counts exactly.

The kernel here refuses what `disabled-programs` names; the figures are compared with what a program
was told to do.
"""
import json
import re
import subprocess

import pytest

from harness import SONDE, Sonde, clean_environment, expect, free_port, only, run, unique
from lost_programs import CALLS, IS_OFF, NEEDED, REQUESTS, TRAFFIC, expected

PYTHON = "/usr/bin/python3"
FAILED = 1


def sonde_once(*arguments):
    return subprocess.run([SONDE, *arguments], text=True, timeout=60, capture_output=True,
                          stdin=subprocess.DEVNULL, env=clean_environment(), check=False)


def loaded():
    """{program: its hook} of those that run here."""
    lines = sonde_once("check").stdout.splitlines()
    rows = (re.match(r"    ([a-z_0-9]+) +((?:tp_btf|fentry|fexit|k\w*probe) \w+|iter/\w+)", line)
            for line in lines)
    return dict(row.groups() for row in rows if row)


PROGRAMS = loaded()


def feature(name):
    """What `sonde check` says of a feature: "works", or why not."""
    return re.search(rf"^  {name} +(.*)$", sonde_once("check").stdout, re.M).group(1)


# These HTTP cannot be without where it has no other hooks to fall back to.
if "works" not in (feature("fexit"), feature("kprobe")):
    NEEDED.update({"http_send": "http", "http_receive": "http"})


def log_lines(sonde):
    return [json.loads(line) for line in sonde.log().splitlines()]


def test_all_programs_of_the_default_run_here():
    assert {"workload_exec", "syscall_exit", "tcp_sweep", "process_exit",
            "http_state"} <= set(PROGRAMS), PROGRAMS


@pytest.mark.parametrize("program", PROGRAMS)
def test_without_a_program_one_line_says_what_is_lost_and_the_rest_counts(tmp_path, program):
    lost = NEEDED.get(program)
    with Sonde(tmp_path, "--disabled-programs", program, "--log-format", "json",
               "--slow-syscall", "0", "--sweep-interval", "100ms") as sonde:
        service = unique("programs")
        run(PYTHON, "-c", TRAFFIC, str(REQUESTS), str(CALLS), name=service)
        if program == "workload_exec":  # it counts as whoever started it
            assert sonde.metrics().sum("sonde_process_exits_total", service_name=service) == 0
        elif program != "tcp_forget":  # without which nothing is promised of TCP and HTTP
            expect(sonde, *expected(service, [lost]))
        lines = log_lines(sonde)
    said = [line for line in lines if line.get("program") == program or line.get("from") == program]
    assert len(said) == 1, lines
    assert said[0]["reason"] == "it is one of disabled-programs"
    assert said[0]["hook"].startswith(PROGRAMS[program])
    off = [line["message"] for line in lines if line["message"] in IS_OFF.values()]
    assert off == [IS_OFF[lost]] if lost else not off


@pytest.mark.parametrize("backend, needs, by", [
    ("tracepoints", "sock_send_length", "http_send"),
    ("fentry", "fexit", "http_fexit_send"),
    ("kprobes", "kprobe", "http_kretprobe_send"),
])
def test_forced_hooks_count_http_or_say_why_they_cannot(tmp_path, backend, needs, by):
    if feature(needs) != "works":
        result = sonde_once("run", "--quiet", "--http-hooks", backend,
                            "--listen", f"127.0.0.1:{free_port()}")
        assert result.returncode == FAILED
        said = result.stderr.splitlines()[-1]
        assert f"http-hooks: {backend} cannot be had here: " in said and "http-hooks: auto" in said
        assert re.search(r"\(\w+ inet_sendmsg[^)]*\): E[A-Z]+: ", said), said
        return
    with Sonde(tmp_path, "--http-hooks", backend, "--log-format", "json",
               "--sweep-interval", "100ms") as sonde:
        service = unique("forced")
        run(PYTHON, "-c", TRAFFIC, str(REQUESTS), str(CALLS), name=service)
        expect(sonde, *expected(service))
        assert not [line for line in log_lines(sonde) if line["message"] == IS_OFF["http"]]
        ended = sonde_once("run", "--quiet", "--http-hooks", backend, "--disabled-programs", by,
                           "--listen", f"127.0.0.1:{free_port()}")
    assert ended.returncode == FAILED
    assert by in ended.stderr and "it is one of disabled-programs" in ended.stderr


def test_without_any_source_it_ends():
    result = sonde_once("run", "--quiet", *only("syscalls", "tcp", "http", "processes", "sched"),
                        "--listen", f"127.0.0.1:{free_port()}", "--disabled-programs",
                        "syscall_exit,tcp_state,http_state,process_fork,sched_switch")
    assert result.returncode == FAILED
    assert "no source is left" in result.stderr.splitlines()[-1]


def test_check_measures_what_each_program_costs():
    """The traffic of that second is made by `sonde check` itself, through every hook."""
    measured = re.findall(r"^    (\w+) .* (\d+) +(\d+)$", sonde_once("check").stdout, re.M)
    unused = {"tcp_owners", "workload_tasks", "workload_cgroup_changed",
              "workload_cgroup_emptied", "workload_cgroup_renamed", "http_uring",
              "http_sweep_other", "http_sweep", "tcp_sweep"}  # at the start, or of rarer things
    assert set(PROGRAMS) - unused <= {name for name, _, _ in measured}
    assert all(int(runs) > 0 and int(ns) > 0 for _, runs, ns in measured)
