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

#include "identity/service.h"
#include "record.h"
#include "protocol/dns/dns_lookups.h"
#include "telemetry/metrics/metrics.h"
#include "telemetry/tcp/flow_rate.h"
#include "telemetry/tcp/peers.h"

#define FLOWS_MAX 65536

enum flow_event { FLOW_OPEN, FLOW_CLOSED, FLOW_FAILED };

/* A connection, as of its last record. */
struct flow {
	struct record_address address;
	uint64_t connection; /* unique; 0: it never came to be one */
	uint64_t
		start_ns; /* established at, CLOCK_MONOTONIC; 0: before Sonde was there, or never */
	uint64_t end_ns;  /* closed, or failed at; 0: it is open */
	uint64_t changed_ns;      /* time of the last record */
	uint64_t connect_ns;      /* SYN to established; 0: not known */
	uint64_t first_byte_ns;   /* established to first payload received; 0: none, or not known */
	struct tcp_figures total; /* of its whole life, also what was before Sonde */
	uint32_t srtt_us;         /* 0: no sample */
	uint32_t min_rtt_us;
	uint32_t congestion_window; /* segments */
	uint32_t unsent_bytes;
	uint32_t unacknowledged_bytes;
	uint32_t workload;
	uint32_t tgid;       /* of its owner; 0: not known */
	char comm[COMM_LEN]; /* its command name */
	uint8_t direction;   /* enum tcp_direction */
	uint8_t state;       /* of the kernel, see flow_state_name() */
	uint8_t closer;      /* enum tcp_closer */
	uint8_t reason;      /* enum tcp_reason */
	bool is_mptcp;       /* a subflow */
	bool is_waiting;     /* to be accepted; for some seconds only */
	bool has_failed;     /* never was established */
	uint16_t error;      /* errno, or 0 */
};

/* One, with what is known of it beside. Borrowed for the call. */
struct flow_view {
	const struct flow *flow;
	enum flow_event event;
	const struct service *service;
	const char *peer; /* see peers.h */
	uint16_t port;    /* the server's; 0: not known which end that is */
	struct flow_rate rate;
	uint64_t now_ns; /* of the last sweep */
	int64_t realtime_offset_ns;
};

typedef void (*flow_sink)(void *context, const struct flow_view *flow);

/* The words for "direction", "closed_by", "reason" and "state"; "" for what there is none. */
const char *flow_direction_name(enum tcp_direction direction);
const char *flow_closer_name(enum tcp_closer closer);
const char *flow_reason_name(enum tcp_reason reason);
const char *flow_state_name(unsigned state);

/* How its establishment ended: "established", "refused", "timeout", …; as the metric's label. */
const char *flow_result_name(const struct flow *flow);

struct flows;

/* All are borrowed; `families` has one for each enum family. NULL: no memory. */
struct flows *flows_new(struct metric_family *const *families, struct identity *identity,
	struct peers *peers, const struct dns_lookups *dns);
void flows_free(struct flows *flows);

/*
 * Flow records go to `sink`: each connection once when it has ended, and each open one that changed
 * every `interval_ns` (0: never). NULL: to nobody.
 */
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
