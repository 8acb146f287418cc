# SPDX-License-Identifier: Apache-2.0
"""Rows about requests that get no complete answer, and about what is no request at all."""
import time

from .row import (PAUSE_SECONDS, REQUESTS_AS_TEXT, Exchange, Row, ServerEndsFirst, exchange,
                  request, response)
from .rows_bodies import text, upload

CLIENT_CLOSES = {"client": "closed_locally", "server": "closed_by_peer"}
SERVER_CLOSES = {"client": "closed_by_peer", "server": "closed_locally"}
CLIENT_RESETS = {"client": "closed_locally", "server": "connection_reset"}
SERVER_RESETS = {"client": "connection_reset", "server": "closed_locally"}
INVALID = {"client": "response_invalid", "server": "response_invalid"}


class Broken(Row, abstract=True):
    """On each of some connections one request is answered, and the next one is not.

    ASKED and ANSWERED are how much of it comes, of the request and of the answer.
    """
    ASKED = request(1)
    ANSWERED = b""
    STATUS = 0
    ERROR = None

    def said(self):
        return [[exchange(10 * i),
                 Exchange(f"/r{10 * i + 1}", "GET",
                          self.ASKED.replace(b"/r1", b"/r%d" % (10 * i + 1)), self.ANSWERED,
                          self.STATUS, error=self.ERROR)] for i in range(3)]

    def ask(self, wire, said):
        super().ask(wire, said)
        wire.meet()

    def answer(self, wire, said):
        super().answer(wire, said)
        wire.meet()


# --- by the client ---


class ClientCloses(Broken, abstract=True):
    ERROR = CLIENT_CLOSES


class ClientClosesInTheHead(ClientCloses):
    """The request line came, so it is a request."""
    ASKED = request(1)[:-4]


class ClientClosesInTheRequestLine(Row):
    """Nobody can know what this was going to be."""

    def ask(self, wire, said):
        super().ask(wire, said)
        wire.send(b"GET /r99 HTTP/1.")

    def finish(self, wire):
        wire.receive(b"GET /r99 HTTP/1.")
        super().finish(wire)


class ClientClosesInTheBody(ClientCloses):
    ASKED = request(1, body=text(5000))[:3000]


class ClientClosesBeforeTheAnswer(ClientCloses):
    pass


class ClientClosesInTheAnswer(ClientCloses):
    ANSWERED = response(200, text(5000))[:3000]
    STATUS = 200


class ClientResets(Broken):
    ERROR = CLIENT_RESETS

    def leave(self, wire):
        wire.reset()

    def finish(self, wire):
        wire.receive_reset()
        wire.sock.close()


class ClientResetsInTheBody(ClientResets):
    ASKED = request(1, body=text(5000))[:3000]


class RequestsAreReadAfterAReset(Row):
    """What came before it is read first: so the server knows of this request."""

    def said(self):
        return [[exchange(2 * i), Exchange(f"/r{2 * i + 1}", "GET", request(2 * i + 1),
                                           error=CLIENT_RESETS)] for i in range(3)]

    def ask(self, wire, said):
        super().ask(wire, said[:1])
        wire.send(said[1].asked)

    def leave(self, wire):
        wire.reset()
        wire.meet()

    def answer(self, wire, said):
        super().answer(wire, said[:1])
        wire.meet()
        wire.receive(said[1].asked)

    def finish(self, wire):
        wire.receive_reset()
        wire.sock.close()


# --- by the server ---


class ServerCloses(Broken, abstract=True):
    ERROR = SERVER_CLOSES

    def ask(self, wire, said):
        super().ask(wire, said)
        wire.receive_end()

    def leave(self, wire):
        wire.sock.close()  # which ends nothing: the server did

    def finish(self, wire):
        wire.close()


class ServerClosesBeforeTheAnswer(ServerCloses):
    pass


class ServerClosesInTheStatusLine(ServerCloses):
    ANSWERED = b"HTTP/1.1 20"


class ServerClosesInTheHeadOfTheAnswer(ServerCloses):
    ANSWERED = response(200)[:30]
    STATUS = 200


