# SPDX-License-Identifier: Apache-2.0
"""Connections that end in every way: resets, half-closes, never accepted, Unix sockets."""
import contextlib
import os
import socket
import struct
import tempfile

from attack import Attack

attack = Attack()


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as tcp, \
        socket.socket(socket.AF_UNIX) as unix:
    path = os.path.join(folder, "s")
    unix.bind(path)
    unix.listen(8)
    while attack.goes_on():
        if attack.random.random() < 0.5:
            client = socket.create_connection(tcp.getsockname())
            server = tcp.accept()[0]
        else:
            client = socket.socket(socket.AF_UNIX)
            client.connect(path)
            server = unix.accept()[0]
        client.sendall(attack.random.choice((
            b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))
        server.recv(100)
        if attack.random.random() < 0.3:
            with contextlib.suppress(OSError):  # the other end is there no more, at times
                server.shutdown(socket.SHUT_WR)
        for end in attack.random.sample((client, server), 2):
            (reset if attack.random.random() < 0.5 else socket.socket.close)(end)
