# SPDX-License-Identifier: Apache-2.0
"""The event log, against nginx's own access log and what processes did: which have a line, and what it says."""
import json
import os
import signal
import subprocess

from harness import Sonde, curl, free_port, nginx, unique, wait_until

LOCATIONS = """
    location /orders { return 200 "0123456789"; }
    location /broken { return 503; }
"""


def events(path, **fields):
    """Each line is whole, and one JSON object."""
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file.read().split("\n")[:-1]]
    return [line for line in lines if all(line.get(key) == value for key, value in fields.items())]


def wait_for_events(path, count, **fields):
    wait_until(lambda: len(events(path, **fields)) >= count, f"{count} events of {fields}")
    found = events(path, **fields)
    assert len(found) == count
    return found


def test_each_request_has_a_line_by_each_end(tmp_path):
    port, client = free_port(), unique("event-curl")
    log = os.path.join(str(tmp_path), "events.json")
    with Sonde(tmp_path, "--event-log", log, "--event-log-rate", "1000000"), \
            nginx(tmp_path, port, LOCATIONS):
        for number in range(10):
            curl(port, f"/orders/{number}?sig=secret", "/broken", name=client)
        asked = wait_for_events(log, 20, service=client, kind="client")
        served = wait_for_events(log, 20, service=f"nginx-{port}", kind="server")
    for line in asked + served:
        assert line["method"] == "GET" and line["duration_ms"] > 0
        assert line["client_ip"] == "127.0.0.1"
        assert len(line["trace_id"]) == 32 and len(line["span_id"]) == 16
        assert "secret" not in json.dumps(line)
    # as nginx has logged them
    assert sorted(line["status_code"] for line in served) == [200] * 10 + [503] * 10
    assert {line["url.path"] for line in served} == {f"/orders/{n}" for n in range(10)} | {"/broken"}
    for line in served:
        failed = line["status_code"] == 503
        assert line["level"] == ("error" if failed else "info")
        assert line["message"].startswith(f"GET {line['route']} {line['status_code']} in ")
    assert os.stat(log).st_mode & 0o777 == 0o600


def test_failures_are_there_and_the_rest_at_its_rate(tmp_path):
    """More requests than the rate allows: nginx's failures are all there, metrics count them all."""
    port = free_port()
    log, service = os.path.join(str(tmp_path), "events.json"), f"nginx-{port}"
    with Sonde(tmp_path, "--event-log", log, "--event-log-rate", "5") as sonde, \
            nginx(tmp_path, port, LOCATIONS):
        for target, count in (("orders", 3000), ("broken", 200)):
            subprocess.run(["ab", "-q", "-k", "-n", str(count), f"http://127.0.0.1:{port}/{target}"],
                           check=True, stdout=subprocess.DEVNULL, timeout=60)
        wait_for_events(log, 200, service=service, level="error")
        metrics = sonde.metrics()
        assert metrics.sum("http_server_request_duration_seconds_count",
                           service_name=service) == 3200
        kept = len(events(log, service=service, level="info"))
        assert 5 <= kept < 1000
        written = metrics.sum("sonde_event_log_records_total", outcome="written")
        left_out = metrics.sum("sonde_event_log_records_total", outcome="left_out")
        assert left_out >= 3000 - kept
        assert written + left_out >= 2 * 3200  # ab's own view of them, too
        assert metrics.sum("sonde_event_log_records_total", outcome="dropped") == 0


def test_slow_ones_are_there_by_the_setting_that_sighup_brings(tmp_path):
    port, names = free_port(), [unique("event-slow") for _ in range(2)]
    log, file = os.path.join(str(tmp_path), "events.json"), os.path.join(str(tmp_path), "c.yaml")

    def configure(slow):
        with open(file, "w", encoding="utf-8") as configuration:
            configuration.write(f"event-log: {log}\nevent-log-rate: 0\nevent-log-slow: {slow}\n")

    configure("1h")
    with Sonde(tmp_path, "--config", file) as sonde, nginx(tmp_path, port, LOCATIONS):
        curl(port, "/orders", name=names[0])
        sonde.metrics()  # what came before has been looked at
        configure("1us")
        os.rename(log, log + ".1")
        sonde.process.send_signal(signal.SIGHUP)
        wait_until(lambda: os.path.exists(log), "a new file")
        wait_until(lambda: "configuration read again" in sonde.log(), "the setting")
        curl(port, "/orders", name=names[1])
        line, = wait_for_events(log, 1, service=names[1])
        assert line["level"] == "warn"
    assert not events(log + ".1", service=names[0])
    assert not events(log, service=names[0])


def test_processes_that_start_end_and_crash(tmp_path):
    log, names = os.path.join(str(tmp_path), "events.json"), [unique("event-process") for _ in range(3)]
    shell = {"ended": "exit 3", "crashed": "kill -SEGV $$", "stopped": "kill -TERM $$"}
    with Sonde(tmp_path, "--event-log", log):
        begun = {}
        for name, command in zip(names, shell.values()):
            with subprocess.Popen(["sh", "-c", command],
                                  env={**os.environ, "OTEL_SERVICE_NAME": name}) as process:
                process.wait(20)
            begun[name] = process
        ended, crashed, stopped = (wait_for_events(log, 1, service=name, kind="process.exit")[0]
                                   for name in names)
        for name, line in zip(names, (ended, crashed, stopped)):
            start, = events(log, service=name, kind="process.start")
            assert start["process.pid"] == line["process.pid"] == begun[name].pid
            assert start["process.parent_pid"] == os.getpid()
            assert 0 < line["lifetime"] < 20
    assert (ended["level"], ended["reason"], ended["process.exit.code"]) == ("info", "error", 3)
    assert (crashed["level"], crashed["reason"], crashed["signal"]) == ("error", "signal", signal.SIGSEGV)
    assert crashed["message"] == "process crashed"
    assert (stopped["level"], stopped["reason"], stopped["signal"]) == ("info", "signal", signal.SIGTERM)


def test_file_that_cannot_be_written_ends_sonde_with_a_reason(tmp_path):
    sonde = Sonde(tmp_path, "--event-log", "/nowhere/events.json", wait=False)
    assert sonde.process.wait(60) == 1
    assert "cannot write events" in sonde.log()
    assert "/nowhere/events.json: No such file or directory" in sonde.log()
