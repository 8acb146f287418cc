# SPDX-License-Identifier: Apache-2.0
"""Ways to move bytes: each is a generator of the system calls that do it, for Wire.drive().

It yields (function, arguments …) and gets what that returned; a way to receive returns the data,
or None where the data went by unseen. Calls that move nothing out of or into the socket (a peek,
the filling of a pipe) it makes itself.
"""
import ctypes
import mmap
import os
import socket

LIBC = ctypes.CDLL(None, use_errno=True)
PIPE_BYTES = 65536
PIECE_BYTES = 1 << 20
HEAD_BYTES = 1 << 16
MSG_ZEROCOPY = 0x4000000
SO_ZEROCOPY = 60
TCP_ZEROCOPY_RECEIVE = 35
PAGE = mmap.PAGESIZE
ZEROCOPY_BYTES = 64 * PAGE


def count_of(result):
    """How many bytes a call moved, by what it returned."""
    if isinstance(result, tuple):  # recvmsg and its relatives
        result = result[0]
    return result if isinstance(result, int) else len(result)


# --- to send ---

def send_all(call):
    def way(sock, data):
        while data:
            data = data[(yield call, sock, data):]
    return way


def pieces(data, sizes):
    """The data as segments of these sizes, the last of which takes the rest."""
    result = []
    for size in sizes:
        result.append(data[:size])
        data = data[size:]
    return [*result, data]


send = send_all(lambda sock, data: sock.send(data))
write = send_all(lambda sock, data: os.write(sock.fileno(), data))
writev = send_all(lambda sock, data: os.writev(sock.fileno(), pieces(data, (1, 0, 2, 0, 9, 64))))
writev_bytes = send_all(lambda sock, data: os.writev(
    sock.fileno(), [data[i:i + 1] for i in range(min(len(data), 1000))]))
sendmsg = send_all(lambda sock, data: sock.sendmsg(pieces(data, (3, 0, 4, 20, 1))))


def bytewise(sock, data):
    for i in range(len(data)):
        yield sock.send, data[i:i + 1]


