# SPDX-License-Identifier: Apache-2.0
"""Sonde's HTTP server among neighbours: crowds that take their time, browsers that were deceived,
proxies, and no file descriptor left. The scrapers are curl, urllib and Prometheus."""
import contextlib
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

import pytest

from harness import Sonde, free_port, nginx, program
from prometheus import Prometheus

CROWD = 1000
LINE = b"GET /metrics HTTP/1.1\r\n"
HOST = b"Host: localhost\r\n"


def ask(port, request, address="127.0.0.1", seconds=10):
    """Sends these bytes, and returns all that comes back."""
    with socket.create_connection((address, port), timeout=seconds) as client:
        client.sendall(request)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := client.recv(65536):
                answer += piece
    return answer


def status(port, *headers, path="/metrics", version="1.1", address="127.0.0.1"):
    """The status of a request with these headers."""
    head = "".join(f"{header}\r\n" for header in headers)
    answer = ask(port, f"GET {path} HTTP/{version}\r\nConnection: close\r\n{head}\r\n".encode(),
                 address)
    return int(answer.split()[1])


@pytest.fixture(name="sonde", scope="module")
def one_sonde(tmp_path_factory):
    with Sonde(tmp_path_factory.mktemp("sonde")) as sonde:
        yield sonde


# --- crowds ---

# Each is a thousand of these: what they send at first, and what each sends again and again.
CROWDS = {
    "silent": (b"", b""),
    "half requests": (LINE + HOST + b"X: ", b""),
    "a byte a second": (b"GET /", b"a"),
    "bodies that do not come": (LINE + HOST + b"Content-Length: 60000\r\n\r\n", b"a"),
    "scrapes that nobody reads": (LINE + HOST + b"\r\n", b""),
    "gzipped scrapes that nobody reads": (LINE + HOST + b"Accept-Encoding: gzip\r\n\r\n", b""),
    "paths that are not there": (b"GET /%d HTTP/1.1\r\n" + HOST + b"\r\n", b""),
    "no HTTP": (b"\x16\x03\x01\x02\x00", b"\x00"),
}

CROWD_PROGRAM = """
import resource, socket, sys, time
port, count, first, again = int(sys.argv[1]), int(sys.argv[2]), *map(bytes.fromhex, sys.argv[3:5])
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))

def join(i):
    client = socket.create_connection(("127.0.0.1", port))
    client.setblocking(False)
    try:
        client.send(first.replace(b"%d", b"%d" % i))
    except OSError:
        pass
    return client

crowd = [join(i) for i in range(count)]
print("here", flush=True)
while True:
    time.sleep(1)
    for i, client in enumerate(crowd):
        try:
            client.send(again or b"")
        except BlockingIOError:
            pass
        except OSError: # who was sent away comes again
            client.close()
            crowd[i] = join(i)
"""


@contextlib.contextmanager
def crowd(port, first, again):
    with subprocess.Popen([sys.executable, "-c", CROWD_PROGRAM, str(port), str(CROWD), first.hex(),
                           again.hex()], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "here\n"
            yield
        finally:
            process.kill()


@pytest.mark.parametrize("kind", CROWDS)
def test_a_scraper_has_its_answer_within_a_second_beside_a_thousand(sonde, kind):
    with crowd(sonde.port, *CROWDS[kind]):
        times = []
        for _ in range(8):
            begin = time.monotonic()
            text = sonde.text()
            times.append(time.monotonic() - begin)
            assert "\nsonde_listener_denied_total{" in text
            assert urllib.request.urlopen(sonde.url("/healthz"), timeout=5).status == 200
            time.sleep(0.3)
    assert statistics.median(times) < 1, times


def test_what_did_not_get_an_answer_is_counted_and_told(sonde):
    metrics = sonde.metrics()
    assert metrics.sum("sonde_limit_reached_total", limit="clients") > 0
    assert metrics.sum("sonde_listener_denied_total", reason="slow_reader") > 0
    assert metrics.sum("sonde_listener_denied_total", reason="malformed") > CROWD / 2
    assert sonde.log().count("too many connections to the listener") == 1
    before = metrics.sum("sonde_listener_denied_total", reason="host")
    assert status(sonde.port, "Host: evil.example") == 403
    assert sonde.metrics().sum("sonde_listener_denied_total", reason="host") == before + 1


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_without_a_descriptor_it_does_not_spin_and_recovers(tmp_path):
    with Sonde(tmp_path) as sonde:
        pid = sonde.process.pid
        fds = sorted(int(fd) for fd in os.listdir(f"/proc/{pid}/fd"))
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        first_free = next(fd for fd in range(4096) if fd not in fds)

        idle = cpu_ticks(pid)
        time.sleep(2)
        idle = cpu_ticks(pid) - idle
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (first_free, before[1]))
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(socket.create_connection(("127.0.0.1", sonde.port)))
                       for _ in range(50)]
            last = clients[-1] # whoever is silent gives way to who comes after, if one is let in
            last.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            busy = cpu_ticks(pid)
            time.sleep(2)
            busy = cpu_ticks(pid) - busy
            assert busy < idle + 60, f"{busy} ticks of 200, {idle} without clients"
            resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
            last.settimeout(10)
            assert last.recv(100).startswith(b"HTTP/1.1 200 ")
            assert sonde.metrics().sum("sonde_limit_reached_total", limit="descriptors") > 0
        assert sonde.log().count("no file descriptor is left") == 1


