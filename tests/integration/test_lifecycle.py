# SPDX-License-Identifier: Apache-2.0
"""How Sonde starts, stops, reloads and refuses; and the live table on a terminal."""
import contextlib
import fcntl
import glob
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time
import urllib.request

import pytest

from harness import NOBODY, SONDE, Sonde, clean_environment, free_port, nginx, stop, wait_until

STOP_SECONDS = 8  # drain-timeout is 5 s by default, and the machine may be busy
USAGE = 2
FAILED = 1


def sonde_once(*arguments, prefix=(), program=SONDE, **environment):
    """Runs a command that must end by itself; a hang is a failure."""
    return subprocess.run([*prefix, program, *arguments], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20,
                          env=clean_environment(**environment), check=False)


def assert_one_line(result, status, *words):
    assert result.returncode == status, result.stderr
    assert len(result.stderr.splitlines()) == 1, result.stderr
    for word in words:
        assert word in result.stderr, (word, result.stderr)


def log_lines(sonde):
    return [json.loads(line) for line in sonde.log().splitlines()]


# --- the end ---


@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_status_0(tmp_path, with_signal):
    with Sonde(tmp_path) as sonde:
        start = time.monotonic()
        assert sonde.stop(with_signal) == 0, sonde.log()
        assert time.monotonic() - start < STOP_SECONDS


def test_a_signal_right_after_the_start_ends_it_too(tmp_path):
    for delay in (0.05, 0.2, 0.4):
        sonde = Sonde(tmp_path, wait=False)
        time.sleep(delay)
        # Before its signals are blocked the default action ends it.
        assert sonde.stop() in (0, -signal.SIGTERM), sonde.log()


def bpf_ids(pid):
    """Ids of programs, maps and links that a process holds: neighbours may run a Sonde too."""
    ids = {"prog": set(), "map": set(), "link": set()}
    for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
        with contextlib.suppress(OSError), open(path, encoding="ascii") as info:
            fields = dict(line.split(":", 1) for line in info.read().splitlines() if ":" in line)
            if "link_id" in fields:  # names its program too
                ids["link"].add(int(fields["link_id"]))
            for kind in ("prog", "map"):
                if f"{kind}_id" in fields:
                    ids[kind].add(int(fields[f"{kind}_id"]))
    return ids


def bpf_present(kind):
    listed = subprocess.run(["bpftool", "--json", kind, "show"], stdout=subprocess.PIPE, check=True)
    return {entry["id"] for entry in json.loads(listed.stdout)}


def test_kill_leaves_nothing_attached_or_pinned(tmp_path):
    with Sonde(tmp_path) as sonde:
        ids = bpf_ids(sonde.process.pid)
        assert all(ids.values()), ids
        for kind, held in ids.items():
            assert held <= bpf_present(kind)
        sonde.process.kill()
        sonde.process.wait()
        for kind, held in ids.items():
            wait_until(lambda k=kind, h=held: not h & bpf_present(k), f"each {kind} is gone", 3)
    pinned = [name for _, folders, files in os.walk("/sys/fs/bpf") for name in folders + files]
    assert not [name for name in pinned if "sonde" in name]


# --- SIGHUP ---


