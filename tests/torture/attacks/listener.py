# SPDX-License-Identifier: Apache-2.0
"""Clients of Sonde's listener that say nothing, say half, say rubbish, or do not read."""
import contextlib
import select
import socket

from attack import Attack

CLIENTS = 300

attack = Attack()
clients = []
while attack.goes_on(0.002):
    if len(clients) < CLIENTS:
        with contextlib.suppress(OSError):
            clients.append(socket.create_connection(("127.0.0.1", attack.port), timeout=5))
    client = attack.random.choice(clients) if clients else None
    if client is None:
        continue
    try:
        client.setblocking(False)
        client.send(attack.random.choice((
            b"", b"G", b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n",
            b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            b"GET /connections HTTP/1.1\r\nHost: evil.example\r\n\r\n",
            b"X: " + b"y" * 1000 + b"\r\n", attack.nasty() + b"\r\n\r\n",
            b"POST /flows HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n")))
        if select.select([client], [], [], 0)[0] and not client.recv(100):
            raise ConnectionResetError
    except BlockingIOError:
        pass
    except OSError:
        clients.remove(client)
        client.close()