def send_more(sock, data):
    """All but the last byte with MSG_MORE."""
    while len(data) > 1:
        data = data[(yield sock.send, data[:max(1, (len(data) - 1) // 2)], socket.MSG_MORE):]
    yield sock.send, data


def zerocopy(sock, data):
    """As the pages are sent in place, they must not change until the kernel says so."""
    sock.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
    while data:
        data = data[(yield sock.send, data, MSG_ZEROCOPY):]


def sendfile(sock, data):
    """The head by send(), as servers do, and the body by sendfile()."""
    head = bytes(data[:HEAD_BYTES]).index(b"\r\n\r\n") + 4
    yield from send(sock, data[:head])
    with open(os.memfd_create("sendfile"), "w+b") as file:
        file.write(data[head:])
        file.flush()
        offset = 0
        while offset < len(data) - head:
            offset += yield os.sendfile, sock.fileno(), file.fileno(), offset, PIECE_BYTES


def splice_out(sock, data):
    """The head by send(), and the body through a pipe."""
    head = bytes(data[:HEAD_BYTES]).index(b"\r\n\r\n") + 4
    yield from send(sock, data[:head])
    data = data[head:]
    from_pipe, into_pipe = os.pipe()
    while data:
        waiting = os.write(into_pipe, data[:PIPE_BYTES])
        while waiting:
            moved = yield os.splice, from_pipe, sock.fileno(), waiting
            waiting -= moved
            data = data[moved:]
    os.close(from_pipe)
    os.close(into_pipe)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Msghdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("name_length", ctypes.c_uint),
                ("iov", ctypes.POINTER(Iovec)), ("iov_length", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


class Mmsghdr(ctypes.Structure):
    _fields_ = [("header", Msghdr), ("moved", ctypes.c_uint)]


def multiple(call, sock, buffers, *last):
    """sendmmsg() or recvmmsg() with one message for each buffer; how many bytes went."""
    messages = (Mmsghdr * len(buffers))()
    for message, buffer in zip(messages, buffers):
        message.header.iov = ctypes.pointer(Iovec(ctypes.addressof(buffer), len(buffer)))
        message.header.iov_length = 1
    done = call(sock.fileno(), messages, len(messages), 0, *last)
    if done < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return sum(message.moved for message in messages[:done])


def sendmmsg(sock, data):
    while data:
        half = (len(data) + 1) // 2
        parts = [part for part in (bytes(data[:half]), bytes(data[half:])) if part]
        buffers = [(ctypes.c_char * len(part)).from_buffer_copy(part) for part in parts]
        data = data[(yield multiple, LIBC.sendmmsg, sock, buffers):]


# --- to receive ---

def receive_all(call):
    def way(sock, count):
        data = bytearray()
        while len(data) < count:
            data += yield call, sock, min(count - len(data), PIECE_BYTES)
        return data
    return way


def receive_into(call):
    """call(sock, buffer) fills the buffer's beginning and returns how much of it."""
    def way(sock, count):
        data = bytearray(count)
        free = memoryview(data)
        while free:
            free = free[count_of((yield call, sock, free)):]
        return data
    return way


recv = receive_all(lambda sock, count: sock.recv(count))
read = receive_all(lambda sock, count: os.read(sock.fileno(), count))
recv_waitall = receive_all(lambda sock, count: sock.recv(count, socket.MSG_WAITALL))
recv_tiny = receive_all(lambda sock, count: sock.recv(min(count, 1)))
recv_into = receive_into(lambda sock, free: sock.recv_into(free))
recvfrom_into = receive_into(lambda sock, free: sock.recvfrom_into(free))
readv = receive_into(lambda sock, free: os.readv(sock.fileno(), pieces(free, (1, 0, 2, 0, 9, 64))))
readv_bytes = receive_into(lambda sock, free: os.readv(
    sock.fileno(), [free[i:i + 1] for i in range(min(len(free), 1000))]))
recvmsg_into = receive_into(lambda sock, free: sock.recvmsg_into(pieces(free, (2, 0, 30))))


def recvmmsg(sock, count):
    """A blocking recvmmsg() waits for all its messages, so it asks for one."""
    data = bytearray()
    while len(data) < count:
        buffer = (ctypes.c_char * (count - len(data)))()
        moved = yield multiple, LIBC.recvmmsg, sock, [buffer], None
        data += buffer.raw[:moved]
    return data


def recv_after_peek(sock, count):
    data = bytearray()
    while len(data) < count:
        sock.recv(3, socket.MSG_PEEK)
        peeked = sock.recv(count - len(data), socket.MSG_PEEK)
        data += yield sock.recv, len(peeked)
    return data


def discard(sock, count):
    """The head is read, the body thrown away within the kernel."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        head += yield sock.recv, 1
    left = count - len(head)
    buffer = bytearray(PIECE_BYTES)
    while left:
        left -= yield (sock.recv_into, memoryview(buffer)[:min(left, PIECE_BYTES)], 0,
                       socket.MSG_TRUNC)


def splice_in(sock, count):
    """The head is read, the body goes through a pipe."""
    data = bytearray()
    while not data.endswith(b"\r\n\r\n"):
        data += yield sock.recv, 1
    from_pipe, into_pipe = os.pipe()
    while len(data) < count:
        moved = yield os.splice, sock.fileno(), into_pipe, min(count - len(data), PIPE_BYTES)
        data += os.read(from_pipe, moved)
    os.close(from_pipe)
    os.close(into_pipe)
    return data


class ZerocopyReceive(ctypes.Structure):
    """struct tcp_zerocopy_receive"""
    _fields_ = [("address", ctypes.c_uint64), ("length", ctypes.c_uint32),
                ("recv_skip_hint", ctypes.c_uint32), ("inq", ctypes.c_uint32),
                ("err", ctypes.c_int32), ("copy_address", ctypes.c_uint64),
                ("copy_length", ctypes.c_int32), ("flags", ctypes.c_uint32),
                ("more", ctypes.c_uint64 * 3)]


def zerocopy_take(sock, address, copy, count):
    """One getsockopt(TCP_ZEROCOPY_RECEIVE): maps pages at the address, and copies what is left."""
    asked = ZerocopyReceive(address=address, length=min(count, ZEROCOPY_BYTES) // PAGE * PAGE,
                            copy_address=ctypes.addressof(copy),
                            copy_length=min(count, len(copy)))
    size = ctypes.c_uint(ctypes.sizeof(asked))
    if LIBC.getsockopt(sock.fileno(), socket.IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE,
                       ctypes.byref(asked), ctypes.byref(size)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if not asked.length + asked.copy_length:
        raise BlockingIOError
    return asked.length + asked.copy_length


def zerocopy_receive(sock, count):
    """The head is read, the body is mapped."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        head += yield sock.recv, 1
    left = count - len(head)
    LIBC.mmap.restype = ctypes.c_void_p
    address = LIBC.mmap(None, ctypes.c_size_t(ZEROCOPY_BYTES), mmap.PROT_READ, mmap.MAP_SHARED,
                        sock.fileno(), ctypes.c_long(0))
    copy = (ctypes.c_char * PAGE)()
    while left:
        left -= yield zerocopy_take, sock, address, copy, left
    LIBC.munmap(ctypes.c_void_p(address), ctypes.c_size_t(ZEROCOPY_BYTES))
