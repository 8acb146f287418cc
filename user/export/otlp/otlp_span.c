/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans as OTLP has them, by the HTTP and DNS semantic conventions v1.44.
 *
 * Of each span's attributes, the conventions' required and recommended ones are there as far as a
 * socket tells them; of the opt-in ones, body sizes, `client.port`, `network.local.…` (both ends of
 * a connection can so be matched), `network.transport` of Unix sockets and, on a client span with a
 * route, `url.template`. Our own are the times `sonde.http.…` (seconds) and `sonde.truncated`.
 * Values of query parameters that carry signatures are replaced by REDACTED.
 */
#include <endian.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/protobuf.h"
#include "export/otlp/otlp_messages.pb-c.h"
#include "export/otlp/otlp_signal.h"

static bool span_failed(const struct span *span)
{
	return span->error_type || span->status >= (span->role == HTTP_SERVER ? 500 : 400);
}

static void span_name(struct text *text, const struct span *span)
{
	text_clear(text);
	if (span->dns_name) {
		text_put(text, "DNS ");
		text_put(text, span->dns_type);
		return;
	}
	text_put(text, strcmp(span->method, "_OTHER") == 0 ? "HTTP" : span->method);
	if (span->route) {
		text_put(text, " ");
		text_put(text, span->route);
	}
}

/* The server as a client sees it. */
static const char *server_address(const struct span *span)
{
	return span->server_host ? span->server_host : span->remote_address;
}

static uint16_t server_port(const struct span *span)
{
	return span->server_host ? span->server_port : span->remote_port;
}

/*
 * With the host that the client asked, or else the peer's address; the path of a Unix socket in
 * escapes, as a host may be written.
 */
static void span_url(struct text *text, const struct span *span)
{
	bool ipv6 = strchr(server_address(span), ':') != NULL;

	text_clear(text);
	text_put(text, "http://");
	if (span->socket_path) {
		text_put_escaped(text, span->socket_path);
	} else {
		text_put(text, ipv6 ? "[" : "");
		text_put(text, server_address(span));
		text_put(text, ipv6 ? "]:" : ":");
		text_put_number(text, server_port(span));
	}
	if (span->path[0] == '/') /* neither `*` nor an authority is a path */
		text_put(text, span->path);
	if (span->query) {
		text_put(text, "?");
		text_put_query(text, span->query);
	}
}

static void span_target_attributes(struct attributes *to, const struct span *span)
{
	text_clear(&to->text);
	text_put(&to->text, span->path);
	attribute_put_together(to, "url.path");
	if (span->query) {
		text_clear(&to->text);
		text_put_query(&to->text, span->query);
		attribute_put_together(to, "url.query");
	}
}

static void span_server_attributes(struct attributes *to, const struct span *span)
{
	span_target_attributes(to, span);
	attribute_string(to, "http.route", span->route);
	attribute_endpoint(
		to, "server.address", span->local_address, "server.port", span->local_port);
	if (span->client_address)
		attribute_endpoint(to, "client.address", span->client_address, "client.port",
			span->client_port);
	else
		attribute_endpoint(to, "client.address", span->remote_address, "client.port",
			span->remote_port);
}

static void span_client_attributes(struct attributes *to, const struct span *span)
{
	if (span->remote_address[0] || (span->socket_path && span->socket_path[0])) {
		span_url(&to->text, span);
		attribute_put_together(to, "url.full");
	} else { /* a socket pair has no address that a URL could begin with */
		span_target_attributes(to, span);
	}
	attribute_string(to, "url.template", span->route);
	attribute_endpoint(
		to, "server.address", server_address(span), "server.port", server_port(span));
}

static void span_result_attributes(struct attributes *to, const struct span *span)
{
	char code[sizeof("65535")];

	if (span->status)
		attribute_integer(to, "http.response.status_code", span->status);
	if (span_failed(span)) {
		snprintf(code, sizeof(code), "%u", span->status);
		attribute_string(to, "error.type", span->error_type ? span->error_type : code);
	}
	attribute_integer(to, "http.request.body.size", span->request_body_bytes);
	attribute_integer(to, "http.response.body.size", span->response_body_bytes);
}

static void attribute_duration(struct attributes *to, const char *key, uint64_t duration_ns)
{
	if (duration_ns)
		attribute_real(to, key, (double)duration_ns / 1e9);
}

static void span_time_attributes(struct attributes *to, const struct span *span)
{
	attribute_duration(to, "sonde.http.time_to_first_byte", span->time_to_first_byte_ns);
	attribute_duration(to, "sonde.http.queue_duration", span->queue_ns);
	attribute_duration(to,
		span->role == HTTP_SERVER ? "sonde.http.accept_duration"
					  : "sonde.http.connect_duration",
		span->setup_ns);
}

/* Of a Unix socket's ends only the server's has a name. */
static void span_network_attributes(struct attributes *to, const struct span *span)
{
	if (span->socket_path) {
		attribute_string(to, "network.transport", "unix");
		attribute_string(to,
			span->role == HTTP_SERVER ? "network.local.address"
						  : "network.peer.address",
			span->socket_path);
	}
	attribute_endpoint(to, "network.peer.address", span->remote_address, "network.peer.port",
		span->remote_port);
	attribute_endpoint(to, "network.local.address", span->local_address, "network.local.port",
		span->local_port);
	attribute_string(to, "network.protocol.name", "http");
	attribute_string(to, "network.protocol.version", span->protocol_version);
}

