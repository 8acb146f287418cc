/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow records as OTLP has them: events, that is log records with a name, without a body. Their
 * attributes are the fields of docs/flows.md, but for those that are the resource's.
 */
#include <string.h>

#include "base/protobuf.h"
#include "export/flows/flow_fields.h"
#include "export/otlp/otlp_messages.pb-c.h"
#include "export/otlp/otlp_signal.h"

#define EVENT_NAME "sonde.tcp.flow"

static bool is_of_resource(const char *key)
{
	return strcmp(key, "service_name") == 0 || strcmp(key, "process.pid") == 0 ||
	       strncmp(key, "k8s.", 4) == 0;
}

static void put_field(void *context, const struct attribute *field)
{
	if (!is_of_resource(field->key))
		attributes_put(context, field);
}

/* Fields of LogRecord (otlp_messages.proto), in the order of their numbers. */
#define LOG_TIME          1
#define LOG_SEVERITY      2
#define LOG_ATTRIBUTES    6
#define LOG_OBSERVED_TIME 11
#define LOG_EVENT_NAME    12

static void flow_pack(struct attributes *attributes, const void *item)
{
	const struct otlp_flow *record = item;
	struct flow_view view = record->view;
	struct buffer *buffer = attributes->buffer;

	view.flow = &record->flow;
	protobuf_append_fixed64(buffer, LOG_TIME, flow_record_time_ns(&view));
	protobuf_append_number(
		buffer, LOG_SEVERITY, OTLP__LOG_RECORD__SEVERITY_NUMBER__SEVERITY_NUMBER_INFO);
	attributes->field = LOG_ATTRIBUTES;
	attributes_put_text(attributes, "event", flow_event_name(view.event));
	flow_fields_visit(&view, put_field, attributes);
	protobuf_append_fixed64(buffer, LOG_OBSERVED_TIME, flow_record_time_ns(&view));
	protobuf_append_bytes(buffer, LOG_EVENT_NAME, EVENT_NAME, strlen(EVENT_NAME));
}

static const size_t strings[] = {offsetof(struct otlp_flow, view.peer)};

const struct otlp_signal otlp_flows = {
	.path = "/v1/logs",
	.headers_variable = "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
	.items = "flow records",
	.item_size = sizeof(struct otlp_flow),
	.service = offsetof(struct otlp_flow, view.service),
	.pid = offsetof(struct otlp_flow, flow.tgid),
	.strings = strings,
	.string_count = sizeof(strings) / sizeof(strings[0]),
	.pack = flow_pack,
};
