#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the body of an OTLP request (protobuf, gzipped or not, in a file) as text, line by line: one for
traces, or, with the argument `logs`, for logs.

A second opinion on the encoder: Google's protobuf library, with message types written down here
from the OpenTelemetry protocol's own definitions (opentelemetry-proto 1.x) and not from our .proto.
Fails on what does not parse, on text that is not UTF-8, and on any field that the protocol does not
have.
"""

import gzip
import json
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

COMMON = "opentelemetry.proto.common.v1"
RESOURCE = "opentelemetry.proto.resource.v1"
TRACE = "opentelemetry.proto.trace.v1"
LOGS = "opentelemetry.proto.logs.v1"
COLLECTOR = "opentelemetry.proto.collector.trace.v1"
LOGS_COLLECTOR = "opentelemetry.proto.collector.logs.v1"

# package → message → number → (type, name); a leading "*" means repeated, "|" a member of the oneof.
PROTOCOL = {
    COMMON: {
        "AnyValue": {
            1: ("|string", "string_value"),
            2: ("|bool", "bool_value"),
            3: ("|int64", "int_value"),
            4: ("|double", "double_value"),
            5: (f"|.{COMMON}.ArrayValue", "array_value"),
            6: (f"|.{COMMON}.KeyValueList", "kvlist_value"),
            7: ("|bytes", "bytes_value"),
        },
        "ArrayValue": {1: (f"*.{COMMON}.AnyValue", "values")},
        "KeyValueList": {1: (f"*.{COMMON}.KeyValue", "values")},
        "KeyValue": {1: ("string", "key"), 2: (f".{COMMON}.AnyValue", "value")},
        "InstrumentationScope": {
            1: ("string", "name"),
            2: ("string", "version"),
            3: (f"*.{COMMON}.KeyValue", "attributes"),
            4: ("uint32", "dropped_attributes_count"),
        },
    },
    RESOURCE: {
        "Resource": {
            1: (f"*.{COMMON}.KeyValue", "attributes"),
            2: ("uint32", "dropped_attributes_count"),
        },
    },
    TRACE: {
        "ResourceSpans": {
            1: (f".{RESOURCE}.Resource", "resource"),
            2: (f"*.{TRACE}.ScopeSpans", "scope_spans"),
            3: ("string", "schema_url"),
        },
        "ScopeSpans": {
            1: (f".{COMMON}.InstrumentationScope", "scope"),
            2: (f"*.{TRACE}.Span", "spans"),
            3: ("string", "schema_url"),
        },
        "Span": {
            1: ("bytes", "trace_id"),
            2: ("bytes", "span_id"),
            3: ("string", "trace_state"),
            4: ("bytes", "parent_span_id"),
            5: ("string", "name"),
            6: ("int32", "kind"),  # an enum, the same on the wire
            7: ("fixed64", "start_time_unix_nano"),
            8: ("fixed64", "end_time_unix_nano"),
            9: (f"*.{COMMON}.KeyValue", "attributes"),
            10: ("uint32", "dropped_attributes_count"),
            12: ("uint32", "dropped_events_count"),
            14: ("uint32", "dropped_links_count"),
            15: (f".{TRACE}.Status", "status"),
            16: ("fixed32", "flags"),
        },
        "Status": {2: ("string", "message"), 3: ("int32", "code")},
    },
    LOGS: {
        "ResourceLogs": {
            1: (f".{RESOURCE}.Resource", "resource"),
            2: (f"*.{LOGS}.ScopeLogs", "scope_logs"),
            3: ("string", "schema_url"),
        },
        "ScopeLogs": {
            1: (f".{COMMON}.InstrumentationScope", "scope"),
            2: (f"*.{LOGS}.LogRecord", "log_records"),
            3: ("string", "schema_url"),
        },
        "LogRecord": {
            1: ("fixed64", "time_unix_nano"),
            2: ("int32", "severity_number"),
            3: ("string", "severity_text"),
            5: (f".{COMMON}.AnyValue", "body"),
            6: (f"*.{COMMON}.KeyValue", "attributes"),
            7: ("uint32", "dropped_attributes_count"),
            8: ("fixed32", "flags"),
            9: ("bytes", "trace_id"),
            10: ("bytes", "span_id"),
            11: ("fixed64", "observed_time_unix_nano"),
            12: ("string", "event_name"),
        },
    },
    COLLECTOR: {
        "ExportTraceServiceRequest": {1: (f"*.{TRACE}.ResourceSpans", "resource_spans")},
    },
    LOGS_COLLECTOR: {
        "ExportLogsServiceRequest": {1: (f"*.{LOGS}.ResourceLogs", "resource_logs")},
    },
}

KINDS = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
STATUS_CODES = ["UNSET", "OK", "ERROR"]


def add_field(message, number, kind, name):
    field = message.field.add(name=name, number=number)
    field.label = field.LABEL_REPEATED if kind[0] == "*" else field.LABEL_OPTIONAL
    if kind[0] == "|":
        field.oneof_index = 0
    kind = kind.lstrip("*|")
    if kind[0] == ".":
        field.type = field.TYPE_MESSAGE
        field.type_name = kind
    else:
        field.type = getattr(field, "TYPE_" + kind.upper())


def request_class(name=COLLECTOR + ".ExportTraceServiceRequest"):
    pool = descriptor_pool.DescriptorPool()
    for package, messages in PROTOCOL.items():
        file = descriptor_pb2.FileDescriptorProto(name=package, package=package, syntax="proto3")
        file.dependency.extend(other for other in pool_order(package))
        for message_name, fields in messages.items():
            message = file.message_type.add(name=message_name)
            if any(kind[0] == "|" for kind, _ in fields.values()):
                message.oneof_decl.add(name="value")
            for number, (kind, field_name) in fields.items():
                add_field(message, number, kind, field_name)
        pool.Add(file)
    descriptor = pool.FindMessageTypeByName(name)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


def pool_order(package):
    """The packages before this one."""
    names = list(PROTOCOL)
    return names[: names.index(package)]


def print_attributes(indent, attributes):
    keys = [pair.key for pair in attributes]
    assert len(keys) == len(set(keys)), f"a key occurs twice in {keys}"
    for pair in attributes:
        kind = pair.value.WhichOneof("value")
        value = getattr(pair.value, kind)
        if kind == "array_value":
            value = [element.string_value for element in value.values]
        print(f"{indent}{pair.key}: {kind.split('_')[0]} {json.dumps(value)}")


def print_span(span):
    print(f"    span {json.dumps(span.name)} {KINDS[span.kind]}")
    print(f"      trace {span.trace_id.hex()} span {span.span_id.hex()}"
          f" parent {span.parent_span_id.hex() or 'none'} flags {span.flags:#x}")
    print(f"      start {span.start_time_unix_nano} end {span.end_time_unix_nano}")
    print(f"      status {STATUS_CODES[span.status.code]}")
    print_attributes("      ", span.attributes)


def print_log_record(record):
    print(f"    log record {json.dumps(record.event_name)} severity {record.severity_number}")
    print(f"      time {record.time_unix_nano} observed {record.observed_time_unix_nano}")
    print_attributes("      ", record.attributes)


def print_resource(resource):
    print(f"resource {resource.schema_url}")
    print_attributes("  ", resource.resource.attributes)


def print_scope(scope):
    print(f"  scope {scope.scope.name} {scope.scope.version} {scope.schema_url}")


def print_traces(request):
    for resource in request.resource_spans:
        print_resource(resource)
        for scope in resource.scope_spans:
            print_scope(scope)
            for span in scope.spans:
                print_span(span)


def print_logs(request):
    for resource in request.resource_logs:
        print_resource(resource)
        for scope in resource.scope_logs:
            print_scope(scope)
            for record in scope.log_records:
                print_log_record(record)


def main():
    is_logs = sys.argv[2:] == ["logs"]
    with open(sys.argv[1], "rb") as file:
        body = file.read()
    if body.startswith(b"\x1f\x8b"):
        body = gzip.decompress(body)
    if is_logs:
        request = request_class(LOGS_COLLECTOR + ".ExportLogsServiceRequest").FromString(body)
    else:
        request = request_class().FromString(body)
    size = request.ByteSize()
    request.DiscardUnknownFields()
    assert request.ByteSize() == size, "it has fields that the protocol does not have"
    (print_logs if is_logs else print_traces)(request)


if __name__ == "__main__":
    main()
