# SPDX-License-Identifier: Apache-2.0
"""Whose figures are: of processes that change their cgroup, and of sockets that are handed on."""
import contextlib
import json
import os
import shutil
import socket
import subprocess

import pytest

from cgroups import cgroup, mount_of, write
from harness import Sonde, clean_environment, expect, free_port, program, start, unique, wait_until

PYTHON = "/usr/bin/python3"
CALLS = "sonde_syscall_duration_seconds_count"
OPEN = "sonde_tcp_open_connections"
CONNECTIONS = "sonde_tcp_connections_total"
QUEUE = "sonde_tcp_accept_queue_limit"


def in_cgroup_2():
    return mount_of("cgroup2") or pytest.skip("no cgroup2 is mounted")


def in_cgroup_1():
    return mount_of("cgroup", "memory") or pytest.skip("no cgroup of version 1 is mounted")


# --- cgroups ---

# Makes a child in another cgroup, as systemd and runc do, without a move and without an exec.
BORN = """
import ctypes, os, struct, sys
folder = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
os.getppid()
# struct clone_args: CLONE_INTO_CGROUP, SIGCHLD as the signal at its end, and the cgroup
arguments = ctypes.create_string_buffer(
    struct.pack("11Q", 1 << 33, 0, 0, 0, 17, 0, 0, 0, 0, 0, folder))
pid = ctypes.CDLL(None).syscall(435, arguments, 88)
if pid == 0:
    for _ in range(432):
        os.getppid()
    os._exit(0)
sys.exit(99 if pid < 0 else os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_process_that_is_born_into_a_cgroup_counts_there(sonde):
    service = unique("born")
    with cgroup(in_cgroup_2(), f"{service}.service") as folder:
        status = subprocess.run([PYTHON, "-c", BORN, folder], env=clean_environment(),
                                check=False).returncode
        if status == 99:
            pytest.skip("this kernel makes no process in another cgroup")
        assert status == 0
        expect(sonde, (CALLS, {"service_name": service, "syscall": "getppid"}, 432))


THREAD = """
import os, sys, threading
def moved():
    with open(sys.argv[1] + "/tasks", "w") as file:
        file.write("0")
    for _ in range(321):
        os.getppid()
thread = threading.Thread(target=moved)
thread.start()
thread.join()
for _ in range(123):
    os.getppid()
"""


def test_thread_that_is_moved_alone_counts_there_alone(sonde):
    first, second = unique("stays"), unique("goes")
    with cgroup(in_cgroup_1(), f"{first}.service") as stays, \
            cgroup(in_cgroup_1(), f"{second}.service") as goes:
        subprocess.run(["/bin/sh", "-c", f'echo 0 > {stays}/cgroup.procs; exec "$@"', "sh",
                        PYTHON, "-c", THREAD, goes], env=clean_environment(), check=True)
        expect(sonde, (CALLS, {"service_name": second, "syscall": "getppid"}, 321),
               (CALLS, {"service_name": first, "syscall": "getppid"}, 123))


def test_processes_of_a_cgroup_that_is_renamed_count_under_its_new_name(sonde, calls):
    """Also what is in a cgroup within that one."""
    before, after = unique("before"), unique("after")
    with cgroup(in_cgroup_1(), f"{before}.service", "workers") as folder, \
            start(calls, f"join={folder}/cgroup.procs", "getppid=111", "read=1", "getppid=222",
                  stdin=subprocess.PIPE) as process:
        expect(sonde, (CALLS, {"service_name": before, "syscall": "getppid"}, 111))
        outer = os.path.dirname(folder)
        renamed = os.path.join(os.path.dirname(outer), f"{after}.service")
        os.rename(outer, renamed)
        try:
            process.communicate(b"x", timeout=20)
        finally:
            os.rename(renamed, outer)
        expect(sonde, (CALLS, {"service_name": before, "syscall": "getppid"}, 111),
               (CALLS, {"service_name": after, "syscall": "getppid"}, 222))


SERVER = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
    open_ones = [listener.accept()[0]]
    print("accepted", flush=True)
    sys.stdin.read()
"""


def test_process_that_is_moved_takes_its_sockets_along(sonde):
    """By the next look at all tasks, which is every 15 s."""
    service, port = unique("moved"), free_port()
    with cgroup(in_cgroup_2(), f"{service}.service") as folder, \
            start(PYTHON, "-c", SERVER, str(port), stdin=subprocess.PIPE) as server:
        client = wait_until(lambda: connected(port), "it listens")
        assert server.stdout.readline() == b"accepted\n"
        write(folder, "cgroup.procs", text=str(server.pid))
        wait_until(lambda: sonde.metrics().sum(QUEUE, service_name=service, port=str(port)) > 0,
                   "the listener is the new service's", 40)
        client.sendall(b"x")
        expect(sonde, (OPEN, {"service_name": service, "direction": "inbound"}, 1))
        client.close()
        server.communicate(timeout=20)


def connected(port):
    with contextlib.suppress(OSError):
        return socket.create_connection(("127.0.0.1", port), 5)
    return None


