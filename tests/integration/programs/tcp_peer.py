# SPDX-License-Identifier: Apache-2.0
"""One end of TCP connections: moves known amounts, and says what it saw and when.

    tcp_peer.py listen PLAN     says its port in the first line, then serves
    tcp_peer.py connect PLAN

PLAN is JSON, see DEFAULTS. Each connection makes one line of JSON when its bytes are moved (or when
it failed), and one when it has ended. `end` names who ends it, and how: both wait for a line on
standard input before they do. Times are of CLOCK_MONOTONIC.
"""
import errno
import json
import socket
import struct
import sys
import threading
import time

DEFAULTS = {
    "address": None, "port": 0,
    "connections": 1,   # so many at once
    "backlog": 128, "accept": True,
    "request": 0,       # bytes that the connecting end sends in each round
    "response": 0,      # bytes that the listening end answers
    "rounds": 1,
    "think": 0.0,       # seconds before the listening end answers
    "end": "connect",   # or: listen, connect-reset, listen-reset, connect-send (one byte more)
    "user_timeout": 0,  # ms that sent bytes may be unacknowledged
    "patience": None,   # seconds after which the connecting end gives up
    "mptcp": False,     # multipath TCP, as far as the kernel has it
    "stalled": False,   # the listening end reads nothing before the line on its standard input
}
NO_LINGER = struct.pack("ii", 1, 0)  # so that close() sends RST
told = threading.Lock()
go_on = threading.Event()


def tell(**what):
    with told:
        print(json.dumps(what), flush=True)


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def receive(connection, size):
    """The time at which the first byte came; None where there was none to come."""
    first = None
    while size:
        piece = connection.recv(min(size, 1 << 18))
        if not piece:
            raise ConnectionError("closed too early")
        first = first or time.monotonic()
        size -= len(piece)
    return first


class End:
    """One connection, as one end sees it."""

    def __init__(self, role, plan, connection):
        self.role, self.plan, self.connection = role, plan, connection
        self.names = {"local": None, "remote": None}

    def connect(self):
        """Times of begin and end; the error's name where there is no connection."""
        begin = time.monotonic()
        try:
            self.connection.settimeout(self.plan["patience"])
            self.connection.connect((self.plan["address"], self.plan["port"]))
            self.connection.settimeout(None)
        except OSError as error:
            name = errno.errorcode[error.errno] if error.errno else "gave up"
            tell(event="failed", error=name, begin=begin, end=time.monotonic())
            return None
        return {"connect_begin": begin, "connect_end": time.monotonic()}

    def move(self, times):
        plan, connection = self.plan, self.connection
        if plan["user_timeout"]:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, plan["user_timeout"])
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.names = {"local": connection.getsockname()[:2], "remote": connection.getpeername()[:2]}
        sizes = plan["request"], plan["response"]
        sends, receives = sizes if self.role == "connect" else sizes[::-1]
        first_sent = first_received = None
        if plan["stalled"] and self.role == "listen":
            go_on.wait()
        for _ in range(plan["rounds"]):
            if self.role == "connect":
                first_sent = first_sent or time.monotonic()
                connection.sendall(bytes(sends))
                came = receive(connection, receives)
            else:
                came = receive(connection, receives)
                time.sleep(plan["think"])
                first_sent = first_sent or time.monotonic()
                connection.sendall(bytes(sends))
            first_received = first_received or came
        tell(event="moved", **self.names, **times, sent=sends * plan["rounds"],
             received=receives * plan["rounds"], first_sent=first_sent,
             first_received=first_received)

    def finish(self):
        connection = self.connection
        who, _, how = self.plan["end"].partition("-")
        result = None
        go_on.wait()
        try:
            if who == self.role and how == "send":
                connection.sendall(b"x")
            if who != self.role or how == "send":
                result = "bytes" if connection.recv(1) else "eof"
        except OSError as error:
            result = errno.errorcode[error.errno]
        if who == self.role and how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        closing = time.monotonic()
        connection.close()
        tell(event="ended", **self.names, result=result, close_begin=closing,
             close_end=time.monotonic())

    def live(self):
        times = self.connect() if self.role == "connect" else {"accepted": time.monotonic()}
        if times is None:
            self.connection.close()
            return
        self.move(times)
        self.finish()


def socket_of(plan):
    protocol = socket.IPPROTO_MPTCP if plan["mptcp"] else socket.IPPROTO_TCP
    return socket.socket(family_of(plan["address"]), socket.SOCK_STREAM, protocol)


def ends(role, plan):
    if role == "connect":
        for _ in range(plan["connections"]):
            yield End(role, plan, socket_of(plan))
        return
    with socket_of(plan) as listener:
        listener.bind((plan["address"], plan["port"]))
        listener.listen(plan["backlog"])
        print(listener.getsockname()[1], flush=True)
        if not plan["accept"]:
            go_on.wait()
            return
        for _ in range(plan["connections"]):
            yield End(role, plan, listener.accept()[0])


def wait_for_line():
    sys.stdin.readline()
    go_on.set()


threading.Thread(target=wait_for_line, daemon=True).start()
threads = []
for one in ends(sys.argv[1], {**DEFAULTS, **json.loads(sys.argv[2])}):
    threads.append(threading.Thread(target=one.live))
    threads[-1].start()
for thread in threads:
    thread.join()
