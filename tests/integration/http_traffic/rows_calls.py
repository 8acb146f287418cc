# SPDX-License-Identifier: Apache-2.0
"""Rows about the system calls that move the bytes."""
import time

from . import ways
from .row import DIVISOR, Row, response
from .rows_bodies import download, text, upload

IDLE_SECONDS = 0.3

SEND = ["send", "write", "writev", "writev_bytes", "sendmsg", "sendmmsg", "send_more", "zerocopy",
        "sendfile", "splice_out"]
RECEIVE = ["recv", "read", "recv_waitall", "recv_into", "recvfrom_into", "readv", "readv_bytes",
           "recvmsg_into", "recvmmsg", "recv_after_peek", "discard", "splice_in",
           "zerocopy_receive"]


class Ways(Row, abstract=True):
    """Both sides use one call to send, or one to receive; bodies go both ways."""
    large = 300_000

    def said(self):
        return [[upload(i, text(size), answered=response(200, text(size)))
                 for i, size in enumerate((40, 5000, self.large, 40))]]


def add(direction, way):
    call = getattr(ways, way)
    # a thousand parts in each call
    more = {"large": Ways.large // DIVISOR} if way.endswith("_bytes") else {}
    type(way, (Ways,), {direction: {"client": call, "server": call}, **more},
         name=f"{direction}-by-{way.replace('_', '-')}")


for way in SEND:
    add("send", way)
for way in RECEIVE:
    add("receive", way)


class ZerocopyReceiveThenIdle(Row):
    """What is mapped is received by then, not when the connection is next used, or ends."""
    receive = {"client": ways.zerocopy_receive, "server": ways.recv}

    def said(self):
        return [[download(i, text(size)) for i, size in enumerate((100_000, 40, 5000))]]

    def ask(self, wire, said):
        for e in said:
            super().ask(wire, [e])
            time.sleep(IDLE_SECONDS)
