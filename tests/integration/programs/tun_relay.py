# SPDX-License-Identifier: Apache-2.0
"""Carries packets between two TUN devices in two network namespaces, each way with its delay.

Started by netlab.py, with its settings as JSON; ends when its standard input does.
"""
import ctypes
import fcntl
import heapq
import json
import os
import select
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
CLONE_NEWNET = 0x40000000
PACKET_MAX = 1 << 16
PAYLOAD_MIN = 200  # a packet that is longer carries payload


def device_open(namespace, name):
    """A TUN device belongs to the namespace in which /dev/net/tun was opened."""
    with open(namespace, "rb") as file:
        if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns {namespace}")
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


class Relay:
    """Packets under way, ordered by the time at which they arrive."""

    def __init__(self, settings):
        self.ends = [device_open(*end) for end in settings["ends"]]
        self.delays = dict(zip(self.ends, (settings["there"], settings["back"])))
        self.hold_every = settings["hold_every"]
        self.hold_seconds = settings["hold_seconds"]
        self.under_way = []
        self.taken = self.with_payload = 0

    def take(self, device):
        """Takes what a device has to send."""
        other = self.ends[device == self.ends[0]]
        while True:
            try:
                packet = os.read(device, PACKET_MAX)
            except BlockingIOError:
                return
            due = time.monotonic() + self.delays[device]
            if device == self.ends[0] and len(packet) > PAYLOAD_MIN:
                self.with_payload += 1
                if self.hold_every and self.with_payload % self.hold_every == 0:
                    due += self.hold_seconds
            self.taken += 1  # keeps the order of those that are due at once
            heapq.heappush(self.under_way, (due, self.taken, other, packet))

    def deliver(self):
        """Delivers what is due; returns the seconds until more is, None if nothing will be."""
        while self.under_way:
            wait = self.under_way[0][0] - time.monotonic()
            if wait > 0:
                return wait
            _, _, device, packet = heapq.heappop(self.under_way)
            try:
                os.write(device, packet)
            except OSError:
                pass  # the device is not up (yet): lost, as on any wire
        return None

    def run(self):
        while True:
            wait = self.deliver()
            readable, _, _ = select.select([*self.ends, sys.stdin], [], [], wait)
            if sys.stdin in readable:
                return
            for device in readable:
                self.take(device)


def hurry():
    """The relay is the clock of the test: on a busy machine it must not wait for its turn."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        pass  # forbidden in some containers


relay = Relay(json.loads(sys.argv[1]))
hurry()
print("ready", flush=True)
relay.run()