def test_hangup_reads_the_configuration_again_and_keeps_the_old_one_if_it_is_bad(tmp_path):
    configuration = tmp_path / "sonde.yaml"
    configuration.write_text("log-level: info\nslow-syscall: 10s\n")
    # waits 0.3 s for the lock of a file, which is no wait by nature
    command = ["/usr/bin/python3", "-c", """
import fcntl, tempfile, threading
with tempfile.NamedTemporaryFile() as file, open(file.name) as a, open(file.name) as b:
    fcntl.flock(a, fcntl.LOCK_EX)
    threading.Timer(0.3, fcntl.flock, (a, fcntl.LOCK_UN)).start()
    fcntl.flock(b, fcntl.LOCK_EX)
"""]

    with Sonde(tmp_path, "--config", str(configuration), "--log-format", "json") as sonde:
        def slow_calls(name):
            subprocess.run(command, env=clean_environment(OTEL_SERVICE_NAME=name), check=True)
            time.sleep(0.5)
            return sum(s[2] for s in sonde.metrics().select("sonde_syscall_slow_total")
                       if s[1]["service_name"] == name)

        def hang_up(text, expected):
            before = len(log_lines(sonde))
            configuration.write_text(text)
            sonde.process.send_signal(signal.SIGHUP)
            return wait_until(lambda: [line for line in log_lines(sonde)[before:]
                                       if expected in line["message"]], f"says: {expected}")[0]

        assert slow_calls("hangup-before") == 0
        hang_up("log-level: info\nslow-syscall: 50ms\n", "configuration read again")
        assert slow_calls("hangup-after") >= 1

        refused = hang_up("log-level: info\nslow-syscall: soon\n", "old one stays")
        assert refused["level"] == "error"
        assert f"{configuration}:2" in refused["reason"] and "slow-syscall" in refused["reason"]
        assert slow_calls("hangup-refused") >= 1, "the old value stays"

        refused = hang_up("no-such-key: 1\n", "old one stays")
        assert f"{configuration}:1" in refused["reason"] and "no-such-key" in refused["reason"]

        restart = hang_up("ring-size: 4MiB\n", "takes a restart")
        assert restart["key"] == "ring-size"

        hang_up("log-level: debug\nslow-syscall: 50ms\n", "configuration read again")
        subprocess.run(["/bin/true"], check=True)
        wait_until(lambda: any(line["level"] == "debug" for line in log_lines(sonde)),
                   "debug lines after log-level: debug")
        assert sonde.stop() == 0


def test_each_json_log_line_is_an_object_with_time_level_and_message(tmp_path):
    with Sonde(tmp_path, "--log-format", "json", "--log-level", "debug",
               "--slow-syscall", "1ms") as sonde:
        subprocess.run(["/bin/sh", "-c", 'exec -a "a\\"b\\\\c" /bin/true'], check=False)
        time.sleep(1)
        assert sonde.stop() == 0
        lines = log_lines(sonde)
    assert len(lines) > 1
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line["timestamp"])
        assert line["level"] in ("debug", "info", "warn", "error")
        assert line["message"]


# --- the command line and what is missing ---


def test_unknown_flag_is_a_usage_error():
    assert_one_line(sonde_once("run", "--no-such-flag"), USAGE, "no-such-flag")


def test_unknown_subcommand_is_a_usage_error():
    assert_one_line(sonde_once("walk"), USAGE, "walk", "run")


def test_flag_without_value_is_a_usage_error():
    assert_one_line(sonde_once("run", "--listen"), USAGE, "listen")


def test_bad_variable_is_a_usage_error_that_names_it():
    assert_one_line(sonde_once("run", SONDE_SLOW_SYSCALL="soon"), USAGE, "SONDE_SLOW_SYSCALL")


@pytest.mark.parametrize("text, words", [
    ("listne: 127.0.0.1:0\n", (":1", "listne")),
    ("quiet: true\nsweep-interval: 1h\n", (":2", "sweep-interval")),
    ("quiet: maybe\n", (":1", "quiet", "true")),
    ("quiet: [true\n", (":",)),
])
def test_wrong_configuration_names_file_line_and_key(tmp_path, text, words):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    assert_one_line(sonde_once("run", "--config", str(path)), USAGE, str(path), *words)


def test_configuration_that_cannot_be_read(tmp_path):
    missing = str(tmp_path / "missing.yaml")
    assert_one_line(sonde_once("run", "--config", missing), USAGE, missing)
    assert_one_line(sonde_once("run", "--config", str(tmp_path)), USAGE, str(tmp_path))


def test_port_in_use():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert_one_line(sonde_once("run", "--quiet", "--listen", address), FAILED, address)