static void span_lookup_attributes(struct attributes *to, const struct span *span)
{
	attribute_string(to, "dns.question.name", span->dns_name);
	attribute_words(to, "dns.answers", span->dns_answers);
	attribute_string(to, "sonde.dns.question.type", span->dns_type);
	attribute_string(to, "error.type", span->error_type);
	attribute_string(to, "network.transport", span->is_tcp ? "tcp" : "udp");
	attribute_endpoint(
		to, "server.address", span->remote_address, "server.port", span->remote_port);
	attribute_endpoint(to, "network.peer.address", span->remote_address, "network.peer.port",
		span->remote_port);
	attribute_string(to, "network.protocol.name", "dns");
}

static void span_request_attributes(struct attributes *to, const struct span *span)
{
	attribute_string(to, "http.request.method", span->method);
	attribute_string(to, "http.request.method_original", span->method_original);
	attribute_string(to, "url.scheme", "http");
	if (span->role == HTTP_SERVER)
		span_server_attributes(to, span);
	else
		span_client_attributes(to, span);
	attribute_string(to, "server.address", span->socket_path);
	if (span->truncated)
		attribute_boolean(to, "sonde.truncated", true);
	if (span->end != HTTP_END_SEEN)
		attribute_string(to, "sonde.http.end",
			span->end == HTTP_END_ESTIMATED ? "estimated" : "unknown");
	span_result_attributes(to, span);
	span_time_attributes(to, span);
	span_network_attributes(to, span);
	if (span->tid)
		attribute_integer(to, "thread.id", span->tid);
}

/* Bits of Span.flags above W3C's eight: whether it is known that the parent is remote, and is it.
 */
#define FLAGS_TRACE_FLAGS_MASK 0xffu
#define FLAGS_HAS_IS_REMOTE    0x100u
#define FLAGS_IS_REMOTE        0x200u

/* Fields of Span (otlp_messages.proto), in the order of their numbers. */
#define SPAN_TRACE_ID   1
#define SPAN_SPAN_ID    2
#define SPAN_PARENT_ID  4
#define SPAN_NAME       5
#define SPAN_KIND       6
#define SPAN_START      7
#define SPAN_END        8
#define SPAN_ATTRIBUTES 9
#define SPAN_STATUS     15
#define SPAN_FLAGS      16

#define STATUS_CODE 3

/* A tag of two bytes, as the number of the field is above 15. */
static void append_flags(struct buffer *buffer, uint32_t flags)
{
	char bytes[2 + sizeof(flags)];

	protobuf_put_varint(bytes, SPAN_FLAGS << 3 | PROTOBUF_FIXED32);
	flags = htole32(flags);
	memcpy(bytes + 2, &flags, sizeof(flags));
	buffer_append(buffer, bytes, sizeof(bytes));
}

static void span_pack(struct attributes *attributes, const void *item)
{
	const struct span *span = item;
	struct buffer *buffer = attributes->buffer;
	static const uint8_t no_parent[sizeof(span->parent_id)];
	bool has_parent = memcmp(span->parent_id, no_parent, sizeof(no_parent)) != 0;
	uint32_t flags = (span->trace_flags & FLAGS_TRACE_FLAGS_MASK) | FLAGS_HAS_IS_REMOTE;
	size_t status;

	protobuf_append_bytes(buffer, SPAN_TRACE_ID, span->trace_id, sizeof(span->trace_id));
	protobuf_append_bytes(buffer, SPAN_SPAN_ID, span->span_id, sizeof(span->span_id));
	if (has_parent) { /* it was read from the wire */
		protobuf_append_bytes(
			buffer, SPAN_PARENT_ID, span->parent_id, sizeof(span->parent_id));
		flags |= FLAGS_IS_REMOTE;
	}
	span_name(&attributes->text, span);
	protobuf_append_bytes(buffer, SPAN_NAME, attributes->text.bytes, attributes->text.used);
	protobuf_append_number(buffer, SPAN_KIND,
		span->role == HTTP_SERVER ? OTLP__SPAN__SPAN_KIND__SPAN_KIND_SERVER
					  : OTLP__SPAN__SPAN_KIND__SPAN_KIND_CLIENT);
	protobuf_append_fixed64(buffer, SPAN_START, span->start_unix_ns);
	protobuf_append_fixed64(buffer, SPAN_END, span->end_unix_ns);
	attributes->field = SPAN_ATTRIBUTES;
	if (span->dns_name)
		span_lookup_attributes(attributes, span);
	else
		span_request_attributes(attributes, span);
	if (span_failed(span)) {
		status = protobuf_begin(buffer);
		protobuf_append_number(
			buffer, STATUS_CODE, OTLP__STATUS__STATUS_CODE__STATUS_CODE_ERROR);
		protobuf_end(buffer, SPAN_STATUS, status);
	}
	append_flags(buffer, flags);
}

static const size_t strings[] = {offsetof(struct span, method),
	offsetof(struct span, method_original), offsetof(struct span, route),
	offsetof(struct span, path), offsetof(struct span, query),
	offsetof(struct span, error_type), offsetof(struct span, protocol_version),
	offsetof(struct span, socket_path), offsetof(struct span, server_host),
	offsetof(struct span, client_address), offsetof(struct span, dns_name),
	offsetof(struct span, dns_type), offsetof(struct span, dns_answers)};

const struct otlp_signal otlp_spans = {
	.path = "/v1/traces",
	.headers_variable = "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
	.items = "spans",
	.item_size = sizeof(struct span),
	.service = offsetof(struct span, service),
	.pid = offsetof(struct span, pid),
	.strings = strings,
	.string_count = sizeof(strings) / sizeof(strings[0]),
	.pack = span_pack,
};
