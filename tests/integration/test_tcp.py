# SPDX-License-Identifier: Apache-2.0
"""TCP: bytes and connections against programs that moved known amounts, and against Redis."""
import socket
import subprocess
import time

import pytest

from harness import Sonde, expect, free_port, program, run, unique
from known_work import CONNECTIONS, OPEN, RECEIVED, REFUSED, SCAN, SENT, moved, tcp_figures

PYTHON = "/usr/bin/python3"
CONNECT = "sonde_tcp_connect_duration_seconds"
LIFETIME = "sonde_tcp_connection_duration_seconds"

@pytest.fixture(params=["host", "namespace"])
def place(request):
    """How to start a program in a network namespace: this one, or one of the test's own."""
    if request.param == "host":
        yield []
        return
    name = unique("sonde-test")
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
        pytest.skip("no network namespace can be made here")
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        yield ["nsenter", f"--net=/run/netns/{name}"]
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest.mark.parametrize("count,requests,responses", [
    (200, 1, 1), (50, 12345, 100001), (3, 5_000_000, 77), (3, 0, 8_000_000), (100, 0, 0)])
def test_bytes_and_connections_are_exact(sonde, place, count, requests, responses):
    server, client = unique("tcp-server"), unique("tcp-client")
    with moved(place, server, client, count, requests, responses):
        expect(sonde, *tcp_figures(server, client, count, requests, responses))
    assert sonde.metrics().dropped("tcp") == 0


def test_bytes_of_programs_that_ended_at_once_are_exact(sonde, place):
    server, client = unique("tcp-brief-server"), unique("tcp-brief-client")
    with moved(place, server, client, 20, 4321, 1234):
        pass
    expect(sonde, *tcp_figures(server, client, 20, 4321, 1234))


def test_open_connection_shows_its_bytes_while_it_lives(sonde, place):
    server, client = unique("tcp-long-server"), unique("tcp-long-client")
    opened = [(OPEN, {"service_name": name}, 7) for name in (server, client)]
    with moved(place, server, client, 7, 30000, 400, hold=True):
        expect(sonde, *tcp_figures(server, client, 7, 30000, 400), *opened, seconds=2)
    # and not again when it ends
    closed = [(name, labels, 0) for name, labels, _ in opened]
    expect(sonde, *tcp_figures(server, client, 7, 30000, 400), *closed)


def test_refused_connections_are_counted_as_refused(sonde, place):
    name = unique("tcp-refused")
    assert run(*place, PYTHON, "-c", REFUSED, str(free_port()), "25", name=name)[0] == 0
    expect(sonde,
           (CONNECTIONS, {"service_name": name, "direction": "outbound", "result": "refused"}, 25),
           (CONNECTIONS, {"service_name": name}, 25),
           (SENT, {"service_name": name}, 0),
           (RECEIVED, {"service_name": name}, 0))


def port_values(sonde, service):
    return {labels["port"] for _, labels, _ in sonde.metrics().samples
            if labels.get("service_name") == service and labels.get("port")}


def test_thousands_of_refused_ports_are_few_values(sonde):
    name, count = unique("tcp-scan"), 3000
    assert run(PYTHON, "-c", SCAN, "3000", str(count), name=name)[0] == 0
    expect(sonde, (CONNECTIONS, {"service_name": name, "result": "refused"}, count))
    assert "other" in port_values(sonde, name) and len(port_values(sonde, name)) <= 17
    assert sonde.metrics().sum("sonde_limit_reached_total", limit="ports") >= count - 16
    # what serves has its number, as before, and so has what is tried again and again
    server, client, port = unique("tcp-server"), name, free_port()
    with moved([], server, client, 3, 10, 20):
        expect(sonde, (CONNECTIONS, {"service_name": client, "result": "established"}, 3))
    known = port_values(sonde, server) - {"other"}
    assert len(known) == 1 and known <= port_values(sonde, client)
    assert run(PYTHON, "-c", REFUSED, str(port), "20", name=name)[0] == 0
    expect(sonde, (CONNECTIONS, {"service_name": name, "result": "refused"}, count + 20))
    assert str(port) in port_values(sonde, client)


LISTEN = """
import socket, time
kept = []
for _ in range(300):
    kept.append(socket.create_server(("127.0.0.1", 0)))
print("listens", flush=True)
time.sleep(60)
"""


