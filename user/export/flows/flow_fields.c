/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_fields.h. */
#include "export/flows/flow_fields.h"

#include <string.h>

#include "base/address.h"
#include "identity/pod_attributes.h"

struct fields {
	attribute_sink sink;
	void *context;
};

static void put(const struct fields *fields, struct attribute field)
{
	field.key_length = (uint32_t)strlen(field.key);
	fields->sink(fields->context, &field);
}

static void put_text(const struct fields *fields, const char *key, const char *text)
{
	if (text && *text)
		put(fields, (struct attribute){.key = key, .type = ATTRIBUTE_TEXT, .text = text});
}

static void put_number(const struct fields *fields, const char *key, uint64_t number)
{
	put(fields, (struct attribute){.key = key, .type = ATTRIBUTE_NUMBER, .number = number});
}

static void put_known(const struct fields *fields, const char *key, uint64_t number)
{
	if (number)
		put_number(fields, key, number);
}

static void put_seconds(const struct fields *fields, const char *key, uint64_t ns)
{
	if (ns)
		put(fields,
			(struct attribute){.key = key, .type = ATTRIBUTE_SECONDS, .number = ns});
}

/* --- what a record says of its connection --- */

/* Without a sign, as a recording may say anything of its clocks: that wraps around. */
static uint64_t wall_time_ns(const struct flow_view *view, uint64_t monotonic_ns)
{
	return monotonic_ns + (uint64_t)view->realtime_offset_ns;
}

uint64_t flow_record_time_ns(const struct flow_view *view)
{
	return wall_time_ns(view, view->event == FLOW_OPEN ? view->now_ns : view->flow->end_ns);
}

const char *flow_event_name(enum flow_event event)
{
	static const char *const names[] = {
		[FLOW_OPEN] = "open", [FLOW_CLOSED] = "closed", [FLOW_FAILED] = "failed"};

	return names[event];
}

struct flow_end flow_source(const struct flow *flow)
{
	const struct record_address *address = &flow->address;

	if (flow->direction == TCP_INBOUND)
		return (struct flow_end){address->remote, address->remote_port};
	return (struct flow_end){address->local, address->local_port};
}

struct flow_end flow_destination(const struct flow *flow)
{
	const struct record_address *address = &flow->address;

	if (flow->direction == TCP_INBOUND)
		return (struct flow_end){address->local, address->local_port};
	return (struct flow_end){address->remote, address->remote_port};
}

static void put_process(const struct fields *fields, const struct flow_view *view)
{
	char command[COMM_LEN + 1] = "";

	memcpy(command, view->flow->comm, COMM_LEN);
	put_text(fields, "service_name", view->service->name);
	pod_attributes_visit(&view->service->pod, fields->sink, fields->context);
	put_known(fields, "process.pid", view->flow->tgid);
	put_text(fields, "process.command", command);
}

static void put_ends(const struct fields *fields, const struct flow_view *view)
{
	const struct flow *flow = view->flow;
	struct flow_end source = flow_source(flow), destination = flow_destination(flow);
	char text[ADDRESS_TEXT_LEN];

	put_text(fields, "direction", flow_direction_name(flow->direction));
	address_text(text, source.address);
	put_text(fields, "source.address", text);
	put_number(fields, "source.port", source.port);
	address_text(text, destination.address);
	put_text(fields, "destination.address", text);
	put_number(fields, "destination.port", destination.port);
	put_text(fields, "peer", view->peer);
	put_known(fields, "server.port", view->port);
	put_known(fields, "netns", flow->address.netns);
}

static void put_life(const struct fields *fields, const struct flow_view *view)
{
	const struct flow *flow = view->flow;
	uint64_t until_ns = flow->end_ns ? flow->end_ns : view->now_ns;

	put(fields, (struct attribute){
			    .key = "mptcp", .type = ATTRIBUTE_BOOLEAN, .number = flow->is_mptcp});
	put_text(fields, "state", flow_state_name(flow->state));
	if (!flow->start_ns)
		return;
	put(fields, (struct attribute){.key = "start",
			    .type = ATTRIBUTE_TIME,
			    .number = wall_time_ns(view, flow->start_ns)});
	/* opened after the sweep that the record is of, it has no age yet */
	put_seconds(fields, "duration_seconds",
		until_ns > flow->start_ns ? until_ns - flow->start_ns : 0);
}

/*
 * Of one that never was established the kernel counts its own segments only, and keeps no state
 * worth telling: a 0 would be invented.
 */
static void put_figures(const struct fields *fields, const struct flow_view *view)
{
	const struct tcp_figures *total = &view->flow->total;
	const struct {
		const char *name;
		uint64_t value;
	} figures[] = {
		{"sent_bytes", total->sent_bytes},
		{"received_bytes", total->received_bytes},
		{"sent_segments", total->sent_segments},
		{"received_segments", total->received_segments},
		{"retransmitted_segments", total->retransmitted_segments},
		{"retransmitted_bytes", total->retransmitted_bytes},
		{"lost_segments", total->lost_segments},
		{"out_of_order_segments", total->out_of_order_segments},
		{"zero_window_events", total->zero_windows},
	};

	for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++)
		if (view->event != FLOW_FAILED || figures[i].value)
			put_number(fields, figures[i].name, figures[i].value);
}

static void put_condition(const struct fields *fields, const struct flow_view *view)
{
	const struct flow *flow = view->flow;

	if (view->event == FLOW_OPEN) {
		put_number(fields, "sent_bytes_per_second", view->rate.sent_bytes);
		put_number(fields, "received_bytes_per_second", view->rate.received_bytes);
	}
	put_number(fields, "unsent_bytes", flow->unsent_bytes);
	put_number(fields, "unacknowledged_bytes", flow->unacknowledged_bytes);
	put_known(fields, "congestion_window_segments", flow->congestion_window);
	put_seconds(fields, "rtt_seconds", flow->srtt_us * 1000ull);
	put_seconds(fields, "min_rtt_seconds", flow->min_rtt_us * 1000ull);
	put_seconds(fields, "connect_seconds", flow->connect_ns);
	put_seconds(fields, "first_byte_seconds", flow->first_byte_ns);
}

static void put_end(const struct fields *fields, const struct flow_view *view)
{
	const struct flow *flow = view->flow;

	put_text(fields, "result", flow_result_name(flow));
	put_text(fields, "closed_by", flow_closer_name(flow->closer));
	put_text(fields, "reason", flow_reason_name(flow->reason));
	if (flow->error)
		put_text(fields, "error", strerrorname_np(flow->error));
}

void flow_fields_visit(const struct flow_view *view, attribute_sink sink, void *context)
{
	const struct fields fields = {sink, context};

	put_process(&fields, view);
	put_ends(&fields, view);
	put_life(&fields, view);
	put_figures(&fields, view);
	if (view->event != FLOW_FAILED)
		put_condition(&fields, view);
	put_end(&fields, view);
}
