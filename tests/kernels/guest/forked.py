# SPDX-License-Identifier: Apache-2.0
"""A side of a row of http_traffic in a fork of this process, where a new Python takes a second.

Nothing is executed that could take its name from an environment, so a cgroup names it.
"""
import contextlib
import itertools
import os
import signal
import sys
import tempfile
import traceback

from http_traffic.__main__ import run

ROW_SECONDS = 200  # those that begin early wait for all other checks


def cgroups():
    """Where the cgroups of version 2 are."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        return next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")


def close_all_but(descriptors):
    """As executing a program would: what others hold open here has no end for them."""
    for number, after in itertools.pairwise(sorted(descriptors)):
        os.closerange(number + 1, after)
    os.closerange(max(descriptors) + 1, os.sysconf("SC_OPEN_MAX"))


class Forked:
    """run(*arguments) in a process of a service, to be handled like a subprocess.Popen."""

    def __init__(self, service, arguments, descriptors):
        self.cgroup = os.path.join(cgroups(), f"{service}.service")
        os.mkdir(self.cgroup)
        stdin, into_stdin = os.pipe()
        from_stdout, stdout = os.pipe()
        self.stderr = tempfile.TemporaryFile("w+")
        self.returncode = None
        self.pid = os.fork()
        if not self.pid:
            self.work(arguments, stdin, stdout, descriptors)
        os.close(stdin)
        os.close(stdout)
        self.stdin = open(into_stdin, "w", encoding="utf-8")
        self.stdout = open(from_stdout, encoding="utf-8")

    def work(self, arguments, stdin, stdout, descriptors):
        status = 1
        try:
            signal.alarm(ROW_SECONDS)
            os.setpgid(0, 0)
            for number, descriptor in enumerate((stdin, stdout, self.stderr.fileno())):
                os.dup2(descriptor, number)
            close_all_but([0, 1, 2, *descriptors])
            with open(os.path.join(self.cgroup, "cgroup.procs"), "w", encoding="utf-8") as procs:
                procs.write("0")
            run(*arguments)
            status = 0
        except BaseException:  # this process must not go on as the one that it was forked from
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(status)

    def communicate(self, timeout=None):
        """What it printed, and its errors; it ends in time by itself, so there is no timeout."""
        if self.returncode is None:
            self.stdin.close()
            self.output = self.stdout.read()
            self.stdout.close()
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            os.rmdir(self.cgroup)
        self.stderr.seek(0)
        return self.output, self.stderr.read() or f"exit status {self.returncode}"

    def kill(self):
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
