# SPDX-License-Identifier: Apache-2.0
"""The PROXY protocol, and connections that begin with no request: real proxies, and raw bytes.

Behind a proxy the client of a span is whom the proxy names; the network's peer is the proxy.
"""
import socket
import struct
import subprocess
import time

import pytest

from harness import (Sonde, clean_environment, free_port, http_counts, nginx, output_of, program,
                     unique, wait_until)
from span_collector import Collector

PYTHON = "/usr/bin/python3"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


@pytest.fixture(scope="module")
def collector():
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def sonde(tmp_path_factory, collector):
    with Sonde(tmp_path_factory.mktemp("sonde"), "--sweep-interval", "100ms",
               "--otlp-endpoint", collector.url, "--otlp-queue-size", "64MiB") as running:
        yield running


@pytest.fixture(scope="module")
def origin(tmp_path_factory, sonde):
    """nginx at a port where it wants the PROXY protocol: (that port, its service)."""
    plain, behind = free_port(), free_port()
    with nginx(tmp_path_factory.mktemp("nginx"), plain,
               f'listen 127.0.0.1:{behind} proxy_protocol; location / {{ return 200 "hello\\n"; }}'):
        yield behind, f"nginx-{plain}"


def spans_of(collector, service, paths):
    """{path: span} of the server, once they have all come."""
    def found():
        return {span.attributes["url.path"]: span for span in collector.of(service)
                if span.kind == "SERVER" and span.attributes["url.path"] in paths}
    wait_until(lambda: len(found()) == len(paths), f"spans of {paths}")
    return found()


def client_of(span):
    return span.attributes["client.address"], span.attributes["client.port"]


