/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections while they live and until they are told of: who talks to whom, how much, how fast
 * and how it ended. Part of telemetry, which hands it the records.
 *
 * What records say is gathered for each connection and settled at the end of each sweep, when both
 * ends of a connection on this node, and the look-up of its peer's name, have been heard of. Only
 * then it is counted in the metrics and told to whoever wants flow records. All times are the
 * records' own, so a replay gives the same.
 *
 * Memory: some 400 bytes for each connection, of which there are at most FLOWS_MAX, shared by the
 * workloads; those beyond are counted in the metrics all the same, but for the gauge of open ones,
 * and as `table_full` of the source "tcp".
 *
 * Not thread-safe: the main thread owns it.
 */
#ifndef SONDE_FLOWS_H
#define SONDE_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kubernetes/peer_table.h"
#include "protocol/dns/dns_lookups.h"
#include "telemetry/metrics/metrics.h"
#include "telemetry/tcp/flow.h"
#include "telemetry/tcp/peers.h"

#define FLOWS_MAX 65536

struct flows;

/*
 * All are borrowed; `families` has one for each enum tcp_family, and `events` counts what became of
 * events. NULL: no memory.
 */
struct flows *flows_new(struct metric_family *const *families, struct metric_family *events,
	struct identity *identity, struct peers *peers, const struct dns_lookups *dns);
void flows_free(struct flows *flows);

/*
 * Flow records go to `sink`: each connection once when it has ended, and each open one that changed
 * every `interval_ns` (0: never). NULL: to nobody.
 */
/* Whose addresses are in the cluster; NULL, as at first: that is not asked for. */
void flows_set_cluster(struct flows *flows, struct peer_table *cluster);

void flows_set_sink(struct flows *flows, flow_sink sink, void *context, uint64_t interval_ns);

/* Records of the types RECORD_TCP…, and at the end of each sweep the clock. */
void flows_take(struct flows *flows, const struct record *record);
void flows_settle(struct flows *flows, const struct record_clock *clock);

/* Those that are open, in no order. */
void flows_visit(const struct flows *flows, flow_sink visit, void *context);

/* One of them; false: it is open no longer. */
bool flows_show(const struct flows *flows, uint64_t connection, flow_sink visit, void *context);
size_t flows_count(const struct flows *flows);

#endif
