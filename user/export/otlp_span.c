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
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "export/otlp_signal.h"
#include "export/protobuf.h"

static bool span_failed(const struct span *span)
{
	return span->error_type || span->status >= (span->role == HTTP_SERVER ? 500 : 400);
}

static char *span_name(struct text *text, const struct span *span)
{
	size_t start = text->used;

	if (span->dns_name) {
		text_put(text, "DNS ");
		text_put(text, span->dns_type);
		return text_end(text, start);
	}
	text_put(text, strcmp(span->method, "_OTHER") == 0 ? "HTTP" : span->method);
	if (span->route) {
		text_put(text, " ");
		text_put(text, span->route);
	}
	return text_end(text, start);
}

/*
 * The host that a client asked for is not in the record, so the URL names the peer's address; the
 * path of a Unix socket in escapes, as a host may be written.
 */
static char *span_url(struct text *text, const struct span *span)
{
	char authority[sizeof("[]:65535") + sizeof(span->remote_address)];
	bool ipv6 = strchr(span->remote_address, ':') != NULL;
	size_t start = text->used;

	text_put(text, "http://");
	if (span->socket_path) {
		text_put_escaped(text, span->socket_path);
	} else {
		snprintf(authority, sizeof(authority), ipv6 ? "[%s]:%u" : "%s:%u",
			span->remote_address, span->remote_port);
		text_put(text, authority);
	}
	if (span->path[0] == '/') /* neither `*` nor an authority is a path */
		text_put(text, span->path);
	if (span->query) {
		text_put(text, "?");
		text_put_query(text, span->query);
	}
	return text_end(text, start);
}

static void span_target_attributes(struct attributes *to, const struct span *span)
{
	size_t start = to->text.used;

	text_put(&to->text, span->path);
	attribute_text(to, "url.path", text_end(&to->text, start));
	if (span->query) {
		start = to->text.used;
		text_put_query(&to->text, span->query);
		attribute_text(to, "url.query", text_end(&to->text, start));
	}
}

static void span_server_attributes(struct attributes *to, const struct span *span)
{
	span_target_attributes(to, span);
	attribute_string(to, "http.route", span->route);
	attribute_endpoint(
		to, "server.address", span->local_address, "server.port", span->local_port);
	attribute_endpoint(
		to, "client.address", span->remote_address, "client.port", span->remote_port);
}

static void span_client_attributes(struct attributes *to, const struct span *span)
{
	if (span->remote_address[0] || (span->socket_path && span->socket_path[0]))
		attribute_text(to, "url.full", span_url(&to->text, span));
	else /* a socket pair has no address that a URL could begin with */
		span_target_attributes(to, span);
	attribute_string(to, "url.template", span->route);
	attribute_endpoint(
		to, "server.address", span->remote_address, "server.port", span->remote_port);
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
		attribute_text(to, "network.transport", "unix");
		attribute_string(to,
			span->role == HTTP_SERVER ? "network.local.address"
						  : "network.peer.address",
			span->socket_path);
	}
	attribute_endpoint(to, "network.peer.address", span->remote_address, "network.peer.port",
		span->remote_port);
	attribute_endpoint(to, "network.local.address", span->local_address, "network.local.port",
		span->local_port);
	attribute_text(to, "network.protocol.name", "http");
	attribute_string(to, "network.protocol.version", span->protocol_version);
}

static void span_lookup_attributes(struct attributes *to, const struct span *span)
{
	attribute_string(to, "dns.question.name", span->dns_name);
	attribute_words(to, "dns.answers", span->dns_answers);
	attribute_string(to, "sonde.dns.question.type", span->dns_type);
	attribute_string(to, "error.type", span->error_type);
	attribute_text(to, "network.transport", span->is_tcp ? "tcp" : "udp");
	attribute_endpoint(
		to, "server.address", span->remote_address, "server.port", span->remote_port);
	attribute_endpoint(to, "network.peer.address", span->remote_address, "network.peer.port",
		span->remote_port);
	attribute_text(to, "network.protocol.name", "dns");
}

static void span_request_attributes(struct attributes *to, const struct span *span)
{
	attribute_string(to, "http.request.method", span->method);
	attribute_string(to, "http.request.method_original", span->method_original);
	attribute_text(to, "url.scheme", "http");
	if (span->role == HTTP_SERVER)
		span_server_attributes(to, span);
	else
		span_client_attributes(to, span);
	attribute_string(to, "server.address", span->socket_path);
	if (span->truncated)
		attribute_boolean(to, "sonde.truncated", true);
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

static void span_pack(struct buffer *buffer, struct attributes *attributes, const void *item)
{
	const struct span *span = item;
	static const uint8_t no_parent[sizeof(span->parent_id)];
	bool has_parent = memcmp(span->parent_id, no_parent, sizeof(no_parent)) != 0;
	Otlp__Status status = OTLP__STATUS__INIT;
	Otlp__Span message = OTLP__SPAN__INIT;
	Otlp__ScopeSpans scope_spans = OTLP__SCOPE_SPANS__INIT;

	attributes_clear(attributes);
	message.trace_id.data = (uint8_t *)span->trace_id;
	message.trace_id.len = sizeof(span->trace_id);
	message.span_id.data = (uint8_t *)span->span_id;
	message.span_id.len = sizeof(span->span_id);
	message.flags = (span->trace_flags & FLAGS_TRACE_FLAGS_MASK) | FLAGS_HAS_IS_REMOTE;
	if (has_parent) { /* it was read from the wire */
		message.parent_span_id.data = (uint8_t *)span->parent_id;
		message.parent_span_id.len = sizeof(span->parent_id);
		message.flags |= FLAGS_IS_REMOTE;
	}
	message.name = span_name(&attributes->text, span);
	message.kind = span->role == HTTP_SERVER ? OTLP__SPAN__SPAN_KIND__SPAN_KIND_SERVER
						 : OTLP__SPAN__SPAN_KIND__SPAN_KIND_CLIENT;
	message.start_time_unix_nano = span->start_unix_ns;
	message.end_time_unix_nano = span->end_unix_ns;
	if (span_failed(span)) {
		status.code = OTLP__STATUS__STATUS_CODE__STATUS_CODE_ERROR;
		message.status = &status;
	}
	if (span->dns_name)
		span_lookup_attributes(attributes, span);
	else
		span_request_attributes(attributes, span);
	message.attributes = attributes->list;
	message.n_attributes = attributes->count;

	scope_spans.spans = (Otlp__Span *[]){&message};
	scope_spans.n_spans = 1;
	protobuf_append(buffer, &scope_spans.base);
}

static const size_t strings[] = {offsetof(struct span, method),
	offsetof(struct span, method_original), offsetof(struct span, route),
	offsetof(struct span, path), offsetof(struct span, query),
	offsetof(struct span, error_type), offsetof(struct span, protocol_version),
	offsetof(struct span, socket_path), offsetof(struct span, dns_name),
	offsetof(struct span, dns_type), offsetof(struct span, dns_answers)};

const struct otlp_signal otlp_spans = {
	.path = "/v1/traces",
	.items = "spans",
	.item_size = sizeof(struct span),
	.service = offsetof(struct span, service),
	.pid = offsetof(struct span, pid),
	.strings = strings,
	.string_count = sizeof(strings) / sizeof(strings[0]),
	.pack = span_pack,
};
