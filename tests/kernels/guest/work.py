# SPDX-License-Identifier: Apache-2.0
"""TCP, processes, system calls and a real HTTP server, against what the programs themselves say.

A check gets a Sonde, a folder, and the runs that the kernel left out.
"""
import collections
import contextlib
import math
import os
import signal
import subprocess

import tcp_truth
from harness import (ROOT, access_log, curl, expect, free_port, http_counts, nginx, program, run,
                     unique, wait_until)
from known_work import (CONNECTIONS, OPEN, RECEIVED, REFUSED, SENT, exits, moved, syscall_figures,
                        tcp_figures)
from left_out import Compared
from netlab import Lab

PYTHON = "/usr/bin/python3"
CALLS = os.path.join(ROOT, "build", "calls")
SETTLE_SECONDS = 10
EACH = 20  # connections of a kind
DELAY_SECONDS, LOSS = 0.05, "2%"  # each way
RETRANSMITTED = "sonde_tcp_retransmitted_segments_total"
RTT = "sonde_tcp_rtt_seconds"
PROGRAMS = os.path.join(ROOT, "tests", "integration", "programs")
STARTS = "sonde_process_starts_total"
FORKS = "sonde_process_forks_total"


def compare(sonde, figures, left_out, source, each=None):
    """Figures of one source; with `each`, sums over as many things that a run may be missing of."""
    try:
        expect(sonde, *figures, seconds=SETTLE_SECONDS)
        return Compared(len(figures), [])
    except AssertionError:
        metrics = sonde.metrics()
    wrong, missing = [], {}
    for name, labels, truth in figures:
        shown = metrics.sum(name, **labels)
        if shown == truth:
            continue
        wrong.append(f"{name}{labels} is {shown:g}, should be {truth}")
        of = labels["service_name"], labels.get("syscall")
        # nothing that was left out accounts for more than there is
        runs = math.ceil((truth - shown) * (each or truth) / truth) if shown < truth else math.inf
        missing[of] = max(missing.get(of, 0), runs)
    return left_out.compared(len(figures), wrong, source, sum(missing.values()))


def tcp(sonde, _, left_out):
    server, client, refused = unique("tcp-server"), unique("tcp-client"), unique("tcp-refused")
    with moved([], server, client, EACH, 12345, 100001, hold=True):
        held = compare(sonde, [
            *tcp_figures(server, client, EACH, 12345, 100001),
            *[(OPEN, {"service_name": name}, EACH) for name in (server, client)]],
            left_out, "tcp", each=EACH)
    assert run(PYTHON, "-S", "-c", REFUSED, str(free_port()), str(EACH), name=refused)[0] == 0
    outbound = {"service_name": refused, "direction": "outbound"}
    return held + compare(sonde, [
        *tcp_figures(server, client, EACH, 12345, 100001),
        *[(OPEN, {"service_name": name}, 0) for name in (server, client)],
        (CONNECTIONS, dict(outbound, result="refused"), EACH),
        (CONNECTIONS, {"service_name": refused}, EACH),
        (SENT, {"service_name": refused}, 0), (RECEIVED, {"service_name": refused}, 0)],
        left_out, "tcp", each=EACH)


def rtt_wrong(sonde, names):
    """The round trip is the delay both ways; an acknowledgement may wait, above all if emulated."""
    metrics = sonde.metrics()
    samples = sum(metrics.sum(f"{RTT}_count", service_name=name) for name in names)
    mean = sum(metrics.sum(f"{RTT}_sum", service_name=name) for name in names) / max(samples, 1)
    good = samples and 0.9 < mean / (2 * DELAY_SECONDS) < 1.8
    return [] if good else [f"{RTT} is {mean:g} in the mean of {samples:g}"]


