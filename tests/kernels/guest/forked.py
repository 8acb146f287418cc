# SPDX-License-Identifier: Apache-2.0
"""Sides of rows of http_traffic as forks of a process that has imported no more than they need.

A new Python takes long where all is emulated, and so does forking one that has much in its memory.
Nothing is executed that could take its name from an environment, so a cgroup names each.
"""
import contextlib
import fcntl
import functools
import gc
import itertools
import json
import os
import signal
import socket
import sys
import traceback

import kernel_tls  # noqa: F401, as it registers rows
from http_traffic.__main__ import run

ROW_SECONDS = 400  # those that begin early wait for all other checks
DESCRIPTORS = 20   # for one of them at most
MESSAGE_BYTES = 4096
DONE = "done\n"    # ends what they print if they come to their end


@functools.cache
def cgroups():
    """Where the cgroups of version 2 are."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        return next(line.split()[1] for line in mounts if line.split()[2] == "cgroup2")


# --- in the process that forks, and in its forks ---


def take_only(numbers, descriptors):
    """Gives open descriptors these numbers, and closes all others."""
    above = max(numbers) + 1
    moved = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, above) for descriptor in descriptors]
    for number, descriptor in zip(numbers, moved):
        os.dup2(descriptor, number)
    for number, after in itertools.pairwise(sorted(numbers)):
        os.closerange(number + 1, after)
    os.closerange(above, os.sysconf("SC_OPEN_MAX"))


def work(cgroup, numbers, arguments, descriptors):
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.alarm(ROW_SECONDS)
        take_only(numbers, descriptors)
        with open(os.path.join(cgroup, "cgroup.procs"), "w", encoding="utf-8") as procs:
            procs.write("0")
        run(*arguments)
        os.write(sys.stdout.fileno(), DONE.encode())
    except BaseException:  # this process must not go on as the one that it was forked from
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(0)


def serve(requests):
    """Forks one for each request, until there is nobody any more who could ask."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.disable()  # it would touch memory that is shared
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, MESSAGE_BYTES, DESCRIPTORS)
        if not message:
            os._exit(0)
        if not os.fork():
            work(*json.loads(message), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


# --- in the process that wants them ---


class Forked:
    """run(*arguments) in a process of a service, to be handled like a subprocess.Popen."""

    def __init__(self, forks, service, arguments, descriptors):
        self.cgroup = os.path.join(cgroups(), f"{service}.service")
        os.mkdir(self.cgroup)
        stdin, into_stdin = os.pipe()
        from_stdout, stdout = os.pipe()
        self.stderr = open(os.memfd_create("stderr"), "w+", encoding="utf-8")
        self.returncode = None
        self.stdin = open(into_stdin, "w", encoding="utf-8")
        self.stdout = open(from_stdout, encoding="utf-8")
        message = json.dumps([self.cgroup, [0, 1, 2, *descriptors], arguments])
        socket.send_fds(forks, [message.encode()],
                        [stdin, stdout, self.stderr.fileno(), *descriptors])
        os.close(stdin)
        os.close(stdout)

    def communicate(self, timeout=None):
        """What it printed, and its errors; it ends in time by itself, so there is no timeout."""
        if self.returncode is None:
            self.stdin.close()
            self.output = self.stdout.read()
            self.stdout.close()
            self.returncode = int(not self.output.endswith(DONE))
        self.stderr.seek(0)
        return self.output.removesuffix(DONE), self.stderr.read() or "it did not come to its end"

    def kill(self):
        if self.returncode is None:
            with open(os.path.join(self.cgroup, "cgroup.procs"), encoding="utf-8") as procs:
                for process in procs.read().split():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(int(process), signal.SIGKILL)


def forks():
    """Begins the process that forks; what is returned starts a Forked."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if not os.fork():
        here.close()
        serve(there)
    there.close()
    return lambda *arguments: Forked(here, *arguments)
