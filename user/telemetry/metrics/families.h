/* SPDX-License-Identifier: Apache-2.0 */
/* The metric families that records are counted in. docs/metrics.md defines each of them. */
#ifndef SONDE_FAMILIES_H
#define SONDE_FAMILIES_H

#include "telemetry/metrics/metrics.h"

enum family {
	FAMILY_HTTP_SERVER,
	FAMILY_HTTP_CLIENT,
	FAMILY_HTTP_SERVER_FIRST_BYTE,
	FAMILY_HTTP_CLIENT_FIRST_BYTE,
	FAMILY_HTTP_SERVER_QUEUE,
	FAMILY_HTTP_SERVER_ACCEPT,
	FAMILY_HTTP_CLIENT_CONNECT,
	FAMILY_HTTP_SERVER_ACTIVE,
	FAMILY_HTTP_CLIENT_ACTIVE,
	FAMILY_HTTP_SERVER_LONG,
	FAMILY_HTTP_CLIENT_LONG,
	FAMILY_HTTP_TRUNCATED,
	FAMILY_HTTP_UNTIMED,
	FAMILY_ROUTES_FOLDED,
	FAMILY_TCP_CONNECTIONS,
	FAMILY_TCP_OPEN, /* from here to FAMILY_TCP_RTT: see flow_series.h */
	FAMILY_TCP_SENT,
	FAMILY_TCP_RECEIVED,
	FAMILY_TCP_RETRANSMITS,
	FAMILY_TCP_CONNECT,
	FAMILY_TCP_LIFETIME,
	FAMILY_TCP_RTT,
	FAMILY_TCP_RESETS,
	FAMILY_TCP_ACCEPT_QUEUE,
	FAMILY_TCP_ACCEPT_QUEUE_LIMIT,
	FAMILY_TCP_LISTEN_OVERFLOWS,
	FAMILY_TCP_PEERS_FOLDED,
	FAMILY_DNS_LOOKUP,
	FAMILY_DNS_FAILED,
	FAMILY_SYSCALL,
	FAMILY_SYSCALL_ERRORS,
	FAMILY_SYSCALL_SLOW,
	FAMILY_PROCESS_STARTS,
	FAMILY_PROCESS_FORKS,
	FAMILY_PROCESS_EXITS,
	FAMILY_PROCESS_LIFETIME,
	FAMILY_PROCESS_CPU,
	FAMILY_OOM_KILLS,
	FAMILY_EVENTS,
	FAMILIES
};

/*
 * Families that share room within a service. HTTP that a service serves cannot be pushed out by the
 * peers of its connections, nor by the servers that it calls.
 */
enum family_group {
	GROUP_HTTP_SERVER,
	GROUP_HTTP_CLIENT,
	GROUP_TCP,
	GROUP_DNS,
	GROUP_SYSCALL,
	GROUP_PROCESS,
	FAMILY_GROUPS /* ≤ METRIC_GROUPS_MAX */
};

extern const struct metric_description family_descriptions[FAMILIES];

#define LABELS(...) ((const char *const[]){__VA_ARGS__})

/* The series of one of `families` (all of them, by enum family) with these label values. */
#define SERIES(families, family, ...) metrics_series((families)[family], LABELS(__VA_ARGS__))

#endif
