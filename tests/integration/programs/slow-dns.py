#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A DNS server on the address of the first argument, which answers after so many seconds as the
second one says; after 0 never. Each question is answered with the address 10.9.8.7."""
import socket
import sys
import time

address, delay = sys.argv[1], float(sys.argv[2])
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind((address, 53))
    print("ready", flush=True)
    while True:
        question, client = server.recvfrom(4096)
        if not delay:
            continue
        time.sleep(delay)
        end = question.index(b"\0", 12) + 5
        server.sendto(question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:end]
                      + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([10, 9, 8, 7]), client)
