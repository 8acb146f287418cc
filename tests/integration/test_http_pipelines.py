# SPDX-License-Identifier: Apache-2.0
"""Pipelined requests that wait: bounded, shared by connections and by holders, and given back."""
import contextlib
import subprocess

from harness import Sonde, clean_environment, expect, http_counts, unique
from holders import another_holder

EVENTS = "sonde_events_total"
PIPELINE = 4096  # PIPELINE_MAX

# Both ends of so many connections, on each of which so many requests come before the first answer;
# when its input ends, so many are answered.
PAIR = """
import socket, sys
connections, requests, answers = map(int, sys.argv[1:])
listener = socket.create_server(("127.0.0.1", 0), backlog=128)
pairs = []
for _ in range(connections):
    client = socket.create_connection(listener.getsockname())
    pairs.append((client, listener.accept()[0]))

def move(sender, receiver, message, count):
    for begin in range(0, count, 50):
        left = min(50, count - begin) * len(message)
        sender.sendall(message * (left // len(message)))
        while left:
            left -= len(receiver.recv(left))

for client, server in pairs:
    move(client, server, b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n", requests)
print("they wait", flush=True)
sys.stdin.read()
for client, server in pairs:
    move(server, client, b"HTTP/1.1 204 No Content\\r\\n\\r\\n", answers)
"""


@contextlib.contextmanager
def pair(name, connections, requests, answers, before=()):
    with subprocess.Popen([*before, "/usr/bin/python3", "-c", PAIR, str(connections), str(requests),
                           str(answers)], env=clean_environment(OTEL_SERVICE_NAME=name),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"they wait\n"
        yield
        process.communicate(timeout=60)
        assert process.returncode == 0


def expect_exact(sonde, requests, **how):
    name = unique("exact")
    with pair(name, 1, requests, requests, **how):
        pass
    labels = {"service_name": name, "http_request_method": "GET", "http_response_status_code": "204"}
    expect(sonde, *[(f"http_{side}_request_duration_seconds_count", labels, requests)
                    for side in ("server", "client")])


def counted(sonde, name):
    return [sum(http_counts(sonde.metrics(), side, name).values()) for side in ("server", "client")]


def test_a_connection_with_thousands_that_wait_leaves_room_for_others(tmp_path):
    hog, requests = unique("hog"), 2 * PIPELINE
    with Sonde(tmp_path, "--log-format", "json") as sonde:
        with pair(hog, 1, requests, 0):
            expect_exact(sonde, 20)
        expect_exact(sonde, PIPELINE // 4)  # at either end: it is given back
        told = counted(sonde, hog)
        assert all(PIPELINE // 4 < each < PIPELINE for each in told), told
        # and who else is on this machine may find it full, too
        lost = sonde.metrics().sum(EVENTS, source="http", outcome="table_full")
        assert lost >= 2 * requests - sum(told)
        assert sonde.log().count("a table of the probes is full") == 1


def test_a_holder_with_many_connections_leaves_room_for_others(tmp_path):
    with Sonde(tmp_path) as sonde, another_holder() as before, \
            pair(unique("hog"), 40, 1000, 0, before=before):
        expect_exact(sonde, 20)
        assert sonde.metrics().sum(EVENTS, source="http", outcome="table_full") > 0
