# SPDX-License-Identifier: Apache-2.0
"""What the attacks share, and how a test runs them.

An attack is a program of its own, attacks/NAME.py, that does something nasty until its time is over:

    attacks/NAME.py SECONDS SEED SONDE_PORT

It needs no Sonde to run, ends by itself, and leaves nothing behind. Exit status 77: this machine does
not have what the attack needs.
"""
import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "integration"))
from harness import wait_until  # noqa: E402

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "attacks")
SKIPPED = 77
NOBODY = 65534


class Attack:
    """The arguments of an attack, from its side: `while attack.goes_on(): …`.

    It goes on as nobody: what it takes is to be that user's share, and no one else's.
    """

    def __init__(self, needs_root=False):
        parser = argparse.ArgumentParser()
        parser.add_argument("seconds", type=float)
        parser.add_argument("seed", type=int)
        parser.add_argument("port", type=int, help="of Sonde's listener")
        arguments = parser.parse_args()
        self.end = time.monotonic() + arguments.seconds
        self.random = random.Random(arguments.seed)
        self.port = arguments.port
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        if not needs_root:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)

    def goes_on(self, pause=0.0):
        """False once the time is over."""
        time.sleep(pause)
        return time.monotonic() < self.end

    def word(self, least=3, most=12):
        letters = "abcdefghijklmnopqrstuvwxyz"
        return "".join(self.random.choices(letters, k=self.random.randint(least, most)))

    def nasty(self):
        """A text that something on its way might trip over; no NUL, as names cannot have one."""
        return self.random.choice((
            b"_overflow", b"_other", b"kernel", b"sonde", b"external", b"localhost", b"",
            b"\x1b]0;owned\x07", b"\x1b[2J", "\u202egnp.exe".encode(), "e\u0301".encode() * 40,
            b"\xff\xfe\x80", b'"} 1\n{x="', b"\\", b"{{.}}", b"$(id)", b"../../etc/passwd",
            b"x" * 4000, "\U0001f9e8".encode() * 80, b"\r\nX: y", b"a\tb", b" ", b"%s%n",
            b"y" * 255 + bytes([self.random.randrange(65, 91)]),
            bytes(self.random.choices(range(1, 256), k=self.random.randint(1, 300)))))


@contextlib.contextmanager
def unit():
    """A control group, as a unit's programs have one; gives its folder, or None where none can be."""
    with tempfile.TemporaryDirectory() as root:
        if subprocess.run(["mount", "-t", "cgroup2", "none", root], check=False).returncode:
            yield None
            return
        folder = os.path.join(root, f"torture-unit-{os.path.basename(root)}")
        try:
            os.mkdir(folder)
            yield folder
            wait_until(lambda: empty(folder), "all of a control group has ended")
            os.rmdir(folder)
        finally:
            subprocess.run(["umount", root], check=True)


def empty(folder):
    with open(os.path.join(folder, "cgroup.procs"), encoding="ascii") as processes:
        return not processes.read()


def enter(folder, pid):
    with open(os.path.join(folder, "cgroup.procs"), "w", encoding="ascii") as processes:
        processes.write(str(pid))


@contextlib.contextmanager
def running(name, seconds, seed, sonde_port):
    """Runs an attack for the block; gives its process. It must end well."""
    with unit() as folder, subprocess.Popen(
            ["/usr/bin/python3", os.path.join(FOLDER, f"{name}.py"), str(seconds), str(seed),
             str(sonde_port)],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=dict(os.environ, PYTHONPATH=os.path.dirname(FOLDER))) as process:
        if folder:
            enter(folder, process.pid)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
        _, errors = process.communicate(timeout=60)
        assert process.returncode in (0, SKIPPED), f"attack {name}: {errors.decode()}"


def names():
    return sorted(file[:-3] for file in os.listdir(FOLDER) if file.endswith(".py"))
