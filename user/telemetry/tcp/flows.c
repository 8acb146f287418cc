/* SPDX-License-Identifier: Apache-2.0 */
/* See flows.h. */
#include "telemetry/tcp/flows.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/address.h"
#include "base/limit.h"
#include "record/sources.h"
#include "telemetry/tcp/tcp_families.h"
#include "telemetry/tcp/flow_peer.h"
#include "telemetry/tcp/flow_table.h"
#include "telemetry/tcp/listeners.h"
#include "telemetry/tcp/port_labels.h"

/* Connections that have ended and wait for the end of a sweep: more are settled before. */
#define ENDED_MAX 16384

struct flows {
	struct metric_family *const *families;
	struct metric_family *events;
	struct identity *identity;
	struct flow_peers who;
	struct listeners *listeners;
	struct label_values *ports;
	flow_sink sink;
	void *sink_context;
	uint64_t interval_ns;

	struct flow_table table;
	struct flow_labels *labels; /* those in use */
	struct flow_periods periods;
	struct flow_entry *to_settle, *to_forget; /* the lists */
	size_t ended_count;                       /* that came to the first of them */
	uint64_t now_ns;
	uint64_t swept_ns;          /* when the last sweep of all began, in this sweep */
	uint64_t missing_before_ns; /* the same, in the sweep before; 0: it was not one of all */
	int64_t realtime_offset_ns;
};

static void settle(struct flows *flows, struct flow_entry *entry);
static void list_move(struct flows *flows, struct flow_entry *entry, int list);

/* --- entries --- */

static void entry_free(struct flows *flows, struct flow_entry *entry)
{
	flow_table_remove(&flows->table, entry);
	flow_labels_release(&flows->labels, entry->labels);
	free(entry);
}

/* Gives a place in a full table to a connection of this workload, if it may have one. */
static void room_make(struct flows *flows, uint32_t workload)
{
	struct flow_entry *entry = flow_table_giving(&flows->table, workload);

	if (!entry)
		return;
	entry->is_open = false; /* as far as the gauge goes: nothing will be known of its end */
	settle(flows, entry);
	list_move(flows, entry, NOWHERE);
	entry_free(flows, entry);
}

static void table_is_full(struct flows *flows, uint32_t workload)
{
	metric_add(
		metrics_series(flows->events, LABELS("tcp", outcome_names[OUTCOME_TABLE_FULL])), 1);
	limit_met(LIMIT_CONNECTIONS, identity_service(flows->identity, workload)->name);
}

/* A connection that there is no room for is counted all the same, and forgotten at once. */
static struct flow_entry *entry_add(struct flows *flows, const struct record_tcp *record)
{
	struct flow_entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->flow.address = record->address;
	entry->flow.connection = record->connection;
	entry->flow.workload = record->record.workload;
	entry->reported_ns = record->record.time_ns;
	if (!record->connection)
		return entry;
	if (flows->table.count >= FLOWS_MAX) {
		table_is_full(flows, entry->flow.workload);
		room_make(flows, entry->flow.workload);
	}
	flow_table_add(&flows->table, entry);
	return entry;
}

/* --- who the other end is --- */

static const char *service_of(const struct flows *flows, const struct flow *flow)
{
	return service_key(identity_service(flows->identity, flow->workload));
}

/* A connection to the server's port of this one was established, and it is no port for once. */
static bool port_serves(const struct flows *flows, const struct flow *flow)
{
	const struct record_address *address = &flow->address;

	if (flow->has_failed)
		return false;
	if (flow_server_port(flow) < PORT_EPHEMERAL_FIRST)
		return true;
	if (flow->direction == TCP_INBOUND)
		return listeners_has(flows->listeners, address->netns, address->local_port);
	return listeners_service_at(
		flows->listeners, address->netns, address->remote, address->remote_port);
}

/* The value of `port`, which stays while service and direction do; some are made in `room`. */
static const char *port_look(const struct flows *flows, const struct flow_entry *entry,
	const char *service, char room[PORT_LABEL_LEN])
{
	const struct flow *flow = &entry->flow;
	const struct flow_labels *before = entry->labels;

	if (!flow_server_port(flow))
		return "";
	if (before && before->direction == flow->direction &&
		strcmp(before->values[FLOW_SERVICE], service) == 0)
		return before->values[FLOW_PORT];
	port_label_write(flows->ports, room, service, flow->direction, flow_server_port(flow),
		port_serves(flows, flow), flows->now_ns);
	return room;
}

static void labels_look(struct flows *flows, struct flow_entry *entry)
{
	const struct flow *flow = &entry->flow;
	char peer_room[SERVICE_NAME_LEN], room[PORT_LABEL_LEN];
	const char *service = service_of(flows, flow), *peer, *port;
	struct flow_labels *before = entry->labels;

	flows->who.now_ns = flows->now_ns;
	peer = flow_peer_look(&flows->who, entry, peer_room);
	port = port_look(flows, entry, service, room);

	if (before && flow_labels_are(before, service, flow->direction, peer, port))
		return;
	entry->labels = flow_labels_keep(&flows->labels, service, flow->direction, peer, port);
	flow_labels_release(&flows->labels, before); /* which peer and port may be of */
}