@pytest.mark.parametrize("version", ["send-proxy", "send-proxy-v2",
                                     "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
def test_haproxy_names_its_client(sonde, collector, origin, tmp_path, version):
    behind, service = origin
    port, client, proxy = free_port(), unique("curl"), unique("haproxy")
    configuration = tmp_path / "haproxy.cfg"
    configuration.write_text(f"""
defaults
	mode http
	timeout connect 10s
	timeout client 60s
	timeout server 60s
frontend in
	bind 127.0.0.1:{port}
	unique-id-format %{{+X}}o%ci
	default_backend origin
backend origin
	http-reuse never
	server origin 127.0.0.1:{behind} {version}
""")
    paths = [f"/{unique('h')}" for _ in range(3)]
    with program("/usr/sbin/haproxy", "-db", "-f", str(configuration), port=port, name=proxy):
        ports = [int(output_of("curl", "-s", "-o", "/dev/null", "-w", "%{local_port}",
                               f"http://127.0.0.1:{port}{path}", name=client)) for path in paths]
        spans = spans_of(collector, service, paths)
    for path, local_port in zip(paths, ports):
        attributes = spans[path].attributes
        assert client_of(spans[path]) == ("127.0.0.1", local_port)
        assert attributes["network.peer.address"] == "127.0.0.1"
        assert attributes["network.peer.port"] not in ports
    wait_until(lambda: http_counts(sonde.metrics(), "client", proxy) == {("GET", "200"): 3},
               "haproxy's requests to its origin")


def test_curl_names_itself(collector, origin):
    behind, service = origin
    path = f"/{unique('c')}"
    port = int(output_of("curl", "-s", "-o", "/dev/null", "-w", "%{local_port}",
                         "--haproxy-protocol", f"http://127.0.0.1:{behind}{path}",
                         name=unique("curl")))
    assert client_of(spans_of(collector, service, [path])[path]) == ("127.0.0.1", port)


def v2(command, family, addresses, more=b""):
    return SIGNATURE + bytes([0x20 | command, family]) + struct.pack(
        "!H", len(addresses) + len(more)) + addresses + more


def tcp4(source, port, more=b""):
    return v2(1, 0x11, socket.inet_aton(source) + socket.inet_aton("192.0.2.9") +
              struct.pack("!HH", port, 80), more)


def tcp6(source, port, more=b""):
    return v2(1, 0x21, socket.inet_pton(socket.AF_INET6, source) +
              socket.inet_pton(socket.AF_INET6, "2001:db8::9") + struct.pack("!HH", port, 80), more)


def line(source, port, family=b"TCP4", to=b"192.0.2.9"):
    return b"PROXY %s %s %s %d 80\r\n" % (family, source.encode(), to, port)


TLV = b"\x04\x00\x0anothing..." + b"\x05\x00\x10" + b"GET / HTTP/1.1\r\n"
PREAMBLES = {
    "v1": (line("203.0.113.7", 40001), ("203.0.113.7", 40001)),
    "v1-longest": (line("255.255.255.255", 65535, to=b"255.255.255.255"),
                   ("255.255.255.255", 65535)),
    "v1-ipv6": (line("2001:db8::a:1", 40002, b"TCP6", b"::1"), ("2001:db8::a:1", 40002)),
    "v1-ipv6-whole": (line("1:2:3:4:5:6:7:8", 1, b"TCP6", b"8:7:6:5:4:3:2:1"),
                      ("1:2:3:4:5:6:7:8", 1)),
    "v1-ipv6-longest": (line("ffff:f00f:ffff:ffff:ffff:ffff:ffff:ffff", 65535, b"TCP6",
                             b"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
                        ("ffff:f00f:ffff:ffff:ffff:ffff:ffff:ffff", 65535)),
    "v1-ipv6-ends": (line("fe80::", 2, b"TCP6", b"::"), ("fe80::", 2)),
    "v1-ipv6-begins": (line("::8", 3, b"TCP6", b"1::"), ("::8", 3)),
    "v1-ipv6-mapped": (line("::ffff:198.51.100.4", 40003, b"TCP6", b"::ffff:198.51.100.5"),
                       ("198.51.100.4", 40003)),
    "v1-unknown": (b"PROXY UNKNOWN\r\n", None),
    "v1-unknown-more": (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None),
    "v2": (tcp4("203.0.113.8", 40004), ("203.0.113.8", 40004)),
    "v2-ipv6": (tcp6("2001:db8::b", 40005), ("2001:db8::b", 40005)),
    "v2-tlv": (tcp4("203.0.113.9", 40006, TLV), ("203.0.113.9", 40006)),
    "v2-long-tlv": (tcp6("2001:db8::c", 40007, TLV * 60), ("2001:db8::c", 40007)),
    "v2-local": (v2(0, 0, b""), None),
    "v2-local-more": (v2(0, 0, TLV), None),
    "v2-unix": (v2(1, 0x31, b"/from".ljust(108, b"\0") + b"/to".ljust(108, b"\0")), None),
    "v2-unspecified": (v2(1, 0, b""), None),
}


# A server and a client: each line of its input is one piece that the client sends; then so many
# answers. Says where the client is.
PEERS = """
import socket, sys
answers, pieces = int(sys.argv[1]), [bytes.fromhex(line) for line in sys.stdin]
listener = socket.create_server(("127.0.0.1", 0))
with socket.create_connection(listener.getsockname()) as client, listener.accept()[0] as server:
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in pieces:
        client.sendall(piece)
        left = len(piece)
        while left:
            left -= len(server.recv(left))
    for _ in range(answers):
        server.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
        client.recv(100)
    print(*client.getsockname())
"""


def talk(service, pieces, answers):
    """Has the peers send the pieces, and returns the client's address and port."""
    done = subprocess.run([PYTHON, "-c", PEERS, str(answers)], check=True, timeout=30, text=True,
                          input="\n".join(map(bytes.hex, pieces)), stdout=subprocess.PIPE,
                          env=clean_environment(OTEL_SERVICE_NAME=service))
    address, port = done.stdout.split()
    return address, int(port)


@pytest.mark.parametrize("cut", ["whole", "apart", "by-bytes", "halves"])
@pytest.mark.parametrize("name", PREAMBLES)
def test_a_preamble_comes_before_the_first_request(sonde, collector, name, cut):
    preamble, client = PREAMBLES[name]
    service, request = unique("peers"), b"GET /p HTTP/1.1\r\nHost: h\r\n\r\n"
    everything = preamble + request
    half = len(preamble) // 2
    pieces = {"whole": [everything + request], "apart": [preamble, request + request],
              "halves": [preamble[:half], preamble[half:] + request[:9], request[9:] + request],
              "by-bytes": [bytes([byte]) for byte in everything[:400]] + [
                  everything[400:] + request]}[cut]
    address = talk(service, [piece for piece in pieces if piece], 2)
    wait_until(lambda: collector.count(service) == 4, "two requests on both sides")
    for span in collector.of(service):
        if span.kind == "SERVER":
            assert client_of(span) == (client or address)
            assert (span.attributes["network.peer.address"],
                    span.attributes["network.peer.port"]) == address


# --- what begins no request ---

WRONG = {
    "no-token": b"G@T / HTTP/1.1\r\nHost: h\r\n\r\n",
    "control": b"\x01GET / HTTP/1.1\r\n\r\n",
    "bad-version": b"GET / HTTP/1.x\r\nHost: h\r\n\r\n",
    "tab": b"GET\t/\tHTTP/1.1\r\n\r\n",
    "more-behind": b"GET / HTTP/1.1 x\r\n\r\n",
    "bad-preamble": b"PROXY TCP4 1.2.3.400 1.2.3.4 1 2\r\nGET / HTTP/1.1\r\n\r\n",
}
OTHER = {
    "redis": b"*1\r\n$4\r\nPING\r\n", "smtp": b"EHLO example.com\r\n", "memcached": b"get key\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n", "postgres": b"\0\0\0\x08\x04\xd2\x16\x2f",
}


def unparsable(sonde):
    return sonde.metrics().sum("sonde_events_total", source="http", outcome="unparsable")


@pytest.mark.parametrize("name", WRONG)
def test_http_that_begins_wrong_is_counted(sonde, name):
    before = unparsable(sonde)
    talk(unique("wrong"), [WRONG[name]], 0)
    wait_until(lambda: unparsable(sonde) == before + 2, "one of the server and one of the client")


@pytest.mark.parametrize("name", OTHER)
def test_other_protocols_are_nobodys_business(sonde, name):
    before = unparsable(sonde)
    talk(unique("other"), [OTHER[name]] * 3, 0)
    time.sleep(0.3)
    assert unparsable(sonde) == before
