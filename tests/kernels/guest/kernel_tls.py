# SPDX-License-Identifier: Apache-2.0
"""Rows of http_traffic over kernel TLS: the processes move plain bytes, the kernel encrypts them.

There is no handshake, as both sides know the same made-up keys. The modules of TLS and its cipher
are loaded here, and on few machines else, so these rows are only run here.
"""
import socket
import struct

from http_traffic import ways
from http_traffic.row import Row, exchange, response
from http_traffic.rows_bodies import text, upload

TCP_ULP = 31
SOL_TLS, TLS_TX, TLS_RX = 282, 1, 2
TLS_1_2, AES_GCM_128 = 0x0303, 51
# struct tls12_crypto_info_aes_gcm_128: initialization vector, key, salt, number of the record
KEYS = struct.pack("=HH8s16s4s8s", TLS_1_2, AES_GCM_128, b"sonde-iv", b"sixteen-byte-key", b"salt",
                   bytes(8))


class OverKernelTls(Row):
    layered = True

    def said(self):
        return [[exchange(0), upload(1, text(3000)), exchange(2, status=404)],
                [exchange(3), exchange(4, answered=response(200, text(50_000)))]]

    def prepare(self, sock):
        super().prepare(sock)
        sock.setsockopt(socket.IPPROTO_TCP, TCP_ULP, b"tls")
        for direction in (TLS_TX, TLS_RX):
            sock.setsockopt(SOL_TLS, direction, KEYS)


class SendfileOverKernelTls(OverKernelTls):
    send = {"client": ways.send, "server": ways.sendfile}


ROWS = ("over-kernel-tls", "sendfile-over-kernel-tls")
