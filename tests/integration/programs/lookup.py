#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Looks up names by a way (the first argument), and prints how many seconds that took in all.

libc: getaddrinfo(), which sends both questions by sendmmsg(). libc4: one question only. sendto and
sendmsg: questions of our own over one socket that is not connected, after messages to another port.
"""
import socket
import struct
import sys
import time

SERVER, OTHER = ("127.0.0.53", 53), ("127.0.0.1", 9)


def question(number, name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)


def by_libc(names, family=socket.AF_UNSPEC):
    for name in names:
        try:
            socket.getaddrinfo(name, 80, family, socket.SOCK_STREAM)
        except socket.gaierror:
            pass


def by_own(names, call):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.settimeout(20)
        for _ in range(3):
            own.sendto(b"something:1|c", OTHER)
        for number, name in enumerate(names):
            if call == "sendto":
                own.sendto(question(number, name), SERVER)
                assert own.recvfrom(4096)[0]
            else:
                message = question(number, name)
                own.sendmsg([message[:5], message[5:]], [], 0, SERVER)
                assert own.recvmsg(4096)[0]


def main():
    way, names = sys.argv[1], sys.argv[2:]
    begin = time.monotonic()
    if way == "libc":
        by_libc(names)
    elif way == "libc4":
        by_libc(names, socket.AF_INET)
    else:
        by_own(names, way)
    print(time.monotonic() - begin)


main()