class ServerClosesInTheAnswer(ServerCloses):
    ANSWERED = response(404, text(5000))[:3000]
    STATUS = 404


class ServerClosesInAChunk(ServerCloses):
    ANSWERED = response(200, None, [b"Transfer-Encoding: chunked"]) + b"ff\r\n" + text(200)
    STATUS = 200


class ServerShutsDownBeforeTheAnswer(ServerCloses):
    def finish(self, wire):
        wire.shutdown()
        assert not wire.sock.recv(1)
        wire.sock.close()


class ServerResets(Broken):
    ERROR = SERVER_RESETS

    def leave(self, wire):
        wire.receive_reset()
        wire.sock.close()

    def finish(self, wire):
        wire.reset()


class ServerResetsInTheAnswer(ServerResets):
    ANSWERED = response(200, text(5000))[:3000]
    STATUS = 200


class ServerResetsWhatEndsByClose(ServerResets):
    """A reset is no end of an answer that has no other one than the close."""
    ANSWERED = response(200, None) + text(5000)
    STATUS = 200


class ServerClosesWithUnreadBody(Row):
    """The kernel then sends RST in place of FIN."""

    def said(self):
        return [[Exchange("/r0", "POST", request(0, "POST", text(5000)), error=SERVER_RESETS)]]

    def ask(self, wire, said):
        wire.send(said[0].request)
        wire.meet()
        wire.receive_reset()

    def leave(self, wire):
        wire.sock.close()

    def answer(self, wire, said):
        wire.receive(said[0].request[:1000])
        wire.meet()

    def finish(self, wire):
        wire.close()


class ServerAnswersOneOfThree(ServerCloses):
    def said(self):
        return [[exchange(0), *(Exchange(f"/r{i}", "GET", request(i), error=self.ERROR)
                                for i in (1, 2))]]

    def ask(self, wire, said):
        wire.send(b"".join(e.asked for e in said))
        wire.receive(said[0].answered)
        wire.meet()
        wire.receive_end()

    def answer(self, wire, said):
        wire.receive(b"".join(e.asked for e in said))
        wire.send(said[0].answered)
        wire.meet()


class AnswersThatAreNoHttp(Row):
    def said(self):
        return [[Exchange(f"/r{i}", "GET", request(i), answer, error=INVALID)]
                for i, answer in enumerate([b"no such thing\r\n\r\n", b"\0\1\2\3" * 10])]

    def ask(self, wire, said):
        super().ask(wire, said)
        wire.end_with_the_last(wire.received)

    def answer(self, wire, said):
        super().answer(wire, said)
        wire.end_with_the_last(wire.sent)

    def leave(self, wire):
        wire.sock.close()

    def finish(self, wire):
        assert not wire.sock.recv(1)
        wire.sock.close()


class StatusesThatAreNone(AnswersThatAreNoHttp):
    """RFC 9112, 4: three digits, and a space or the line's end."""

    def said(self):
        lines = [b"HTTP/1.1 -1 X", b"HTTP/1.1 :00 X", b"HTTP/1.1 2 0 X", b"HTTP/1.1 20 X",
                 b"HTTP/1.1 2000 X", b"HTTP/1.1 099 X", b"HTTP/1.1 +20 X", b"HTTP/1.1 200OK",
                 b"HTTP/1.1  200 X", b"HTTP/1.1\t200 X", b"HTTP/1.x 200 X", b"HTTP/1.1 2o0 X",
                 b"HTTP/1.1 \xb2\xb0\xb0 X", b"HTTP/1.1 200\0X"]
        return [[exchange(2 * i), Exchange(f"/r{2 * i + 1}", "GET", request(2 * i + 1),
                                           line + b"\r\nContent-Length: 0\r\n\r\n", error=INVALID)]
                for i, line in enumerate(lines)]


