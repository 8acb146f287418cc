# SPDX-License-Identifier: Apache-2.0
"""Rows that begin before Sonde does: what was under way then is not told, what follows is."""
from .row import REQUESTS_AS_TEXT, Row, chunked, exchange, request, response

UPLOAD = REQUESTS_AS_TEXT * 300
PIECE = len(REQUESTS_AS_TEXT) * 20  # so that each one begins as a request does


class Early(Row, abstract=True):
    """begin_… comes before Sonde is there, end_… after; then three requests that are told."""
    early = True

    def client(self, side):
        wire = side.connect()
        self.begin_asking(wire)
        side.wait_for_sonde()
        self.end_asking(wire)
        wire.forget()
        for said in self.said():
            self.ask(wire, said)
        wire.close()
        side.tell(wire, said)

    def server(self, side):
        wire = side.accept()
        self.begin_answering(wire)
        side.wait_for_sonde()
        self.end_answering(wire)
        wire.forget()
        for said in self.said():
            self.answer(wire, said)
        self.finish(wire)
        side.tell(wire, said)

    def begin_asking(self, wire):
        pass

    def begin_answering(self, wire):
        pass

    def end_asking(self, wire):
        pass

    def end_answering(self, wire):
        pass


class EarlyConnectionThatSaidNothing(Early):
    pass


class EarlyConnectionThatIsIdle(Early):
    BEFORE = [exchange(100), exchange(101)]

    def begin_asking(self, wire):
        self.ask(wire, self.BEFORE)

    def begin_answering(self, wire):
        self.answer(wire, self.BEFORE)


class EarlyRequest(Early):
    """It was asked before, and is answered now."""
    BEFORE = exchange(100)

    def begin_asking(self, wire):
        wire.send(self.BEFORE.asked)

    def begin_answering(self, wire):
        wire.receive(self.BEFORE.asked)

    def end_asking(self, wire):
        wire.receive(self.BEFORE.answered)

    def end_answering(self, wire):
        wire.send(self.BEFORE.answered)


class EarlyHalfOfAHead(Early):
    ASKED = request(100, fields=[b"X-Field: y"] * 5)

    def begin_asking(self, wire):
        wire.send(self.ASKED[:60])

    def begin_answering(self, wire):
        wire.receive(self.ASKED[:60])

    def end_asking(self, wire):
        wire.send(self.ASKED[60:])
        wire.receive(response())

    def end_answering(self, wire):
        wire.receive(self.ASKED[60:])
        wire.send(response())


class EarlyUpload(Early):
    """Half of a body came before, of which each piece looks like a request."""
    HEAD = request(100, "POST", fields=[b"Content-Length: %d" % len(UPLOAD)])
    BODY = UPLOAD

    def pieces(self, first, last):
        count = len(self.BODY) // PIECE + 1
        for i in range(count * first // 2, count * last // 2):
            if piece := self.BODY[i * PIECE:(i + 1) * PIECE]:
                yield piece

    def begin_asking(self, wire):
        wire.send(self.HEAD)
        for piece in self.pieces(0, 1):
            wire.send(piece)

    def begin_answering(self, wire):
        wire.receive(self.HEAD)
        for piece in self.pieces(0, 1):
            wire.receive(piece)

    def end_asking(self, wire):
        for piece in self.pieces(1, 2):
            wire.send(piece)
        wire.receive(response())

    def end_answering(self, wire):
        for piece in self.pieces(1, 2):
            wire.receive(piece)
        wire.send(response())


class EarlyUploadInChunks(EarlyUpload):
    HEAD = request(100, "POST", fields=[b"Transfer-Encoding: chunked"])
    BODY = chunked(UPLOAD, PIECE)


class EarlyDownload(EarlyUpload):
    """The same body, as the answer's."""
    HEAD = response(200, None, [b"Content-Length: %d" % len(UPLOAD)])

    def begin_asking(self, wire):
        wire.send(request(100))
        super().begin_answering(wire)

    def begin_answering(self, wire):
        wire.receive(request(100))
        super().begin_asking(wire)

    def end_asking(self, wire):
        for piece in self.pieces(1, 2):
            wire.receive(piece)

    def end_answering(self, wire):
        for piece in self.pieces(1, 2):
            wire.send(piece)
