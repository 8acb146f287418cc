# SPDX-License-Identifier: Apache-2.0
"""What is true of TCP connections, told by others than Sonde: ss, the kernel's counters, tcplife.

All of them are read inside the network namespace that they are to tell of. The programs at both
ends (tcp_peer.py) tell the rest: their bytes, and when they connected and got a first byte.
"""
import contextlib
import os
import re
import signal
import subprocess
import tempfile
import unittest

from harness import stop, wait_until

WORD = re.compile(r"(\w+):(\S+)")
# What ss leaves out while it is 0.
ABSENT_ZEROS = ("bytes_sent", "bytes_retrans", "bytes_acked", "bytes_received", "segs_out",
                "segs_in", "data_segs_out", "data_segs_in", "lost", "retrans", "unacked",
                "notsent", "rcv_ooopack", "dsack_dups", "reord_seen", "sacked")


def address_of(text):
    """(address, port) of ss's ADDRESS:PORT, where a mapped address is that of IPv4."""
    address, _, port = text.rpartition(":")
    address = address.strip("[]").partition("%")[0].removeprefix("::ffff:")
    return address, int(port) if port != "*" else 0


def connection_of(line):
    """One line of `ss -tinHO` as a dict, by ss's own names; numbers are numbers, times in ms."""
    state, receive_queue, send_queue, local, remote, *words = line.split()
    connection = dict.fromkeys(ABSENT_ZEROS, 0)
    connection.update(state=state, receive_queue=int(receive_queue), send_queue=int(send_queue),
                      local=address_of(local), remote=address_of(remote))
    for key, value in WORD.findall(" ".join(words)):
        if key == "rtt":
            connection["rtt"], connection["rttvar"] = map(float, value.split("/"))
        elif key == "retrans":
            connection["unrecovered"], connection["retrans"] = map(int, value.split("/"))
        elif value.replace(".", "", 1).isdigit():
            connection[key] = float(value) if "." in value or key == "minrtt" else int(value)
    connection["payload_sent"] = connection["bytes_sent"] - connection["bytes_retrans"]
    return connection


def connections(namespace, expression=""):
    """Live connections of a namespace: {(local, remote): dict}."""
    lines = namespace.run("ss", "-tinHO", *expression.split()).splitlines()
    found = map(connection_of, lines)
    return {(one["local"], one["remote"]): one for one in found}


def listeners(namespace):
    """{port: (connections that wait to be accepted, limit)}"""
    found = map(connection_of, namespace.run("ss", "-tlinHO").splitlines())
    return {one["local"][1]: (one["receive_queue"], one["send_queue"]) for one in found}


def counters(namespace):
    """The kernel's counters of a namespace by the names of nstat: {"TcpRetransSegs": 3, …}."""
    lines = namespace.run("nstat", "-asz").splitlines()[1:]
    return {name: int(value) for name, value, *_ in map(str.split, lines)}


class Life:
    """A connection that has ended, as tcplife tells it."""

    COLUMNS = ("pid", "command", "local", "local_port", "remote", "remote_port", "sent_kib",
               "received_kib", "milliseconds")

    def __init__(self, line):
        for name, value in zip(self.COLUMNS, line.split()):
            setattr(self, name, value)
        self.key = (self.local, int(self.local_port)), (self.remote, int(self.remote_port))
        self.sent_kib, self.received_kib = float(self.sent_kib), float(self.received_kib)
        self.seconds = float(self.milliseconds) / 1000


@contextlib.contextmanager
def tcplife():
    """Runs tcplife, which tells of connections that begin and end meanwhile.

    Gives what waits for so many ends with a server's port: {key: Life}.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        process = subprocess.Popen(["stdbuf", "-oL", "/usr/sbin/tcplife"], stdout=output,
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)

        def lives(port):
            output.seek(0)
            found = map(Life, output.read().splitlines()[1:])
            return {life.key: life for life in found if port in (life.key[0][1], life.key[1][1])}

        def wait(port, count):
            wait_until(lambda: len(lives(port)) >= count, f"tcplife tells of {count} ends")
            return lives(port)

        try:
            wait_until(lambda: process.poll() is not None or os.fstat(output.fileno()).st_size,
                       "tcplife begins its table")
            if process.poll() is not None:
                raise unittest.SkipTest(
                    f"tcplife does not run here: {process.stderr.read().decode()}")
            yield wait
        finally:
            stop(process, signal.SIGINT)
            process.stderr.close()
