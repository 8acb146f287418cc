/* SPDX-License-Identifier: Apache-2.0 */
/* See event_json.h. */
#include "export/events/event_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "export/lines/json_line.h"
#include "identity/pod_attributes.h"

#define NS_PER_US 1000u

static const char *level_word(enum event_level level)
{
	return level == EVENT_FAILED ? "error" : level == EVENT_SLOW ? "warn" : "info";
}

static void append_text(struct buffer *line, const char *key, const char *text)
{
	if (!text || !*text)
		return;
	json_line_attribute(
		line, &(struct attribute){.key = key, .type = ATTRIBUTE_TEXT, .text = text});
}

/* In milliseconds, to the microsecond. */
static const char *milliseconds(char text[32], uint64_t ns)
{
	uint64_t us = ns / NS_PER_US;

	snprintf(text, 32, "%" PRIu64 ".%03u", us / 1000, (unsigned)(us % 1000));
	return text;
}

static void append_milliseconds(struct buffer *line, const char *key, uint64_t ns)
{
	char text[32];

	buffer_append_text(line, ",\"");
	buffer_append_text(line, key);
	buffer_append_text(line, "\":");
	buffer_append_text(line, milliseconds(text, ns));
}

/* `GET /orders/{id} 200 in 12.300 ms`, or what went wrong where the status stands. */
static void append_message(struct buffer *line, const struct exchange *exchange)
{
	struct text message;
	char duration[32];

	text_clear(&message);
	exchange_put_name(&message, exchange);
	if (*exchange->status) {
		text_put(&message, " ");
		text_put(&message, exchange->status);
	}
	if (exchange->error && strcmp(exchange->error, exchange->status) != 0) {
		text_put(&message, " ");
		text_put(&message, exchange->error);
	}
	text_put(&message, exchange->is_timed ? " in " : " after ");
	text_put(&message, milliseconds(duration, exchange->duration_ns));
	text_put(&message, " ms");
	append_text(line, "message", text_string(&message));
}

static void append_id(struct buffer *line, const char *key, const uint8_t *bytes, size_t size)
{
	char text[2 * sizeof(((struct exchange_trace *)NULL)->trace_id) + 1] = "";
	bool is_there = false;

	for (size_t i = 0; i < size; i++) {
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
		is_there |= bytes[i] != 0;
	}
	if (is_there)
		append_text(line, key, text);
}

/* As a number where it is one. */
static void append_status(struct buffer *line, const char *status)
{
	const char *key = "status_code";

	if (!*status || status[strspn(status, "0123456789")]) {
		append_text(line, key, status);
		return;
	}
	buffer_append_text(line, ",\"status_code\":");
	buffer_append_text(line, status);
}

/* Who asks, by what a protocol knows of it: a proxy may have told. */
struct client {
	struct buffer *line;
	bool is_known;
};

static void client_take(void *context, const struct attribute *attribute)
{
	struct client *client = context;

	if (client->is_known || strcmp(attribute->key, "client.address") != 0)
		return;
	append_text(client->line, "client_ip", attribute->text);
	client->is_known = true;
}

static void append_client(struct buffer *line, const struct exchange *exchange)
{
	struct client client = {.line = line};

	exchange_visit(exchange, client_take, &client);
	if (!client.is_known)
		append_text(line, "client_ip",
			exchange->role == EXCHANGE_SERVER ? exchange->peer.address
							  : exchange->local.address);
}

static void append_place(struct buffer *line, const struct service *service)
{
	append_text(line, "container.id", service->container_id);
	pod_attributes_visit(&service->pod, json_line_attribute, line);
}

void event_json_append(struct buffer *line, const struct exchange *exchange, enum event_level level)
{
	const struct exchange_trace *trace = &exchange->trace;

	buffer_append_text(line, "{\"timestamp\":");
	json_line_time(line, exchange_end_unix_ns(exchange));
	append_text(line, "level", level_word(level));
	append_message(line, exchange);
	append_text(line, "service", exchange->service->name);
	append_text(line, "kind", exchange->role == EXCHANGE_SERVER ? "server" : "client");
	append_text(line, "method", exchange->operation);
	append_text(line, "route", exchange->target);
	append_status(line, exchange->status);
	append_text(line, "error", exchange->error);
	if (exchange->is_timed)
		append_milliseconds(line, "duration_ms", exchange->duration_ns);
	if (exchange->has_first_byte)
		append_milliseconds(line, "first_byte_ms", exchange->time_to_first_byte_ns);
	append_client(line, exchange);
	append_id(line, "trace_id", trace->trace_id, sizeof(trace->trace_id));
	append_id(line, "span_id", trace->span_id, sizeof(trace->span_id));
	append_id(line, "parent_span_id", trace->parent_id, sizeof(trace->parent_id));
	append_place(line, exchange->service);
	exchange_visit(exchange, json_line_attribute, line);
	buffer_append_text(line, "}\n");
}

void event_json_append_event(struct buffer *line, const struct event *event, enum event_level level)
{
	buffer_append_text(line, "{\"timestamp\":");
	json_line_time(line, event->time_ns + (uint64_t)event->realtime_offset_ns);
	append_text(line, "level", level_word(level));
	append_text(line, "message", event->message);
	append_text(line, "service", event->service->name);
	append_text(line, "kind", event->name);
	append_place(line, event->service);
	for (size_t i = 0; i < event->attribute_count; i++)
		json_line_attribute(line, &event->attributes[i]);
	buffer_append_text(line, "}\n");
}
