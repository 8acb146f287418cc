# SPDX-License-Identifier: Apache-2.0
"""Rows about heads, and about how requests follow each other."""
import time

from . import ways
from .row import REQUESTS_AS_TEXT, Exchange, Row, chunked, exchange, request, response

PAUSE_SECONDS = 0.002  # between calls: much longer than a call, so a wrong one shows
IDLE_SECONDS = 0.3

# --- one after the other ---


class KeepAlive(Row):
    def said(self):
        return [[exchange(i, status=200 + i % 3) for i in range(20)]]


class OneConnectionPerRequest(Row):
    def said(self):
        return [[exchange(i)] for i in range(20)]


class IdleBeforeBetweenAndAfter(Row):
    def ask(self, wire, said):
        for e in said:
            time.sleep(IDLE_SECONDS)
            super().ask(wire, [e])
        time.sleep(IDLE_SECONDS)


# --- pipelining ---


class TenPipelinedInOneWrite(Row):
    def said(self):
        return [[exchange(i) for i in range(10)]]

    def ask(self, wire, said):
        wire.send(b"".join(e.asked for e in said))
        wire.receive(b"".join(e.answered for e in said))


class TenPipelinedOneByOne(TenPipelinedInOneWrite):
    """The first answer comes when all are asked."""

    def ask(self, wire, said):
        for e in said:
            wire.send(e.asked)
            time.sleep(PAUSE_SECONDS)
        for e in said:
            wire.receive(e.answered)

    def answer(self, wire, said):
        for e in said:
            wire.receive(e.asked)
        for e in said:
            time.sleep(PAUSE_SECONDS)
            wire.send(e.answered)


class TenPipelinedAnsweredInOneWrite(TenPipelinedInOneWrite):
    def answer(self, wire, said):
        wire.receive(b"".join(e.asked for e in said))
        time.sleep(PAUSE_SECONDS)
        wire.send(b"".join(e.answered for e in said))


class PipelinedInMixedPieces(Row):
    """Writes that end in the middle of a request; methods, bodies and answers of every kind."""

    def said(self):
        kinds = [
            lambda i: exchange(i),
            lambda i: exchange(i, "POST", asked=request(i, "POST", REQUESTS_AS_TEXT)),
            lambda i: exchange(i, "HEAD", answered=response(200, None, [b"Content-Length: 99"])),
            lambda i: exchange(i, "DELETE", 204, answered=response(204, None)),
            lambda i: exchange(i, "PUT", 404, asked=request(
                i, "PUT", fields=[b"Transfer-Encoding: chunked"]) + chunked(REQUESTS_AS_TEXT)),
            lambda i: exchange(i, status=503, answered=response(
                503, None, [b"Transfer-Encoding: chunked"]) + chunked(REQUESTS_AS_TEXT * 5)),
        ]
        return [[kinds[i % len(kinds)](i) for i in range(60)]]

    def ask(self, wire, said):
        asked = b"".join(e.asked for e in said)
        for at in range(0, len(asked), 701):
            wire.send(asked[at:at + 701])
        wire.receive(b"".join(e.answered for e in said))

    def answer(self, wire, said):
        for at in range(0, len(said), 3):
            for e in said[at:at + 3]:
                wire.receive(e.asked)
            wire.send(b"".join(e.answered for e in said[at:at + 3]))


# --- heads in pieces ---


class HeadsByteByByte(Row):
    send = {"client": ways.bytewise, "server": ways.bytewise}
    receive = {"client": ways.recv_tiny, "server": ways.recv_tiny}


class HeadsSplitAtEveryPosition(Row):
    """The i-th message is written, and read, as its first i bytes and then the rest."""

    def said(self):
        count = len(request(100)) + 8
        return [[exchange(i, status=200 + i % 5) for i in range(1, count)]]

    @staticmethod
    def halves(message, i):
        return [part for part in (message[:i], message[i:]) if part]

    def ask(self, wire, said):
        for i, e in enumerate(said, 1):
            for part in self.halves(e.asked, i):
                wire.send(part)
            for part in self.halves(e.answered, i):
                wire.receive(part)

    def answer(self, wire, said):
        for i, e in enumerate(said, 1):
            for part in self.halves(e.asked, i):
                wire.receive(part)
            for part in self.halves(e.answered, i):
                wire.send(part)


