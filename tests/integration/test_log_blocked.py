# SPDX-License-Identifier: Apache-2.0
"""A standard error, or output, that nobody reads: metrics are served and SIGTERM ends Sonde."""
import fcntl
import os
import pty
import signal
import socket
import subprocess
import termios
import threading
import time

import pytest

from harness import SONDE, Sonde, clean_environment, curl, free_port, nginx, unique

STOP_SECONDS = 8


class Blocked(Sonde):
    """A Sonde whose standard error is the file descriptor that it is given."""

    def __init__(self, stderr, *flags, stdout=subprocess.DEVNULL):
        self.port = free_port()
        self.process = subprocess.Popen(
            [SONDE, "run", "--listen", f"127.0.0.1:{self.port}", *flags], stdin=subprocess.DEVNULL,
            stdout=stdout, stderr=stderr, env=clean_environment())
        self.wait_ready()

    def log(self):
        return "(its standard error is a test's)"


def fill(fd):
    """Leaves no room in a pipe or socket; it blocks afterwards as it did before."""
    os.set_blocking(fd, False)
    try:
        while True:
            os.write(fd, b"." * 4096)
    except BlockingIOError:
        pass
    try:
        while True:
            os.write(fd, b".")
    except BlockingIOError:
        pass
    os.set_blocking(fd, True)


def full_pipe():
    reader, writer = os.pipe()
    fill(writer)
    return reader, writer


def full_socket():
    reader, writer = socket.socketpair()
    fill(writer.fileno())
    return reader.detach(), writer.detach()


def stopped_terminal():
    master, slave = pty.openpty()
    termios.tcflow(slave, termios.TCOOFF)  # Ctrl-S
    return master, slave


def many_lines(sonde, count):
    """Each reload is a line; so are slow calls, as far as the rate limit lets them."""
    for _ in range(count):
        sonde.process.send_signal(signal.SIGHUP)
        sonde.text()
        time.sleep(0.02)  # signals of the same number that wait are one


@pytest.mark.parametrize("blocked", [full_pipe, full_socket, stopped_terminal])
def test_blocked_standard_error_stops_neither_metrics_nor_the_end(tmp_path, blocked):
    reader, writer = blocked()
    port, name = free_port(), unique("blocked")
    with Blocked(writer, "--quiet", "--log-level", "debug", "--slow-syscall", "1us") as sonde:
        flags = fcntl.fcntl(writer, fcntl.F_GETFL)
        with nginx(tmp_path, port):
            curl(port, *["/"] * 50, name=name)
            many_lines(sonde, 50)
            assert sonde.metrics().sum("http_client_request_duration_seconds_count",
                                       service_name=name) == 50
        assert not flags & os.O_NONBLOCK
        began = time.monotonic()
        assert sonde.stop() == 0
        assert time.monotonic() - began < STOP_SECONDS
    os.close(writer)
    os.close(reader)


def test_lines_wait_for_whoever_reads_late(tmp_path):
    reader, writer = full_pipe()
    with Blocked(writer, "--quiet", "--log-format", "json") as sonde:
        os.close(writer)
        many_lines(sonde, 5)
        read = []
        thread = threading.Thread(target=lambda: read.extend(iter(lambda: os.read(reader, 65536),
                                                                  b"")))
        thread.start()
        assert sonde.metrics().sum("sonde_log_lines_dropped_total") == 0
        assert sonde.stop() == 0
        thread.join(20)
    os.close(reader)
    text = b"".join(read).decode()
    assert '"message":"serving metrics"' in text
    assert text.count('"message":"configuration read again"') == 5


@pytest.mark.parametrize("flags", [(), ("--flow-log", "-")], ids=["table", "flow log"])
def test_stopped_terminal_as_standard_output_stops_nothing(tmp_path, flags):
    master, slave = stopped_terminal()
    port = free_port()
    with open(tmp_path / "log", "wb") as log, \
            Blocked(log, "--flow-interval", "1s", *flags, stdout=slave) as sonde:
        with nginx(tmp_path, port):
            for _ in range(3):
                curl(port, *["/"] * 20, name="blocked")
                sonde.text()
                time.sleep(1)
        began = time.monotonic()
        assert sonde.stop() == 0
        assert time.monotonic() - began < STOP_SECONDS
    os.close(slave)
    os.close(master)


def test_error_before_the_daemon_is_printed_whole():
    result = subprocess.run([SONDE, "run", "--ring-size", "3MiB"], capture_output=True, check=False,
                            timeout=20, env=clean_environment())
    assert result.returncode == 2 and b"power of two" in result.stderr
    result = subprocess.run([SONDE, "run", "--listen", "192.0.2.1:1"], capture_output=True,
                            check=False, timeout=20, env=clean_environment())
    assert result.returncode == 1 and b"not an address of this machine" in result.stderr