/*
 * Of a connection from before Sonde the kernel knows only whether it picked the port. One that was
 * bound to a port before it was connected is told by who listens.
 */
static void direction_look(const struct flows *flows, struct flow *flow)
{
	const struct record_address *address = &flow->address;

	if (!flow->start_ns && flow->direction == TCP_INBOUND &&
		!listeners_has(flows->listeners, address->netns, address->local_port) &&
		listeners_service_at(
			flows->listeners, address->netns, address->remote, address->remote_port))
		flow->direction = TCP_OUTBOUND;
}

/* --- settling --- */

static struct flow_view view_of(
	const struct flows *flows, const struct flow_entry *entry, enum flow_event event)
{
	return (struct flow_view){
		.flow = &entry->flow,
		.event = event,
		.service = identity_service(flows->identity, entry->flow.workload),
		.peer = entry->labels ? entry->labels->values[FLOW_PEER] : "",
		.port = flow_server_port(&entry->flow),
		.rate = flow_meter_rate(&entry->meter, &flows->periods),
		.now_ns = flows->now_ns,
		.realtime_offset_ns = flows->realtime_offset_ns,
	};
}

static void flow_report(struct flows *flows, struct flow_entry *entry, enum flow_event event)
{
	struct flow_view view = view_of(flows, entry, event);

	entry->reported_ns = flows->now_ns;
	entry->has_changed = false;
	flows->sink(flows->sink_context, &view);
}

static void settle(struct flows *flows, struct flow_entry *entry)
{
	struct flow *flow = &entry->flow;

	direction_look(flows, flow);
	labels_look(flows, entry);
	flow_pending_count(entry, flows->families);
	flow_meter_add(&entry->meter, &flows->periods, entry->pending.sent_bytes,
		entry->pending.received_bytes);
	entry->pending = (struct flow_pending){0};
	if (!flow->end_ns || entry->was_counted)
		return;
	entry->was_counted = true;
	if (flows->sink)
		flow_report(flows, entry, flow->has_failed ? FLOW_FAILED : FLOW_CLOSED);
}

/* --- the lists --- */

static void list_move(struct flows *flows, struct flow_entry *entry, int list)
{
	if (entry->list == TO_SETTLE)
		DL_DELETE(flows->to_settle, entry);
	else if (entry->list == TO_FORGET)
		DL_DELETE(flows->to_forget, entry);
	entry->list = list;
	if (list == TO_SETTLE)
		DL_APPEND(flows->to_settle, entry);
	else if (list == TO_FORGET)
		DL_APPEND(flows->to_forget, entry);
}

static bool is_in_queue(const struct flow_entry *entry)
{
	return entry && entry->flow.is_waiting && !entry->flow.end_ns;
}

/*
 * One that waits to be accepted may come to be another service's: a service is started when
 * somebody comes to its socket. Until then the other end does not know its peer either.
 */
static bool is_premature(const struct flows *flows, const struct flow_entry *entry)
{
	return is_in_queue(entry) ||
	       is_in_queue(flow_table_find_mirror(&flows->table, &entry->flow.address));
}

/*
 * Settles what is to be settled. What has ended is forgotten one time later, as another CPU may
 * tell late how it began.
 */
static void settle_all(struct flows *flows)
{
	struct flow_entry *entry, *next;

	while ((entry = flows->to_forget) != NULL) {
		list_move(flows, entry, NOWHERE);
		entry_free(flows, entry);
	}
	DL_FOREACH_SAFE(flows->to_settle, entry, next) {
		if (is_premature(flows, entry))
			continue;
		settle(flows, entry);
		list_move(
			flows, entry, entry->flow.end_ns || !entry->is_known ? TO_FORGET : NOWHERE);
	}
	flows->ended_count = 0;
}

static void entry_end(struct flows *flows, struct flow_entry *entry, uint64_t now_ns)
{
	if (entry->flow.end_ns)
		return;
	entry->flow.end_ns = now_ns;
	list_move(flows, entry, TO_SETTLE);
	flows->ended_count++;
}

/* --- records --- */

static void take_connection(struct flows *flows, const struct record_tcp *record)
{
	struct flow_entry *entry =
		record->connection ? flow_table_find(&flows->table, record->connection) : NULL;
	struct flow *flow;

	flows->now_ns = record->record.time_ns;
	if (!entry)
		entry = entry_add(flows, record);
	if (!entry)
		return;
	flow = &entry->flow;
	flow_update(flow, record);
	flow_table_own(&flows->table, entry);
	if (record->start_ns) {
		flow->start_ns = record->start_ns;
		flow->connect_ns = record->connect_ns;
	}
	flow_add(flow, &record->growth);
	flow_pending_add(&entry->pending, record);
	entry->has_changed = true;
	entry->is_open |= record->event != TCP_RESET && record->event != TCP_FAILED;
	list_move(flows, entry, TO_SETTLE);
	if (record->event == TCP_CLOSED || record->event == TCP_FAILED) {
		flow->reason = record->reason;
		flow->has_failed = record->event == TCP_FAILED;
		entry_end(flows, entry, record->record.time_ns);
	}
	if (flows->ended_count >= ENDED_MAX)
		settle_all(flows);
}

