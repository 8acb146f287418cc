# SPDX-License-Identifier: Apache-2.0
"""Rows about the system calls that move the bytes."""
from . import ways
from .row import Row, response
from .rows_bodies import text, upload

SEND = ["send", "write", "writev", "writev_bytes", "sendmsg", "sendmmsg", "send_more", "zerocopy",
        "sendfile", "splice_out"]
RECEIVE = ["recv", "read", "recv_waitall", "recv_into", "recvfrom_into", "readv", "readv_bytes",
           "recvmsg_into", "recvmmsg", "recv_after_peek", "discard", "splice_in"]


class Ways(Row, abstract=True):
    """Both sides use one call to send, or one to receive; bodies go both ways."""

    def said(self):
        return [[upload(i, text(size), answered=response(200, text(size)))
                 for i, size in enumerate((40, 5000, 300_000, 40))]]


for way in SEND:
    call = getattr(ways, way)
    type(way, (Ways,), {"send": {"client": call, "server": call}},
         name="send-by-" + way.replace("_", "-"))
for way in RECEIVE:
    call = getattr(ways, way)
    type(way, (Ways,), {"receive": {"client": call, "server": call}},
         name="receive-by-" + way.replace("_", "-"))
