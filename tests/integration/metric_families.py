# SPDX-License-Identifier: Apache-2.0
"""A scrape in Prometheus's protobuf format, as Google's protobuf library reads it.

The message types are written down here from Prometheus's own definitions (metrics.proto of
client_model), and not from our .proto.
"""
import os
import sys
import urllib.request

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "unit"))

from otlp_decode import add_field  # noqa: E402

PACKAGE = "io.prometheus.client"
CONTENT_TYPE = f"application/vnd.google.protobuf; proto={PACKAGE}.MetricFamily; encoding=delimited"
TYPES = {0: "counter", 1: "gauge", 2: "summary", 3: "untyped", 4: "histogram"}  # MetricType

# message → number → (type, name); a leading "*" means repeated
MESSAGES = {
    "LabelPair": {1: ("string", "name"), 2: ("string", "value")},
    "Gauge": {1: ("double", "value")},
    "Timestamp": {1: ("int64", "seconds"), 2: ("int32", "nanos")},  # google.protobuf.Timestamp
    "Counter": {1: ("double", "value"), 3: (f".{PACKAGE}.Timestamp", "created_timestamp")},
    "BucketSpan": {1: ("sint32", "offset"), 2: ("uint32", "length")},
    "Bucket": {
        1: ("uint64", "cumulative_count"),
        2: ("double", "upper_bound"),
        4: ("double", "cumulative_count_float"),
    },
    "Histogram": {
        1: ("uint64", "sample_count"),
        2: ("double", "sample_sum"),
        3: (f"*.{PACKAGE}.Bucket", "bucket"),
        4: ("double", "sample_count_float"),
        5: ("sint32", "schema"),
        6: ("double", "zero_threshold"),
        7: ("uint64", "zero_count"),
        8: ("double", "zero_count_float"),
        9: (f"*.{PACKAGE}.BucketSpan", "negative_span"),
        10: ("*sint64", "negative_delta"),
        11: ("*double", "negative_count"),
        12: (f"*.{PACKAGE}.BucketSpan", "positive_span"),
        13: ("*sint64", "positive_delta"),
        14: ("*double", "positive_count"),
        15: (f".{PACKAGE}.Timestamp", "created_timestamp"),
    },
    "Metric": {
        1: (f"*.{PACKAGE}.LabelPair", "label"),
        2: (f".{PACKAGE}.Gauge", "gauge"),
        3: (f".{PACKAGE}.Counter", "counter"),
        6: ("int64", "timestamp_ms"),
        7: (f".{PACKAGE}.Histogram", "histogram"),
    },
    "MetricFamily": {
        1: ("string", "name"),
        2: ("string", "help"),
        3: ("int32", "type"),  # an enum, the same on the wire
        4: (f"*.{PACKAGE}.Metric", "metric"),
        5: ("string", "unit"),
    },
}


def family_class():
    file = descriptor_pb2.FileDescriptorProto(name=PACKAGE, package=PACKAGE, syntax="proto2")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (kind, field_name) in fields.items():
            add_field(message, number, kind, field_name)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    descriptor = pool.FindMessageTypeByName(f"{PACKAGE}.MetricFamily")
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


def decode(body):
    """Messages with their lengths before them; fails on fields that the format does not have."""
    family_type, families, at = family_class(), [], 0
    while at < len(body):
        length = shift = 0
        while True:
            byte = body[at]
            at += 1
            length |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                break
        assert at + length <= len(body), "the last message is cut off"
        family = family_type.FromString(body[at:at + length])
        at += length
        size = family.ByteSize()
        family.DiscardUnknownFields()
        assert family.ByteSize() == size, f"{family.name} has unknown fields"
        families.append(family)
    return families


def scrape(url):
    request = urllib.request.Request(url, headers={"Accept": CONTENT_TYPE})
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.headers["Content-Type"] == CONTENT_TYPE
        return decode(response.read())


def native_buckets(histogram):
    """{index: count} of the native buckets that are not empty."""
    buckets, index, count = {}, 0, 0
    deltas = iter(histogram.positive_delta)
    for span in histogram.positive_span:
        index += span.offset
        for _ in range(span.length):
            count += next(deltas)
            if count:
                buckets[index] = count
            index += 1
    assert next(deltas, None) is None
    return buckets
