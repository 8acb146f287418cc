# SPDX-License-Identifier: Apache-2.0
"""Slow system calls: what waits by nature is none, whatever it reads; what is slow is, and is told
in one line a minute for each service and call."""
import contextlib
import fcntl
import os
import re
import subprocess
import time

from harness import Sonde, expect, output_of, start, unique, wait_until

PYTHON = "/usr/bin/python3"
PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
COUNT = "sonde_syscall_duration_seconds_count"
SUM = "sonde_syscall_duration_seconds_sum"
SLOW = "sonde_syscall_slow_total"


def lines_of(log, service):
    """Each line on slow calls of a service, as its fields."""
    return [dict(re.findall(r"(\w+)=(\S+)", line)) for line in log.splitlines()
            if "slow system calls" in line and f"service_name={service} " in line]


@contextlib.contextmanager
def slow_file(tmp_path, opening, reading):
    """A regular file that is slow to open and to read, in seconds."""
    folder = str(tmp_path / "slow")
    os.mkdir(folder)
    command = [PYTHON, os.path.join(PROGRAMS, "slow-fuse.py"), folder, str(opening), str(reading)]
    with start(*command, name=unique("slow-fuse")) as server:
        try:
            assert server.stdout.readline() == b"mounted\n"
            yield os.path.join(folder, "slow")
        finally:
            subprocess.run(["umount", "-l", folder], check=True)
            server.wait(timeout=10)


# Each waits for 0.15 s, at what is no storage: (what it is, system call).
WAITING = """
import ctypes, fcntl, os, pty, socket, struct, sys, termios, threading, time
libc = ctypes.CDLL(None)
def later(what):
    threading.Timer(0.15, what).start()
def read(fd):
    assert os.read(fd, 4096) is not None
near, far = os.pipe()
later(lambda: os.write(far, b"x")); read(near)
one, two = socket.socketpair()
later(lambda: two.send(b"x")); read(one.fileno())
later(lambda: two.send(b"x")); one.recv(1)
later(lambda: two.send(b"x")); one.recvmsg(1)
master, slave = pty.openpty()
later(lambda: os.write(master, b"line\\n")); read(slave)
event = libc.eventfd(0, 0)
later(lambda: os.write(event, struct.pack("Q", 1))); read(event)
timer = libc.timerfd_create(1, 0)
libc.timerfd_settime(timer, 0, struct.pack("4q", 0, 0, 0, 150000000), None); read(timer)
watch = libc.inotify_init()
libc.inotify_add_watch(watch, sys.argv[1].encode(), 0x100)
later(lambda: open(sys.argv[1] + "/new", "w").close()); read(watch)
fifo = sys.argv[1] + "/fifo"
os.mkfifo(fifo)
later(lambda: os.write(os.open(fifo, os.O_WRONLY), b"x")); read(os.open(fifo, os.O_RDONLY))
fcntl.fcntl(far, 1031, 4096)
os.set_blocking(far, False)
while True:
    try: os.write(far, bytes(4096))
    except BlockingIOError: break
os.set_blocking(far, True)
later(lambda: os.read(near, 65536)); os.write(far, bytes(4096))
one.settimeout(None)
one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
def drain():
    while two.recv(1 << 20): pass
later(drain); one.sendall(bytes(1 << 20))
with open(sys.argv[1] + "/file", "wb") as file: file.write(bytes(1 << 20))
tcp = socket.create_server(("127.0.0.1", 0))
out = socket.create_connection(tcp.getsockname())
peer, _ = tcp.accept()
out.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
def receive():
    while peer.recv(1 << 20): pass
with open(sys.argv[1] + "/file", "rb") as file:
    threading.Timer(0.15, receive).start()
    sent = 0
    while sent < 1 << 20: sent += os.sendfile(out.fileno(), file.fileno(), sent, 1 << 20)
    out.close()
one.close()
os._exit(0)
"""


def test_what_waits_by_nature_is_not_slow(tmp_path):
    name = unique("waits")
    with Sonde(tmp_path) as sonde:
        began = time.monotonic()
        output_of(PYTHON, "-c", WAITING, str(tmp_path), name=name)
        assert time.monotonic() - began > 12 * 0.15
        # they did take long: six reads, and an open of what nobody had opened yet
        wait_until(lambda: sonde.metrics().sum(SUM, service_name=name, syscall="read") > 6 * 0.14,
                   "the reads are counted")
        metrics = sonde.metrics()
        assert metrics.sum(SUM, service_name=name, syscall="openat") > 0.14
        assert metrics.sum(SUM, service_name=name, syscall="recvfrom") > 0.14
        assert metrics.sum(SUM, service_name=name, syscall="sendfile") > 0.1
        expect(sonde, (SLOW, {"service_name": name}, 0))
        sonde.stop()
        assert not lines_of(sonde.log(), name)


