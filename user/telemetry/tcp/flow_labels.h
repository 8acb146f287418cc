/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The label values of connections, once for all that have the same, and the series that these are
 * counted in: so a connection that goes on and on finds its series without a look-up. Part of
 * flows.c.
 */
#ifndef SONDE_FLOW_LABELS_H
#define SONDE_FLOW_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uthash.h>

#include "record.h"
#include "telemetry/metrics/families.h"

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
	struct flow_labels *labels, struct metric_family *const *families, enum family family);

#endif
