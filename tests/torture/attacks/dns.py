# SPDX-License-Identifier: Apache-2.0
"""In a network namespace of its own: answers that name everybody's address, asked for or not."""
import contextlib
import os
import socket
import struct
import subprocess
import sys

from attack import SKIPPED, Attack

CLONE_NEWNET = 0x40000000

attack = Attack(needs_root=True)
try:
    os.unshare(CLONE_NEWNET)
except AttributeError:  # before Python 3.12
    import ctypes
    if ctypes.CDLL(None).unshare(CLONE_NEWNET):
        sys.exit(SKIPPED)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def name(text):
    labels = [part[:63].encode() for part in text.split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def answer(number, question, addresses):
    """A well-formed answer with these addresses, under a hostile name."""
    records = b"".join(question + struct.pack(">HHIH", 1, 1, 86400, 4) + socket.inet_aton(address)
                       for address in addresses)
    return (struct.pack(">HHHHHH", number, 0x8180, 1, len(addresses), 0, 0) + question +
            struct.pack(">HH", 1, 1) + records)


with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, \
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    server.bind(("127.0.0.1", 53))
    client.bind(("127.0.0.1", 0))
    client.settimeout(1)
    while attack.goes_on():
        number = attack.random.randrange(1 << 16)
        question = name(f"evil-{attack.word()}.example")
        client.sendto(struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 0) + question +
                      struct.pack(">HH", 1, 1), ("127.0.0.1", 53))
        server.recv(1500)
        told = answer(number, question,
                      ["127.0.0.1"] + [f"10.{attack.random.randrange(256)}.0.{i}"
                                       for i in range(attack.random.randrange(60))])
        if attack.random.random() < 0.3:
            told = bytearray(told)
            told[attack.random.randrange(len(told))] ^= 1 << attack.random.randrange(8)
        with contextlib.suppress(OSError):
            server.sendto(told[:1400], client.getsockname())
            client.recv(1500)
