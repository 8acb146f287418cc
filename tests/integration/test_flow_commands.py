# SPDX-License-Identifier: Apache-2.0
"""`sonde flows` and `sonde connections`, and the pages they ask for, against open connections."""
import bisect
import contextlib
import json
import os
import pty
import resource
import select
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

from harness import (NOBODY, SONDE, Sonde, clean_environment, free_port, program, start, stop,
                     unique, wait_until)
from netlab import PROGRAMS, PYTHON

PING, PONG = b"PING\r\n", b"+PONG\r\n"


@pytest.fixture
def redis():
    name, port = unique("flow-commands"), free_port()
    with program("redis-server", "--port", str(port), "--save", "", port=port, name=name):
        yield name, port


@contextlib.contextmanager
def clients(port, count, pings):
    """Connections that are open: the first has sent PING once, the second `pings` times, …"""
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                  for _ in range(count)]
        for number, connection in enumerate(opened):
            for _ in range(pings ** number):
                connection.sendall(PING)
                assert connection.recv(100) == PONG
        yield [connection.getsockname()[1] for connection in opened]


def ask(sonde, *arguments, command=(), status=0):
    """What a subcommand says on standard output, or, when it fails, on standard error."""
    result = subprocess.run(
        [*command, SONDE, *arguments, "--url", f"http://127.0.0.1:{sonde.port}"],
        capture_output=True, timeout=60, check=False, env=clean_environment())
    assert result.returncode == status, result.stderr.decode()
    return (result.stderr if status else result.stdout).decode()


def row(table, name):
    """The words of the row that begins with this name."""
    found = [line.split() for line in table.splitlines() if line.startswith(name)]
    assert len(found) == 1, table
    return found[0]


def test_connections_as_json_are_complete_and_exact(sonde, redis):
    name, port = redis
    with clients(port, 3, 4) as ports:
        lines = ask(sonde, "connections", "--json").splitlines()
    mine = {r["source.port"]: r for r in map(json.loads, lines) if r["service_name"] == name}
    assert sorted(mine) == sorted(ports)
    for number, client_port in enumerate(ports):
        record = mine[client_port]
        assert record["event"] == "open"
        assert record["direction"] == "inbound"
        assert record["destination.port"] == port
        assert record["received_bytes"] == 4 ** number * len(PING)
        assert record["sent_bytes"] == 4 ** number * len(PONG)


def test_connections_are_rows_in_the_order_that_is_asked_for(sonde, redis):
    name, port = redis
    with clients(port, 3, 4) as ports:
        table = ask(sonde, "connections").splitlines()
        only_one = ask(sonde, "connections", "--limit", "1").splitlines()
    assert table[0].split() == ["LOCAL", "REMOTE", "DIR", "SERVICE", "PROCESS", "STATE", "AGE",
                                "TX/S", "RX/S", "SENT", "RCVD", "RETR", "RTT", "PEER"]
    mine = [line.split() for line in table if line.startswith(f"127.0.0.1:{port} ")]
    assert [words[1] for words in mine] == [f"127.0.0.1:{port}" for port in reversed(ports)]
    assert {words[2] for words in mine} == {"in"}
    # SERVICE, and PROCESS in two words
    assert [words[10:12] for words in mine] == [["112B", "96B"], ["28B", "24B"], ["7B", "6B"]]
    assert only_one[0] == table[0] and len(only_one) == 2
    assert name.startswith(mine[0][3].rstrip("…"))


def test_flows_add_up_by_service_peer_and_process(sonde, redis):
    name, port = redis
    with clients(port, 3, 4):
        by_service = row(ask(sonde, "flows", "--once"), name)
        by_process = ask(sonde, "flows", "--by", "process").splitlines()
        by_peer = row(ask(sonde, "flows", "--by=peer", "--sort=rtt"), name)
    assert (by_service[1], *by_service[4:6]) == ("3", "147B", "126B")
    assert (by_peer[1], *by_peer[4:6]) == ("3", "126B", "147B")
    (process,) = [line.split() for line in by_process if line.startswith("redis-server ")]
    assert (process[2], *process[5:7]) == ("3", "147B", "126B")


REQUEST, RESPONSE, PACE_SECONDS = 5000, 2000, 0.01


