# SPDX-License-Identifier: Apache-2.0
"""Records hold nothing that nobody wrote into them: behind each text, and in what is reserved, lie
zeros. What would lie there else is of other processes. (tests/fuzz/ compares all bytes, of HTTP and DNS.)
"""
import collections
import os
import socket
import struct
import subprocess

from harness import Sonde, clean_environment, free_port, nginx, output_of, unique

HEADER_SIZE_AT = 16
TYPE = {"WORKLOAD": 1, "HTTP": 5, "TCP": 6, "EXEC": 7, "EXIT": 9, "DNS": 17}
# (offset, size) of each text that ends with a NUL, as bpf/record.h has them
TEXTS = {
    "WORKLOAD": [(40, 16), *((at, 256) for at in range(64, 64 + 9 * 256, 256))],
    "HTTP": [],
    "TCP": [(160, 16)],
    "EXEC": [(32, 16)],
    "EXIT": [(48, 16)],
    "DNS": [],
}
RESERVED = {"HTTP": [(95, 1)], "DNS": [(70, 2)]}


def records_of(path):
    with open(path, "rb") as file:
        data = file.read()
    at = struct.unpack_from("<I", data, HEADER_SIZE_AT)[0]
    while (length := struct.unpack_from("<I", data, at)[0]):
        yield data[at + 8:at + 8 + length]
        at += 8 + (length + 7) // 8 * 8


def behind(text):
    return text[text.index(b"\0"):]


def end_of_http(record):
    """Where the texts of a request end, which have no NUL: line, Host, path, client, traceparent."""
    flags, path = record[77], record[79]
    line = struct.unpack_from("<H", record, 82)[0]
    return (160 + line + record[92] + path + (18 if flags & 64 else 0)
            + (55 if flags & 128 else 0))


def make_traffic(tmp_path):
    """Long texts before short ones, in each kind of record."""
    port = free_port()
    with nginx(tmp_path, port):
        for name, path in [(unique("a-long-name" * 9), "long" * 50), ("short", "s")] * 3:
            traced = ["-H", "traceparent: 00-" + "a" * 32 + "-" + "b" * 16 + "-01"]
            output_of("curl", "-s", *(traced if path != "s" else []), "-o", "/dev/null",
                      *[f"http://127.0.0.1:{port}/{path}#{i}" for i in range(3)], name=name)
            with socket.create_connection(("127.0.0.1", port)) as pipelined:
                pipelined.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % i
                                           for i in range(9)))
                pipelined.recv(10000)
            link = os.path.join(str(tmp_path), path[:60])
            if not os.path.exists(link):
                os.symlink("/bin/true", link)
            subprocess.run([link], check=True, env=clean_environment(OTEL_SERVICE_NAME=name))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
                asker.sendto(b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1", ("127.0.0.1", 53))


def test_behind_each_text_lie_zeros(tmp_path):
    recording = tmp_path / "recording"
    with Sonde(tmp_path, "--record", str(recording)) as sonde:
        make_traffic(tmp_path)
        sonde.metrics()
    seen = collections.Counter()
    for record in records_of(recording):
        number, reserved = struct.unpack_from("<HH", record)
        assert not reserved, f"type {number}"
        name = next((name for name, value in TYPE.items() if value == number), None)
        seen[name] += 1
        for offset, size in TEXTS.get(name, []):
            assert not any(behind(record[offset:offset + size])), (name, offset, record)
        if name == "HTTP":
            assert not any(record[end_of_http(record):]), record
        for offset, size in RESERVED.get(name, []):
            assert not any(record[offset:offset + size]), (name, offset, record)
    assert all(seen[name] for name in TYPE), seen
