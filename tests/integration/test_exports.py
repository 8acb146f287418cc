# SPDX-License-Identifier: Apache-2.0
"""What Prometheus, promtool and the OpenTelemetry Collector make of Sonde's exports."""
import contextlib
import gzip
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from collector import collector, receiver  # noqa: F401 (fixtures)
from harness import Sonde, access_log, curl, free_port, nginx, wait_until
from prometheus import prometheus
from span_collector import Collector


def get(url, **headers):
    request = urllib.request.Request(url, headers={k.replace("_", "-"): v
                                                   for k, v in headers.items()})
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.status, response.headers, response.read()


# --- Prometheus ---


def test_prometheus_scrapes_it_and_answers_with_the_right_number(tmp_path, sonde):
    port = free_port()
    with nginx(tmp_path, port) as log, prometheus(tmp_path, sonde) as server:
        curl(port, *["/prometheus"] * 37, name="prometheus-test-client")
        served = len([line for line in access_log(log) if line[1] == "/prometheus"])
        assert served == 37
        count = ('sum(http_server_request_duration_seconds_count'
                 f'{{service_name="nginx-{port}",http_route="/prometheus"}})')
        wait_until(lambda: server.value(count) == 37, f"37 requests, not {server.query(count)}")
        buckets = f'http_server_request_duration_seconds_bucket{{service_name="nginx-{port}"}}'
        assert 0 < server.value(f"histogram_quantile(0.5, sum by (le) ({buckets}))") <= 0.005
        assert server.errors() == [""]
        metadata = server.api("metadata")
        assert metadata["http_server_request_duration_seconds"][0]["type"] == "histogram"


def test_promtool_has_nothing_to_say_against_the_text(tmp_path, sonde):
    port = free_port()
    with nginx(tmp_path, port):
        curl(port, "/", "/a?b=c", '/%22quoted%22', name='promtool "quoted" \\ test')
    checked = subprocess.run(["promtool", "check", "metrics"], input=sonde.metrics().text,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             check=False)
    assert checked.returncode == 0 and not checked.stdout, checked.stdout


def test_openmetrics_by_content_negotiation_ends_in_eof(sonde):
    _, headers, body = get(sonde.url(), Accept="application/openmetrics-text; version=1.0.0")
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"\n# EOF\n")
    assert b"# TYPE sonde_events counter\n" in body and b"\nsonde_events_total{" in body
    _, headers, body = get(sonde.url())
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b"# EOF" not in body


def test_gzip_where_it_is_asked_for(sonde):
    _, headers, body = get(sonde.url(), Accept_Encoding="gzip")
    assert headers["Content-Encoding"] == "gzip"
    assert b"sonde_build_info{" in gzip.decompress(body)
    for refused in ("identity", "gzip;q=0"):
        _, headers, body = get(sonde.url(), Accept_Encoding=refused)
        assert headers["Content-Encoding"] is None and b"sonde_build_info{" in body


def test_the_other_pages(sonde):
    for path in ("/healthz", "/readyz"):
        status, headers, body = get(sonde.url(path))
        assert (status, body) == (200, b"ok\n") and headers["Content-Type"].startswith("text/plain")
    status, headers, body = get(sonde.url("/"))
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    assert b"/metrics" in body
    with pytest.raises(urllib.error.HTTPError, match="404"):
        get(sonde.url("/nothing"))


# --- OTLP ---


REQUESTS = 50
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LOCATIONS = ('location / { return 200 "hello\\n"; } location /missing { return 404; } '
             'location /broken { return 503; }')


def test_the_collector_gets_each_request_as_one_span_of_each_side(tmp_path, receiver, collector):
    port = free_port()
    client, server = f"client-{port}", f"nginx-{port}"
    begin = time.time_ns()
    with Sonde(tmp_path, "--otlp-endpoint", collector, "--otlp-interval", "200ms") as sonde, \
            nginx(tmp_path, port, LOCATIONS) as log:
        curl(port, *(f"/{i}?key=value" for i in range(REQUESTS)), name=client)
        curl(port, "/missing", "/broken", name=client,
             options=["-H", f"traceparent: {TRACEPARENT}"])
        end = time.time_ns()
        served = access_log(log)
        assert len(served) == REQUESTS + 2
        for service in (client, server):
            wait_until(lambda s=service: len(receiver.spans(s)) >= len(served),
                       f"all spans of {service}")
        assert sonde.stop() == 0, sonde.log()
    for service, kind in ((client, 3), (server, 2)):
        spans = receiver.spans(service)
        assert len({span["spanId"] for _, span, _ in spans}) == len(spans)
        targets = sorted(a.get("url.path") or a["url.full"].split(str(port))[1].split("?")[0]
                         for _, _, a in spans)
        assert targets == sorted(line[1].split("?")[0] for line in served)
        for resource, span, about in spans:
            assert span["kind"] == kind
            assert begin <= int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]) <= end
            assert resource["host.name"] == os.uname().nodename
            assert resource["process.executable.name"] == {2: "nginx", 3: "curl"}[kind]
            assert int(resource["process.pid"]) > 0
            assert about["http.request.method"] == "GET"
            assert int(about["server.port"]) == port and about["server.address"] == "127.0.0.1"
            assert about["network.protocol.version"] == "1.1"
            status = int(about["http.response.status_code"])
            if status == 200:
                assert span.get("status", {}).get("code", 0) == 0 and "error.type" not in about
                assert "key=value" in about.get("url.query", "") + about.get("url.full", "")
                assert int(about["http.response.body.size"]) == 6
                continue
            assert span["traceId"] == TRACEPARENT[3:35]
            assert span["parentSpanId"] == TRACEPARENT[36:52]
            is_error = status >= (500 if kind == 2 else 400)
            assert (span.get("status", {}).get("code", 0) == 2) == is_error
            assert about.get("error.type") == (str(status) if is_error else None)


