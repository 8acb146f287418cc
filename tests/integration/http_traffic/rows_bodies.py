# SPDX-License-Identifier: Apache-2.0
"""Rows about bodies and answers: how they are framed, how they come, and what has none."""
import time

from . import ways
from .row import (DIVISOR, PAUSE_SECONDS, REQUESTS_AS_TEXT, Row, ServerEndsFirst, chunked, exchange,
                  request, response)


def text(size):
    return (REQUESTS_AS_TEXT * (size // len(REQUESTS_AS_TEXT) + 1))[:size]


def upload(i, body, in_chunks=None, **more):
    if in_chunks:
        asked = request(i, "POST", fields=[b"Transfer-Encoding: chunked"]) + chunked(
            body, in_chunks)
    else:
        asked = request(i, "POST", body)
    return exchange(i, "POST", asked=asked, **more)


def download(i, body, in_chunks=None, **more):
    if in_chunks:
        answered = response(200, None, [b"Transfer-Encoding: chunked"]) + chunked(
            body, in_chunks, b"X-Trailer: y\r\n")
    else:
        answered = response(200, body)
    return exchange(i, answered=answered, **more)


class BodiesByLength(Row):
    def said(self):
        sizes = (1, 2, 511, 512, 513, 5000, 100_000)
        return [[upload(i, text(size), answered=response(200, text(size)))
                 for i, size in enumerate(sizes)]]


class BodiesInChunks(Row):
    def said(self):
        said = []
        for i, (size, chunk) in enumerate([(1, 1), (100, 1), (5000, 16), (100_000, 4096)]):
            said += [upload(2 * i, text(size), chunk), download(2 * i + 1, text(size), chunk)]
        return [said]


class Upload100Megabytes(Row):
    def said(self):
        return [[upload(0, text(100_000_000 // DIVISOR)), exchange(1)]]


class Download100Megabytes(Row):
    def said(self):
        return [[download(0, text(100_000_000 // DIVISOR)), exchange(1)]]


class Upload20MegabytesInChunks(Row):
    def said(self):
        return [[upload(0, text(20_000_000 // DIVISOR), 65536), exchange(1)]]


class Download20MegabytesInChunks(Row):
    def said(self):
        return [[download(0, text(20_000_000 // DIVISOR), 65536), exchange(1)]]


class StreamsWithPauses(Row):
    """Answers whose pieces come when they are ready."""

    def said(self):
        return [[download(0, text(5000), 1000), download(1, text(5000)), exchange(2)]]

    def answer(self, wire, said):
        for e in said:
            wire.receive(e.asked)
            for at in range(0, len(e.answered), 1024):
                time.sleep(PAUSE_SECONDS)
                wire.send(e.answered[at:at + 1024])


class UploadsWithPauses(Row):
    def said(self):
        return [[upload(0, text(5000), 1000), upload(1, text(5000)), exchange(2)]]

    def ask(self, wire, said):
        for e in said:
            for at in range(0, len(e.asked), 1024):
                time.sleep(PAUSE_SECONDS)
                wire.send(e.asked[at:at + 1024])
            wire.receive(e.answered)


class AnswersWithoutBody(Row):
    """HEAD, 204 and 304 have none, whatever their Content-Length says; 200 has one of 0 bytes."""

    def said(self):
        length, in_chunks = [b"Content-Length: 1000"], [b"Transfer-Encoding: chunked"]
        said = [exchange(0, "HEAD", answered=response(200, None, length)),
                exchange(1, "HEAD", answered=response(200, None, in_chunks)),
                exchange(2, "HEAD", answered=response(200, None)),
                exchange(3, status=204, answered=response(204, None)),
                exchange(4, status=304, answered=response(304, None, length)),
                exchange(5, status=304, answered=response(304, None)),
                exchange(6, answered=response(200, b"")),
                exchange(7)]
        return [said]


class HundredContinue(Row):
    def said(self):
        interim = b"HTTP/1.1 100 Continue\r\n\r\n"
        return [[upload(i, text(3000), interim=interim) for i in range(3)]]

    def ask(self, wire, said):
        for e in said:
            head = e.request.index(b"\r\n\r\n") + 4
            wire.send(e.request[:head])
            wire.receive(e.interim)
            wire.send(e.request[head:])
            wire.receive(e.response)

    def answer(self, wire, said):
        for e in said:
            head = e.request.index(b"\r\n\r\n") + 4
            wire.receive(e.request[:head])
            wire.send(e.interim)
            time.sleep(0.002)
            wire.receive(e.request[head:])
            wire.send(e.response)


class EarlyHints(Row):
    """103, once and twice, in a call of their own and in one with the final response."""

    def said(self):
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        return [[exchange(i, interim=hints * (1 + i % 2)) for i in range(4)]]

    def answer(self, wire, said):
        for i, e in enumerate(said):
            wire.receive(e.asked)
            if i < 2:
                wire.send(e.interim)
                time.sleep(0.002)
                wire.send(e.response)
            else:
                wire.send(e.answered)


class DelimitedByClose(ServerEndsFirst):
    """The answer ends with its last byte, not with the close some time later that shows it."""

    def said(self):
        return [[exchange(i, answered=response(200, None) + text(size))]
                for i, size in enumerate((0, 1, 5000, 300_000))]


class Opaque(Row, abstract=True):
    """Speaks something else after an upgrade; both sides say what looks like HTTP."""
    OPAQUE = REQUESTS_AS_TEXT * 3
    ANSWER = response(200) * 3

    def ask(self, wire, said):
        super().ask(wire, said)
        for _ in range(3):
            wire.send(self.OPAQUE)
            wire.receive(self.ANSWER)

    def answer(self, wire, said):
        super().answer(wire, said)
        for _ in range(3):
            wire.receive(self.OPAQUE)
            wire.send(self.ANSWER)


class UpgradeToWebsocket(Opaque):
    def said(self):
        fields = [b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"]
        return [[exchange(0), exchange(1, status=101, asked=request(1, fields=fields),
                                       answered=response(101, None, fields[:2]))]]


class UpgradeToH2c(Opaque):
    OPAQUE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + REQUESTS_AS_TEXT

    def said(self):
        fields = [b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AA"]
        return [[exchange(0, status=101, asked=request(0, fields=fields),
                          answered=response(101, None, fields[:2]))]]


class ConnectTunnel(Opaque):
    """What goes through it is none of ours."""

    def said(self):
        return [[exchange(0), exchange(1, "CONNECT", answered=response(200, None),
                                       asked=request(1, "CONNECT", target=b"truth:443"))]]


class ConnectRefused(Row):
    def said(self):
        return [[exchange(0, "CONNECT", 407, asked=request(0, "CONNECT", target=b"truth:443")),
                 exchange(1)]]


class AnswerBeforeTheBody(Row):
    """The answer is complete when half of the request's body is."""

    def said(self):
        return [[upload(0, text(5000), status=403), exchange(1)]]

    def ask(self, wire, said):
        first, second = said
        wire.send(first.request[:3000])
        wire.receive(first.response)
        wire.send(first.request[3000:])
        super().ask(wire, [second])

    def answer(self, wire, said):
        first, second = said
        wire.receive(first.request[:3000])
        wire.send(first.response)
        time.sleep(0.002)
        wire.receive(first.request[3000:])
        super().answer(wire, [second])


class SendfileToASlowReader(Row):
    send = {"client": ways.send, "server": ways.sendfile}

    def said(self):
        return [[download(0, text((32 << 20) // DIVISOR)), exchange(1)]]

    def ask(self, wire, said):
        first, second = said
        wire.send(first.asked)
        half = len(first.answered) // 2
        wire.receive(first.answered[:half])
        time.sleep(0.5)
        wire.receive(first.answered[half:])
        super().ask(wire, [second])
