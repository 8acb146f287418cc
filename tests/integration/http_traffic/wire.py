# SPDX-License-Identifier: Apache-2.0
"""A socket that reads the clock right before and after each of its system calls."""
import bisect
import select
import socket
import struct
import time

from . import ways


def timed(call, *arguments):
    """What call() returned, and the clock before and after it."""
    before = time.monotonic_ns()
    result = call(*arguments)
    return result, [before, time.monotonic_ns()]


class Moved:
    """The calls that moved the bytes of one direction, in order."""

    def __init__(self):
        self.ends = []  # offset behind the last byte of each call
        self.times = []

    def note(self, count, times):
        self.ends.append(self.total() + count)
        self.times.append(times)

    def total(self):
        return self.ends[-1] if self.ends else 0

    def at(self, offset):
        """The clock before and after the call that moved this byte; None when none did."""
        call = bisect.bisect_right(self.ends, offset)
        return self.times[call] if call < len(self.ends) else None


class Wire:
    """One end of a connection: what it moves, and when it ended, if not by the last answer."""

    def __init__(self, sock, send=ways.send, receive=ways.recv):
        self.sock = sock
        self.send_way, self.receive_way = send, receive
        self.sent, self.received = Moved(), Moved()
        self.ended = None
        self.setup = None  # the clock around connect() or accept()
        self.readable = None  # the clock after poll() told of a request that was not read yet

    def drive(self, calls, moved):
        """Makes the system calls that `calls` yields, (function, arguments …) each."""
        result = None
        while True:
            try:
                call = calls.send(result)
            except StopIteration as done:
                return done.value
            while True:
                try:
                    result, times = timed(*call)
                    break
                except BlockingIOError:
                    poll = select.poll()
                    poll.register(self.sock, select.POLLIN if moved is self.received
                                  else select.POLLOUT)
                    poll.poll()
            count = ways.count_of(result)
            if not count:
                raise EOFError("the other end closed")
            moved.note(count, times)

    def send(self, data, way=None):
        self.drive((way or self.send_way)(self.sock, memoryview(data)), self.sent)

    def receive(self, expected, way=None):
        """Receives as many bytes, which must be these where the way of receiving shows them."""
        data = self.drive((way or self.receive_way)(self.sock, len(expected)), self.received)
        assert data is None or data == expected, f"expected {expected[:200]}, got {data[:200]}"

    def receive_end(self):
        data, self.ended = timed(self.sock.recv, 1)
        assert not data, f"expected the end, got {data}"

    def receive_reset(self):
        """Waits for an RST, whichever error tells of it."""
        before = time.monotonic_ns()
        try:
            assert not self.sock.recv(1)
            raise AssertionError("expected a reset, got the end")
        except ConnectionResetError:
            self.ended = [before, time.monotonic_ns()]

    def wait_readable(self):
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        poll.poll()
        self.readable = time.monotonic_ns()

    def shutdown(self, how=socket.SHUT_WR):
        _, self.ended = timed(self.sock.shutdown, how)

    def close(self):
        if self.sock.fileno() >= 0:
            _, self.ended = timed(self.sock.close)

    def reset(self):
        """Closes with an RST in place of a FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def truth(self, said, role):
        """What spans of these exchanges, the first on this connection, must show."""
        requests, responses = ((self.sent, self.received) if role == "client" else
                               (self.received, self.sent))
        asked = answered = 0
        for exchange in said:
            first = asked + len(exchange.before)
            asked = first + len(exchange.request)
            final = answered + len(exchange.interim)
            answered = final + len(exchange.response)
            error = exchange.error.get(role)
            yield {"key": exchange.key, "method": exchange.method, "status": exchange.status,
                   "error": error, "attributes": exchange.attributes,
                   "start": requests.at(first), "request_last": requests.at(asked - 1),
                   "response_first": responses.at(final) if exchange.response else None,
                   "end": self.ended if error else responses.at(answered - 1),
                   "setup": self.setup if exchange is said[0] else None,
                   "readable": self.readable if exchange is said[0] else None}
