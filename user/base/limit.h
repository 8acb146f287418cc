/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits that were met. Every table of the daemon and of the probes is bounded; whoever finds no
 * room in one says so here, and a person hears of it in two ways: a line in the log when it begins,
 * which says what is lost and what to do, and sonde_limit_reached_total{limit}. A limit that was
 * not met for LIMIT_QUIET_NS has ended; the next time is a new beginning.
 *
 *   if (full)
 *           limit_met(LIMIT_SERIES, service_name);
 *
 * Safe from any thread.
 */
#ifndef SONDE_LIMIT_H
#define SONDE_LIMIT_H

#include <stdint.h>

#define LIMIT_QUIET_NS 600000000000ULL

/* A new one gets a line in the table of limit.c, and a row in docs/metrics.md. */
enum limit {
	LIMIT_SERIES,         /* samples in all */
	LIMIT_SERVICE_SERIES, /* samples of one service */
	LIMIT_ROUTES,
	LIMIT_WORKLOADS,
	LIMIT_PROBE_TABLES, /* in the kernel, of a source */
	LIMIT_SERVERS,      /* that clients of HTTP ask */
	LIMIT_PEERS,
	LIMIT_HTTP_HOSTS, /* that clients ask */
	LIMIT_PORTS,
	LIMIT_CONNECTIONS,
	LIMIT_LISTENERS,
	LIMIT_DNS_NAMES,
	LIMIT_DNS_LOOKUPS,
	LIMIT_CLIENTS,     /* connections of scrapers and pages */
	LIMIT_DESCRIPTORS, /* files that this process may have open */
	LIMIT_PODS,
	LIMIT_CLUSTER_PEERS, /* addresses of pods and Services */
	LIMITS
};

/* `who` it was met for: a service's name, an address; NULL or "": nobody in particular. */
void limit_met(enum limit limit, const char *who);

uint64_t limit_count(enum limit limit);   /* how often it was met */
const char *limit_name(enum limit limit); /* value of the label `limit` */

#endif
