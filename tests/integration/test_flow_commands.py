# SPDX-License-Identifier: Apache-2.0
"""`sonde flows` and `sonde connections`, and the pages they ask for, against open connections."""
import contextlib
import json
import os
import pty
import resource
import select
import socket
import subprocess
import urllib.error
import urllib.request

import pytest

from harness import NOBODY, SONDE, Sonde, clean_environment, free_port, program, unique, wait_until

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
                                "SENT", "RCVD", "RETR", "RTT", "PEER"]
    mine = [line.split() for line in table if line.startswith(f"127.0.0.1:{port} ")]
    assert [words[1] for words in mine] == [f"127.0.0.1:{port}" for port in reversed(ports)]
    assert {words[2] for words in mine} == {"in"}
    # SERVICE, and PROCESS in two words
    assert [words[8:10] for words in mine] == [["112B", "96B"], ["28B", "24B"], ["7B", "6B"]]
    assert only_one[0] == table[0] and len(only_one) == 2
    assert name.startswith(mine[0][3].rstrip("…"))


def test_flows_add_up_by_service_peer_and_process(sonde, redis):
    name, port = redis
    with clients(port, 3, 4):
        by_service = row(ask(sonde, "flows", "--once"), name)
        by_process = ask(sonde, "flows", "--by", "process").splitlines()
        by_peer = row(ask(sonde, "flows", "--by=peer", "--sort=rtt"), name)
    assert by_service[1:4] == ["3", "147B", "126B"]
    assert by_peer[1:4] == ["3", "126B", "147B"]
    assert [line.split()[2:5] for line in by_process if line.startswith("redis-server ")] == [
        ["3", "147B", "126B"]]


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
    (["flows", "--by", "port"], "--by is one of service, peer, process"),
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


@pytest.fixture
def other_address():
    """An address of this machine, for the loopback device, that is no loopback address."""
    address = "198.18.99.1"
    if subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], capture_output=True,
                      check=False).returncode:
        pytest.skip("no address can be added here")
    yield address
    subprocess.run(["ip", "addr", "delete", f"{address}/32", "dev", "lo"], check=True)


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
        400, "by is one of service, peer, process\n")
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
