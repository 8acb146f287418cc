# SPDX-License-Identifier: Apache-2.0
"""Names of services that their environments tell, by OpenTelemetry's variables."""
import subprocess

import pytest

from harness import Sonde, clean_environment, expect, free_port, run, stop, unique
from span_collector import Collector

CALLS = "sonde_syscall_duration_seconds_count"
STARTS = "sonde_process_starts_total"
ASKS = "for (1..{}) {{ my $x = getppid(); }}"


def perl(times, **environment):
    subprocess.run(["/usr/bin/perl", "-e", ASKS.format(times)], check=True,
                   env=clean_environment(**environment))


@pytest.mark.usefixtures("named_by_executable")
def test_resource_attributes_name_a_service_where_nothing_else_does(sonde):
    plain, named, encoded, long = (unique(f"shop{i}") for i in range(4))
    perl(31, OTEL_RESOURCE_ATTRIBUTES=f"host.name=a, service.name={plain},x=y")
    perl(32, OTEL_SERVICE_NAME=named, OTEL_RESOURCE_ATTRIBUTES=f"service.name={plain}")
    perl(33, OTEL_RESOURCE_ATTRIBUTES=f"service.name={encoded}%20%C3%A9t%C3%A9")
    # as an operator of Kubernetes writes it: longer than what is looked at in one go
    perl(34, OTEL_RESOURCE_ATTRIBUTES=f"k8s.pod.name={'p' * 700},service.name={long}")
    expect(sonde, *((CALLS, {"service_name": name, "syscall": "getppid"}, times)
                    for name, times in ((plain, 31), (named, 32), (f"{encoded} été", 33),
                                        (long, 34))))


@pytest.mark.usefixtures("named_by_executable")
def test_namespace_tells_services_of_one_name_apart(tmp_path):
    service, script = unique("shop"), unique("till")
    file = tmp_path / f"{script}.pl"
    file.write_text(ASKS.format(43) + "\n")
    early = ["/usr/bin/perl", "-e", "<STDIN>;" + ASKS.format(44)]
    before = clean_environment(OTEL_SERVICE_NAME=service,
                               OTEL_RESOURCE_ATTRIBUTES="service.namespace=before")
    with subprocess.Popen(early, stdin=subprocess.PIPE, env=before) as old, \
            Sonde(tmp_path) as sonde:
        perl(41, OTEL_SERVICE_NAME=service, OTEL_RESOURCE_ATTRIBUTES="service.namespace=eu")
        perl(42, OTEL_SERVICE_NAME=service, OTEL_RESOURCE_ATTRIBUTES="service.namespace=us")
        # a namespace alone leaves the name to the script
        subprocess.run(["/usr/bin/perl", file], check=True, env=clean_environment(
            OTEL_RESOURCE_ATTRIBUTES="service.namespace=eu,service.version=1.0"))
        old.communicate(b"\n", timeout=20)
        expect(sonde, *((CALLS, {"service_name": name, "service_namespace": namespace,
                                 "syscall": "getppid"}, times)
                        for name, namespace, times in (
                            (service, "eu", 41), (service, "us", 42), (script, "eu", 43),
                            (service, "before", 44))))


def test_namespace_and_version_are_attributes_of_spans(tmp_path):
    collector, service, port = Collector(), unique("shop"), free_port()
    (tmp_path / "served").mkdir()
    with Sonde(tmp_path, "--otlp-endpoint", collector.url) as sonde:
        environment = clean_environment(
            OTEL_RESOURCE_ATTRIBUTES=f"service.name={service},service.namespace=eu,"
            "service.version=1.4%2B2")
        with subprocess.Popen(
                ["/usr/bin/python3", "-m", "http.server", str(port), "--bind", "127.0.0.1"],
                cwd=tmp_path / "served", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=environment) as server:
            run("curl", "-sS", "--retry", "20", "--retry-connrefused", "--retry-delay", "1",
                "-o", "/dev/null", f"http://127.0.0.1:{port}/")
            expect(sonde, ("http_server_request_duration_seconds_count",
                           {"service_name": service, "service_namespace": "eu"}, 1))
            stop(server)
        assert sonde.stop() == 0
    attributes = {a.key: a.value.string_value
                  for a in collector.taken[service][0].resource.attributes}
    assert attributes.items() >= {"service.namespace": "eu",
                                  "service.version": "1.4+2"}.items()
