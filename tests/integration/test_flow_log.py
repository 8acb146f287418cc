# SPDX-License-Identifier: Apache-2.0
"""The flow log, against programs that moved known bytes, log rotation, and a disk that is full."""
import contextlib
import datetime
import json
import os
import signal
import socket
import subprocess

import pytest

from collector import collector, receiver  # noqa: F401 (fixtures)
from harness import SONDE, Sonde, curl, free_port, nginx, program, run, unique, wait_until
from known_work import REFUSED

PYTHON = "/usr/bin/python3"


def records(path, **fields):
    """Flow records in a file that have these fields; what a writer is not done with is left out."""
    with contextlib.suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")[:-1]
        return [record for record in map(json.loads, lines)
                if all(record.get(name) == value for name, value in fields.items())]
    return []


def wait_for_records(path, count, **fields):
    wait_until(lambda: len(records(path, **fields)) >= count, f"{count} records of {fields}")
    found = records(path, **fields)
    assert len(found) == count, found
    return found


def seconds_of(timestamp):
    assert len(timestamp) == len("2026-03-09T12:34:56.123456789Z")
    whole = datetime.datetime.fromisoformat(timestamp[:19] + "+00:00")
    return whole.timestamp() + float(timestamp[19:-1])


@pytest.fixture
def flow_log(tmp_path):
    return os.path.join(str(tmp_path), "flows.json")


def test_each_connection_is_told_once_by_each_end(tmp_path, flow_log):
    client, port = unique("flow-curl"), free_port()
    began = datetime.datetime.now().timestamp()
    with Sonde(tmp_path, "--flow-log", flow_log, "--flow-interval", "0"):
        with nginx(tmp_path, port, 'location / { return 200 "0123456789"; }'):
            for _ in range(20):
                curl(port, "/one", "/two", name=client)
            sent = wait_for_records(flow_log, 20, service_name=client)
            served = wait_for_records(flow_log, 20, service_name=f"nginx-{port}", peer=client)
    assert {r["event"] for r in sent + served} == {"closed"}
    assert {r["destination.port"] for r in sent + served} == {port}
    assert {r["server.port"] for r in sent + served} == {port}
    assert {r["peer"] for r in sent} == {f"nginx-{port}"}
    assert {r["process.command"] for r in sent} == {"curl"}
    assert {(r["direction"], r["closed_by"]) for r in sent} == {("outbound", "local")}
    assert {(r["direction"], r["closed_by"]) for r in served} == {("inbound", "peer")}
    ends = {r["source.port"]: r for r in served}
    assert len(ends) == 20
    for record in sent:
        other = ends[record["source.port"]]
        assert record["sent_bytes"] == other["received_bytes"] > 100
        assert record["received_bytes"] == other["sent_bytes"] > 2 * len("0123456789")
        assert record["reason"] == "fin" and record["result"] == "established"
        assert began <= seconds_of(record["start"]) < seconds_of(record["timestamp"])
        assert abs(seconds_of(record["start"]) + record["duration_seconds"]
                   - seconds_of(record["timestamp"])) < 1e-5


def test_bytes_of_a_connection_are_exact(tmp_path, flow_log):
    server, client = unique("flow-redis"), unique("flow-socket")
    port, request = free_port(), b"*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n"
    talk = ("import socket, sys\n"
            "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
            "for _ in range(1000):\n"
            f"    s.sendall({request!r})\n"
            "    assert s.recv(11, socket.MSG_WAITALL) == b'$5\\r\\nhello\\r\\n'\n")
    with Sonde(tmp_path, "--flow-log", flow_log), \
            program("redis-server", "--port", str(port), "--save", "", port=port, name=server):
        assert run(PYTHON, "-c", talk, str(port), name=client)[0] == 0
        record, = wait_for_records(flow_log, 1, service_name=client)
    assert record["sent_bytes"] == 1000 * len(request)
    assert record["received_bytes"] == 1000 * 11
    assert record["peer"] == server


def test_replay_writes_the_same_records(tmp_path, flow_log):
    name, port = unique("flow-replay"), free_port()
    recording, replayed = str(tmp_path / "recording"), str(tmp_path / "replayed.json")
    with Sonde(tmp_path, "--flow-log", flow_log, "--record", recording) as sonde:
        with nginx(tmp_path, port):
            for _ in range(10):
                curl(port, "/", name=name)
            wait_for_records(flow_log, 10, service_name=name)
            wait_for_records(flow_log, 10, service_name=f"nginx-{port}", peer=name)
        assert sonde.stop() == 0, sonde.log()
    with Sonde(tmp_path, "--flow-log", replayed, "--replay", recording):
        wait_for_records(replayed, 10, service_name=name)
        wait_until(lambda: len(records(replayed)) == len(records(flow_log)), "all records")
    assert records(replayed) == records(flow_log)


