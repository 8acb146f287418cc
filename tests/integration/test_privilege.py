# SPDX-License-Identifier: Apache-2.0
"""What Sonde gives up after the start, as the kernel tells it, and that it works whole without."""
import json
import os
import pwd
import re
import signal
import ssl
import subprocess
import threading
import http.server
import urllib.request

import pytest

from harness import (SONDE, Sonde, clean_environment, curl, expect, free_port, nginx, program,
                     unique, wait_until)
from span_collector import Collector

CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


def statuses(sonde):
    """/proc/PID/status of each of its threads."""
    folder = f"/proc/{sonde.process.pid}/task"
    found = []
    for task in os.listdir(folder):
        with open(f"{folder}/{task}/status", encoding="utf-8") as file:
            found.append(dict(re.findall(r"^(\w+):[ \t]*(.*)$", file.read(), re.M)))
    return found


def kept():
    """Capabilities that `sonde check` says will stay, by the same trial on this kernel."""
    report = subprocess.run([SONDE, "check"], capture_output=True, text=True, check=False,
                            timeout=120, env=clean_environment()).stdout
    section = report[report.index("Privileges after the start"):]
    assert "seccomp" in section and "Landlock" in section
    return set(re.findall(r"^  (CAP_\w+) +stays: ", section, re.M))


def denied(pid):
    """System calls that the filter refused: the kernel logs each."""
    log = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    return re.findall(rf"type=1326 .* pid={pid} .* syscall=(\d+)", log)


def assert_confined(sonde, uid=0):
    # those that read /proc for the start end by themselves, and are not waited for
    wait_until(lambda: all(status["NoNewPrivs"] == "1" for status in statuses(sonde)), "the start")
    found = statuses(sonde)
    assert len(found) >= 3  # main, listener, log
    stays = {"CAP_BPF": 1 << 39}
    allowed = sum(stays[name] for name in kept())
    for status in found:
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        assert status["Uid"].split() == [str(uid)] * 4
        assert status["CapInh"] == status["CapBnd"] == status["CapAmb"] == "0" * 16
        is_main = int(status["Pid"]) == sonde.process.pid
        for name in ("CapPrm", "CapEff"):
            assert int(status[name], 16) == (allowed if is_main else 0)
    return found


def test_every_thread_has_lost_its_privileges(tmp_path):
    with Sonde(tmp_path, "--otlp-endpoint", Collector().url, "--flow-otlp") as sonde:
        assert len(assert_confined(sonde)) == 5  # and two that export
        assert "privileges dropped" in sonde.log()
        with open(f"/proc/{sonde.process.pid}/limits", encoding="utf-8") as limits:
            assert re.search(r"Max core file size +0 +0", limits.read())
        assert sonde.stop() == 0
        assert not denied(sonde.process.pid)


def test_of_a_user_that_is_named_nothing_but_the_descriptors_is_left(tmp_path):
    nobody = pwd.getpwnam("nobody")
    with Sonde(tmp_path, "--user", "nobody") as sonde:
        for status in assert_confined(sonde, nobody.pw_uid):
            assert status["Gid"].split() == [str(nobody.pw_gid)] * 4
            assert status["Groups"].split() == []
        assert sonde.metrics().sum("sonde_bpf_map_bytes") > 1 << 20
        # another program of that user cannot look into it
        peek = subprocess.run(
            ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--inh-caps=-all",
             "cat", f"/proc/{sonde.process.pid}/environ"], capture_output=True, check=False)
        assert peek.returncode != 0 and not peek.stdout
        assert sonde.stop() == 0
        assert not denied(sonde.process.pid)


def test_privileges_can_be_kept(tmp_path):
    with open("/proc/self/status", encoding="utf-8") as file:
        own = dict(re.findall(r"^(\w+):[ \t]*(.*)$", file.read(), re.M))
    with Sonde(tmp_path, "--privileges", "keep") as sonde:
        for status in statuses(sonde):
            assert status["CapEff"] == own["CapEff"]
            assert (status["Seccomp"], status["NoNewPrivs"]) == (own["Seccomp"], own["NoNewPrivs"])
        assert "privileges are kept" in sonde.log()


def test_user_that_is_not_there_ends_the_start(tmp_path):
    sonde = Sonde(tmp_path, "--user", "no-such-user", wait=False)
    assert sonde.process.wait(60) == 1
    assert 'there is no user \\"no-such-user\\"' in sonde.log()


@pytest.fixture
def public_folder(tmp_path):
    """A folder that everybody can reach, which a test may give away."""
    folder = f"/tmp/sonde-test-{unique('public')}"
    os.mkdir(folder, 0o755)
    yield folder
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))
    os.rmdir(folder)


