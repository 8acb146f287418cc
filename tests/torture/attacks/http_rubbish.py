# SPDX-License-Identifier: Apache-2.0
"""Requests and answers that are nearly HTTP, mutated, cut in pieces, sent either way."""
import contextlib
import socket

from attack import Attack

REQUESTS = (
    b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"PUT /d HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99\r\n\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /e HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c\x7f\0\0\1\x7f\0\0\1\0\1\0\2GET /f HTTP/1.1\r\nHost: x\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
)
ANSWERS = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
    b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 -1 X\r\n\r\n", b"HTTP/1.1 :00 X\r\n\r\n", b"HTTP/1.1 2 0 X\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nx",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
)

attack = Attack()


def mutated(text):
    text = bytearray(text)
    for _ in range(attack.random.choice((0, 0, 1, 2, 5))):
        at = attack.random.randrange(len(text) + 1)
        if at < len(text) and attack.random.random() < 0.5:
            text[at] = attack.random.randrange(256)
        else:
            text[at:at + attack.random.randint(0, 8)] = attack.nasty()[:40]
    return bytes(text)


def send(connection, text):
    while text:
        piece = attack.random.choice((1, 2, 7, len(text)))
        connection.sendall(text[:piece])
        text = text[piece:]


with socket.create_server(("127.0.0.1", 0)) as listener:
    while attack.goes_on():
        with contextlib.suppress(OSError), \
                socket.create_connection(listener.getsockname()) as client, \
                listener.accept()[0] as server:
            for _ in range(attack.random.randint(1, 6)):
                for sender, reader, texts in ((client, server, REQUESTS), (server, client, ANSWERS)):
                    send(sender, b"".join(mutated(attack.random.choice(texts))
                                          for _ in range(attack.random.randint(1, 3))) or b"x")
                    reader.recv(attack.random.choice((1, 50, 1 << 16)))
