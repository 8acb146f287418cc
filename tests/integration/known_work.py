# SPDX-License-Identifier: Apache-2.0
"""Programs that do a known amount of work, and the figures that Sonde must show of it."""
import contextlib
import subprocess

from harness import start

PYTHON = "/usr/bin/python3"
SENT = "sonde_tcp_sent_bytes_total"
RECEIVED = "sonde_tcp_received_bytes_total"
CONNECTIONS = "sonde_tcp_connections_total"
OPEN = "sonde_tcp_open_connections"
EXITS = "sonde_process_exits_total"
SYSCALLS = "sonde_syscall_duration_seconds_count"
SYSCALL_ERRORS = "sonde_syscall_errors_total"

# --- TCP ---

# Both move bytes by whole amounts over `count` connections; with `hold` they keep the connections
# open until a line comes on standard input, and say "moved" before that.
SERVER = """
import socket, sys
count, receives, sends, hold = map(int, sys.argv[1:])
listener = socket.create_server(("127.0.0.1", 0), backlog=count)
print(listener.getsockname()[1], flush=True)
connections = []
for _ in range(count):
    connection, _ = listener.accept()
    left = receives
    while left:
        left -= len(connection.recv(min(left, 1 << 16)))
    connection.sendall(bytes(sends))
    if hold:
        connections.append(connection)
    else:
        connection.recv(1)
        connection.close()
print("moved", flush=True)
sys.stdin.readline()
"""
CLIENT = """
import socket, sys
port, count, sends, receives, hold = map(int, sys.argv[1:])
connections = []
for _ in range(count):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(bytes(sends))
    left = receives
    while left:
        left -= len(connection.recv(min(left, 1 << 16)))
    if hold:
        connections.append(connection)
    else:
        connection.close()
print("moved", flush=True)
sys.stdin.readline()
"""
REFUSED = """
import socket, sys
for _ in range(int(sys.argv[2])):
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    except ConnectionRefusedError:
        continue
    sys.exit("was not refused")
"""
# Tries each of `count` ports from the first on, where nothing listens.
SCAN = """
import socket, sys
for port in range(int(sys.argv[1]), int(sys.argv[1]) + int(sys.argv[2])):
    try:
        socket.create_connection(("127.99.0.1", port))
    except ConnectionRefusedError:
        continue
    sys.exit(f"{port} was not refused")
"""


@contextlib.contextmanager
def moving(place, server, client, count, requests, responses, hold=False):
    """A server and a client that run for the block; gives what waits until all is moved."""
    sizes = [str(count), str(requests), str(responses), str(int(hold))]
    with contextlib.ExitStack() as stack:
        def python(name, code, *arguments):
            process = start(*place, PYTHON, "-S", "-c", code, *arguments, name=name,
                            stdin=subprocess.PIPE)
            stack.callback(process.communicate, timeout=20)  # closes its input, and so ends it
            return process

        serving = python(server, SERVER, *sizes)
        port = serving.stdout.readline().decode().strip()
        asking = python(client, CLIENT, port, *sizes)

        def wait():
            for process in (asking, serving):
                assert process.stdout.readline() == b"moved\n"
        yield wait


@contextlib.contextmanager
def moved(*arguments, **more):
    """A server and a client that have moved their bytes, and still run, for the block."""
    with moving(*arguments, **more) as wait:
        wait()
        yield


def tcp_figures(server, client, count, requests, responses):
    """Bytes and connections of both, each in its own direction and nothing in the other."""
    inbound = {"service_name": server, "direction": "inbound"}
    outbound = {"service_name": client, "direction": "outbound"}
    expected = [(CONNECTIONS, {"service_name": name}, count) for name in (server, client)]
    for labels, sends, receives in ((inbound, responses, requests),
                                    (outbound, requests, responses)):
        name = {"service_name": labels["service_name"]}
        expected += [
            (CONNECTIONS, dict(labels, result="established"), count),
            (SENT, labels, sends * count), (SENT, name, sends * count),
            (RECEIVED, labels, receives * count), (RECEIVED, name, receives * count)]
    return expected


# --- processes ---


def exits(service, **reasons):
    """The figures of a service whose processes ended for these reasons, and for no others."""
    return [(EXITS, {"service_name": service, "reason": reason}, reasons.get(reason, 0))
            for reason in ("success", "error", "signal", "oom")]


# --- system calls ---


def syscall_figures(service, getppid, openat, close):
    """What Sonde must show for `calls getppid=… openat=… close=…`."""
    return [
        (SYSCALLS, {"service_name": service, "syscall": "getppid"}, getppid),
        (SYSCALLS, {"service_name": service, "syscall": "openat"}, openat),
        (SYSCALL_ERRORS, {"service_name": service, "syscall": "openat", "errno": "ENOENT"}, openat),
        (SYSCALL_ERRORS, {"service_name": service, "syscall": "openat"}, openat),
        (SYSCALL_ERRORS, {"service_name": service, "syscall": "close", "errno": "EBADF"}, close),
        (SYSCALL_ERRORS, {"service_name": service, "syscall": "close"}, close),
        (SYSCALL_ERRORS, {"service_name": service, "syscall": "getppid"}, 0),
    ]
