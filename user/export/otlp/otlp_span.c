/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges as OTLP's spans. Which attributes one has is its protocol's matter. */
#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "base/protobuf.h"
#include "export/otlp/otlp_messages.pb-c.h"
#include "export/otlp/otlp_signal.h"

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

static void append_name(struct attributes *attributes, const struct exchange *exchange)
{
	struct text name;
	const char *text;
	size_t length;

	text_clear(&name);
	exchange_put_name(&name, exchange);
	length = name.used;
	text = attributes_mend(attributes, text_string(&name), &length);
	protobuf_append_bytes(attributes->buffer, SPAN_NAME, text, length);
}

static void span_pack(struct attributes *attributes, const void *item)
{
	const struct exchange *exchange = item;
	const struct exchange_trace *trace = &exchange->trace;
	struct buffer *buffer = attributes->buffer;
	static const uint8_t no_parent[sizeof(trace->parent_id)];
	bool has_parent = memcmp(trace->parent_id, no_parent, sizeof(no_parent)) != 0;
	uint32_t flags = (trace->flags & FLAGS_TRACE_FLAGS_MASK) | FLAGS_HAS_IS_REMOTE;
	size_t status;

	protobuf_append_bytes(buffer, SPAN_TRACE_ID, trace->trace_id, sizeof(trace->trace_id));
	protobuf_append_bytes(buffer, SPAN_SPAN_ID, trace->span_id, sizeof(trace->span_id));
	if (has_parent) { /* it was read from the wire */
		protobuf_append_bytes(
			buffer, SPAN_PARENT_ID, trace->parent_id, sizeof(trace->parent_id));
		flags |= FLAGS_IS_REMOTE;
	}
	append_name(attributes, exchange);
	protobuf_append_number(buffer, SPAN_KIND,
		exchange->role == EXCHANGE_SERVER ? OTLP__SPAN__SPAN_KIND__SPAN_KIND_SERVER
						  : OTLP__SPAN__SPAN_KIND__SPAN_KIND_CLIENT);
	protobuf_append_fixed64(buffer, SPAN_START, exchange_start_unix_ns(exchange));
	protobuf_append_fixed64(buffer, SPAN_END, exchange_end_unix_ns(exchange));
	attributes->field = SPAN_ATTRIBUTES;
	exchange_visit(exchange, attributes_put, attributes);
	if (exchange->error) {
		status = protobuf_begin(buffer);
		protobuf_append_number(
			buffer, STATUS_CODE, OTLP__STATUS__STATUS_CODE__STATUS_CODE_ERROR);
		protobuf_end(buffer, SPAN_STATUS, status);
	}
	append_flags(buffer, flags);
}

const struct otlp_signal otlp_spans = {
	.path = "/v1/traces",
	.headers_variable = "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
	.items = "spans",
	.item_size = sizeof(struct exchange),
	.service = offsetof(struct exchange, service),
	.pid = offsetof(struct exchange, pid),
	.strings = exchange_strings,
	.string_count = EXCHANGE_STRINGS,
	.pack = span_pack,
};