# --- sockets that are handed on ---

# What systemd does: listens, and starts the service when somebody comes.
ACTIVATOR = """
import os, select, socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
select.select([listener], [], [])
pid = os.fork()
if pid == 0:
    os.environ.update(OTEL_SERVICE_NAME=sys.argv[2], LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[3]])
os.waitpid(pid, 0)
"""

# Accepts from descriptor 3, and keeps what it accepts until its input ends; says and hears nothing.
ACCEPTOR = """
import socket, sys
listener, kept = socket.socket(fileno=3), []
for _ in range(3):
    kept.append(listener.accept()[0])
sys.stdin.read()
"""


@pytest.mark.parametrize("flags", [(), ("--no-http", "--no-dns")])
def test_listener_and_connections_are_of_who_accepts(tmp_path, flags):
    activator, service, port = unique("activator"), unique("activated"), free_port()
    with Sonde(tmp_path, *flags) as sonde, contextlib.ExitStack() as stack, \
            start(PYTHON, "-c", ACTIVATOR, str(port), service, ACCEPTOR, name=activator,
                  stdin=subprocess.PIPE) as process:
        clients = [stack.enter_context(wait_until(lambda: connected(port), "it listens"))
                   for _ in range(3)]
        inbound = {"service_name": service, "direction": "inbound"}
        expect(sonde, (OPEN, inbound, 3), (OPEN, {"service_name": activator}, 0),
               (CONNECTIONS, inbound, 3), (CONNECTIONS, {"service_name": activator}, 0),
               (QUEUE, {"service_name": activator}, 0))
        assert sonde.metrics().sum(QUEUE, service_name=service, port=str(port)) == 128
        for client in clients:
            client.close()
        process.communicate(timeout=20)
        expect(sonde, (OPEN, inbound, 0), (CONNECTIONS, inbound, 3))


def test_service_that_systemd_would_start_owns_what_it_accepts(sonde):
    activate = shutil.which("systemd-socket-activate")
    if not activate:
        pytest.skip("systemd-socket-activate is not installed")
    service, port = unique("by-systemd"), free_port()
    with program(activate, "-l", f"127.0.0.1:{port}", "-E", f"OTEL_SERVICE_NAME={service}", PYTHON,
                 "-c", ACCEPTOR.replace("sys.stdin.read()", "import time; time.sleep(60)")), \
            contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(wait_until(lambda: connected(port), "it listens"))
        expect(sonde, (OPEN, {"service_name": service, "direction": "inbound"}, 3))
        assert sonde.metrics().sum(QUEUE, service_name=service, port=str(port)) > 0


def test_connection_that_is_handed_on_is_of_who_uses_it(sonde):
    """What inetd does, and a socket unit with Accept=yes."""
    acceptor, service, port = unique("inetd"), unique("instance"), free_port()
    code = ("import os, socket, subprocess, sys\n"
            "listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
            "connection = listener.accept()[0]\n"
            "subprocess.run([sys.executable, '-c', 'print(input(), flush=True); input()'],"
            " stdin=connection, stdout=connection,"
            " env={**os.environ, 'OTEL_SERVICE_NAME': sys.argv[2]})\n")
    with program(PYTHON, "-c", code, str(port), service, name=acceptor), \
            wait_until(lambda: connected(port), "it listens") as client:
        client.sendall(b"hello\n")
        assert client.makefile("rb").readline() == b"hello\n"
        expect(sonde, (OPEN, {"service_name": service, "direction": "inbound"}, 1),
               (OPEN, {"service_name": acceptor}, 0),
               ("sonde_tcp_received_bytes_total", {"service_name": service}, 6))
        assert sonde.metrics().sum(QUEUE, service_name=acceptor, port=str(port)) > 0
        client.sendall(b"\n")


# Threads under names of their own, of which each connects, accepts, and is refused once.
NAMED_THREADS = """
import ctypes, socket, sys, threading
listener = socket.create_server(("127.0.0.1", 0))
free = socket.create_server(("127.0.0.1", 0))
refused = free.getsockname()
free.close()
def work(name):
    ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)  # PR_SET_NAME
    near = socket.create_connection(listener.getsockname())
    far = listener.accept()[0]
    near.sendall(b"x")
    far.recv(1)
    socket.socket().connect_ex(refused)
for i in range(6):
    thread = threading.Thread(target=work, args=(f"worker-{i}",))
    thread.start()
    thread.join()
"""


def test_threads_that_name_themselves_are_one_command(tmp_path):
    name, log = unique("named-threads"), tmp_path / "flows.json"
    with Sonde(tmp_path, "--flow-log", str(log)):
        subprocess.run([PYTHON, "-c", NAMED_THREADS], check=True,
                       env=clean_environment(OTEL_SERVICE_NAME=name))

        def told():
            lines = log.read_text().splitlines() if log.exists() else []
            mine = [json.loads(line) for line in lines if name in line]
            return mine if len(mine) >= 18 else None
        records = wait_until(told, "12 ends of connections and 6 refusals")
    assert len(records) == 18
    assert {record["process.command"] for record in records} == {"python3"}
