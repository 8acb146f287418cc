# SPDX-License-Identifier: Apache-2.0
"""Rows about connections: of what kind they are, how many, and what they were before."""
import os
import resource
import socket
import threading

from .row import DIVISOR, Exchange, Row, exchange, request, response
from .rows_bodies import text, upload
from .wire import timed


class Family(Row, abstract=True):
    def said(self):
        return [[exchange(0), upload(1, text(3000)), exchange(2, status=404)],
                [exchange(3), exchange(4)]]


for name in ("ipv6", "mapped", "mptcp", "unix", "abstract"):
    type(name, (Family,), {"family": name, "layered": name == "mptcp"}, name=f"over-{name}")


class OverSocketpair(Row):
    family = "socketpair"


class WouldBlock(Row):
    """Buffers that take little, and calls that do not wait."""

    def said(self):
        return [[upload(i, text(200_000), answered=response(200, text(200_000)))
                 for i in range(3)]]

    def prepare(self, sock):
        super().prepare(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        sock.setblocking(False)

    def finish(self, wire):
        wire.sock.setblocking(True)
        super().finish(wire)


class PortReusedAtOnce(Row):
    """Each connection has the addresses and ports of the one before it; every other one breaks.

    The first port is bound, too: one that connect() chooses may be that of other connections.
    """
    ERROR = {"client": "closed_locally", "server": "connection_reset"}

    def said(self):
        return [[exchange(i)] if i % 2 else
                [Exchange(f"/r{i}", "GET", request(i), error=self.ERROR)] for i in range(20)]

    def client(self, side):
        source = "127.0.0.1", 0
        for said in self.said():
            wire = side.connect(source)
            source = wire.sock.getsockname()
            self.ask(wire, said)
            wire.meet()
            wire.reset()
            side.tell(wire, said)

    def answer(self, wire, said):
        super().answer(wire, said)
        wire.meet()

    def finish(self, wire):
        wire.receive_reset()
        wire.sock.close()


class SocketConnectedAgain(Row):
    """One socket is all connections: it is disconnected in the middle of some, at the end of others."""
    ERROR = {"client": "closed_locally", "server": "connection_reset"}

    def said(self):
        return [[exchange(2 * i), exchange(2 * i + 1)] if i % 2 else
                [exchange(2 * i), Exchange(f"/r{2 * i + 1}", "GET", request(2 * i + 1),
                                           error=self.ERROR)] for i in range(10)]

    def client(self, side):
        wire = None
        for said in self.said():
            wire = side.connect_socket(wire.sock) if wire else side.connect()
            self.ask(wire, said)
            wire.meet()
            if not said[-1].error:
                wire.sock.shutdown(socket.SHUT_RDWR)
                wire.meet()
            wire.disconnect()
            side.tell(wire, said)

    def server(self, side):
        for said in self.said():
            wire = side.accept()
            self.answer(wire, said)
            wire.meet()
            if said[-1].error:
                wire.receive_reset()
            else:
                wire.receive_end()
                wire.meet()
            wire.sock.close()
            side.tell(wire, said)


class FileDescriptorReusedAtOnce(Row):
    """dup2() puts the next connection in the place of one whose request is open."""
    ERROR = {"client": "closed_locally", "server": "closed_by_peer"}

    def said(self):
        return [[exchange(2 * i), Exchange(f"/r{2 * i + 1}", "GET", request(2 * i + 1),
                                           error=self.ERROR)] for i in range(10)]

    def client(self, side):
        number = os.dup(0)
        last = None
        for said in [*self.said(), None]:
            wire = side.connect() if said else None
            fresh = wire.sock.detach() if said else os.dup(0)
            _, times = timed(os.dup2, fresh, number)
            os.close(fresh)
            if last:
                last[0].ended = times
                last[0].sock.detach()
                side.tell(*last)
            if said:
                wire.sock = socket.socket(fileno=number)
                self.ask(wire, said)
                last = wire, said


class Parallel(Row, abstract=True):
    """Threads of the client ask at once, over connections of their own; so do the server's."""
    THREADS = 16
    EACH = 1

    def said(self):
        return [[exchange(1000 + self.EACH * t + i) for i in range(self.EACH)]
                for t in range(self.CONNECTIONS)]

    def client(self, side):
        ready = threading.Barrier(self.THREADS)
        connections = iter(self.said())
        taking = threading.Lock()

        def ask():
            ready.wait()
            while True:
                with taking:
                    said = next(connections, None)
                if not said:
                    return
                wire = side.connect()
                self.ask(wire, said)
                wire.close()
                side.tell(wire, said)
        in_threads([ask] * self.THREADS)

    def server(self, side):
        exchanges = {e.asked: e for said in self.said() for e in said}
        length = len(next(iter(exchanges)))
        assert all(len(asked) == length for asked in exchanges)

        def serve(wire):
            said = []
            for _ in range(self.EACH):
                said.append(exchanges[bytes(wire.take(length))])
                wire.send(said[-1].answered)
            self.finish(wire)
            side.tell(wire, said)

        threads = []
        for _ in range(self.CONNECTIONS):
            threads.append(threading.Thread(target=serve, args=[side.accept()]))
            threads[-1].start()
        for thread in threads:
            thread.join()


def in_threads(functions):
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class ParallelThreads32Requests(Parallel):
    CONNECTIONS = 32


class ParallelThreads240RequestsKeptAlive(Parallel):
    CONNECTIONS = 16
    EACH = 15


class TenThousandConnections(Row):
    """All are open at once, then all ask, then all are answered."""
    CONNECTIONS = 10_000 // DIVISOR

    def said(self):
        return [[exchange(i)] for i in range(self.CONNECTIONS)]

    @staticmethod
    def raise_limit():
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    def client(self, side):
        self.raise_limit()
        said = self.said()
        wires = [side.connect() for _ in said]
        for wire, (e,) in zip(wires, said):
            wire.send(e.asked)
        for wire, (e,) in zip(wires, said):
            wire.receive(e.answered)
        for wire, one in zip(wires, said):
            wire.close()
            side.tell(wire, one)

    def server(self, side):
        self.raise_limit()
        said = self.said()
        wires = [side.accept() for _ in said]
        for wire, (e,) in zip(wires, said):
            wire.receive(e.asked)
        for wire, (e,) in zip(wires, said):
            wire.send(e.answered)
        for wire, one in zip(wires, said):
            self.finish(wire)
            side.tell(wire, one)