def test_refused_connection_is_a_record_without_figures(tmp_path, flow_log):
    name, port = unique("flow-refused"), free_port()
    with Sonde(tmp_path, "--flow-log", flow_log):
        assert run(PYTHON, "-c", REFUSED, str(port), "3", name=name)[0] == 0
        failed = wait_for_records(flow_log, 3, service_name=name)
    for record in failed:
        assert record["event"] == "failed"
        assert (record["result"], record["error"]) == ("refused", "ECONNREFUSED")
        assert record["destination.port"] == port
        assert not {"start", "duration_seconds", "sent_bytes", "closed_by"} & set(record)


def test_live_connection_is_told_of_each_interval_in_which_it_changed(tmp_path, flow_log):
    server, port = unique("flow-live"), free_port()
    with Sonde(tmp_path, "--flow-log", flow_log, "--flow-interval", "1s"), \
            program("redis-server", "--port", str(port), "--save", "", port=port, name=server):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            mine = {"service_name": server, "source.port": connection.getsockname()[1]}
            for count in 1, 2, 3:
                connection.sendall(b"PING\r\n")
                connection.recv(100)
                wait_until(lambda: [r for r in records(flow_log, event="open", **mine)
                                    if r["received_bytes"] == 6 * count], "an open record")
        wait_for_records(flow_log, 1, event="closed", **mine)
    told = records(flow_log, **mine)
    assert [r["event"] for r in told] == ["open"] * (len(told) - 1) + ["closed"]
    received = [r["received_bytes"] for r in told]
    assert received == sorted(received) and received[-1] == 18
    times = [seconds_of(r["timestamp"]) for r in told]
    assert all(later - earlier >= 1 for earlier, later in zip(times[:-1], times[1:-1]))


def test_rotated_log_goes_on_in_a_new_file(tmp_path, flow_log):
    port, names = free_port(), [unique("flow-before"), unique("flow-after")]
    with Sonde(tmp_path, "--flow-log", flow_log) as sonde, nginx(tmp_path, port):
        curl(port, "/", name=names[0])
        wait_for_records(flow_log, 1, service_name=names[0])
        os.rename(flow_log, flow_log + ".1")
        sonde.process.send_signal(signal.SIGHUP)
        wait_until(lambda: os.path.exists(flow_log), "a new file")
        curl(port, "/", name=names[1])
        wait_for_records(flow_log, 1, service_name=names[1])
    assert not records(flow_log + ".1", service_name=names[1])
    assert os.stat(flow_log).st_mode & 0o777 == 0o600


def test_sighup_begins_another_log_or_keeps_the_one_before(tmp_path, flow_log):
    port, names = free_port(), [unique(f"flow-{part}") for part in ("first", "second", "third")]
    configuration = tmp_path / "sonde.yaml"

    def configure(path):
        configuration.write_text(f"flow-log: {path}\n")
        lines = sonde.log().count("configuration read again")
        sonde.process.send_signal(signal.SIGHUP)
        wait_until(lambda: sonde.log().count("configuration read again") > lines, "a reload")

    configuration.write_text("flow-log: ''\n")
    with Sonde(tmp_path, "--config", str(configuration)) as sonde, nginx(tmp_path, port):
        curl(port, "/", name=names[0])
        configure(flow_log)
        curl(port, "/", name=names[1])
        wait_for_records(flow_log, 1, service_name=names[1])
        configure("/nowhere/flows.json")
        assert "/nowhere/flows.json: No such file or directory" in sonde.log()
        curl(port, "/", name=names[2])
        wait_for_records(flow_log, 1, service_name=names[2])
        configure("''")
        curl(port, "/", name=names[1])
        sonde.metrics()
    assert len(records(flow_log, service_name=names[1])) == 1


