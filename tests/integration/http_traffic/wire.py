# SPDX-License-Identifier: Apache-2.0
"""A socket that reads the clock right before and after each of its system calls."""
import bisect
import os
import pickle
import select
import socket
import struct
import threading
import time

from . import ways


def timed(call, *arguments):
    """What call() returned, and the clock before and after it."""
    before = time.monotonic_ns()
    result = call(*arguments)
    return result, [before, time.monotonic_ns()]


def wait_readable(sock):
    """The clock after poll() told so."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    poll.poll()
    return time.monotonic_ns()


class Moved:
    """The calls that moved the bytes of one direction, in order."""

    def __init__(self):
        self.ends = []  # offset behind the last byte of each call
        self.times = []
        self.threads = []

    def note(self, count, times):
        self.ends.append(self.total() + count)
        self.times.append(times)
        self.threads.append(threading.get_native_id())

    def total(self):
        return self.ends[-1] if self.ends else 0

    def at(self, offset):
        """The clock before and after the call that moved this byte; None when none did."""
        call = bisect.bisect_right(self.ends, offset)
        return self.times[call] if call < len(self.ends) else None

    def thread_at(self, offset):
        return self.threads[bisect.bisect_right(self.ends, offset)]


class Wire:
    """One end of a connection: what it moves, and when it ended, if not by the last answer."""

    def __init__(self, sock, send, receive, meet):
        self.sock = sock
        self.send_way, self.receive_way = send, receive
        self.meet = meet  # waits until the other end's process is here, too
        self.sent, self.received = Moved(), Moved()
        self.ended = None
        self.setup = None  # the clock around connect() or accept()
        self.polled = {}  # the clock after it was known that there is something to wait for

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
        data = self.take(len(expected), way)
        assert data is None or data == expected, f"expected {expected[:200]}, got {data[:200]}"

    def take(self, count, way=None):
        return self.drive((way or self.receive_way)(self.sock, count), self.received)

    def receive_end(self):
        data, self.ended = timed(self.sock.recv, 1)
        assert not data, f"expected the end, got {data}"

    def receive_reset(self):
        before = time.monotonic_ns()
        try:
            data = self.sock.recv(1)
        except ConnectionResetError:
            self.ended = [before, time.monotonic_ns()]
        else:
            raise AssertionError(f"expected a reset, got {data}")

    def wait_readable(self):
        self.polled["readable"] = wait_readable(self.sock)

    def forget(self):
        """What was moved so far is nobody's business."""
        self.sent, self.received = Moved(), Moved()

    def shutdown(self, how=socket.SHUT_WR):
        _, self.ended = timed(self.sock.shutdown, how)

    def end_with_the_last(self, moved):
        """What the last call moved was the end of HTTP here."""
        self.ended = moved.times[-1]

    def in_child(self, does):
        """Forks a child that does(this wire) and tells here what it moved; returns its status."""
        from_child, to_parent = os.pipe()
        child = os.fork()
        if not child:
            does(self)
            os.close(from_child)
            with open(to_parent, "wb") as file:
                pickle.dump((self.sent, self.received, self.ended), file)
            os._exit(0)
        os.close(to_parent)
        with open(from_child, "rb") as file:
            self.sent, self.received, self.ended = pickle.load(file)
        return os.waitpid(child, 0)[1]

    def close(self):
        if self.sock.fileno() >= 0:
            _, self.ended = timed(self.sock.close)

    def disconnect(self):
        """The socket stays, and can be connected again."""
        nowhere = struct.pack("H14x", socket.AF_UNSPEC)
        error, self.ended = timed(ways.LIBC.connect, self.sock.fileno(), nowhere, len(nowhere))
        assert not error

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
                   "error": error,
                   "attributes": {"thread.id": requests.thread_at(first), **exchange.attributes},
                   "start": requests.at(first), "request_last": requests.at(asked - 1),
                   "response_first": responses.at(final) if exchange.response else None,
                   "end": self.ended if error else responses.at(answered - 1),
                   **({"setup": self.setup, **self.polled} if exchange is said[0] else {})}
