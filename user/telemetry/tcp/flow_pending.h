/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection did since it was settled last, until its labels are known and it is counted in
 * the metrics. Part of flows.c.
 */
#ifndef SONDE_FLOW_PENDING_H
#define SONDE_FLOW_PENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "record.h"
#include "telemetry/metrics/metrics.h"

struct flow_entry;

struct flow_pending {
	uint64_t sent_bytes;
	uint64_t received_bytes;
	uint32_t retransmitted_segments;
	uint32_t resets_sent;
	uint32_t resets_received;
	bool has_begun;
	bool has_rtt;
};

void flow_pending_add(struct flow_pending *pending, const struct record_tcp *record);

/* Adds it to the metrics, under the labels of the entry. */
void flow_pending_count(struct flow_entry *entry, struct metric_family *const *families);

#endif