def test_the_collector_gets_what_the_file_gets(
        tmp_path, flow_log, receiver, collector):  # noqa: F811
    name, port = unique("flow-otlp"), free_port()
    with Sonde(tmp_path, "--flow-log", flow_log, "--flow-otlp", "--otlp-endpoint", collector,
               "--otlp-interval", "100ms") as sonde, nginx(tmp_path, port):
        for _ in range(5):
            curl(port, "/", name=name)
        lines = wait_for_records(flow_log, 5, service_name=name)
        wait_until(lambda: len(receiver.log_records(name)) >= 5, "5 log records")
        outcomes = {labels["outcome"]: value for _, labels, value in
                    sonde.metrics().select("sonde_otlp_flow_records_total")}
    assert outcomes.pop("exported") >= 5 and not any(outcomes.values())
    told = {int(attributes["source.port"]): (resource, record, attributes)
            for resource, record, attributes in receiver.log_records(name)}
    assert len(told) == len(receiver.log_records(name)) == 5
    for line in lines:
        resource, record, attributes = told[line["source.port"]]
        assert record["eventName"] == "sonde.tcp.flow"
        assert abs(int(record["timeUnixNano"]) / 1e9 - seconds_of(line["timestamp"])) < 1e-5
        assert int(resource["process.pid"]) == line.pop("process.pid")
        del line["timestamp"], line["service_name"]
        assert set(attributes) == set(line)
        for field, value in line.items():  # of OTLP's JSON, integers are text
            assert type(value)(attributes[field]) == value, field


def test_standard_output_takes_the_records(tmp_path):
    port, name = free_port(), unique("flow-stdout")
    out = os.path.join(str(tmp_path), "stdout")
    redirect = ("sh", "-c", f'exec "$0" "$@" > {out}', SONDE)
    with Sonde(tmp_path, "--flow-log", "-", command=redirect), nginx(tmp_path, port):
        curl(port, "/", name=name)
        wait_for_records(out, 1, service_name=name)


def test_full_disk_is_said_once_and_what_is_dropped_is_counted(tmp_path):
    port = free_port()
    with Sonde(tmp_path, "--flow-log", "/dev/full") as sonde, nginx(tmp_path, port):
        for _ in range(20):  # more than memory is kept for, by some 800 bytes for each end
            subprocess.run(["ab", "-q", "-n", "200", f"http://127.0.0.1:{port}/"], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        wait_until(lambda: sonde.metrics().sum(
            "sonde_flow_log_records_total", outcome="dropped") > 1000, "records are dropped")
        assert sonde.metrics().sum("sonde_flow_log_records_total", outcome="written") == 0
        assert sonde.log().count("records cannot be written") == 1


def test_file_that_cannot_be_written_ends_sonde_with_a_reason(tmp_path):
    sonde = Sonde(tmp_path, "--flow-log", "/nowhere/flows.json", wait=False)
    assert sonde.process.wait(60) == 1
    assert "/nowhere/flows.json: No such file or directory" in sonde.log()


def test_traps_in_the_files_place_are_refused(tmp_path, flow_log):
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    os.symlink(victim, flow_log)
    for flag in ("--flow-log", "--record"):
        sonde = Sonde(tmp_path, flag, flow_log, wait=False)
        assert sonde.process.wait(60) == 1
        assert f"{flow_log}: is a symbolic link" in sonde.log()
    os.unlink(flow_log)
    os.link(victim, flow_log)
    sonde = Sonde(tmp_path, "--flow-log", flow_log, wait=False)
    assert sonde.process.wait(60) == 1
    assert "has 2 names (hard links)" in sonde.log()
    assert victim.read_text() == "untouched"


def test_old_file_is_closed_to_others(tmp_path, flow_log):
    recording = tmp_path / "recording"
    for path in (flow_log, recording):
        with open(path, "w", encoding="utf-8") as file:
            file.write("{}\n")
        os.chmod(path, 0o644)
    with Sonde(tmp_path, "--flow-log", flow_log, "--record", str(recording)) as sonde:
        assert os.stat(flow_log).st_mode & 0o7777 == 0o600
        assert os.stat(recording).st_mode & 0o7777 == 0o600
        assert sonde.log().count("from now on it is its owner's alone") == 2


def test_trap_that_rotation_finds_leaves_the_old_file(tmp_path, flow_log):
    port, name = free_port(), unique("flow-trap")
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    with Sonde(tmp_path, "--flow-log", flow_log) as sonde, nginx(tmp_path, port):
        os.rename(flow_log, flow_log + ".1")
        os.symlink(victim, flow_log)
        sonde.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "is a symbolic link" in sonde.log(), "the trap is told")
        curl(port, "/", name=name)
        wait_for_records(flow_log + ".1", 1, service_name=name)
    assert victim.read_text() == "untouched"
