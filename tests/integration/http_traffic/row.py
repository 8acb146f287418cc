# SPDX-License-Identifier: Apache-2.0
"""What a row of traffic is: what is said on each of its connections, and how both sides say it."""
import dataclasses
import json
import os
import re
import socket
import sys
import threading
import time

from . import ways
from .wire import Wire, timed

PAUSE_SECONDS = 0.05  # in which nothing belongs to any request
# The largest rows are so many times smaller where somebody says so: emulated machines are slow.
DIVISOR = int(os.environ.get("HTTP_TRAFFIC_DIVISOR", "1"))

IPPROTO_MPTCP = 262
REQUESTS_AS_TEXT = b"GET /body HTTP/1.1\r\nHost: body\r\n\r\n"  # bodies are made of it

FAMILIES = {
    "ipv4": (socket.AF_INET, ("127.0.0.1", 0), 0),
    "ipv6": (socket.AF_INET6, ("::1", 0), 0),
    "mapped": (socket.AF_INET6, ("::ffff:127.0.0.1", 0), 0),
    "mptcp": (socket.AF_INET, ("127.0.0.1", 0), IPPROTO_MPTCP),
    "unix": (socket.AF_UNIX, None, 0),
    "abstract": (socket.AF_UNIX, None, 0),
}


@dataclasses.dataclass
class Exchange:
    """One request with its response; in place of one that is not complete, `error` by side."""
    key: str  # what its target contains, or its method, and no other one of the row
    method: str
    request: bytes
    response: bytes = b""
    status: int = 0
    before: bytes = b""  # empty lines
    interim: bytes = b""  # 1xx responses
    error: dict = dataclasses.field(default_factory=dict)
    attributes: dict = dataclasses.field(default_factory=dict)

    @property
    def asked(self):
        return self.before + self.request

    @property
    def answered(self):
        return self.interim + self.response


def chunked(body, size=1000, trailer=b""):
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x;x=y\r\n%s\r\n" % (len(p), p) for p in parts) + b"0\r\n" + trailer + b"\r\n"


def request(i, method="GET", body=None, fields=(), target=None, line_end=b"\r\n"):
    lines = [b"%s %s HTTP/1.1" % (method.encode(), target or b"/r%d" % i), b"Host: truth", *fields]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return line_end.join([*lines, b"", b""]) + (body or b"")


def response(status=200, body=b"hello", fields=(), line_end=b"\r\n"):
    lines = [b"HTTP/1.1 %d Fine" % status, b"Server: truth", *fields]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return line_end.join([*lines, b"", b""]) + (body or b"")


def exchange(i, method="GET", status=200, asked=None, answered=None, **more):
    """The i-th exchange of a row; `asked` and `answered` in place of small plain messages."""
    if answered is None:
        answered = response(status)
    key = method if method == "CONNECT" else f"/r{i}"  # whose target is no path
    return Exchange(key, method, asked or request(i, method), answered, status, **more)


class Row:
    """One kind of traffic. A subclass says what is different; its name is the row's."""
    rows = {}
    family = "ipv4"
    backlog = 4096
    early = False  # begins before Sonde does
    layered = False  # another protocol is between the processes and TCP
    send = {"client": ways.send, "server": ways.send}
    receive = {"client": ways.recv, "server": ways.recv}

    def __init_subclass__(cls, name=None, abstract=False):
        super().__init_subclass__()
        if not abstract:
            words = re.sub(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Z])", "-", cls.__name__)
            Row.rows[name or words.lower()] = cls

    def said(self):
        """The exchanges of each connection."""
        return [[exchange(i) for i in range(3)]]

    def prepare(self, sock):
        """Options of a new connection, on both sides."""
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, wire, said):
        for e in said:
            wire.send(e.asked)
            wire.receive(e.answered)

    def answer(self, wire, said):
        for e in said:
            wire.receive(e.asked)
            wire.send(e.answered)

    def finish(self, wire):
        """The server, when all is said."""
        wire.receive_end()
        wire.close()

    def leave(self, wire):
        """The client, when all is said."""
        wire.close()

    def client(self, side):
        for said in self.said():
            wire = side.connect()
            self.ask(wire, said)
            self.leave(wire)
            side.tell(wire, said)

    def server(self, side):
        for said in self.said():
            wire = side.accept()
            self.answer(wire, said)
            self.finish(wire)
            side.tell(wire, said)


class ServerEndsFirst(Row, abstract=True):
    """The server closes the connection, some time after all was said."""

    def ask(self, wire, said):
        super().ask(wire, said)
        wire.receive_end()

    def finish(self, wire):
        time.sleep(PAUSE_SECONDS)
        wire.close()


class Side:
    """One of the two processes of a row."""

    def __init__(self, role, row, pipes, address=None):
        self.role, self.row = role, row
        self.from_other, self.to_other = pipes
        self.address = address
        self.told = threading.Lock()
        self.listener = None

    def wire(self, sock):
        self.row.prepare(sock)
        return Wire(sock, self.row.send[self.role], self.row.receive[self.role],
                    self.meet)

    def meet(self):
        """Waits until the other process is here, too: by pipes, as they are no sockets."""
        os.write(self.to_other, b"x")
        assert os.read(self.from_other, 1)

    def wait_for_sonde(self):
        self.say("ready")
        assert sys.stdin.readline()

    def listen(self, folder):
        if self.row.family == "socketpair":
            self.address = int(folder)
            return
        family, address, protocol = FAMILIES[self.row.family]
        if not address:
            address = os.path.join(folder, "socket")
            if self.row.family == "abstract":
                address = "\0" + address
        self.listener = socket.socket(family, socket.SOCK_STREAM, protocol)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(address)
        self.listener.listen(self.row.backlog)
        address = self.listener.getsockname()
        self.say(address.decode() if isinstance(address, bytes) else
                 address if isinstance(address, str) else address[:2])

    def accept(self):
        if self.row.family == "socketpair":
            return self.wire(socket.socket(fileno=self.address))
        (sock, _), times = timed(self.listener.accept)
        wire = self.wire(sock)
        wire.setup = times
        return wire

    def connect(self, source=None):
        if self.row.family == "socketpair":
            return self.wire(socket.socket(fileno=self.address))
        family, _, protocol = FAMILIES[self.row.family]
        sock = socket.socket(family, socket.SOCK_STREAM, protocol)
        if source:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(source)
        return self.connect_socket(sock)

    def connect_socket(self, sock):
        _, times = timed(sock.connect, self.address)
        wire = self.wire(sock)
        wire.setup = times
        return wire

    def say(self, what):
        """One line, by one write, as forked children say theirs too."""
        os.write(sys.stdout.fileno(), json.dumps(what).encode() + b"\n")

    def tell(self, wire, said):
        with self.told:
            for truth in wire.truth(said, self.role):
                self.say(truth)