def test_without_privilege_it_says_what_is_missing(public_sonde):
    result = sonde_once("run", "--quiet", "--listen", f"127.0.0.1:{free_port()}",
                        program=public_sonde, prefix=NOBODY)
    assert_one_line(result, FAILED, "CAP_BPF")


def test_with_one_capability_it_names_the_others():
    result = sonde_once("run", "--quiet", "--listen", f"127.0.0.1:{free_port()}",
                        prefix=("setpriv", "--bounding-set=-all,+bpf", "--inh-caps=-all,+bpf"))
    assert_one_line(result, FAILED, "CAP_PERFMON")


WITHOUT_BTF = ("unshare", "-m", "sh", "-c",
               'mount -t tmpfs none /sys/kernel/btf && exec "$0" "$@"')


def test_without_btf_it_says_so():
    result = sonde_once("run", "--quiet", "--listen", f"127.0.0.1:{free_port()}",
                        prefix=WITHOUT_BTF)
    assert_one_line(result, FAILED, "BTF")


def test_check_lists_features_and_sources_and_ends_with_0():
    result = sonde_once("check")
    assert result.returncode == 0, result.stdout + result.stderr
    assert not result.stderr
    for word in ("CAP_BPF", "BTF", "ring buffer", "task storage", "tp_btf", "fentry", "kprobe",
                 "iter/task_file", "system calls", "HTTP", "TCP", "processes"):
        assert word in result.stdout, word


def test_check_without_privilege_or_btf_ends_with_1(public_sonde):
    result = sonde_once("check", program=public_sonde, prefix=NOBODY)
    assert result.returncode == FAILED
    assert re.search(r"CAP_BPF +missing", result.stdout), result.stdout
    assert sonde_once("check", prefix=WITHOUT_BTF).returncode == FAILED


def test_version_and_help():
    result = sonde_once("version")
    assert result.returncode == 0 and re.match(r"sonde \d+\.\d+\.\d+ \(\w", result.stdout)
    assert sonde_once("--version").stdout == result.stdout
    for arguments in (("--help",), ("run", "--help")):
        result = sonde_once(*arguments)
        assert result.returncode == 0 and "--otlp-endpoint" in result.stdout


# --- the live table ---


class Terminal:
    """`sonde run` on a terminal of its own."""

    def __init__(self, *flags, lines=24, columns=120):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.process = subprocess.Popen([SONDE, "run", *flags], stdin=slave, stdout=slave,
                                        stderr=subprocess.PIPE, env=clean_environment(TERM="xterm"),
                                        preexec_fn=lambda: (os.setsid(), fcntl.ioctl(
                                            0, termios.TIOCSCTTY, 0)))
        os.close(slave)
        self.output = b""

    def read_for(self, seconds):
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.master], [], [], left)[0]:
                try:
                    self.output += os.read(self.master, 65536)
                except OSError:  # the other side is closed
                    break
        return self.output.decode(errors="replace")

    def press(self, key):
        os.write(self.master, key)


def test_the_table_shows_services_and_the_url_and_interrupt_ends_it(tmp_path):
    port, metrics_port = free_port(), free_port()
    terminal = Terminal("--listen", f"127.0.0.1:{metrics_port}")
    try:
        terminal.read_for(1)
        with nginx(tmp_path, port):
            for _ in range(30):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/").read()
                terminal.read_for(0.1)
            text = terminal.read_for(0.5)
        terminal.press(b"\x03")
        terminal.read_for(0.5)
        assert terminal.process.wait(STOP_SECONDS) == 0, terminal.process.stderr.read()
    finally:
        stop(terminal.process, signal.SIGKILL)
        os.close(terminal.master)
    assert f"http://127.0.0.1:{metrics_port}/metrics" in text
    assert "SERVICE" in text and "REQ/S" in text
    assert re.search(rf"nginx-{port} +[1-9]", text), text[-3000:]
