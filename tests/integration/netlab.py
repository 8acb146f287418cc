# SPDX-License-Identifier: Apache-2.0
"""Networks of a test's own: namespaces joined by veth pairs or by a TUN relay with delay.

A namespace lives as long as a process of the lab is in it, and that one ends when its standard
input does, so nothing is left over even when the tests are killed. Interfaces are made inside the
namespaces, never outside. Addresses are of the ranges for benchmarks (198.18.0.0/15) and
documentation (2001:db8::/32), drawn at random, so that tools that see all namespaces at once can
tell labs apart.
"""
import contextlib
import json
import os
import random
import subprocess
import unittest

from harness import wait_until

PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
PYTHON = "/usr/bin/python3"
# Whole packets only: a dropped or delayed one is then one segment, as it is on a wire.
ONE_SEGMENT = ("gso_max_segs", "1")


class Namespace:
    """A network namespace, with the commands that work in it."""

    def __init__(self, holder):
        self.hold(holder)
        # an address of IPv6 whose uniqueness is being looked into finds no neighbours for a second
        self.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self.run("ip", "link", "set", "lo", "up")

    def hold(self, process):
        """It lives as long as this process does."""
        self.holder, self.pid = process, process.pid
        self.path = f"/proc/{process.pid}/ns/net"
        self.enter = ("nsenter", f"--net={self.path}", "--")

    def leave_to(self, process):
        """The lab's own process in it ends; another one that is there holds it from now on."""
        Lab.end(self.holder)
        self.hold(process)

    def run(self, *command, text=None):
        """Runs a command to its end; returns its standard output."""
        return subprocess.run([*self.enter, *command], check=True, timeout=30, encoding="utf-8",
                              input=text or "", stdout=subprocess.PIPE).stdout

    def sysctl(self, name, value):
        self.run("tee", "/proc/sys/" + name.replace(".", "/"), text=str(value))

    def has_sysctl(self, name):
        return os.path.exists("/proc/sys/" + name.replace(".", "/"))

    def filter(self, hook, *rules):
        """Replaces the packet filter of one hook: prerouting, input, forward, output."""
        self.run("nft", "-f", "-", text=f"""
            table inet {hook}
            delete table inet {hook}
            table inet {hook} {{
                chain rules {{ type filter hook {hook} priority 0; {'; '.join(rules)}; }}
            }}""")

    def unfilter(self, hook):
        self.run("nft", "delete", "table", "inet", hook)


class Link:
    """Two ends that reach each other: `near` of the first namespace, `far` of the second."""

    def __init__(self, subnet):
        """`subnet` counts those of /30 in 198.18.0.0/15."""
        base = (198 << 24 | 18 << 16) + 4 * subnet
        network, self.near, self.far = (
            ".".join(str(base + i >> shift & 255) for shift in (24, 16, 8, 0)) for i in range(3))
        self.subnet = f"{network}/30"
        prefix = f"2001:db8:{random.randrange(1 << 16):x}:{subnet:x}"
        self.near6, self.far6 = f"{prefix}::1", f"{prefix}::2"

    def configure(self, namespace, device, address, address6):
        namespace.run("ip", "-batch", "-", text=f"""
            address add {address}/30 dev {device}
            address add {address6}/64 dev {device} nodad
            link set {device} up""")


class Lab(contextlib.ExitStack):
    """Makes namespaces and joins them; all of it is gone when the block ends."""

    def __init__(self):
        super().__init__()
        self.devices = 0
        self.subnets = iter(random.sample(range(1 << 15), 100))

    def namespace(self):
        holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.callback(self.end, holder)
        own = os.readlink("/proc/self/ns/net")

        def inside():
            if holder.poll() is not None:
                raise unittest.SkipTest(
                    f"no network namespace here: {holder.stderr.read().decode().strip()}")
            with contextlib.suppress(OSError):
                return os.readlink(f"/proc/{holder.pid}/ns/net") != own
        wait_until(inside, "a network namespace")
        return Namespace(holder)

    @staticmethod
    def end(process):
        process.stdin.close()
        try:
            process.wait(10)
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()

    def device(self):
        self.devices += 1
        return f"lab{self.devices}"

    def veth(self, near, far):
        """Joins two namespaces by a pair of interfaces."""
        link, devices = Link(next(self.subnets)), (self.device(), self.device())
        near.run("ip", "link", "add", devices[0], *ONE_SEGMENT, "type", "veth", "peer", "name",
                 devices[1], "netns", str(far.pid))
        far.run("ip", "link", "set", devices[1], *ONE_SEGMENT)
        link.configure(near, devices[0], link.near, link.near6)
        link.configure(far, devices[1], link.far, link.far6)
        return link

    def relay(self, near, far, there=0.0, back=0.0, hold_every=0, hold_seconds=0.0):
        """Joins two namespaces by a path with delay (seconds each way).

        Every `hold_every`th packet with payload on the way there comes `hold_seconds` later than
        it should, so others overtake it.
        """
        if not os.path.exists("/dev/net/tun"):
            raise unittest.SkipTest("no /dev/net/tun here")
        link, devices = Link(next(self.subnets)), (self.device(), self.device())
        settings = {"there": there, "back": back, "hold_every": hold_every,
                    "hold_seconds": hold_seconds,
                    "ends": [[near.path, devices[0]], [far.path, devices[1]]]}
        command = [PYTHON, os.path.join(PROGRAMS, "tun_relay.py"), json.dumps(settings)]
        relay = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.callback(self.end, relay)
        assert relay.stdout.readline() == b"ready\n"
        for namespace, device, *addresses in ((near, devices[0], link.near, link.near6),
                                              (far, devices[1], link.far, link.far6)):
            link.configure(namespace, device, *addresses)
            # An acknowledgement that waits for the program's answer would add to the delay.
            namespace.run("ip", "route", "change", link.subnet, "dev", device, "src", addresses[0],
                          "scope", "link", "proto", "kernel", "quickack", "1")
        return link

    def routed(self):
        """Two namespaces with a router between them: near, router, far, the addresses of both."""
        near, router, far = (self.namespace() for _ in range(3))
        first, second = self.veth(near, router), self.veth(router, far)
        for name, value in (("net.ipv4.ip_forward", 1), ("net.ipv6.conf.all.forwarding", 1),
                            ("net.ipv4.icmp_ratelimit", 0), ("net.ipv6.icmp.ratelimit", 0)):
            router.sysctl(name, value)
        for end, own, gateway, gateway6 in ((near, first, first.far, first.far6),
                                            (far, second, second.near, second.near6)):
            end.run("ip", "-batch", "-", text=f"""
                route add default via {gateway}
                route add default via {gateway6}""")
        return near, router, far, Path(first, second)


class Path:
    """The outer ends of two links with a router between them."""

    def __init__(self, first, second):
        self.near, self.near6 = first.near, first.near6
        self.far, self.far6 = second.far, second.far6
