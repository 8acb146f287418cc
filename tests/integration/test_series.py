# SPDX-License-Identifier: Apache-2.0
"""The budget of series: what has ended goes, and who starts later is whole."""
import collections
import http.client
import random
import re
import sys
import time
import urllib.request

import metric_families
from harness import START_SECONDS, Sonde, expect, free_port, program, run, unique, wait_until

SERVED = "http_server_request_duration_seconds_count"
STARTS = "sonde_process_starts_total"

# Answers with the status that the path names: /STATUS/anything.
SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(int(self.path.split("/")[2]))
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_GET = do_POST = do_DELETE = answer
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def resident_bytes(sonde):
    with open(f"/proc/{sonde.process.pid}/statm") as statm:
        return int(statm.read().split()[1]) * 4096


def jobs(name, first, count):
    """Programs of a moment, each with a name of its own."""
    for n in range(first, first + count):
        assert run("/bin/true", name=f"{name}-{n}")[0] == 0


def ask(port, requests):
    """Asks for all of [(method, path)]: {(method, status, route): how often it was answered}."""
    answered = collections.Counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for method, path in requests:
        connection.request(method, path)
        response = connection.getresponse()
        response.read()
        route = path[:path.rindex("/")] + "/{id}"
        answered[method, str(response.status), route] += 1
    connection.close()
    return answered


def openmetrics(sonde):
    request = urllib.request.Request(
        sonde.url(), headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    return urllib.request.urlopen(request, timeout=30).read().decode()


def test_who_starts_after_many_jobs_is_whole_and_memory_flat(tmp_path):
    many, name = unique("job"), unique("series-server")
    port = free_port()
    requests = [(method, f"/{page}/{status}") for page in ("cart", "checkout", "orders")
                for method in ("GET", "POST", "DELETE") for status in (200, 302, 500)] * 4
    random.Random(1).shuffle(requests)
    with Sonde(tmp_path, "--series-limit", "6000", "--no-syscalls") as sonde:
        count = 0
        while sonde.metrics().sum("sonde_series_removed_total", reason="room") <= 500:
            assert count < 2000, "of jobs that have ended nothing gives way"
            jobs(many, count, 50)  # some 20 samples each
            count += 50
        before = resident_bytes(sonde)
        jobs(many, count, 100)
        time.sleep(11)  # until nothing of theirs changes any more
        with program(sys.executable, "-c", SERVER, str(port), port=port, name=name):
            answered = ask(port, requests[:len(requests) // 2])
            jobs(many, count + 100, 50)  # which go on beside it
            answered += ask(port, requests[len(requests) // 2:])
            expect(sonde, *((SERVED, {"service_name": name, "http_request_method": method,
                                      "http_response_status_code": status,
                                      "http_route": route}, count)
                            for (method, status, route), count in answered.items()),
                   (SERVED, {"service_name": name}, len(requests)))
        assert sonde.metrics().sum("sonde_series") <= 6000
        assert resident_bytes(sonde) < before + (4 << 20)


def test_series_of_what_has_ended_go_and_begin_anew(tmp_path):
    job, other = unique("series-job"), unique("series-other")

    def created(service):
        found = re.search(rf'^sonde_process_starts_created{{service_name="{service}"}} (\S+)$',
                          openmetrics(sonde), re.M)
        return found and float(found[1])

    with Sonde(tmp_path, "--series-ttl", "1s", "--sweep-interval", "200ms",
               "--series-limit", "1000000") as sonde:
        with program("sleep", "600", name=other):
            begun = time.time()
            assert run("/bin/true", name=job)[0] == 0
            expect(sonde, (STARTS, {"service_name": job}, 1), settle=0.1)
            first = created(job)
            assert begun - 2 < first < time.time()
            # numbers of workloads are looked through every 15 s
            wait_until(lambda: job not in sonde.text(), "that the job's series go", 90)
            assert sonde.metrics().sum(STARTS, service_name=other) == 1, "it lives"
            gone = time.time()
            assert run("/bin/true", name=job)[0] == 0
            expect(sonde, (STARTS, {"service_name": job}, 1), settle=0.1)
            assert created(job) > gone - 1
            assert created(job) > first
        assert sonde.metrics().sum("sonde_series_removed_total", reason="ended") > 0


def test_series_are_counted_as_lines_of_openmetrics(sonde, calls):
    name = unique("series-counted")
    assert run(calls, "getppid=10", "openat=5", name=name)[0] == 0
    expect(sonde, ("sonde_syscall_duration_seconds_count",
                   {"service_name": name, "syscall": "getppid"}, 10))

    def is_counted():
        lines = openmetrics(sonde).splitlines()
        counted = sum("service_name=" in line for line in lines)
        return counted and f"sonde_series {counted}" in lines

    wait_until(is_counted, "a scrape between whose pieces nothing happened")


def test_each_format_tells_the_same_start(sonde, calls):
    name = unique("series-start")
    assert run(calls, "getppid=10", name=name)[0] == 0
    expect(sonde, ("sonde_syscall_duration_seconds_count",
                   {"service_name": name, "syscall": "getppid"}, 10))
    text = openmetrics(sonde)
    told = {}
    for family in metric_families.scrape(sonde.url()):
        for metric in family.metric:
            labels = {label.name: label.value for label in metric.label}
            if labels.get("service_name") != name:
                continue
            its = metric.counter if metric.HasField("counter") else metric.histogram
            start = its.created_timestamp.seconds + its.created_timestamp.nanos / 1e9
            told[family.name.removesuffix("_total"), labels.get("syscall", "")] = start
    assert len(told) > 3
    for (family, syscall), start in told.items():
        found = re.findall(rf'^{family}_created{{service_name="{name}"[^}}]*}} (\S+)$', text, re.M)
        assert any(abs(float(value) - start) < 1e-3 for value in found), (family, syscall, found)
        assert start > time.time() - START_SECONDS - 60
