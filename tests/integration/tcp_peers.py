# SPDX-License-Identifier: Apache-2.0
"""Both ends of TCP connections (programs/tcp_peer.py), each in a namespace and a service."""
import contextlib
import json
import os
import subprocess

from harness import start, stop
from netlab import PROGRAMS, PYTHON

PEER = os.path.join(PROGRAMS, "tcp_peer.py")


class Peer(contextlib.AbstractContextManager):
    """One end; its lines are read as they are asked for."""

    def __init__(self, namespace, role, name, **plan):
        self.name, self.role = name, role
        self.connections = plan.get("connections", 1)
        self.process = start(*namespace.enter, PYTHON, PEER, role, json.dumps(plan), name=name,
                             stdin=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        self.unread = []
        self.port = int(self.line()) if role == "listen" else None

    @property
    def labels(self):
        direction = "inbound" if self.role == "listen" else "outbound"
        return {"service_name": self.name, "direction": direction}

    def line(self):
        line = self.process.stdout.readline()
        assert line, f"{self.name} ended: {self.process.stderr.read()}"
        return line

    def events(self, event, count):
        """So many of its lines of one kind, in the order in which they came."""
        found = [one for one in self.unread if one["event"] == event][:count]
        self.unread = [one for one in self.unread if one not in found]
        while len(found) < count:
            failed = [one for one in self.unread if one["event"] == "failed"]
            assert event == "failed" or len(failed) <= self.connections - count, failed
            one = json.loads(self.line())
            (found if one["event"] == event else self.unread).append(one)
        return found

    def go_on(self):
        """Lets it end its connections."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def __exit__(self, *_):
        try:
            stop(self.process)
        finally:
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                stream.close()


class Pair:
    """A listening and a connecting end with the same plan, whose bytes are moved."""

    def __init__(self, stack, names, near, far, address, **plan):
        self.count = plan.get("connections", 1)
        self.server = stack.enter_context(
            Peer(far, "listen", names[0], address=address, **plan))
        self.port = self.server.port
        self.client = stack.enter_context(
            Peer(near, "connect", names[1], address=address, port=self.port, **plan))
        self.ends = (self.server, self.client)

    def moved(self):
        """What both say of their connections: (those of the server, those of the client)."""
        client = self.client.events("moved", self.count)  # first, as it knows of failures
        return [self.server.events("moved", self.count), client]

    def finish(self):
        """Ends the connections; what both say of that, as above."""
        for end in self.ends:
            end.go_on()
        return [end.events("ended", self.count) for end in self.ends]
