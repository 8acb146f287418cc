# SPDX-License-Identifier: Apache-2.0
"""Native histograms: what Prometheus, and Google's protobuf library, make of /metrics in protobuf.

Of all services of a test, each histogram must be the same as in the text: count, sum, and the
buckets, at bounds that both kinds have.
"""
import collections
import math

import pytest

import metric_families
from harness import Sonde, access_log, curl, expect, free_port, nginx, run, unique, wait_until
from known_work import SYSCALLS, syscall_figures
from prometheus import prometheus

SYSCALL = "sonde_syscall_duration_seconds"
HTTP = "http_server_request_duration_seconds"
ZERO_THRESHOLD = 2.0 ** -24
LAST_INDEX = 33 * 8  # which ends at 2^33 s; what is longer lies before infinity

Histogram = collections.namedtuple("Histogram", "count sum classic")  # classic: {bound: up to it}


@pytest.fixture
def server(tmp_path, sonde):
    with prometheus(tmp_path, sonde, "--enable-feature=native-histograms") as running:
        yield running


def in_text(metrics, *services):
    """{(name, labels): Histogram} of these services, from the text."""
    services = set(services)
    counts, sums, buckets = {}, {}, collections.defaultdict(dict)
    for name, labels, value in metrics.samples:
        if labels.get("service_name") not in services:
            continue
        name, _, kind = name.rpartition("_")
        bound = labels.pop("le", None)
        key = name, frozenset(labels.items())
        if kind == "bucket":
            buckets[key][float(bound)] = value
        elif kind in ("count", "sum"):
            (counts if kind == "count" else sums)[key] = value
    return {key: Histogram(counts[key], sums[key], bounds) for key, bounds in buckets.items()}


def in_prometheus(server, *services):
    """The same as Prometheus has them, but with native buckets in the place of classic ones."""
    histograms = {}
    for sample in server.query(f'{{service_name=~"{"|".join(services)}"}}'):
        labels = dict(sample["metric"])
        name = labels.pop("__name__")
        if "histogram" not in sample:
            assert not name.endswith("_bucket"), f"{name} was scraped as a classic one"
            continue
        del labels["job"], labels["instance"]
        its = sample["histogram"][1]
        native = {float(upper): float(count) for _, _, upper, count in its.get("buckets", [])}
        histograms[name, frozenset(labels.items())] = Histogram(
            float(its["count"]), float(its["sum"]), native)
    return histograms


def differences(text, native):
    """Between the two; a bound that is a power of two is one of both kinds."""
    if set(text) != set(native):
        return set(text) ^ set(native)
    wrong = []
    for key, expected in text.items():
        its = native[key]
        if (its.count, its.sum) != (expected.count, expected.sum):
            wrong.append((key, its, expected))
        for bound, count in expected.classic.items():
            if math.frexp(bound)[0] == 0.5 or bound == math.inf:
                if sum(n for upper, n in its.classic.items() if upper <= bound) != count:
                    wrong.append((key, bound, its, expected))
    return wrong


def work(sonde, calls, tmp_path):
    """Runs a program, and a web server with its client; when they have ended: their services."""
    names = unique("native-calls"), unique("native-client")
    port = free_port()
    assert run(calls, "getppid=20000", "openat=500", "close=300", "nanosleep=30", "nanosleep=1100",
               name=names[0])[0] == 0
    with nginx(tmp_path, port) as log:
        curl(port, *["/native"] * 37, name=names[1])
        assert len(access_log(log)) == 37
    expect(sonde, *syscall_figures(names[0], 20000, 500, 300),
           (f"{HTTP}_count", {"service_name": f"nginx-{port}"}, 37))
    return *names, f"nginx-{port}"


def test_prometheus_has_each_histogram_as_the_text_has_it(sonde, calls, tmp_path, server):
    services = work(sonde, calls, tmp_path)

    def wrong():
        return differences(in_text(sonde.metrics(), *services), in_prometheus(server, *services))

    wait_until(lambda: not wrong(), f"histograms that are equal, not {wrong()}")
    families = {name for name, _ in in_prometheus(server, *services)}
    assert families >= {SYSCALL, HTTP, "http_client_request_duration_seconds",
                        "sonde_http_server_time_to_first_byte_seconds",
                        "sonde_http_server_queue_duration_seconds",
                        "sonde_tcp_connect_duration_seconds", "sonde_tcp_rtt_seconds",
                        "sonde_tcp_connection_duration_seconds", "sonde_process_lifetime_seconds"}
    assert server.errors() == [""]
    metadata = server.api("metadata", metric=HTTP)[HTTP]
    assert [entry["type"] for entry in metadata] == ["histogram"]


def bucket_bounds(seconds):
    """Lower and upper bound of the bucket of schema 3 that holds it."""
    index = math.ceil(8 * math.log2(seconds))
    return 2 ** ((index - 1) / 8), 2 ** (index / 8)