class AnswersWhoseBodyHasNoKnownEnd(AnswersThatAreNoHttp):
    """Their status is one; where they end nobody can tell (RFC 9112, 6.3)."""

    def said(self):
        fields = [[b"Content-Length: -5"], [b"Content-Length: +5"], [b"Content-Length: 5x"],
                  [b"Content-Length:"], [b"Content-Length: 99999999999999999999999"],
                  [b"Content-Length: 5", b"Content-Length: 6"], [b"Content-Length: 5, 6"],
                  [b"Content-Length : 5"], [b"Transfer-Encoding : chunked"],
                  [b"Content-Length: 0x5"], [b"Content-Length: 5 5"]]
        return [[Exchange(f"/r{i}", "GET", request(i), response(418, None, more), 418,
                          error=INVALID)] for i, more in enumerate(fields)]


class StatusLinesOfAllKinds(Row):
    def said(self):
        lines = [(b"HTTP/1.1 200", 200), (b"HTTP/1.1 200 ", 200), (b"HTTP/1.0 404 No", 404),
                 (b"HTTP/1.2 599 X", 599), (b"HTTP/1.1 999 Denied", 999),
                 (b"HTTP/1.1 200 \xff\xfe", 200), (b"HTTP/1.1 600 404", 600)]
        same = b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n"
        return [[Exchange(f"/r{i}", "GET", request(i), line + b"\r\n" + same, status)
                 for i, (line, status) in enumerate(lines)]]


# --- by nobody, though it looks so ---


class HalfClosedByTheClient(Row):
    """It says that it will ask no more, and is answered all the same."""

    def said(self):
        return [[exchange(2 * i), upload(2 * i + 1, text(5000))] for i in range(5)]

    def ask(self, wire, said):
        super().ask(wire, said[:1])
        wire.send(said[1].asked)
        wire.shutdown()
        wire.meet()  # the answer and the server's FIN are there before the read
        wire.receive(said[1].answered)
        wire.receive_end()

    def answer(self, wire, said):
        super().answer(wire, said[:1])
        wire.receive(said[1].asked)
        wire.receive_end()
        wire.send(said[1].answered)

    def finish(self, wire):
        wire.close()
        wire.meet()


class ServerClosesIdleConnections(ServerEndsFirst):
    def said(self):
        return [[exchange(i)] for i in range(3)]


class IdleConnectionsAreReset(Row):
    def said(self):
        return [[exchange(i)] for i in range(3)]

    def ask(self, wire, said):
        super().ask(wire, said)
        wire.receive_reset()

    def finish(self, wire):
        time.sleep(PAUSE_SECONDS)
        wire.reset()


class AnswersAreReadAfterAReset(Row):
    """What came before it is read first, so these are whole."""

    def said(self):
        return [[exchange(2 * i), exchange(2 * i + 1)] for i in range(3)]

    def ask(self, wire, said):
        super().ask(wire, said[:1])
        wire.send(said[1].asked)
        wire.meet()
        wire.receive(said[1].answered)
        wire.receive_reset()

    def finish(self, wire):
        wire.reset()
        wire.meet()


class NoHttp(Row):
    """Other protocols, some of which begin like a request, and connections that say nothing."""
    OTHERS = [b"", b"\r\nNOOP\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"*1\r\n$4\r\nPING\r\n", b"EHLO truth\r\n",
              b"SET key 0 0 5\r\nvalue\r\n", b"GET key\r\n", b"GET /r0\r\n",
              b"OPTIONS rtsp://truth/r1 RTSP/1.0\r\nCSeq: 1\r\n\r\n",
              b"INVITE sip:truth SIP/2.0\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
              b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0",
              b"HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n"]

    def said(self):
        return [[] for _ in self.OTHERS]

    def client(self, side):
        for other in self.OTHERS:
            wire = side.connect()
            for data in (other, REQUESTS_AS_TEXT[4:]):
                if data and other:
                    wire.send(data)
                    wire.receive(b"+" + data)
            wire.close()

    def server(self, side):
        for other in self.OTHERS:
            wire = side.accept()
            for data in (other, REQUESTS_AS_TEXT[4:]):
                if data and other:
                    wire.receive(data)
                    wire.send(b"+" + data)
            wire.receive_end()
            wire.close()
