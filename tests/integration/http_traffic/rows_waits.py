# SPDX-License-Identifier: Apache-2.0
"""Rows about the waits outside of a request's duration: until it is read, accepted, connected."""
import select
import socket
import time

from .row import Row, exchange
from .wire import timed, wait_readable

WAIT_SECONDS = 0.15


class WaitsToBeRead(Row):
    """On one connection each, as the readings are kept of a connection's first request."""

    def said(self):
        return [[exchange(2 * i), exchange(2 * i + 1)] for i in range(3)]

    def answer(self, wire, said):
        wire.wait_readable()
        time.sleep(WAIT_SECONDS)
        super().answer(wire, said)


class WaitsToBeAccepted(Row):
    def said(self):
        return [[exchange(2 * i), exchange(2 * i + 1)] for i in range(3)]

    def server(self, side):
        for said in self.said():
            polled = wait_readable(side.listener)
            time.sleep(WAIT_SECONDS)
            wire = side.accept()
            wire.polled["acceptable"] = polled
            self.answer(wire, said)
            self.finish(wire)
            side.tell(wire, said)


class WaitsToBeConnected(Row):
    """The listener's queue is full, so the SYN has to be sent once more."""
    backlog = 0

    def said(self):
        return [[exchange(0)], [exchange(1)]]

    def client(self, side):
        first, second = self.said()
        queued = side.connect()
        side.meet()
        sock = socket.socket()
        sock.setblocking(False)
        _, called = timed(sock.connect_ex, side.address)
        side.meet()
        poll = select.poll()
        poll.register(sock, select.POLLOUT)
        poll.poll()
        connected = time.monotonic_ns()
        sock.setblocking(True)
        waiting = side.wire(sock)
        waiting.setup = [called[0], connected]
        waiting.polled["connecting"] = called[1]
        for wire, said in ((queued, first), (waiting, second)):
            self.ask(wire, said)
            wire.close()
            side.tell(wire, said)

    def server(self, side):
        wait_readable(side.listener)  # on this side, the first one may come somewhat later
        side.meet()
        side.meet()
        freed = time.monotonic_ns()
        for said in self.said():
            wire = side.accept()
            wire.polled["freed"] = freed
            self.answer(wire, said)
            self.finish(wire)
            side.tell(wire, said)