def test_hundreds_of_listeners_are_few_values(sonde):
    name = unique("tcp-listens")
    with program(PYTHON, "-c", LISTEN, name=name, stdout=subprocess.PIPE) as server:
        assert server.stdout.readline() == b"listens\n"
        expect(sonde, ("sonde_tcp_accept_queue_limit", {"service_name": name}, 300 * 128))
        assert len(port_values(sonde, name)) == 65


def test_connection_from_before_sonde_counts_from_then_on_under_its_owner(tmp_path):
    server, client = unique("tcp-old-server"), unique("tcp-old-client")
    with moved([], server, client, 4, 1000, 2000, hold=True), Sonde(tmp_path) as sonde:
        expect(sonde, *tcp_figures(server, client, 0, 0, 0),
               *[(OPEN, {"service_name": name}, 4) for name in (server, client)])


@pytest.fixture
def redis(tmp_path, sonde):
    """A Redis with a name, started after Sonde; gives name and port."""
    port, name = free_port(), unique("redis")
    with program("/usr/bin/redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "",
                 "--dir", str(tmp_path), port=port, name=name):
        yield name, port


def redis_bytes(port):
    """What Redis says it read and wrote, this very question and its answer included."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"INFO stats\r\n")
        answer = b""
        while True:
            piece = connection.recv(1 << 16)
            assert piece, "Redis closed the connection"
            answer += piece
            head, _, body = answer.partition(b"\r\n")
            if body and len(body) == int(head[1:]) + 2:
                break
    figure = dict(line.split(b":", 1) for line in body.split(b"\r\n") if b":" in line)
    return (int(figure[b"total_net_input_bytes"]),
            int(figure[b"total_net_output_bytes"]) + len(answer))


def test_bytes_of_redis_are_what_redis_says(sonde, redis):
    name, port = redis
    client = unique("redis-benchmark")
    assert run("/usr/bin/redis-benchmark", "-p", str(port), "-n", "20000", "-c", "20", "-d", "300",
               "-t", "set,get,lrange_100", "-q", name=client)[0] == 0
    before = redis_bytes(port)  # a question of its own: its bytes are the next one's to tell
    received, sent = redis_bytes(port)
    assert received > before[0] > 20000 * 300
    inbound = {"service_name": name, "direction": "inbound"}
    expect(sonde, (RECEIVED, inbound, received), (SENT, inbound, sent),
           (OPEN, {"service_name": name}, 0))


# Both ends in one process, ten times; each way of ending it leaves other traces in the kernel.
ENDS = """
import socket, struct, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listener = socket.create_server((sys.argv[1], 0), family=family)
for _ in range(10):
    client = socket.create_connection(listener.getsockname()[:2])
    server, _ = listener.accept()
    client.sendall(bytes(1000))
    if sys.argv[2] == "half-closed":
        client.shutdown(socket.SHUT_WR)
    if sys.argv[2] != "unread":
        while len(server.recv(1000, socket.MSG_PEEK)) < 1000: pass
        server.recv(1000)
    server.sendall(bytes(300))
    if sys.argv[2] == "reset":
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.close()
    try:
        while client.recv(1000): pass
    except ConnectionResetError:
        pass
    client.close()
"""


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("end", ["closed", "half-closed", "reset", "unread"])
def test_bytes_are_exact_however_a_connection_ends(sonde, address, end):
    name = unique(f"tcp-{end}")
    assert run(PYTHON, "-c", ENDS, address, end, name=name)[0] == 0
    inbound, outbound = ({"service_name": name, "direction": direction}
                         for direction in ("inbound", "outbound"))
    expect(sonde,
           (CONNECTIONS, {"service_name": name, "result": "established"}, 20),
           (CONNECTIONS, {"service_name": name}, 20),
           (SENT, outbound, 10000), (RECEIVED, inbound, 10000),
           (SENT, inbound, 3000), (RECEIVED, outbound, 3000),
           (OPEN, {"service_name": name}, 0))


# One socket that is refused, then connected, disconnected, and so on, and at last listens.
AGAIN = """
import ctypes, socket, struct, sys
listener = socket.create_server(("127.0.0.1", 0))
refusing = int(sys.argv[1])
libc, nowhere = ctypes.CDLL(None), struct.pack("H14x", socket.AF_UNSPEC)
client = socket.socket()
def connect(address, size):
    client.connect(address)
    server, _ = listener.accept()
    client.sendall(bytes(size))
    left = size
    while left:
        left -= len(server.recv(left))
    server.sendall(bytes(300))
    assert client.recv(300, socket.MSG_WAITALL) == bytes(300)
    if size % 200:
        client.shutdown(socket.SHUT_WR)
        assert not server.recv(1)
        server.close()
        assert not client.recv(1)
    assert libc.connect(client.fileno(), nowhere, len(nowhere)) == 0
