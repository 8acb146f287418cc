# SPDX-License-Identifier: Apache-2.0
"""Rows about answers that come before the body: it then stays away, or comes all the same."""
import time

from . import ways
from .row import REQUESTS_AS_TEXT, Row, chunked, exchange, request, response
from .rows_bodies import text

PAUSE_SECONDS = 0.002
EXPECT = b"Expect: 100-continue"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
IN_CHUNKS = b"Transfer-Encoding: chunked"


def head(i, size=5000, expect=EXPECT, method="POST", more=()):
    """A request without the body that it announces; of any size."""
    length = b"Content-Length: %d" % size if size else IN_CHUNKS
    return request(i, method, fields=[*([expect] if expect else []), *more, length])


class Expecting(Row, abstract=True):
    """One request after the other, some of which are answered between their head and their body."""

    def is_early(self, _i):
        return False

    def first(self, i, e):
        """The length of what is sent before the answer."""
        return e.asked.index(b"\r\n\r\n") + 4 if self.is_early(i) else len(e.asked)

    def ask(self, wire, said):
        for i, e in enumerate(said):
            first = self.first(i, e)
            wire.send(e.asked[:first])
            wire.receive(e.answered)
            if first < len(e.asked):
                wire.send(e.asked[first:])

    def answer(self, wire, said):
        for i, e in enumerate(said):
            first = self.first(i, e)
            wire.receive(e.asked[:first])
            wire.send(e.answered)
            if first < len(e.asked):
                time.sleep(PAUSE_SECONDS)
                wire.receive(e.asked[first:])


class ExpectRefused(Expecting):
    """The client leaves the body out and asks on, as curl does after 417."""

    def said(self):
        statuses = (417, 401, 413, 403, 500, 200, 302)
        spelled = (EXPECT, b"expect:100-continue", b"EXPECT:   100-Continue ", EXPECT,
                   b"Expect:\t100-continue", EXPECT, EXPECT)
        said = []
        for size in (5000, 1, 40, 5_000_000, 0):
            connection, at = [], 100 * len(said)
            for i, (status, expect) in enumerate(zip(statuses, spelled)):
                connection += [
                    exchange(at + 2 * i, "POST", status, head(at + 2 * i, size, expect),
                             response(status, REQUESTS_AS_TEXT)),
                    exchange(at + 2 * i + 1, "PUT", asked=request(at + 2 * i + 1, "PUT", text(i)))]
            said.append(connection)
        return said


class ExpectRefusedByteByByte(ExpectRefused):
    send = {"client": ways.bytewise, "server": ways.bytewise}
    receive = {"client": ways.recv_tiny, "server": ways.recv_tiny}


class ExpectRefusedAcrossSegments(ExpectRefused):
    send = {"client": ways.writev, "server": ways.sendmsg}
    receive = {"client": ways.recvmsg_into, "server": ways.readv}


class ExpectRefusedThenPipelined(Row):
    """What follows a refusal comes in one write, another one that waits at its end."""

    def said(self):
        return [[exchange(0, "PUT", 417, head(0, 3000, method="PUT"), response(417)),
                 exchange(1), exchange(2, "POST", asked=request(2, "POST", text(700))),
                 exchange(3, "POST", 413, head(3, 0), response(413)), exchange(4)]]

    def ask(self, wire, said):
        wire.send(said[0].asked)
        wire.receive(said[0].answered)
        wire.send(b"".join(e.asked for e in said[1:4]))
        wire.receive(b"".join(e.answered for e in said[1:4]))
        wire.send(said[4].asked)
        wire.receive(said[4].answered)

    def answer(self, wire, said):
        wire.receive(said[0].asked)
        wire.send(said[0].answered)
        for e in said[1:4]:
            wire.receive(e.asked)
        wire.send(b"".join(e.answered for e in said[1:4]))
        wire.receive(said[4].asked)
        wire.send(said[4].answered)


class ExpectAnsweredAndTheBodyComes(Expecting):
    """It was on its way when the answer came. None of these bodies begins as a request does."""
    BODIES = [b"a=1&b=2&c=3", b"\0" * 10_000, b"\r\n" + text(3000), b"x\r\n", b"ok",
              b'{"GET": 1}\n' * 500]

    def said(self):
        said = []
        for i, body in enumerate(self.BODIES):
            for j, in_chunks in enumerate((False, True)):
                at = 20 * i + 2 * j
                asked = head(at, 0) + chunked(body) if in_chunks else head(at, len(body)) + body
                said += [exchange(at, "POST", 413, asked, response(413)), exchange(at + 1)]
        return [said]

    def is_early(self, i):
        return i % 2 == 0


class ExpectAnsweredAndTheBodyComesByteByByte(ExpectAnsweredAndTheBodyComes):
    BODIES = [b"a=1&b=2&c=3", b"\r\n" + text(90), b"x\r\n"]
    send = {"client": ways.bytewise, "server": ways.send}
    receive = {"client": ways.recv, "server": ways.recv_tiny}


class ExpectContinuedWithRequestsAsBody(Expecting):
    """100 was given, so what follows is the body; and so it is of those that do not wait."""

    def said(self):
        return [[exchange(0, "POST", 413, head(0) + text(5000), response(413), interim=CONTINUE),
                 exchange(1),
                 exchange(2, "POST", asked=head(2) + text(5000)),
                 exchange(3),
                 exchange(4, "POST", 413, head(4, expect=None) + text(5000), response(413)),
                 exchange(5)]]

    def is_early(self, i):
        return i in (0, 4)