def test_a_shell_pipeline_and_a_shell_at_a_terminal_log_nothing(tmp_path):
    pipeline, terminal = unique("pipeline"), unique("terminal")
    with Sonde(tmp_path) as sonde:
        output_of("sh", "-c", "for i in 1 2 3 4; do sleep 0.3 | cat; done", name=pipeline)
        master, slave = os.openpty()
        with start("sh", name=terminal, stdin=slave, stdout=slave, stderr=slave) as shell:
            for _ in range(3):
                time.sleep(0.3)
                os.write(master, b"true\n")
            os.write(master, b"exit\n")
            shell.wait(timeout=10)
        wait_until(lambda: sonde.metrics().sum(SUM, service_name=terminal, syscall="read") > 0.8,
                   "what was typed was waited for")
        assert sonde.metrics().sum(SUM, service_name=pipeline, syscall="read") > 1.1
        expect(sonde, (SLOW, {"service_name": pipeline}, 0), (SLOW, {"service_name": terminal}, 0))
        sonde.stop()
        assert not lines_of(sonde.log(), pipeline) + lines_of(sonde.log(), terminal)


def test_a_slow_file_is_slow_and_told_in_one_line_a_call(tmp_path):
    """Four reads of 0.2 s, one of them of 0.4 s as it is read in two pieces, and an open of 0.3 s."""
    name = unique("reads")
    code = ("import os, sys\n"
            "fd = os.open(sys.argv[1], os.O_RDONLY)\n"
            "print(os.getpid())\n"
            "for size in (100, 100, 1 << 18, 100): os.read(fd, size)\n")
    with slow_file(tmp_path, 0.3, 0.2) as path, Sonde(tmp_path) as sonde:
        pid = output_of(PYTHON, "-c", code, path, name=name).strip()
        expect(sonde,
               (SLOW, {"service_name": name, "syscall": "read"}, 4),
               (SLOW, {"service_name": name, "syscall": "openat"}, 1),
               (SLOW, {"service_name": name}, 5))
        assert not lines_of(sonde.log(), name)  # the minute is not over
        sonde.stop()
        lines = {line["syscall"]: line for line in lines_of(sonde.log(), name)}
        assert len(lines_of(sonde.log(), name)) == 2
    assert lines["read"]["count"] == "4" and lines["openat"]["count"] == "1"
    assert lines["read"]["pid"] == lines["openat"]["pid"] == pid
    assert lines["read"]["command"].startswith("python3")
    assert float(lines["openat"]["worst_seconds"]) >= 0.3
    assert float(lines["read"]["worst_seconds"]) >= 0.4
    assert lines["read"]["result"] == str(1 << 18)


def test_waiting_for_a_lock_of_a_file_is_slow(tmp_path):
    name = unique("locks")
    lock = tmp_path / "lock"
    with Sonde(tmp_path) as sonde, open(lock, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with start("flock", str(lock), "true", name=name) as waiting:
            time.sleep(0.3)
            fcntl.flock(file, fcntl.LOCK_UN)
            assert waiting.wait(timeout=10) == 0
        expect(sonde, (SLOW, {"service_name": name, "syscall": "flock"}, 1))


def test_ordinary_reads_count_past_a_low_threshold_and_those_of_a_pipe_do_not(tmp_path):
    name = unique("ordinary")
    code = ("import os, sys\n"
            "fd, pipe = os.open(sys.argv[1], os.O_RDONLY), os.pipe()\n"
            "buffers = [bytearray(4 << 20)]\n"
            "for _ in range(20):\n"
            "    os.preadv(fd, buffers, 0)\n"
            "    os.write(pipe[1], bytes(4096)); os.readv(pipe[0], [bytearray(4096)])\n")
    file = tmp_path / "file"
    file.write_bytes(bytes(4 << 20))
    with Sonde(tmp_path, SONDE_SLOW_SYSCALL="1us") as sonde:
        output_of(PYTHON, "-S", "-c", code, str(file), name=name)
        expect(sonde,
               (COUNT, {"service_name": name, "syscall": "readv"}, 20),
               (SLOW, {"service_name": name, "syscall": "preadv2"}, 20),
               (SLOW, {"service_name": name, "syscall": "readv"}, 0))
