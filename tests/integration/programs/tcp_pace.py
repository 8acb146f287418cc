# SPDX-License-Identifier: Apache-2.0
"""Moves bytes over a connection at a known pace, and over another one only once at first.

    tcp_pace.py REQUEST RESPONSE SECONDS

Both ends of both are its own, on loopback. It says the client's ports in its first line; then it
sends a request and a response of so many bytes each so many seconds, until there is a line on its
standard input, and says when (time.time()) each of these exchanges was complete.
"""
import json
import select
import socket
import sys
import time

AT_FIRST = 50_000_000  # bytes over the one that then is idle


def connection():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        return client, listener.accept()[0]


def move(sender, receiver, size):
    while size:
        piece = min(size, 10_000)  # which fits into the socket's buffer
        sender.sendall(bytes(piece))
        while piece:
            received = len(receiver.recv(piece))
            piece -= received
            size -= received


request, response, pace = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
paced, idle = connection(), connection()
move(*idle, AT_FIRST)
print(json.dumps({"paced": paced[0].getsockname()[1], "idle": idle[0].getsockname()[1]}),
      flush=True)
times, due = [], time.monotonic()
while not select.select([sys.stdin], [], [], max(0, due - time.monotonic()))[0]:
    move(*paced, request)
    move(*paced[::-1], response)
    times.append(time.time())
    due += pace
print(json.dumps(times))
