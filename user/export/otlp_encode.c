/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The encoder of OTLP trace requests (otlp_encode.h).
 *
 * protobuf-c wants the tree of messages in memory before it packs it, 2 KB for one span, which
 * would be a megabyte for a batch. But encodings of one message may be concatenated: their fields
 * merge. So each span is packed as soon as it is built, in a `ScopeSpans` with nothing else in it,
 * and the tree of one span is all that exists at a time. Only the two levels above it, whose
 * lengths come before their contents, get their headers written by hand.
 */
#include "export/otlp_encode.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "export/buffer.h"
#include "export/otlp_attributes.h"

#define SCHEMA_URL "https://opentelemetry.io/schemas/1.44.0"

/* Field numbers in trace.proto of what is nested by hand. */
#define REQUEST_RESOURCE_SPANS     1
#define RESOURCE_SPANS_SCOPE_SPANS 2

#define HEADER_LEN_MAX 11 /* one byte of tag, a varint of 64 bits */

static void pack(struct buffer *buffer, const ProtobufCMessage *message)
{
	char *to = buffer_reserve(buffer, protobuf_c_message_get_packed_size(message));
	if (to)
		buffer->length += protobuf_c_message_pack(message, (uint8_t *)to);
}

/* The header of an embedded message: tag with wire type 2 (LEN), and its length. */
static size_t put_header(char *to, unsigned field, size_t length)
{
	size_t size = 0;
	to[size++] = (char)(field << 3 | 2);
	for (; length >= 0x80; length >>= 7)
		to[size++] = (char)(length | 0x80);
	to[size++] = (char)length;
	return size;
}

/* --- gzip --- */

/*
 * Keys and most values repeat from span to span: the fastest level and a window of 16 KiB give 82
 * bytes per span where the defaults give 75, in half their time and half their memory (128 KiB).
 */
#define GZIP_LEVEL       Z_BEST_SPEED
#define GZIP_WINDOW_BITS (14 + 16) /* + 16 asks for the gzip format */
#define GZIP_MEMORY      7
#define GZIP_STEP        4096 /* room made for output at a time */

struct gzip {
	z_stream stream;
	struct buffer out;
};

static void gzip_write(struct gzip *gzip, const char *bytes, size_t size, int flush)
{
	gzip->stream.next_in = (Bytef *)bytes;
	gzip->stream.avail_in = (uInt)size;
	do {
		gzip->stream.next_out = (Bytef *)buffer_reserve(&gzip->out, GZIP_STEP);
		if (!gzip->stream.next_out)
			return;
		gzip->stream.avail_out = GZIP_STEP;
		deflate(&gzip->stream, flush);
		gzip->out.length += GZIP_STEP - gzip->stream.avail_out;
	} while (gzip->stream.avail_out == 0);
}

/* --- span --- */

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
		attribute_true(to, "sonde.truncated");
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

static void pack_span(struct buffer *buffer, struct attributes *attributes, const struct span *span)
{
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
	pack(buffer, &scope_spans.base);
}

/* --- resource and scope --- */

static void pack_resource(struct buffer *buffer, struct attributes *attributes,
	const struct otlp_about *about, const struct span *span)
{
	Otlp__Resource resource = OTLP__RESOURCE__INIT;
	Otlp__ResourceSpans resource_spans = OTLP__RESOURCE_SPANS__INIT;

	attributes_clear(attributes);
	attribute_string(attributes, "service.name", span->service->name);
	attribute_string(attributes, "host.name", about->host_name);
	attribute_text(attributes, "os.type", "linux");
	if (span->pid)
		attribute_integer(attributes, "process.pid", span->pid);
	attribute_string(attributes, "process.executable.name", span->service->executable);
	attribute_string(attributes, "container.id", span->service->container_id);
	attribute_text(attributes, "telemetry.sdk.name", "sonde");
	attribute_text(attributes, "telemetry.sdk.language", "c");
	attribute_string(attributes, "telemetry.sdk.version", about->version);

	resource.attributes = attributes->list;
	resource.n_attributes = attributes->count;
	resource_spans.resource = &resource;
	resource_spans.schema_url = SCHEMA_URL;
	pack(buffer, &resource_spans.base);
}

