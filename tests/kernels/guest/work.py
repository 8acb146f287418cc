# SPDX-License-Identifier: Apache-2.0
"""TCP, processes, system calls and a real HTTP server, against what the programs themselves say.

Each check is one of checks.py, in a folder of its own.
"""
import collections
import contextlib
import functools
import os
import signal
import subprocess
import time

import tcp_truth
import test_sched
import uring_programs
from checks import LONGER_THAN_A_SWEEP, Figures
from harness import ROOT, access_log, curl, free_port, nginx, program, run, unique, wait_until
from known_work import (CONNECTIONS, OPEN, RECEIVED, REFUSED, SENT, exits, moved, moving,
                        syscall_figures, tcp_figures)
from left_out import Compared
from netlab import ONE_SEGMENT, Lab

PYTHON = "/usr/bin/python3"
CALLS = os.path.join(ROOT, "build", "calls")
URING = os.path.join(ROOT, "build", "uring")
SWEEPS = os.path.join(ROOT, "build", "sweeps")
SWEPT = 3000  # connections
EACH = 20  # connections of a kind
URING_REQUESTS = 4, 20  # connections, and requests on each
DELAY_SECONDS, LOSS = 0.05, "2%"  # each way
LOSSY = 8  # connections; of their segments, some four hundred, one is lost almost certainly
RETRANSMITTED = "sonde_tcp_retransmitted_segments_total"
RTT = "sonde_tcp_rtt_seconds"
PROGRAMS = os.path.join(ROOT, "tests", "integration", "programs")
STARTS = "sonde_process_starts_total"
FORKS = "sonde_process_forks_total"


def tcp(_):
    server, client, refused = unique("tcp-server"), unique("tcp-client"), unique("tcp-refused")
    with moved([], server, client, EACH, 12345, 100001, hold=True):
        yield [Figures([
            *tcp_figures(server, client, EACH, 12345, 100001),
            *[(OPEN, {"service_name": name}, EACH) for name in (server, client)]], "tcp", EACH)]
    assert run(PYTHON, "-S", "-c", REFUSED, str(free_port()), str(EACH), name=refused)[0] == 0
    outbound = {"service_name": refused, "direction": "outbound"}
    yield [Figures([
        *tcp_figures(server, client, EACH, 12345, 100001),
        *[(OPEN, {"service_name": name}, 0) for name in (server, client)],
        (CONNECTIONS, dict(outbound, result="refused"), EACH),
        (CONNECTIONS, {"service_name": refused}, EACH),
        (SENT, {"service_name": refused}, 0), (RECEIVED, {"service_name": refused}, 0)],
        "tcp", EACH)]


def compare_rtt(names, metrics):
    """The round trip is the delay both ways; an acknowledgement may wait, above all if emulated."""
    samples = sum(metrics.sum(f"{RTT}_count", service_name=name) for name in names)
    mean = sum(metrics.sum(f"{RTT}_sum", service_name=name) for name in names) / max(samples, 1)
    good = samples and 0.9 < mean / (2 * DELAY_SECONDS) < 1.8
    return Compared(1, [] if good else [f"{RTT} is {mean:g} in the mean of {samples:g}"])


def compare_retransmitted(names, truth, metrics):
    told = sum(metrics.sum(RETRANSMITTED, service_name=name) for name in names)
    return Compared(1, [] if told == truth else [f"{RETRANSMITTED} is {told:g}, should be {truth}"])


def tcp_with_loss(_):
    """Through the kernel's own delays and losses; the truth of retransmissions is the kernel's."""
    names = unique("lossy-server"), unique("lossy-client")
    with Lab() as lab:
        place = lab.namespace()
        place.run("ip", "link", "set", "lo", "mtu", "1500", *ONE_SEGMENT)
        place.run("tc", "qdisc", "add", "dev", "lo", "root", "netem", "limit", "10000",
                  "delay", f"{DELAY_SECONDS * 1000:g}ms", "loss", LOSS)
        with moving(place.enter, *names, LOSSY, 10_000, 60_000, hold=True) as wait:
            yield []  # the others work meanwhile
            wait()
            wait_until(lambda: not any(connection["unacked"] for connection
                                       in tcp_truth.connections(place).values()), "all is there")
            yield [Figures(tcp_figures(*names, LOSSY, 10_000, 60_000), "tcp", LOSSY)]
            truth = tcp_truth.counters(place)["TcpRetransSegs"]
            assert truth, "nothing was lost on the way"
            yield [functools.partial(compare_retransmitted, names, truth),
                   functools.partial(compare_rtt, names)]


def tcp_swept(_):
    """Sockets that end just when they are swept, of which a kernel can die."""
    name = unique("swept")
    assert run(SWEEPS, str(SWEPT), name=name)[0] == 0
    yield [Figures([(CONNECTIONS, {"service_name": name}, 2 * SWEPT),
                    (OPEN, {"service_name": name}, 0)], "tcp")]


def dns(_):
    """Each way to send a question that there is, to a server that answers everything."""
    with open("/etc/resolv.conf", "w", encoding="ascii") as file:
        file.write("nameserver 127.0.0.53\n")
    figures = []
    with program(PYTHON, "-S", f"{PROGRAMS}/slow-dns.py", "127.0.0.53", "0.001",
                 stdout=subprocess.PIPE) as server:
        assert server.stdout.readline() == b"ready\n"
        for way, types in (("sendto", 1), ("sendmsg", 1), ("libc4", 1), ("libc", 2)):
            name = unique(f"dns-{way}")
            names = [f"{way}{i}.test" for i in range(EACH)]
            assert run(PYTHON, "-S", f"{PROGRAMS}/lookup.py", way, *names, name=name)[0] == 0
            figures += [("sonde_dns_lookup_duration_seconds_count",
                         {"service_name": name, "code": "NOERROR"}, EACH * types),
                        ("sonde_dns_failed_lookups_total", {"service_name": name}, 0)]
    # the programs are those of HTTP, and so are their runs that are left out
    yield [Figures(figures, "http")]


