/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source's half behind the border of records: what it does with its records, and when a number of
 * a workload begins and ends. Each source has one struct, NAME_source in NAME_source.c, which
 * telemetry.c finds by the list of sources (record/sources.h) and calls. Nobody else does.
 */
#ifndef SONDE_TELEMETRY_SOURCE_H
#define SONDE_TELEMETRY_SOURCE_H

#include "identity/service.h"
#include "record/sources.h"
#include "telemetry/event.h"
#include "telemetry/exchange/exchanges.h"
#include "telemetry/metrics/metrics.h"
#include "telemetry/telemetry.h"

/* What all sources stand on. It belongs to telemetry.c, and outlives them. */
struct telemetry_ground {
	struct identity *identity;
	struct metrics *metrics;
	struct exchanges *exchanges;
	struct metric_family *events;                   /* what became of them */
	struct metric_service *services[WORKLOADS_MAX]; /* of numbers in use, as to be alive */
	struct peer_table *cluster;    /* who has which address there; NULL: it is not asked for */
	const struct dns_lookups *dns; /* names of addresses, once SOURCE_DNS has begun */
	event_sink event_sink;         /* NULL: nobody wants events */
	void *event_context;
	int64_t realtime_offset_ns; /* how the wall clock stands to the monotonic one */
};

/* Hands it on where events are wanted. Its offset is set here. */
void telemetry_tell_event(const struct telemetry_ground *ground, struct event *event);

/* What became of events, where that shows only in user space. `outcome` is the label's value. */
void telemetry_count_events(const struct telemetry_ground *ground, enum source source,
	const char *outcome, uint64_t count);

#define SOURCE_RECORDS_MAX 4

/* All but `begin`, `end` and `records` may be NULL. `self` is what `begin` returned. */
struct telemetry_source {
	/* What it counts in, which is registered before it begins. */
	const struct metric_description *families;
	size_t family_count;

	/* NULL: no memory. `families` are those above, in their order; borrowed. */
	void *(*begin)(struct telemetry_ground *ground, struct metric_family *const *families,
		const struct telemetry_settings *settings);
	void (*end)(void *self);

	/* New limits. 0, or -ENOMEM, and the old ones stay. Called after `begin`, too. */
	int (*configure)(void *self, const struct telemetry_settings *settings);

	/* A sweep has ended. */
	void (*tick)(void *self, const struct record_clock *clock);

	/* The number is about to have a new meaning, or none: what it meant is still known. */
	void (*workload_begin)(void *self, __u32 workload);
	void (*workload_end)(void *self, __u32 workload);

	/* Each type is in one source's list. `service` is whose record it is. */
	struct source_record {
		enum record_type type;
		void (*take)(
			void *self, const struct record *record, const struct service *service);
	} records[SOURCE_RECORDS_MAX];
};

/* NAME_source of each, in the order of the list. */
#define SOURCE_DECLARE(SOURCE, NAME, ...) extern const struct telemetry_source NAME##_source;
SWITCHED_SOURCES(SOURCE_DECLARE)
extern const struct telemetry_source *const telemetry_sources[SWITCHED_SOURCES_COUNT];

#endif
