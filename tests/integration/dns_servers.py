# SPDX-License-Identifier: Apache-2.0
"""A network of its own for DNS: a namespace whose port 53 is free, with a resolv.conf of its own,
and the servers in it, whose logs are the truth of what they were asked and what they answered."""
import collections
import contextlib
import os
import re
import subprocess

from harness import START_SECONDS, program, unique, wait_until

PYTHON = "/usr/bin/python3"
PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
RESOLVER = "127.0.0.53"

# What anything in these zones is answered.
ZONES = """
    local-zone: "test" transparent
    local-zone: "ok.test" redirect
    local-data: "ok.test 300 A 10.1.2.3"
    local-data: "ok.test 300 AAAA fd00::1"
    local-zone: "only4.test" redirect
    local-data: "only4.test 300 A 10.1.2.4"
    local-zone: "large.test" redirect
    local-zone: "missing.test" always_nxdomain
    local-zone: "refused.test" refuse
    local-zone: "silent.test" deny
""" + "".join(f'    local-data: "large.test 300 A 10.2.{i // 250}.{i % 250}"\n'
              for i in range(100))

UNBOUND = """
server:
    interface: {RESOLVER}
    interface: ::1
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: ""
    logfile: "{folder}/unbound.log"
    use-syslog: no
    do-daemonize: no
    log-queries: yes
    log-replies: yes
    num-threads: 1
    module-config: "iterator"
    do-not-query-localhost: no
    access-control: 127.0.0.0/8 allow
{ZONES}
auth-zone:
    name: "fail.test"
    primary: 127.0.0.1@9
    fallback-enabled: no
remote-control:
    control-enable: no
"""
REPLIED = re.compile(r"info: \S+ (\S+)\. (\S+) IN (\S+) \d")
ASKED = re.compile(r"info: \S+ (\S+)\. (\S+) IN$", re.M)


class Network:
    """A namespace: `inside` is how to start a program in it."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.name = unique("sonde-dns")
        self.log = os.path.join(self.folder, "unbound.log")
        self.use_server(RESOLVER)

    def use_server(self, address, options=""):
        """What programs that start from now on find in /etc/resolv.conf."""
        self.resolv_conf = os.path.join(self.folder, f"resolv-{address}.conf")
        with open(self.resolv_conf, "w", encoding="ascii") as file:
            file.write(f"nameserver {address}\n{options}\n")

    @property
    def inside(self):
        return ("unshare", "--mount", "sh", "-ec",
                'mount --bind "$1" /etc/resolv.conf; shift; exec nsenter --net="$0" "$@"',
                f"/run/netns/{self.name}", self.resolv_conf)

    def logged(self, pattern):
        with open(self.log, encoding="utf-8") as log:
            return pattern.findall(log.read())

    def replied(self, label):
        """{(type, code): replies} to questions for names that begin with this label."""
        return collections.Counter((kind, code) for name, kind, code in self.logged(REPLIED)
                                   if name.lower().startswith(label + "."))

    def asked(self, label):
        """{type: questions} likewise."""
        return collections.Counter(kind for name, kind in self.logged(ASKED)
                                   if name.lower().startswith(label + "."))


@contextlib.contextmanager
def network(folder):
    """A network; None where none can be made."""
    net = Network(folder)
    if subprocess.run(["ip", "netns", "add", net.name], capture_output=True,
                      check=False).returncode:
        yield None
        return
    try:
        subprocess.run(["ip", "-n", net.name, "link", "set", "lo", "up"], check=True)
        yield net
    finally:
        subprocess.run(["ip", "netns", "delete", net.name], check=True)


@contextlib.contextmanager
def unbound(net):
    """Answers in the network, on IPv4 and IPv6."""
    configuration = os.path.join(net.folder, "unbound.conf")
    with open(configuration, "w", encoding="ascii") as file:
        file.write(UNBOUND.format(RESOLVER=RESOLVER, folder=net.folder, ZONES=ZONES))
    with program(*net.inside, "/usr/sbin/unbound", "-d", "-p", "-c", configuration,
                 name=net.name):
        wait_until(lambda: os.path.exists(net.log) and "start of service" in
                   open(net.log, encoding="utf-8").read(), "unbound serves", START_SECONDS)
        yield


@contextlib.contextmanager
def dnsmasq(net, address, name):
    """Asks the resolver whatever it is asked; gives its log."""
    log = os.path.join(net.folder, "dnsmasq.log")
    with program(*net.inside, "/usr/sbin/dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
                 "--user=root", "--pid-file=", "--no-hosts", "--no-resolv", "--bind-interfaces",
                 f"--listen-address={address}", f"--server={RESOLVER}", "--cache-size=0",
                 "--log-queries", f"--log-facility={log}", name=name):
        wait_until(lambda: os.path.exists(log) and "using nameserver" in
                   open(log, encoding="utf-8").read(), "dnsmasq serves", START_SECONDS)
        yield log


@contextlib.contextmanager
def slow_server(net, address, delay):
    with program(*net.inside, PYTHON, os.path.join(PROGRAMS, "slow-dns.py"), address, str(delay),
                 stdout=subprocess.PIPE) as server:
        assert server.stdout.readline() == b"ready\n"
        yield