def test_promql_counts_sums_and_quantiles_of_known_calls(sonde, calls, server):
    name = unique("native-quantiles")
    slept = [3, 5, 9, 14, 22, 31, 48, 75, 120, 190, 300]  # milliseconds, each in another bucket
    status, output = run(calls, "getppid=7000", *(f"nanosleep={n}" for n in slept), name=name)
    assert status == 0
    measured = sorted(int(line.split()[1]) / 1e9 for line in output.splitlines()[1:])
    labels = {"service_name": name, "syscall": "nanosleep"}
    expect(sonde, (SYSCALLS, labels, len(slept)),
           (SYSCALLS, dict(labels, syscall="getppid"), 7000))
    sleeps = f'{SYSCALL}{{service_name="{name}",syscall="nanosleep"}}'
    wait_until(lambda: server.value(f"histogram_count({sleeps})") == len(slept), "the sleeps")
    assert server.value(f'histogram_count({sleeps.replace("nanosleep", "getppid")})') == 7000
    assert server.value(f"histogram_sum({sleeps})") == sonde.metrics().sum(f"{SYSCALL}_sum",
                                                                           **labels)
    for quantile in (0.05, 0.25, 0.5, 0.75, 0.95):
        rank = math.ceil(quantile * len(slept)) - 1
        # A call took as long as it was to sleep, at least, and as the caller measured, at most.
        at_least, at_most = slept[rank] / 1000, measured[rank]
        told = server.value(f"histogram_quantile({quantile}, {sleeps})")
        assert bucket_bounds(at_least)[0] < told * (1 + 1e-12), (quantile, told, at_least, at_most)
        assert told <= bucket_bounds(at_most)[1] * (1 + 1e-12), (quantile, told, at_least, at_most)


def of_services(families, *services):
    """(name, labels, metric) of each series of these services, from decoded messages."""
    for family in families:
        for metric in family.metric:
            labels = {label.name: label.value for label in metric.label}
            if labels.get("service_name") in services:
                yield family.name, frozenset(labels.items()), metric


def in_protobuf(families, *services):
    """As in_prometheus()."""
    histograms = {}
    for name, labels, metric in of_services(families, *services):
        if not metric.HasField("histogram"):
            continue
        its = metric.histogram
        assert (its.schema, its.zero_threshold) == (3, ZERO_THRESHOLD)
        native = {2 ** (index / 8) if index <= LAST_INDEX else math.inf: count
                  for index, count in metric_families.native_buckets(its).items()}
        native[ZERO_THRESHOLD] = its.zero_count
        assert sum(native.values()) == its.sample_count
        histograms[name, labels] = Histogram(its.sample_count, its.sample_sum, native)
    return histograms


def classic_in_protobuf(families, *services):
    """As in_text()."""
    histograms = {}
    for name, labels, metric in of_services(families, *services):
        its = metric.histogram
        if metric.HasField("histogram"):
            bounds = {bucket.upper_bound: bucket.cumulative_count for bucket in its.bucket}
            bounds[math.inf] = its.sample_count
            histograms[name, labels] = Histogram(its.sample_count, its.sample_sum, bounds)
    return histograms


def test_protobuf_holds_both_kinds_of_histograms_as_the_text_has_them(sonde, calls, tmp_path):
    services = work(sonde, calls, tmp_path)

    def wrong():
        text = in_text(sonde.metrics(), *services)
        families = metric_families.scrape(sonde.url())
        return (differences(text, in_protobuf(families, *services)) or
                classic_in_protobuf(families, *services) != text)

    wait_until(lambda: not wrong(), f"histograms that are equal, not {wrong()}")


def test_protobuf_holds_all_other_families_as_the_text_has_them(sonde, calls, tmp_path):
    services = work(sonde, calls, tmp_path)

    def numbers_in_text(metrics):
        histograms = {name for name, _ in in_text(metrics, *services)}
        return {(name, frozenset(labels.items())): value for name, labels, value in metrics.samples
                if labels.get("service_name") in services
                and name.rpartition("_")[0] not in histograms}

    def numbers_in_protobuf():
        return {(name, labels): (metric.counter if metric.HasField("counter") else metric.gauge)
                .value for name, labels, metric
                in of_services(metric_families.scrape(sonde.url()), *services)
                if not metric.HasField("histogram")}

    wait_until(lambda: numbers_in_text(sonde.metrics()) == numbers_in_protobuf(), "equal numbers")
    text = sonde.text()
    lines = set()
    for family in metric_families.scrape(sonde.url()):
        lines |= {f"# HELP {family.name} {family.help}",
                  f"# TYPE {family.name} {metric_families.TYPES[family.type]}"}
        assert family.unit == "" or family.name.removesuffix("_total").endswith(f"_{family.unit}")
    assert {line for line in text.splitlines() if line.startswith("# ")} <= lines


def test_a_family_that_is_told_in_several_messages_is_one_to_prometheus(calls, tmp_path):
    with (Sonde(tmp_path, "--series-limit", "200000") as sonde,
          prometheus(tmp_path, sonde, "--enable-feature=native-histograms") as server):
        many = unique("native-many")
        names = [f"{many}-{n}" for n in range(200)]
        for name in names:
            assert run(calls, "getppid=10", "openat=5", "close=3", name=name)[0] == 0

        def shown():
            return [key for key in in_text(sonde.metrics(), *names) if key[0] == SYSCALL]

        wait_until(lambda: sum(("syscall", "close") in labels for _, labels in shown()) == len(names),
                   "the last call of each")
        families = [f for f in metric_families.scrape(sonde.url()) if f.name == SYSCALL]
        assert len(families) > 1, "it was told in one message, so nothing was tested"
        of_names = f'{SYSCALL}{{service_name=~"{many}-.*"}}'
        wait_until(lambda: server.value(f"count({of_names})") == len(shown()), "all histograms")
        for call, count in (("getppid", 10), ("openat", 5), ("close", 3)):
            total = f'sum(histogram_count({of_names[:-1]},syscall="{call}"}}))'
            wait_until(lambda: server.value(total) == count * len(names), f"all calls of {call}")
        assert server.errors() == [""]
