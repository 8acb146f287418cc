/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a record: counts in series, a span, or a log line. docs/metrics.md says what each
 * figure means.
 *
 * Not thread-safe: the main thread owns it.
 */
#ifndef SONDE_TELEMETRY_H
#define SONDE_TELEMETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kubernetes/peer_table.h"
#include "kubernetes/pod_table.h"
#include "record.h"
#include "telemetry/event.h"
#include "telemetry/exchange/exchanges.h"
#include "telemetry/metrics/metrics.h"
#include "telemetry/tcp/flows.h"

/* Limits and names, borrowed for each call; the keys are those of docs/configuration.md. */
struct telemetry_settings {
	uint64_t series_max;             /* samples in all */
	uint64_t series_per_service_max; /* samples of one service */
	uint64_t series_ttl_ns;          /* how long series of what has ended stay; 0: for ever */
	uint64_t routes_per_service_max; /* learned ones */
	uint64_t peers_per_service_max;  /* names from DNS */
	char **http_routes;              /* templates (`/users/{id}`), the first match wins */
	size_t http_route_count;
	char **peer_names; /* CIDR=NAME (base/network.h), the longest prefix wins */
	size_t peer_name_count;
	bool dns_spans; /* spans of DNS lookups too */
};
struct telemetry;

/* NULL: no memory. */
struct telemetry *telemetry_new(const struct telemetry_settings *settings);

/* Writes to the log what is left to be written there. */
void telemetry_free(struct telemetry *telemetry);

/* New limits and routes. 0, or -ENOMEM, and the old routes stay. */
int telemetry_configure(struct telemetry *telemetry, const struct telemetry_settings *settings);

/* Where spans go from now on; NULL: no spans are made, which saves their cost. */
void telemetry_set_spans(struct telemetry *telemetry, span_sink sink, void *context);

/* Where events of processes go from now on; NULL: nowhere. */
void telemetry_set_events(struct telemetry *telemetry, event_sink sink, void *context);

/* Where flow records go; see flows.h. */
void telemetry_set_flows(
	struct telemetry *telemetry, flow_sink sink, void *context, uint64_t interval_ns);

/*
 * Pods are looked for there; see identity_set_pods(). In `peers`, or NULL, the other ends of
 * connections; see peer_table.h.
 */
void telemetry_set_pods(
	struct telemetry *telemetry, struct pod_table *pods, struct peer_table *peers);

/*
 * What is now known of pods is the name of whom it was missing for: figures from here on are under
 * it, and those from before stay where they are. Costs next to nothing when no pod has changed.
 */
void telemetry_name_pods(struct telemetry *telemetry);

size_t telemetry_unnamed_containers(const struct telemetry *telemetry);

/* The connections that are open. Borrowed. */
const struct flows *telemetry_flows(const struct telemetry *telemetry);

/* A record_sink; `telemetry` is the struct telemetry. */
void telemetry_take(void *telemetry, const struct record *record, size_t size);

struct metrics *telemetry_metrics(struct telemetry *telemetry);

#endif
