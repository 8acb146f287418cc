/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What connections are counted in: their label values, once for all connections that have the same,
 * with the series of these, so that a connection that goes on and on finds its series without a
 * look-up; and what one did until its labels are known. Part of flows.c.
 */
#ifndef SONDE_FLOW_SERIES_H
#define SONDE_FLOW_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "record.h"
#include "telemetry/tcp/tcp_families.h"

/* --- labels --- */

/* The families that have these labels and no others lie together. */
#define FLOW_FAMILY_FIRST FAMILY_TCP_OPEN
#define FLOW_FAMILIES     (FAMILY_TCP_RTT - FLOW_FAMILY_FIRST + 1)

enum flow_label { FLOW_SERVICE, FLOW_DIRECTION, FLOW_PEER, FLOW_PORT, FLOW_LABELS };

struct flow_labels {
	const char *values[FLOW_LABELS]; /* in `text` */
	enum tcp_direction direction;
	struct metric_series *series[FLOW_FAMILIES]; /* held; NULL: not asked for yet */
	size_t users;
	UT_hash_handle hh;
	char text[];
};

/*
 * Those with these values, made if need be, in the table `*all`; it is theirs who asked until they
 * are released. Aborts without memory: what is counted has no true place elsewhere.
 */
struct flow_labels *flow_labels_keep(struct flow_labels **all, const char *service,
	enum tcp_direction direction, const char *peer, const char *port);
void flow_labels_release(struct flow_labels **all, struct flow_labels *labels); /* or NULL */

bool flow_labels_are(const struct flow_labels *labels, const char *service,
	enum tcp_direction direction, const char *peer, const char *port);

/* The series with these labels in one of the families above; valid while the labels are kept. */
struct metric_series *flow_labels_series(
	struct flow_labels *labels, struct metric_family *const *families, enum tcp_family family);

/* --- what is not counted yet --- */

struct flow_entry;

/* What a connection did since it was settled last. */
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