def tcp_with_loss(sonde, _, left_out):
    """Through the kernel's own delays and losses; the truth of retransmissions is the kernel's."""
    names = unique("lossy-server"), unique("lossy-client")
    with Lab() as lab:
        place = lab.namespace()
        place.run("tc", "qdisc", "add", "dev", "lo", "root", "netem", "limit", "10000",
                  "delay", f"{DELAY_SECONDS * 1000:g}ms", "loss", LOSS)
        with moved(place.enter, *names, EACH, 10_000, 60_000, hold=True):
            wait_until(lambda: not any(connection["unacked"] for connection
                                       in tcp_truth.connections(place).values()), "all is there")
            compared = compare(sonde, tcp_figures(*names, EACH, 10_000, 60_000), left_out, "tcp",
                               each=EACH)
            told = sum(sonde.metrics().sum(RETRANSMITTED, service_name=name) for name in names)
            truth = tcp_truth.counters(place)["TcpRetransSegs"]
            assert truth, "nothing was lost on the way"
            wrong = [] if told == truth else [f"{RETRANSMITTED} is {told:g}, should be {truth}"]
            return compared + Compared(2, wrong + rtt_wrong(sonde, names))


def dns(sonde, _, left_out):
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
    return compare(sonde, figures, left_out, "http")


def processes(sonde, _, left_out):
    name, parent = unique("processes"), unique("parent")
    for steps, status in ((["exit=0"], 0), (["getppid=1"], 0), (["exit=1"], 1), (["exit=255"], 255),
                          ([f"raise={signal.SIGKILL}"], -signal.SIGKILL),
                          ([f"raise={signal.SIGTERM}"], -signal.SIGTERM)):
        assert run(CALLS, *steps, name=name)[0] == status
    # a shell whose children execute what has another name
    child = unique("child")
    script = f"for i in {' '.join('x' * 50)}; do OTEL_SERVICE_NAME={child} {CALLS} getppid=10; done"
    assert run("/bin/busybox", "sh", "-c", script, name=parent)[0] == 0
    return compare(sonde, [
        *exits(name, success=2, error=2, signal=2), (STARTS, {"service_name": name}, 6),
        *exits(child, success=50), (STARTS, {"service_name": child}, 50),
        (STARTS, {"service_name": parent}, 1), (FORKS, {"service_name": parent}, 50)],
        left_out, "process") + compare(sonde, [
            ("sonde_syscall_duration_seconds_count",
             {"service_name": child, "syscall": "getppid"}, 500)], left_out, "syscall")


def syscalls(sonde, _, left_out):
    one, two = unique("calls-one"), unique("calls-two")
    assert run(CALLS, "getppid=20000", "openat=5000", "close=1234", name=one)[0] == 0
    assert run(CALLS, "close=77", "openat=4321", "getppid=10007", name=two)[0] == 0
    return compare(sonde, [*syscall_figures(one, 20000, 5000, 1234),
                           *syscall_figures(two, 10007, 4321, 77)], left_out, "syscall")


def nginx_and_curl(sonde, folder, left_out):
    client, port = unique("curl"), free_port()
    paths = [f"/{name}?{i}" for i in range(20) for name in ("found", "missing")]
    with nginx(folder, port, 'location /found { return 200 "hello\\n"; } '
                             'location /missing { return 404; }') as log:
        curl(port, *paths, name=client)
        wait_until(lambda: len(access_log(log)) == len(paths), "the access log")
        truth = collections.Counter((method, status) for method, _, status, _ in access_log(log))

        def counted():
            metrics = sonde.metrics()
            return {side: http_counts(metrics, side, service)
                    for side, service in (("server", f"nginx-{port}"), ("client", client))}
        with contextlib.suppress(AssertionError):
            wait_until(lambda: all(counts == truth for counts in counted().values()),
                       "the requests of nginx and curl", SETTLE_SECONDS)
        wrong = {side: counts for side, counts in counted().items() if counts != truth}
    return left_out.compared(
        2 * len(truth), [f"{side}: {dict(counts)}, should be {dict(truth)}"
                         for side, counts in wrong.items()],
        "http", len(wrong))  # each side has one connection, which does not get over a gap


HTTP_CHECKS = {"DNS": dns, "nginx and curl": nginx_and_curl}
CHECKS = {"TCP": tcp, "TCP with loss": tcp_with_loss, "processes": processes,
          "system calls": syscalls, **HTTP_CHECKS}