for size in range(1000, 0, -100):
    try:
        client.connect(("127.0.0.1", refusing))
        sys.exit("was not refused")
    except ConnectionRefusedError:
        pass
    connect(listener.getsockname(), size)
client.bind(("127.0.0.1", 0))
client.listen()
for _ in range(3):
    with socket.create_connection(client.getsockname()) as far, client.accept()[0] as near:
        far.sendall(bytes(7))
        assert near.recv(7, socket.MSG_WAITALL)
"""


def test_a_socket_that_is_connected_again_is_another_connection(sonde):
    name = unique("tcp-again")
    began = time.monotonic()
    assert run(PYTHON, "-c", AGAIN, str(free_port()), name=name)[0] == 0
    seconds = time.monotonic() - began
    inbound, outbound = ({"service_name": name, "direction": direction}
                         for direction in ("inbound", "outbound"))
    expect(sonde,
           (CONNECTIONS, {"service_name": name, "result": "refused"}, 10),
           (CONNECTIONS, dict(outbound, result="established"), 13),
           (CONNECTIONS, dict(inbound, result="established"), 13),
           (CONNECTIONS, {"service_name": name}, 36),
           (SENT, outbound, 5500 + 21), (RECEIVED, inbound, 5500 + 21),
           (SENT, inbound, 3000), (RECEIVED, outbound, 3000),
           (LIFETIME + "_count", {"service_name": name}, 26),
           (OPEN, {"service_name": name}, 0))
    assert 0 < sonde.metrics().sum(LIFETIME + "_sum", service_name=name) < 2 * seconds


# A socket that is bound to the port that it connects to is both ends; no listener is needed.
ITSELF = """
import socket
for _ in range(5):
    with socket.socket() as both:
        both.bind(("127.0.0.1", 0))
        both.connect(both.getsockname())
        both.sendall(bytes(100))
        assert both.recv(100, socket.MSG_WAITALL) == bytes(100)
"""


def test_a_socket_that_is_connected_to_itself_is_one_connection_out(sonde):
    name = unique("tcp-itself")
    began = time.monotonic()
    assert run(PYTHON, "-c", ITSELF, name=name)[0] == 0
    seconds = time.monotonic() - began
    outbound = {"service_name": name, "direction": "outbound"}
    expect(sonde,
           (CONNECTIONS, {"service_name": name}, 5),
           (CONNECTIONS, dict(outbound, result="established"), 5),
           (SENT, {"service_name": name}, 500), (RECEIVED, {"service_name": name}, 500),
           (CONNECT + "_count", outbound, 5), (OPEN, {"service_name": name}, 0))
    assert 0 < sonde.metrics().sum(CONNECT + "_sum", **outbound) < seconds


# A super-server: accepts, and starts a service for each connection, which gets it as descriptor 3.
SUPER = """
import os, socket, sys
count, service, code = int(sys.argv[1]), sys.argv[2], sys.argv[3]
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
for _ in range(count):
    connection, _ = listener.accept()
    child = os.fork()
    if not child:
        os.dup2(connection.fileno(), 3)
        os.execve(sys.executable, [sys.executable, "-S", "-c", code],
                  {**os.environ, "OTEL_SERVICE_NAME": service})
    connection.close()
    os.waitpid(child, 0)
"""
STARTED = """
import socket
connection = socket.socket(fileno=3)
connection.sendall(bytes(3000))
connection.recv(1)
"""


@pytest.mark.parametrize("flags", [(), ("--no-http",), ("--no-http", "--no-dns")])
def test_a_connection_that_is_handed_over_is_its_users_whatever_else_is_on(tmp_path, flags):
    accepts, uses = unique("tcp-super"), unique("tcp-started")
    with Sonde(tmp_path, *flags) as sonde:
        with program(PYTHON, "-S", "-c", SUPER, "5", uses, STARTED, name=accepts,
                     stdout=subprocess.PIPE) as server:
            port = int(server.stdout.readline())
            for _ in range(5):
                with socket.create_connection(("127.0.0.1", port)) as connection:
                    left = 3000
                    while left:
                        left -= len(connection.recv(left))
        expect(sonde, (SENT, {"service_name": uses}, 5 * 3000),
               (SENT, {"service_name": accepts}, 0), (OPEN, {"service_name": uses}, 0))
