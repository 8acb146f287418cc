/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connections that flows.c follows, found by their number and by the addresses of their other
 * end. Part of it.
 *
 * It has FLOWS_MAX places, which workloads share (workload_counts.h).
 *
 * Two hash tables with chains that go through the entries: of tens of thousands, each takes two
 * words for each table, and finding one mostly reads that one alone.
 */
#ifndef SONDE_FLOW_TABLE_H
#define SONDE_FLOW_TABLE_H

#include "identity/workload_counts.h"
#include "telemetry/tcp/flow_series.h"
#include "telemetry/tcp/flows.h"

enum flow_index { BY_CONNECTION, BY_ADDRESS, FLOW_INDEXES };

struct flow_entry {
	struct flow_entry *chain[FLOW_INDEXES]; /* what is behind it there */
	struct flow flow;
	struct flow_pending pending;
	struct flow_meter meter;
	enum { NOWHERE, TO_SETTLE, TO_FORGET } list; /* that it is in */
	uint32_t owner; /* the workload that it counts for in the table */
	struct flow_entry *next, *prev;
	struct flow_labels *labels; /* NULL: not settled yet */
	struct metric_series *open; /* the gauge that it is part of, held; or NULL */
	uint64_t reported_ns;       /* when its last flow record was made */
	bool is_known;              /* in the table */
	bool is_open;
	bool is_peer_local; /* the peer is a service of this node */
	bool has_changed;   /* since its last flow record */
	bool was_counted;   /* as ended */
};

/* Zeroed, it is empty. */
struct flow_table {
	struct flow_entry **chains[FLOW_INDEXES];
	size_t chain_count; /* of each: a power of two */
	size_t count;
	size_t giving_at; /* the chain that flow_table_giving() looks at next */
	struct workload_counts owners;
};

struct flow_entry *flow_table_find(const struct flow_table *table, uint64_t connection);

/* The other end of a connection, if it is on this node. */
struct flow_entry *flow_table_find_mirror(
	const struct flow_table *table, const struct record_address *address);

/* False: there is no room for it. `entry->flow.workload` owns it. */
bool flow_table_add(struct flow_table *table, struct flow_entry *entry);

/* Its workload is another one by now. */
void flow_table_own(struct flow_table *table, struct flow_entry *entry);

/* What is to leave a full table for a connection of this workload; NULL: nothing is. */
struct flow_entry *flow_table_giving(struct flow_table *table, uint32_t workload);
void flow_table_remove(struct flow_table *table, struct flow_entry *entry);

/* The one after `entry` in no order; NULL: there is none. Of NULL, the first. */
struct flow_entry *flow_table_next(const struct flow_table *table, const struct flow_entry *entry);

/* Frees what it holds; the entries are the caller's. */
void flow_table_clear(struct flow_table *table);

#endif
