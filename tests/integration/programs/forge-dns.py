#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes DNS answers up: asks a server of its own, on the address of the first argument, for the name
of the second, and answers with the address of the third. Needs port 53, which anybody has in a
network namespace of their own."""
import fcntl
import socket
import struct
import sys
import threading

SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def answer(server, address):
    question, client = server.recvfrom(4096)
    end = question.index(b"\0", 12) + 5
    server.sendto(question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:end]
                  + b"\xc0\x0c\0\1\0\1\0\0\x0e\x10\0\4" + socket.inet_aton(address), client)


def main():
    own, name, address = sys.argv[1:]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        fcntl.ioctl(server, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
        server.bind((own, 53))
        thread = threading.Thread(target=answer, args=(server, address))
        thread.start()
        client.connect((own, 53))
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
        client.send(struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + labels + struct.pack(">xHH", 1, 1))
        assert client.recv(4096).endswith(socket.inet_aton(address))
        thread.join()


main()