@contextlib.contextmanager
def paced_program(name):
    """Sends at a known pace (programs/tcp_pace.py): its client's ports, and what ends it."""
    process = start(PYTHON, os.path.join(PROGRAMS, "tcp_pace.py"), str(REQUEST), str(RESPONSE),
                    str(PACE_SECONDS), name=name, stdin=subprocess.PIPE, encoding="ascii")
    with process:
        try:
            yield (json.loads(process.stdout.readline()),
                   lambda: json.loads(process.communicate("\n", timeout=60)[0]))
        finally:
            stop(process)


def exchanges_per_second(times, asked, answered):
    """The least and the most over what may be `now`: half a second to three before an answer."""
    rates = [(bisect.bisect(times, end) - bisect.bisect(times, end - tenths / 10)) / tenths * 10
             for end in (asked, answered) for tenths in range(5, 31)]
    return min(rates), max(rates)


def bytes_of(figure):
    return float(figure[:-1]) * 1024 ** "BKMG".index(figure[-1])


def test_rates_are_what_is_moved_now(sonde):
    name = unique("flow-rates")
    enough = 4 / PACE_SECONDS * REQUEST  # four seconds: what the idle one has moved is over

    def connections():
        records = map(json.loads, ask(sonde, "connections", "--json").splitlines())
        return {(r["source.port"], r["direction"]): r for r in records if r["service_name"] == name}

    with paced_program(name) as (ports, end):
        paced, idle = ports["paced"], ports["idle"]
        wait_until(lambda: connections()[paced, "outbound"]["sent_bytes"] >= enough,
                   "some seconds")
        asked = time.time()
        found = connections()
        table = row(ask(sonde, "flows", "--once"), name)
        rows = {sort: ask(sonde, "connections", "--sort", sort) for sort in ("rate", "bytes")}
        answered = time.time()
        times = end()
    least, most = exchanges_per_second(times, asked, answered)
    for direction, sent, received in (("outbound", REQUEST, RESPONSE),
                                      ("inbound", RESPONSE, REQUEST)):
        record = found[paced, direction]
        for what, size in ("sent", sent), ("received", received):
            shown = record[f"{what}_bytes_per_second"]
            assert 0.9 * least * size <= shown <= 1.1 * most * size, (direction, what, least, most)
            assert found[idle, direction][f"{what}_bytes_per_second"] == 0
    for figure in table[2:4]:
        shown = bytes_of(figure) / (REQUEST + RESPONSE)
        assert 0.9 * least <= shown <= 1.1 * most, (figure, least, most)
    for sort, order in ("rate", [paced, paced, idle, idle]), ("bytes", [idle, idle, paced, paced]):
        mine = [line for line in rows[sort].splitlines() if f" {name[:19]}" in line]
        assert [port for line in mine for port in (paced, idle) if f":{port} " in line] == order


def test_flows_are_renewed_on_a_terminal(sonde, redis):
    name, port = redis
    master, slave = pty.openpty()
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, master)
        stack.enter_context(program(SONDE, "flows", "--url", f"http://127.0.0.1:{sonde.port}",
                                    stdout=slave, stderr=slave))
        os.close(slave)
        shown = bytearray()

        def shows(connections):
            if select.select([master], [], [], 0.1)[0]:
                shown.extend(os.read(master, 65536))
            return any(line.split()[1:2] == [str(connections)]
                       for line in shown.decode(errors="replace").splitlines()
                       if line.startswith(name[:20]))
        with clients(port, 2, 1):
            wait_until(lambda: shows(2), "two connections")
            with clients(port, 1, 1):
                wait_until(lambda: shows(3), "three connections")


def test_commands_need_no_privilege(sonde, public_sonde, redis):
    name, port = redis
    with clients(port, 1, 1):
        result = subprocess.run([*NOBODY, public_sonde, "flows", "--url",
                                 f"http://127.0.0.1:{sonde.port}"], capture_output=True,
                                check=True, timeout=60, env=clean_environment())
    assert row(result.stdout.decode(), name)[1] == "1"


def test_without_a_daemon_one_line_says_what_to_do():
    url = f"http://127.0.0.1:{free_port()}"
    for name in "flows", "connections":
        result = subprocess.run([SONDE, name, "--url", url], capture_output=True, timeout=60,
                                check=False, env=clean_environment())
        assert result.returncode == 1 and not result.stdout
        assert result.stderr.decode() == (
            f"sonde: no Sonde answers at {url}: start it with `sonde run`\n")


