/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_series.h. */
#include "telemetry/tcp/flow_series.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "telemetry/metrics/series_key.h"
#include "telemetry/tcp/flow_table.h"

/* --- labels --- */

static struct flow_labels *labels_new(const struct series_key *key)
{
	struct flow_labels *labels = calloc(1, sizeof(*labels) + key->length);
	const char *value;

	if (!labels) {
		log_error("out of memory for labels of connections");
		abort();
	}
	value = memcpy(labels->text, key->text, key->length);
	for (int i = 0; i < FLOW_LABELS; i++, value += strlen(value) + 1)
		labels->values[i] = value;
	return labels;
}

struct flow_labels *flow_labels_keep(struct flow_labels **all, const char *service,
	enum tcp_direction direction, const char *peer, const char *port)
{
	const char *const values[FLOW_LABELS] = {
		service, flow_direction_name(direction), peer, port};
	struct flow_labels *labels;
	struct series_key key;

	series_key_make(&key, values, FLOW_LABELS, false);
	HASH_FIND(hh, *all, key.text, key.length, labels);
	if (!labels) {
		labels = labels_new(&key);
		labels->direction = direction;
		HASH_ADD_KEYPTR(hh, *all, labels->text, key.length, labels);
	}
	labels->users++;
	return labels;
}

void flow_labels_release(struct flow_labels **all, struct flow_labels *labels)
{
	if (!labels || --labels->users)
		return;
	for (int i = 0; i < FLOW_FAMILIES; i++)
		if (labels->series[i])
			metric_release(labels->series[i]);
	HASH_DEL(*all, labels);
	free(labels);
}

bool flow_labels_are(const struct flow_labels *labels, const char *service,
	enum tcp_direction direction, const char *peer, const char *port)
{
	return labels->direction == direction &&
	       strcmp(labels->values[FLOW_SERVICE], service) == 0 &&
	       strcmp(labels->values[FLOW_PEER], peer) == 0 &&
	       strcmp(labels->values[FLOW_PORT], port) == 0;
}

struct metric_series *flow_labels_series(
	struct flow_labels *labels, struct metric_family *const *families, enum tcp_family family)
{
	struct metric_series **series = &labels->series[family - FLOW_FAMILY_FIRST];

	/* for what a limit has kept out there may be room by now */
	if (*series && metric_is_overflow(*series)) {
		metric_release(*series);
		*series = NULL;
	}
	if (!*series)
		*series = metric_hold(metrics_series(families[family], labels->values));
	return *series;
}

/* --- what is not counted yet --- */

void flow_pending_add(struct flow_pending *pending, const struct record_tcp *record)
{
	if (record->event == TCP_RESET) {
		*(record->reason == TCP_RESET_SENT ? &pending->resets_sent
						   : &pending->resets_received) += 1;
		return;
	}
	if (record->flags & TCP_FIRST && record->start_ns)
		pending->has_begun = true;
	if ((record->event == TCP_PROGRESS || record->event == TCP_CLOSED) && record->srtt_us)
		pending->has_rtt = true;
	if (record->flags & TCP_FIRST && !record->start_ns && record->event != TCP_FAILED)
		return; /* what was before Sonde */
	pending->sent_bytes += record->growth.sent_bytes;
	pending->received_bytes += record->growth.received_bytes;
	pending->retransmitted_segments += record->growth.retransmitted_segments;
}

/* Moves the connection to the gauge that its labels stand for, or out of all. */
static void open_count(struct flow_entry *entry, struct metric_series *series)
{
	if (entry->open == series)
		return;
	if (series)
		metric_change(metric_hold(series), 1);
	if (entry->open) {
		metric_change(entry->open, -1);
		metric_release(entry->open);
	}
	entry->open = series;
}

static void resets_count(const struct flow_labels *labels, struct metric_family *const *families,
	const char *direction, uint32_t count)
{
	if (count)
		metric_add(SERIES(families, FAMILY_TCP_RESETS, labels->values[FLOW_SERVICE],
				   direction, labels->values[FLOW_PEER], labels->values[FLOW_PORT]),
			count);
}

void flow_pending_count(struct flow_entry *entry, struct metric_family *const *families)
{
	const struct flow_pending *pending = &entry->pending;
	const struct flow *flow = &entry->flow;
	struct flow_labels *labels = entry->labels;
	const char *const *values = labels->values;

#define OF(family) flow_labels_series(labels, families, family)
	if (pending->has_begun || (flow->has_failed && !entry->was_counted))
		metric_add(SERIES(families, FAMILY_TCP_CONNECTIONS, values[FLOW_SERVICE],
				   values[FLOW_DIRECTION], values[FLOW_PEER], values[FLOW_PORT],
				   flow_result_name(flow)),
			1);
	if (pending->has_begun && flow->connect_ns)
		metric_record(OF(FAMILY_TCP_CONNECT), flow->connect_ns);
	if (flow->end_ns && flow->start_ns && !entry->was_counted && flow->reason)
		metric_record(OF(FAMILY_TCP_LIFETIME), flow->end_ns - flow->start_ns);
	if (pending->has_rtt)
		metric_record(OF(FAMILY_TCP_RTT), flow->srtt_us * UINT64_C(1000));
	if (pending->sent_bytes)
		metric_add(OF(FAMILY_TCP_SENT), pending->sent_bytes);
	if (pending->received_bytes)
		metric_add(OF(FAMILY_TCP_RECEIVED), pending->received_bytes);
	if (pending->retransmitted_segments)
		metric_add(OF(FAMILY_TCP_RETRANSMITS), pending->retransmitted_segments);
	if (entry->is_known)
		open_count(entry, entry->is_open && !flow->end_ns ? OF(FAMILY_TCP_OPEN) : NULL);
#undef OF
	resets_count(labels, families, "sent", pending->resets_sent);
	resets_count(labels, families, "received", pending->resets_received);
}