def processes(_):
    name, parent = unique("processes"), unique("parent")
    for steps, status in ((["exit=0"], 0), (["getppid=1"], 0), (["exit=1"], 1), (["exit=255"], 255),
                          ([f"raise={signal.SIGKILL}"], -signal.SIGKILL),
                          ([f"raise={signal.SIGTERM}"], -signal.SIGTERM)):
        assert run(CALLS, *steps, name=name)[0] == status
    threads = unique("thread-by-thread")
    told = run(CALLS, "outlive=3", "exit-thread=0", name=threads)[0]
    # a backend whose children execute what has another name
    child = unique("child")
    script = f"for i in {' '.join('x' * 50)}; do OTEL_SERVICE_NAME={child} {CALLS} getppid=10; done"
    assert run("/bin/busybox", "sh", "-c", script, name=parent)[0] == 0
    yield [Figures([
        *exits(name, success=2, error=2, signal=2), (STARTS, {"service_name": name}, 6),
        *exits(threads, **{"error" if told else "success": 1}),
        *exits(child, success=50), (STARTS, {"service_name": child}, 50),
        (STARTS, {"service_name": parent}, 1), (FORKS, {"service_name": parent}, 50)], "process"),
           Figures([("sonde_syscall_duration_seconds_count",
                     {"service_name": child, "syscall": "getppid"}, 500)], "syscall")]


def syscalls(_):
    one, two = unique("calls-one"), unique("calls-two")
    assert run(CALLS, "getppid=20000", "openat=5000", "close=1234", name=one)[0] == 0
    assert run(CALLS, "close=77", "openat=4321", "getppid=10007", name=two)[0] == 0
    yield [Figures([*syscall_figures(one, 20000, 5000, 1234),
                    *syscall_figures(two, 10007, 4321, 77)], "syscall")]


def run_queue(_):
    """Sums and turns of what waits for one CPU, which the kernel itself counts."""
    cpu = max(os.sched_getaffinity(0))
    with contextlib.ExitStack() as stack:
        kinds = [test_sched.Programs(stack, script, cpu, amount, count=count)
                 for script, amount, count in ((test_sched.BUSY, 2, 3),
                                               (test_sched.SLEEPER, 200, 1),
                                               (test_sched.THREADS, 8, 1))]
        for programs in kinds:
            programs.expect(b"ready\n")
        truths = [programs.at_rest() for programs in kinds]
        before = collections.deque()  # of each Sonde, in the order in which they are asked

        def remember(metrics):
            before.append([test_sched.told(metrics, programs.name) for programs in kinds])
            return Compared(0, [])

        def compare(metrics):
            wrong = []
            for programs, begin, truth, seen in zip(kinds, before.popleft(), truths, ends):
                told = test_sched.told(metrics, programs.name)
                for i, what in enumerate(("seconds", "turns")):
                    should, is_ = seen[i] - truth[i], told[i] - begin[i]
                    if not test_sched.is_near(is_, should):
                        wrong.append(f"{programs.name}: {is_:g} {what} in the run queue, "
                                     f"should be {should:g}")
            return Compared(2 * len(kinds), wrong)

        time.sleep(LONGER_THAN_A_SWEEP)
        yield [remember]
        for programs in kinds:
            programs.begin()
        for programs in kinds:
            programs.expect(b"done\n")
        ends = [programs.at_rest() for programs in kinds]
        time.sleep(LONGER_THAN_A_SWEEP)
        yield [compare]


def nginx_and_curl(folder):
    client, port = unique("curl"), free_port()
    paths = [f"/{name}?{i}" for i in range(20) for name in ("found", "missing")]
    with nginx(folder, port, 'location /found { return 200 "hello\\n"; } '
                             'location /missing { return 404; }') as log:
        curl(port, *paths, name=client)
        wait_until(lambda: len(access_log(log)) == len(paths), "the access log")
        truth = collections.Counter((method, status) for method, _, status, _ in access_log(log))
        figures = []
        for side, service in (("server", f"nginx-{port}"), ("client", client)):
            count = f"http_{side}_request_duration_seconds_count"
            figures += [(count, {"service_name": service}, len(paths)),
                        *((count, {"service_name": service, "http_request_method": method,
                                   "http_response_status_code": status}, requests)
                          for (method, status), requests in truth.items())]
        yield [Figures(figures, "http", one_connection=True)]


def io_uring(_):
    """Each way to use it that this kernel has, and whose bytes can be read."""
    sides = []
    for mode in uring_programs.modes(URING):
        if mode != uring_programs.UNREADABLE:
            served, server, client = uring_programs.both(URING, mode, *URING_REQUESTS)
            sides += ("server", server, served), ("client", client, served)
    yield [Figures(uring_programs.figures(*sides), "http", one_connection=True)]


CHECKS = {"TCP with loss": tcp_with_loss, "TCP": tcp, "TCP swept": tcp_swept,
          "processes": processes, "system calls": syscalls, "run queue": run_queue,
          "io_uring": io_uring, "DNS": dns, "nginx and curl": nginx_and_curl}
