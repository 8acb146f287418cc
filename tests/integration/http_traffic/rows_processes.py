# SPDX-License-Identifier: Apache-2.0
"""Rows about who moves the bytes: short processes, children, and several threads."""
import json
import os
import socket
import threading
import time

from .row import Row, exchange
from .rows_bodies import text, upload
from .rows_connections import in_threads


class ProcessesOfAFewMilliseconds(Row):
    """Each request is asked and answered by a process that then ends, without closing anything."""

    def said(self):
        return [[exchange(i)] for i in range(20)]

    def client(self, side):
        for said in self.said():
            child = os.fork()
            if not child:
                wire = side.connect()
                self.ask(wire, said)
                side.tell(wire, said)
                os._exit(0)
            assert not os.waitpid(child, 0)[1]

    def server(self, side):
        for said in self.said():
            wire = side.accept()
            child = os.fork()
            if not child:
                self.answer(wire, said)
                wire.receive_end()
                side.tell(wire, said)
                os._exit(0)
            wire.sock.close()
            assert not os.waitpid(child, 0)[1]


class InheritedOverFork(Row):
    """Parent and child take turns on one connection, on both sides."""

    def said(self):
        return [[exchange(i) for i in range(6)]]

    def take_turns(self, wire, said, does):
        for i, e in enumerate(said):
            if i % 2:
                assert not wire.in_child(lambda wire: does(wire, [e]))
            else:
                does(wire, [e])

    def ask(self, wire, said):
        self.take_turns(wire, said, super().ask)

    def answer(self, wire, said):
        self.take_turns(wire, said, super().answer)


class ReadByOneProcessAnsweredByAnother(Row):
    def answer(self, wire, said):
        for e in said:
            wire.receive(e.asked)
            assert not wire.in_child(lambda wire: wire.send(e.answered))


class PassedBetweenProcesses(Row):
    """One process accepts, and passes the connection on to another one, who serves it."""

    def said(self):
        return [[exchange(i), upload(i + 100, text(2000))] for i in range(5)]

    def server(self, side):
        here, there = socket.socketpair()
        child = os.fork()
        if not child:
            for said in self.said():
                accepted, (number,), _, _ = socket.recv_fds(there, 100, 1)
                wire = side.wire(socket.socket(fileno=number))
                wire.setup = json.loads(accepted)
                self.answer(wire, said)
                self.finish(wire)
                side.tell(wire, said)
            os._exit(0)
        for _ in self.said():
            wire = side.accept()
            socket.send_fds(here, [json.dumps(wire.setup).encode()], [wire.sock.fileno()])
            wire.sock.close()
        assert not os.waitpid(child, 0)[1]


class ReadByOneThreadAnsweredByAnother(Row):
    def answer(self, wire, said):
        for e in said:
            wire.receive(e.asked)
            in_threads([lambda e=e: wire.send(e.answered)])


class WriterThreadAndReaderThread(Row):
    """Both sides read in one thread and write in another, as fast as they can."""

    def said(self):
        return [[exchange(i) for i in range(300)]]

    def ask(self, wire, said):
        def write():
            for e in said:
                wire.send(e.asked)
        in_threads([write, lambda: wire.receive(b"".join(e.answered for e in said))])

    def answer(self, wire, said):
        asked = threading.Semaphore(0)

        def read():
            for e in said:
                wire.receive(e.asked)
                asked.release()

        def write():
            for e in said:
                asked.acquire()
                wire.send(e.answered)
        in_threads([read, write])


class ReaderWaitsBeforeTheRequestIsSent(Row):
    """The reader's call is there first, so that the answer may overtake the end of the send."""

    def said(self):
        return [[exchange(i) for i in range(50)]]

    def ask(self, wire, said):
        answered = threading.Semaphore(1)

        def read():
            for e in said:
                wire.receive(e.answered)
                answered.release()

        def write():
            for e in said:
                answered.acquire()
                time.sleep(0.001)
                wire.send(e.asked)
        in_threads([read, write])