@pytest.mark.parametrize("flags", [(), ("--user", "nobody")], ids=["root", "nobody"])
def test_everything_goes_on(tmp_path, public_folder, flags):
    """Requests exact, reloads, an export that begins late, a log that is rotated, late programs."""
    port, name, later = free_port(), unique("privilege"), unique("privilege-later")
    configuration = os.path.join(public_folder, "sonde.yaml")
    flow_log = os.path.join(public_folder, "flows.json")
    collector = Collector()
    url = collector.url.replace("127.0.0.1", "localhost")  # a name to be resolved

    def configure(text):
        reloads = sonde.log().count("configuration read again")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(f"flow-log: {flow_log}\nflow-interval: 0\n{text}")
        sonde.process.send_signal(signal.SIGHUP)
        wait_until(lambda: sonde.log().count("configuration read again") > reloads, "a reload")

    def told(path):
        with open(path, encoding="utf-8") as file:
            return [record for record in map(json.loads, file) if record["service_name"] == name]

    if flags:  # without privileges left, who rotates must own the folder
        os.chown(public_folder, pwd.getpwnam("nobody").pw_uid, -1)
    with open(configuration, "w", encoding="utf-8") as file:
        file.write(f"flow-log: {flow_log}\nflow-interval: 0\n")
    with Sonde(tmp_path, "--config", configuration, *flags) as sonde, \
            nginx(tmp_path, port, 'location / { return 200 "0123456789"; }'):
        curl(port, *["/a"] * 100, name=name)
        expect(sonde, ("http_server_request_duration_seconds_count",
                       {"service_name": f"nginx-{port}"}, 100),
               ("http_client_request_duration_seconds_count", {"service_name": name}, 100))
        configure(f"otlp-endpoint: {url}\notlp-interval: 100ms\n")  # libcurl is loaded here
        wait_until(lambda: len(told(flow_log)) == 1, "a record")
        os.rename(flow_log, flow_log + ".1")
        sonde.process.send_signal(signal.SIGHUP)
        wait_until(lambda: os.path.exists(flow_log), "a new file")
        assert os.stat(flow_log).st_mode & 0o7777 == 0o600
        curl(port, *["/b"] * 50, name=name)
        wait_until(lambda: len(told(flow_log)) == 1, "a record in the new file")
        wait_until(lambda: collector.count(name) >= 50, "spans")
        with program("redis-server", "--port", "0", "--save", "", name=later):
            wait_until(lambda: sonde.metrics().select("sonde_syscall_duration_seconds_count",
                                                      service_name=later), "a late program")
        metrics = sonde.metrics()
        assert metrics.sum("http_client_request_duration_seconds_count", service_name=name) == 150
        assert not metrics.dropped("syscall")
        assert urllib.request.urlopen(sonde.url("/connections"), timeout=10).status == 200
        assert sonde.stop() == 0, sonde.log()
        assert "refuses" not in sonde.log() and "cannot be opened" not in sonde.log()
        assert not denied(sonde.process.pid)


def test_collector_by_tls_is_reached_as_far_as_its_certificate(tmp_path):
    """The certificate is nobody's: to learn that, libcurl has shaken hands and read the CAs."""
    certificate = str(tmp_path / "certificate.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", certificate, "-out", certificate + ".crt"], check=True,
                   capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate + ".crt", certificate)
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = free_port()
    with Sonde(tmp_path, "--otlp-endpoint", f"https://localhost:{server.server_port}") as sonde, \
            nginx(tmp_path, port):
        curl(port, "/", name="tls")
        wait_until(lambda: "OTLP export fails" in sonde.log(), "the export fails")
        assert "certificate" in sonde.log(), sonde.log()
        assert not denied(sonde.process.pid)
    server.shutdown()


def test_recording_and_replay_work_confined(tmp_path):
    recording, port, name = str(tmp_path / "recording"), free_port(), unique("privilege")
    with Sonde(tmp_path, "--record", recording) as sonde:
        with nginx(tmp_path, port):
            curl(port, *["/"] * 10, name=name)
        assert sonde.stop() == 0
        assert not denied(sonde.process.pid)
    with Sonde(tmp_path, "--replay", recording) as sonde:
        assert_confined(sonde)
        expect(sonde, ("http_client_request_duration_seconds_count", {"service_name": name}, 10))
        assert sonde.stop() == 0
        assert not denied(sonde.process.pid)


def test_kprobes_are_removed_at_the_end(tmp_path):
    events = "/sys/kernel/tracing/kprobe_events"
    if not os.path.exists(events):
        pytest.skip("no tracefs here")
    with Sonde(tmp_path, "--http-hooks", "kprobes") as sonde:
        mine = f"sonde_{sonde.process.pid}/"
        with open(events, encoding="utf-8") as file:
            had = mine in file.read()
        assert sonde.stop() == 0
        assert not denied(sonde.process.pid)
    with open(events, encoding="utf-8") as file:
        assert mine not in file.read()
    assert had, "its returns are not by tracefs: nothing was tested"


def test_descriptors_that_are_closed_or_too_many_at_the_start(tmp_path):
    """Without 0 to 2 nothing that is opened may become standard error; others are not kept."""
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    port = free_port()
    process = subprocess.Popen(
        ["sh", "-c", f'exec "$0" run --quiet --listen 127.0.0.1:{port} 0<&- 1>&- 2>&-', SONDE],
        pass_fds=[writer], env=clean_environment())
    os.close(writer)
    try:
        assert os.read(reader, 1) == b""  # Sonde has closed the other end
        for fd in range(3):
            wait_until(lambda f=fd: os.path.exists(f"/proc/{process.pid}/fd/{f}"), "it is there")
            assert os.readlink(f"/proc/{process.pid}/fd/{fd}") == "/dev/null"
    finally:
        process.terminate()
        process.wait(20)
        os.close(reader)