@pytest.mark.parametrize("arguments,reason", [
    (["flows", "--by", "port"], "--by is one of service, peer, process, namespace, owner, pod"),
    (["connections", "--by", "peer"], "there are sort, format, limit, columns"),
    (["connections", "--limit", "-1"], "--limit is a number up to 1000000"),
    (["flows", "--json"], "--json is no flag of this subcommand"),
    (["flows", "--bytes"], "--bytes: no such flag"),
    (["flows", "now"], "now belongs to no flag"),
])
def test_wrong_flags_are_named(arguments, reason):
    result = subprocess.run([SONDE, *arguments], capture_output=True, timeout=60, check=False)
    assert result.returncode == 2
    assert reason in result.stderr.decode()


def answer(url):
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


# What a squatter of the port sends, and what it is to reach with it.
SQUATTERS = {
    "no HTTP": b"\x1b[2Jgo away\r\n",
    "another server": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\x1b[31mred\n",
    "its error page": b"HTTP/1.1 500 No\r\nServer: nginx\r\nContent-Length: 7\r\n\r\n\x1b]0;x\x07\n",
    "one that knows": b"HTTP/1.1 200 OK\r\nServer: Sonde\r\nContent-Length: 6\r\n\r\n\x1b[31m\n",
    "its refusal": b"HTTP/1.1 403 No\r\nServer: Sonde\r\nContent-Length: 6\r\n\r\n\x1b[31m\n",
    "direction": "HTTP/1.1 200 OK\r\nServer: Sonde\r\n\r\n{\"a\":\"\u202eb\"}\n".encode(),
    "a line without end": b"HTTP/1.1 200 OK\r\nServer: Sonde\r\n\r\n" + b"{" * 1000000,
}


@pytest.mark.parametrize("what", SQUATTERS)
@pytest.mark.parametrize("command", [("flows", "--once"), ("connections",),
                                     ("connections", "--json")])
def test_nothing_of_what_a_squatter_of_the_port_says_is_shown(what, command):
    with socket.create_server(("127.0.0.1", 0)) as server:
        def answer_once():
            with server.accept()[0] as client, contextlib.suppress(OSError):
                client.recv(65536)
                client.sendall(SQUATTERS[what])
        thread = threading.Thread(target=answer_once)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        result = subprocess.run([SONDE, *command, "--url", url], capture_output=True, timeout=60,
                                check=False, env=clean_environment())
        thread.join()
    assert (result.returncode, result.stdout) == (1, b"")
    assert result.stderr.decode() == f"sonde: whatever listens at {url} is not Sonde\n"


def test_pages_are_for_loopback_clients_only(tmp_path, other_address):
    with Sonde(tmp_path, address="0.0.0.0") as sonde:
        for page in "/connections", "/flows":
            assert answer(sonde.url(page))[0] == 200
            status, text = answer(f"http://{other_address}:{sonde.port}{page}")
            assert (status, text.count("\n")) == (403, 1)
            assert "loopback clients only" in text
        assert answer(f"http://{other_address}:{sonde.port}/metrics")[0] == 200


def test_wrong_parameters_are_refused(sonde):
    assert answer(sonde.url("/flows?by=port")) == (
        400, "by is one of service, peer, process, namespace, owner, pod\n")
    assert answer(sonde.url("/connections?order=rtt")) == (
        400, "there are sort, format, limit, columns\n")


def test_twenty_thousand_connections_are_told_while_the_daemon_goes_on(sonde):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    pairs = min(10000, (hard - 200) // 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1024))
        port = listener.getsockname()[1]
        for _ in range(pairs):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            stack.enter_context(listener.accept()[0])
        memory = sonde.metrics().sum("process_resident_memory_bytes")
        text = answer(sonde.url("/connections"))[1]
        mine = [record for record in map(json.loads, text.splitlines())
                if port in (record["source.port"], record["destination.port"])]
        assert len(mine) == 2 * pairs
        assert len({(r["source.port"], r["direction"]) for r in mine}) == 2 * pairs
        # a page as a whole is some 15 MB
        assert sonde.metrics().sum("process_resident_memory_bytes") - memory < 4 << 20