static void pack_scope(struct buffer *buffer, const struct otlp_about *about)
{
	Otlp__InstrumentationScope scope = OTLP__INSTRUMENTATION_SCOPE__INIT;
	Otlp__ScopeSpans scope_spans = OTLP__SCOPE_SPANS__INIT;

	scope.name = "sonde";
	scope.version = (char *)about->version;
	scope_spans.scope = &scope;
	scope_spans.schema_url = SCHEMA_URL;
	pack(buffer, &scope_spans.base);
}

static int compare_resources(const struct span *a, const struct span *b)
{
	int order;

	if (a->pid != b->pid)
		return a->pid < b->pid ? -1 : 1;
	if (a->service == b->service)
		return 0;
	order = strcmp(a->service->name, b->service->name);
	if (order == 0)
		order = strcmp(a->service->container_id, b->service->container_id);
	if (order == 0)
		order = strcmp(a->service->executable, b->service->executable);
	return order;
}

static int compare_spans(const void *left, const void *right)
{
	const struct span *a = *(const struct span *const *)left;
	const struct span *b = *(const struct span *const *)right;
	int order = compare_resources(a, b);

	return order ? order : a < b ? -1 : a > b;
}

/* --- request --- */

struct encoder {
	struct gzip gzip;
	struct buffer resource; /* a ResourceSpans, all but its ScopeSpans */
	struct buffer spans;    /* that ScopeSpans */
	struct attributes attributes;
};

static void encode_group(struct encoder *encoder, const struct otlp_about *about,
	const struct span *const *spans, size_t count)
{
	struct buffer *below = &encoder->spans, *above = &encoder->resource;
	char outer[HEADER_LEN_MAX], inner[HEADER_LEN_MAX];
	size_t outer_size, inner_size;

	below->length = above->length = 0;
	pack_scope(below, about);
	for (size_t i = 0; i < count; i++)
		pack_span(below, &encoder->attributes, spans[i]);
	pack_resource(above, &encoder->attributes, about, spans[0]);

	inner_size = put_header(inner, RESOURCE_SPANS_SCOPE_SPANS, below->length);
	outer_size = put_header(
		outer, REQUEST_RESOURCE_SPANS, above->length + inner_size + below->length);
	gzip_write(&encoder->gzip, outer, outer_size, Z_NO_FLUSH);
	gzip_write(&encoder->gzip, above->text, above->length, Z_NO_FLUSH);
	gzip_write(&encoder->gzip, inner, inner_size, Z_NO_FLUSH);
	gzip_write(&encoder->gzip, below->text, below->length, Z_NO_FLUSH);
}

static void encode_request(struct encoder *encoder, const struct otlp_about *about,
	const struct span **spans, size_t count)
{
	qsort(spans, count, sizeof(*spans), compare_spans);
	for (size_t first = 0, next; first < count; first = next) {
		next = first + 1;
		while (next < count && compare_resources(spans[first], spans[next]) == 0)
			next++;
		encode_group(encoder, about, spans + first, next - first);
	}
	gzip_write(&encoder->gzip, NULL, 0, Z_FINISH);
}

int otlp_encode(struct otlp_body *body, const struct otlp_about *about, const struct span *spans,
	size_t count)
{
	struct encoder *encoder = calloc(1, sizeof(*encoder));
	const struct span **order = calloc(count, sizeof(*order));
	int error = -ENOMEM;

	*body = (struct otlp_body){0};
	if (!encoder || !order ||
		deflateInit2(&encoder->gzip.stream, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS,
			GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		goto out;
	for (size_t i = 0; i < count; i++)
		order[i] = &spans[i];
	encode_request(encoder, about, order, count);
	deflateEnd(&encoder->gzip.stream);
	if (encoder->resource.failed || encoder->spans.failed || encoder->gzip.out.failed) {
		buffer_free(&encoder->gzip.out);
	} else {
		body->data = encoder->gzip.out.text;
		body->size = encoder->gzip.out.length;
		error = 0;
	}
	buffer_free(&encoder->resource);
	buffer_free(&encoder->spans);
out:
	free(encoder);
	free(order);
	return error;
}