# --- browsers, proxies, scrapers ---

def test_a_page_whose_name_became_loopback_reads_nothing(sonde):
    for path in ("/metrics", "/connections", "/flows", "/", "/healthz"):
        for host in ("evil.example", f"evil.example:{sonde.port}", "127.0.0.1.nip.io", ""):
            assert status(sonde.port, f"Host: {host}", path=path) in (400, 403)
    for host in ("127.0.0.1", f"127.0.0.1:{sonde.port}", "localhost:80", "[::1]:9760"):
        assert status(sonde.port, f"Host: {host}", path="/connections") == 200


def test_a_page_of_another_site_reads_nothing(sonde):
    host = f"Host: 127.0.0.1:{sonde.port}"
    for header in ("Origin: http://evil.example", "Origin: null", "Sec-Fetch-Site: cross-site",
                   "Sec-Fetch-Site: same-site"):
        for path in ("/metrics", "/connections"):
            assert status(sonde.port, host, header, path=path) == 403
    assert status(sonde.port, host, "Sec-Fetch-Site: none") == 200
    assert status(sonde.port, host, f"Origin: http://127.0.0.1:{sonde.port}") == 200


def test_what_readers_disagree_about_is_refused(sonde):
    body = b"0\r\n\r\nGET /connections HTTP/1.1\r\n" + HOST + b"\r\n"
    for head in (LINE, LINE + HOST + HOST, LINE + b"Host : localhost\r\n",
                 LINE + HOST + b"A: b\r\n c: d\r\n", LINE + b"Host: localhost\n",
                 LINE + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                 LINE + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n",
                 b"GET http://localhost/metrics HTTP/1.1\r\n" + HOST):
        answer = ask(sonde.port, head + b"\r\n" + body)
        assert answer.startswith(b"HTTP/1.1 400 "), (head, answer)
        assert answer.count(b"HTTP/1.1 ") == 1
    answer = ask(sonde.port, LINE + HOST + b"X: " + b"a" * 9000 + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("how", [
    "",  # what nginx does unless told otherwise: HTTP/1.0, and its own address as Host
    "proxy_http_version 1.1; proxy_set_header X-Forwarded-For $remote_addr;",
    "proxy_http_version 1.1; proxy_set_header X-Real-IP $remote_addr;",
    "proxy_http_version 1.1; proxy_set_header Host $host;"  # that of whoever asks
])
def test_behind_nginx_pages_for_local_eyes_stay_shut(tmp_path, sonde, how):
    port = free_port()
    with nginx(tmp_path, port, f"location / {{ proxy_pass http://127.0.0.1:{sonde.port}; {how} }}"):
        host = "Host: www.example.org"
        for path in ("/connections", "/flows", "/%66lows"):
            assert status(port, host, path=path) == 403
        if "$host" not in how:
            assert status(port, host) == 200


def test_names_of_proxies_can_be_allowed_for_metrics_alone(tmp_path):
    with Sonde(tmp_path, "--allowed-hosts", "www.example.org,other.example") as sonde:
        assert status(sonde.port, "Host: www.example.org") == 200
        assert status(sonde.port, "Host: WWW.example.org:80", path="/") == 200
        assert status(sonde.port, "Host: www.example.org", path="/connections") == 403
        assert status(sonde.port, "Host: evil.example") == 403


def test_scrapers_elsewhere_may_use_any_name(tmp_path, other_address):
    with Sonde(tmp_path, address="0.0.0.0") as sonde:
        for host in ("node1:9760", "sonde.monitoring.svc", other_address):
            assert status(sonde.port, f"Host: {host}", address=other_address) == 200
        assert status(sonde.port, "Host: evil.example") == 403  # on loopback


@pytest.mark.skipif(not shutil.which("prometheus"), reason="there is no Prometheus")
def test_prometheus_scrapes_by_the_name_of_this_machine(tmp_path):
    port = free_port()
    name = socket.gethostname()
    try:
        address = socket.gethostbyname(name)
    except OSError:
        pytest.skip("this machine's name has no address")
    with Sonde(tmp_path, address="0.0.0.0") as sonde:
        assert ask(sonde.port, LINE + f"Host: {name}\r\n\r\n".encode(), address)
        configuration = tmp_path / "prometheus.yml"
        configuration.write_text(f"""
global: {{scrape_interval: 1s}}
scrape_configs:
- job_name: sonde
  static_configs: [{{targets: ['{name}:{sonde.port}']}}]
""")
        with program("prometheus", f"--config.file={configuration}",
                     f"--storage.tsdb.path={tmp_path}/storage",
                     f"--web.listen-address=127.0.0.1:{port}", "--log.level=error", port=port,
                     cwd=tmp_path):
            running = Prometheus(f"http://127.0.0.1:{port}")
            running.wait_up()
            assert running.errors() == [""]