/*
 * A connection that a sweep of all did not find is gone, and the record that said so was lost: for
 * if it was only late, it has come since.
 */
static void missing_end(struct flows *flows)
{
	struct flow_entry *entry = NULL;

	while ((entry = flow_table_next(&flows->table, entry)) != NULL)
		if (entry->flow.changed_ns < flows->missing_before_ns)
			entry_end(flows, entry, flows->now_ns);
	flows->missing_before_ns = 0;
}

void flows_take(struct flows *flows, const struct record *record)
{
	switch ((enum record_type)record->type) {
	case RECORD_TCP: take_connection(flows, (const void *)record); break;
	case RECORD_TCP_LISTENER:
		listeners_take(flows->listeners, (const void *)record,
			service_key(identity_service(flows->identity, record->workload)));
		break;
	case RECORD_TCP_SWEPT:
		flows->swept_ns = ((const struct record_tcp_swept *)record)->begin_ns;
		break;
	case RECORD_TCP_REFUSALS:
		metric_add(SERIES(flows->families, FAMILY_TCP_RESETS,
				   identity_service(flows->identity, 0)->name, "sent", "", ""),
			((const struct record_tcp_refusals *)record)->count);
		break;
	default: break;
	}
}

/* Flow records of those that live and have changed. */
static void report_open_flows(struct flows *flows)
{
	struct flow_entry *entry = NULL;

	if (!flows->sink || !flows->interval_ns)
		return;
	while ((entry = flow_table_next(&flows->table, entry)) != NULL)
		if (entry->has_changed && entry->is_open && !entry->flow.end_ns &&
			flows->now_ns - entry->reported_ns >= flows->interval_ns)
			flow_report(flows, entry, FLOW_OPEN);
}

void flows_settle(struct flows *flows, const struct record_clock *clock)
{
	flows->now_ns = clock->record.time_ns;
	flows->realtime_offset_ns = clock->realtime_offset_ns;
	if (flows->missing_before_ns)
		missing_end(flows);
	flows->missing_before_ns = flows->swept_ns;
	flows->swept_ns = 0;
	settle_all(flows);
	flow_periods_advance(&flows->periods, flows->now_ns);
	report_open_flows(flows);
}

/* --- begin, end, and a look --- */

void flows_visit(const struct flows *flows, flow_sink visit, void *context)
{
	const struct flow_entry *entry = NULL;

	while ((entry = flow_table_next(&flows->table, entry)) != NULL) {
		struct flow_view view = view_of(flows, entry, FLOW_OPEN);

		if (entry->is_open && !entry->flow.end_ns)
			visit(context, &view);
	}
}

bool flows_show(const struct flows *flows, uint64_t connection, flow_sink visit, void *context)
{
	const struct flow_entry *entry = flow_table_find(&flows->table, connection);
	struct flow_view view;

	if (!entry || !entry->is_open || entry->flow.end_ns)
		return false;
	view = view_of(flows, entry, FLOW_OPEN);
	visit(context, &view);
	return true;
}

size_t flows_count(const struct flows *flows)
{
	return flows->table.count;
}

void flows_set_cluster(struct flows *flows, struct peer_table *cluster)
{
	flows->who.cluster = cluster;
}

void flows_set_sink(struct flows *flows, flow_sink sink, void *context, uint64_t interval_ns)
{
	flows->sink = sink;
	flows->sink_context = context;
	flows->interval_ns = interval_ns;
}

struct flows *flows_new(struct metric_family *const *families, struct metric_family *events,
	struct identity *identity, struct peers *peers, const struct dns_lookups *dns)
{
	struct flows *flows = calloc(1, sizeof(*flows));

	if (!flows)
		return NULL;
	flows->families = families;
	flows->events = events;
	flows->identity = identity;
	flows->ports = label_values_new(PORTS_TOTAL_MAX);
	flows->listeners = flows->ports ? listeners_new(families, flows->ports) : NULL;
	flows->who = (struct flow_peers){
		.families = families,
		.identity = identity,
		.names = peers,
		.dns = dns,
		.listeners = flows->listeners,
		.table = &flows->table,
	};
	if (flows->listeners)
		return flows;
	flows_free(flows);
	return NULL;
}

void flows_free(struct flows *flows)
{
	struct flow_entry *entry = NULL, *next;

	if (!flows)
		return;
	while ((entry = flow_table_next(&flows->table, entry)) != NULL)
		list_move(flows, entry, TO_FORGET);
	DL_FOREACH_SAFE(flows->to_settle, entry, next)
		list_move(flows, entry, TO_FORGET);
	DL_FOREACH_SAFE(flows->to_forget, entry, next)
		entry_free(flows, entry);
	flow_table_clear(&flows->table);
	listeners_free(flows->listeners);
	label_values_free(flows->ports);
	free(flows);
}