def test_an_export_makes_no_span_of_its_own_and_few_of_those_who_pass_it_on(
        tmp_path, receiver, collector):  # noqa: F811
    with Sonde(tmp_path, "--otlp-endpoint", collector, "--otlp-interval", "100ms") as sonde:
        time.sleep(4)
        assert sonde.stop() == 0
    port = urllib.parse.urlsplit(collector).port
    assert receiver.batches, "nothing was exported, so nothing was tested"
    # The Collector serves the export, calls the receiver, and that serves it: three spans at most,
    # which fill the next batch. So it never ends, but neither does it grow.
    spans = [about for _, _, about in receiver.spans()]
    assert not [a for a in spans if a.get("url.full", "").startswith(collector)]
    served = [a for a in spans if a.get("server.port") == str(port)]
    assert len(served) <= len(receiver.batches)


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_the_endpoint_of_traces_alone_is_enough(tmp_path, compression):
    port = free_port()
    with Collector() as traces, Sonde(
            tmp_path, "--otlp-interval", "100ms", OTEL_EXPORTER_OTLP_COMPRESSION=compression,
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=f"{traces.url}/as/it/is",
            OTEL_EXPORTER_OTLP_PROTOCOL="grpc") as sonde, nginx(tmp_path, port):
        curl(port, *["/alone"] * 20, name=f"client-{port}")
        wait_until(lambda: traces.count(f"nginx-{port}") == 20, "the spans")
        assert traces.paths == {"/as/it/is"}
        assert re.search("variables of OpenTelemetry .*variables=OTEL_EXPORTER_OTLP_PROTOCOL",
                         sonde.log())


def test_final_spans_are_flushed_at_the_end(tmp_path, receiver, collector):
    port = free_port()
    with Sonde(tmp_path, "--otlp-endpoint", collector, "--otlp-interval", "30s") as sonde, \
            nginx(tmp_path, port) as log:
        curl(port, *["/last"] * 20, name=f"client-{port}")
        assert len(access_log(log)) == 20
        assert not receiver.spans(f"nginx-{port}")
        start = time.monotonic()
        assert sonde.stop() == 0, sonde.log()
        assert time.monotonic() - start < 8
    wait_until(lambda: len(receiver.spans(f"nginx-{port}")) >= 20, "the last spans")
    time.sleep(0.5)  # for any that come twice
    assert len(receiver.spans(f"nginx-{port}")) == 20


@contextlib.contextmanager
def silent_endpoint():
    """Takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextlib.contextmanager
def closed_endpoint():
    yield f"http://127.0.0.1:{free_port()}"


@pytest.mark.parametrize("endpoint", [closed_endpoint, silent_endpoint])
def test_an_unreachable_endpoint_costs_only_spans_and_they_are_counted(tmp_path, endpoint):
    port = free_port()
    with endpoint() as url, \
            Sonde(tmp_path, "--otlp-endpoint", url, "--otlp-interval", "100ms",
                  "--otlp-queue-size", "256KiB", "--drain-timeout", "2s") as sonde, \
            nginx(tmp_path, port) as log:
        for _ in range(20):
            curl(port, *["/unreachable"] * 100, name=f"client-{port}")
        assert len(access_log(log)) == 2000
        metrics = sonde.metrics()
        assert metrics.sum("http_server_request_duration_seconds_count",
                           service_name=f"nginx-{port}") == 2000
        assert metrics.sum("sonde_otlp_spans_total", outcome="exported") == 0
        lost = metrics.sum("sonde_otlp_spans_total")
        waiting = metrics.sum("sonde_otlp_queued_spans")
        assert lost > 0 and waiting > 0 and lost + waiting >= 4000, (lost, waiting)
        assert metrics.sum("sonde_otlp_queue_bytes") <= 256 * 1024
        start = time.monotonic()
        assert sonde.stop() == 0, sonde.log()
        assert time.monotonic() - start < 5
        assert re.search("telemetry was lost: .* of=spans count=[1-9]", sonde.log())
