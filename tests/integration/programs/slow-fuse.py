# SPDX-License-Identifier: Apache-2.0
"""A file system of one file, `slow`, which takes its time: slow-fuse.py FOLDER OPEN READ (seconds).

Speaks the kernel's own protocol, so that nothing needs to be installed. Ends with its mount.
"""
import ctypes
import os
import struct
import sys
import time

LOOKUP, GETATTR, OPEN, READ, INIT = 1, 3, 14, 15, 26
ENOENT, ENOSYS = 2, 38
ROOT, FILE = 1, 2
DIRECT_IO = 1
FOREVER = 1000

folder, open_seconds, read_seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
device = os.open("/dev/fuse", os.O_RDWR)
libc = ctypes.CDLL(None, use_errno=True)
options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
if libc.mount(b"slow", folder.encode(), b"fuse", 0, options.encode()):
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
print("mounted", flush=True)


def attributes(node):
    mode = 0o40755 if node == ROOT else 0o100644
    return struct.pack("<6Q10I", node, 1 << 20, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(opcode, node, body):
    if opcode == INIT:
        return struct.pack("<4IHHIIHHI28x", 7, 31, 0, 0, 1, 1, 4096, 1, 0, 0, 0)
    if opcode == GETATTR:
        return struct.pack("<QII", FOREVER, 0, 0) + attributes(node)
    if opcode == LOOKUP:
        if body != b"slow\0":
            return ENOENT
        return struct.pack("<4QII", FILE, 0, FOREVER, FOREVER, 0, 0) + attributes(FILE)
    if opcode == OPEN:
        time.sleep(open_seconds)
        return struct.pack("<QII", 0, DIRECT_IO, 0)
    if opcode == READ:
        time.sleep(read_seconds)
        return bytes(struct.unpack_from("<QQI", body)[2])
    return ENOSYS


while True:
    try:
        request = os.read(device, 1 << 18)
    except OSError:
        break
    _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
    reply = answer(opcode, node, request[40:])
    error, data = (-reply, b"") if isinstance(reply, int) else (0, reply)
    try:
        os.write(device, struct.pack("<IiQ", 16 + len(data), error, unique) + data)
    except OSError:
        pass  # nobody waits for it any more
