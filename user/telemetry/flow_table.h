/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections that flows.c follows, found by their number and by the addresses of their other
 * end. Part of it.
 */
#ifndef SONDE_FLOW_TABLE_H
#define SONDE_FLOW_TABLE_H

#include <uthash.h>

#include "telemetry/flows.h"

/* What is to be counted when the connection is settled next. */
struct flow_pending {
	uint64_t sent_bytes;
	uint64_t received_bytes;
	uint32_t retransmitted_segments;
	uint32_t resets_sent;
	uint32_t resets_received;
	bool has_begun;
	bool has_rtt;
};

struct flow_entry {
	struct flow flow;
	struct flow_pending pending;
	/* How the other end has it, but for the namespace, unless the address is of each its own */
	struct record_address key;
	UT_hash_handle by_connection, by_address;
	enum { NOWHERE, TO_SETTLE, TO_FORGET } list; /* that it is in */
	struct flow_entry *next, *prev;
	const char *peer;           /* kept in peers; NULL: not looked for yet */
	struct metric_series *open; /* the gauge that it is part of, or NULL */
	uint64_t told_ns;           /* when its last flow record was made */
	bool is_known;              /* in the tables */
	bool is_open;
	bool is_peer_local; /* the peer is a service of this node */
	bool has_changed;   /* since its last flow record */
	bool was_counted;   /* as ended */
};

/* Zeroed, it is empty. */
struct flow_table {
	struct flow_entry *connections, *addresses;
};

struct flow_entry *flow_table_find(const struct flow_table *table, uint64_t connection);

/* The other end of a connection, if it is on this node. */
struct flow_entry *flow_table_find_mirror(
	const struct flow_table *table, const struct record_address *address);

/* False: there is no room for it. */
bool flow_table_add(struct flow_table *table, struct flow_entry *entry);
void flow_table_remove(struct flow_table *table, struct flow_entry *entry);

/* The next one in no order, NULL at the end; begins with NULL. The one before may be removed. */
#define flow_table_each(table, entry, next)                                                        \
	HASH_ITER(by_connection, (table)->connections, entry, next)

#endif
