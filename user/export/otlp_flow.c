/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Flow records as OTLP has them: events, that is log records with a name, without a body. Their
 * attributes are the fields of docs/flows.md, but for those that are the resource's.
 */
#include <string.h>

#include "export/flow_fields.h"
#include "export/otlp_signal.h"
#include "export/protobuf.h"

#define EVENT_NAME "sonde.tcp.flow"

static void add_field(void *context, const struct flow_field *field)
{
	struct attributes *to = context;
	char time[FLOW_TIME_LEN];

	if (!strcmp(field->name, "service_name") || !strcmp(field->name, "process.pid"))
		return;
	switch (field->type) {
	case FLOW_TEXT: attribute_string(to, field->name, field->text); break;
	case FLOW_NUMBER: attribute_integer(to, field->name, field->number); break;
	case FLOW_BOOLEAN: attribute_boolean(to, field->name, field->boolean); break;
	case FLOW_SECONDS: attribute_real(to, field->name, (double)field->number / 1e9); break;
	case FLOW_TIME:
		flow_time_text(time, field->number);
		attribute_string(to, field->name, time);
		break;
	}
}

static void flow_pack(struct buffer *buffer, struct attributes *attributes, const void *item)
{
	const struct otlp_flow *record = item;
	struct flow_view view = record->view;
	Otlp__LogRecord message = OTLP__LOG_RECORD__INIT;
	Otlp__ScopeLogs scope_logs = OTLP__SCOPE_LOGS__INIT;

	view.flow = &record->flow;
	attributes_clear(attributes);
	attribute_text(attributes, "event", flow_event_name(view.event));
	flow_fields_visit(&view, add_field, attributes);
	message.time_unix_nano = flow_record_time_ns(&view);
	message.observed_time_unix_nano = message.time_unix_nano;
	message.severity_number = OTLP__LOG_RECORD__SEVERITY_NUMBER__SEVERITY_NUMBER_INFO;
	message.event_name = EVENT_NAME;
	message.attributes = attributes->list;
	message.n_attributes = attributes->count;

	scope_logs.log_records = (Otlp__LogRecord *[]){&message};
	scope_logs.n_log_records = 1;
	protobuf_append(buffer, &scope_logs.base);
}

static const size_t strings[] = {offsetof(struct otlp_flow, view.peer)};

const struct otlp_signal otlp_flows = {
	.path = "/v1/logs",
	.items = "flow records",
	.item_size = sizeof(struct otlp_flow),
	.service = offsetof(struct otlp_flow, view.service),
	.pid = offsetof(struct otlp_flow, flow.tgid),
	.strings = strings,
	.string_count = sizeof(strings) / sizeof(strings[0]),
	.pack = flow_pack,
};
