/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the other end of a connection: a service of this node, or else by what is known of the
 * address, in this order: the configuration, the cluster, what was looked up here. Part of flows.c.
 */
#ifndef SONDE_FLOW_PEER_H
#define SONDE_FLOW_PEER_H

#include "kubernetes/peer_table.h"
#include "protocol/dns/dns_lookups.h"
#include "telemetry/tcp/flow_table.h"
#include "telemetry/tcp/listeners.h"
#include "telemetry/tcp/peers.h"

/* Where it is looked for, all borrowed. */
struct flow_peers {
	struct metric_family *const *families;
	struct identity *identity;
	struct peers *names;
	const struct dns_lookups *dns;
	struct listeners *listeners;
	struct peer_table *cluster; /* NULL: nothing is known of one */
	const struct flow_table *table;
	uint64_t now_ns;
};

/* The value of `peer`; some are made in `room`, and others are of the entry's labels. */
const char *flow_peer_look(
	const struct flow_peers *who, struct flow_entry *entry, char room[SERVICE_NAME_LEN]);

#endif