class HeadsAcrossSegments(Row):
    send = {"client": ways.writev, "server": ways.sendmsg}
    receive = {"client": ways.recvmsg_into, "server": ways.readv}


class HeadsAcrossSegmentsOfOneByte(Row):
    send = {"client": ways.writev_bytes, "server": ways.writev_bytes}
    receive = {"client": ways.readv_bytes, "server": ways.readv_bytes}


class HeadsOf8KilobytesWithLateFields(Row):
    LONG = [b"X-%d: " % i + b"v" * 70 for i in range(100)]

    def said(self):
        length = [*self.LONG, b"Content-Length: %d" % len(REQUESTS_AS_TEXT)]
        chunks = [*self.LONG, b"Transfer-Encoding: gzip, chunked"]
        body, in_chunks = REQUESTS_AS_TEXT, chunked(REQUESTS_AS_TEXT, 7)
        return [[
            exchange(0, "POST", asked=request(0, "POST", fields=length) + body,
                     answered=response(body=None, fields=length) + body),
            exchange(1, "POST", asked=request(1, "POST", fields=chunks) + in_chunks,
                     answered=response(body=None, fields=chunks) + in_chunks),
            exchange(2, asked=request(2, fields=self.LONG)),
            exchange(3, asked=request(3, fields=[b"Cookie: " + b"c" * 8000, b"X: y"])),
        ]]


class TargetsOf2Kilobytes(Row):
    def said(self):
        targets = [b"/r0?" + b"q" * 2000, b"/r1/" + b"p" * 2000, b"/r2"]
        return [[exchange(i, asked=request(i, target=target),
                          attributes={"sonde.truncated": len(target) > 256 or None})
                 for i, target in enumerate(targets)]]


class AnyMethodToken(Row):
    def said(self):
        methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "QUERY",
                   "M-SEARCH", "PROPFIND", "!#$%", "get", "X", "VERSION-CONTROL",
                   "BASELINE-CONTROL", "A.b_c~1`'*+^|"]
        return [[exchange(i, method, answered=response(200, None, [b"Content-Length: 0"]))
                 for i, method in enumerate(methods)]]


class EmptyLinesBeforeRequests(Row):
    """On a new connection, on a used one, in one write with the request and in another."""

    def said(self):
        return [[exchange(10 * connection + i, before=before) for i, before in
                 enumerate([first, b"\r\n", b"\r\n" * 3, b"", b"\n"])]
                for connection, first in enumerate([b"\r\n", b"\r\n\r\n", b"\n"])]

    def ask(self, wire, said):
        for i, e in enumerate(said):
            if i % 2:
                wire.send(e.asked)
            else:
                wire.send(e.before)
                time.sleep(PAUSE_SECONDS)
                wire.send(e.request)
            wire.receive(e.answered)


class OddSpelling(Row):
    """Fields in any case, without or with much space, and lines that end with LF alone."""

    def said(self):
        body = REQUESTS_AS_TEXT
        length = b"%d" % len(body)
        fields = [[b"content-length:" + length], [b"CONTENT-LENGTH:   " + length + b"  "],
                  [b"content-Length:\t" + length], [b"transfer-encoding:chunked"],
                  [b"TRANSFER-ENCODING:  CHUNKED"], [b"Transfer-Encoding: gzip,\tChunked  "]]
        said = []
        for i, extra in enumerate(fields * 2):
            end = b"\r\n" if i < len(fields) else b"\n"
            content = body if length in extra[0] else chunked(body)
            asked = request(2 * i, "POST", fields=extra, line_end=end) + content
            answered = response(200, None, extra, end) + content
            said.append([exchange(2 * i, "POST", asked=asked, answered=answered),
                         exchange(2 * i + 1)])
        return said


class VersionOneDotZero(Row):
    def said(self):
        return [[Exchange("/r0", "GET", b"GET /r0 HTTP/1.0\r\n\r\n",
                          b"HTTP/1.0 200\r\nContent-Length: 0\r\n\r\n", 200)]]
