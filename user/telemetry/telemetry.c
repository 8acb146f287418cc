/* SPDX-License-Identifier: Apache-2.0 */
/* See telemetry.h. What becomes of a record is in its source's half (telemetry_source.h). */
#include "telemetry/telemetry.h"

#include <assert.h>
#include <stdlib.h>

#include "record/record_types.h"
#include "record/sources.h"
#include "telemetry/exchange/exchanges.h"
#include "telemetry/metrics/families.h"
#include "telemetry/tcp_source.h"
#include "telemetry/telemetry_source.h"

#define ADDRESS(SOURCE, NAME, ...) &NAME##_source,

const struct telemetry_source *const telemetry_sources[SWITCHED_SOURCES_COUNT] = {
	SWITCHED_SOURCES(ADDRESS)};

/* Of all sources, and so of none. */
static const struct metric_description events_family = {
	.name = "sonde_events_total",
	.help = "What became of events: delivered, or the reason why not.",
	.labels = {"source", "outcome"},
	COUNTER(""),
};

/* A source at work. */
struct half {
	const struct telemetry_source *source;
	struct metric_family **families; /* the source's, in its order */
	void *self;                      /* what its `begin` returned; NULL: it has not begun */
};

/* Who takes the records of one type; NULL: telemetry.c does. */
struct handler {
	void (*take)(void *self, const struct record *record, const struct service *service);
	void *self;
};

struct telemetry {
	struct telemetry_ground ground;
	struct half halves[SWITCHED_SOURCES_COUNT];
	struct handler handlers[RECORD_TYPES];
};

#define EACH_HALF(half, telemetry)                                                                 \
	for (struct half *half = (telemetry)->halves;                                              \
		half < &(telemetry)->halves[SWITCHED_SOURCES_COUNT]; half++)

static bool half_begin(struct telemetry *telemetry, struct half *half,
	const struct telemetry_source *source, const struct telemetry_settings *settings)
{
	const struct source_record *records = source->records;

	half->source = source;
	half->families = calloc(source->family_count + 1, sizeof(*half->families)); /* not 0 */
	if (!half->families)
		return false;
	for (size_t i = 0; i < source->family_count; i++)
		half->families[i] = metrics_family(telemetry->ground.metrics, &source->families[i]);
	half->self = source->begin(&telemetry->ground, half->families, settings);
	for (int i = 0; i < SOURCE_RECORDS_MAX && records[i].take; i++)
		telemetry->handlers[records[i].type] =
			(struct handler){records[i].take, half->self};
	return half->self;
}

/* A type of record that nobody takes is found at the start. */
static void handlers_check(const struct telemetry *telemetry)
{
	for (unsigned type = 0; type < RECORD_TYPES; type++) {
		const struct record_layout *layout = record_layout(type);

		assert(!layout || layout->source == SOURCES || layout->source == SOURCE_WORKLOAD ||
			telemetry->handlers[type].take);
	}
}

struct telemetry *telemetry_new(const struct telemetry_settings *settings)
{
	struct telemetry *telemetry = calloc(1, sizeof(*telemetry));

	if (!telemetry)
		return NULL;
	telemetry->ground.identity = identity_new();
	telemetry->ground.metrics =
		metrics_new(settings->series_max, settings->series_per_service_max);
	if (!telemetry->ground.identity || !telemetry->ground.metrics)
		goto failed;
	telemetry->ground.exchanges = exchanges_new();
	if (!telemetry->ground.exchanges)
		goto failed;
	telemetry->ground.events = metrics_family(telemetry->ground.metrics, &events_family);
	for (int i = 0; i < SWITCHED_SOURCES_COUNT; i++)
		if (!half_begin(telemetry, &telemetry->halves[i], telemetry_sources[i], settings))
			goto failed;
	handlers_check(telemetry);
	if (!telemetry_configure(telemetry, settings))
		return telemetry;
failed:
	telemetry_free(telemetry);
	return NULL;
}

void telemetry_free(struct telemetry *telemetry)
{
	if (!telemetry)
		return;
	for (int i = SWITCHED_SOURCES_COUNT - 1; i >= 0; i--) {
		const struct half *half = &telemetry->halves[i];

		if (half->self)
			half->source->end(half->self);
		free(half->families);
	}
	exchanges_free(telemetry->ground.exchanges);
	metrics_free(telemetry->ground.metrics);
	identity_free(telemetry->ground.identity);
	free(telemetry);
}

int telemetry_configure(struct telemetry *telemetry, const struct telemetry_settings *settings)
{
	struct metrics *metrics = telemetry->ground.metrics;
	int result = 0;

	metrics_set_limits(metrics, settings->series_max, settings->series_per_service_max);
	metrics_set_ttl(metrics, settings->series_ttl_ns);
	EACH_HALF(half, telemetry)
		if (half->source->configure)
			result = half->source->configure(half->self, settings) ?: result;
	return result;
}

void telemetry_set_spans(struct telemetry *telemetry, span_sink sink, void *context)
{
	exchanges_set_spans(telemetry->ground.exchanges, sink, context);
}

void telemetry_set_events(struct telemetry *telemetry, event_sink sink, void *context)
{
	telemetry->ground.event_sink = sink;
	telemetry->ground.event_context = context;
}

void telemetry_tell_event(const struct telemetry_ground *ground, struct event *event)
{
	if (!ground->event_sink)
		return;
	event->realtime_offset_ns = ground->realtime_offset_ns;
	ground->event_sink(ground->event_context, event);
}

static struct flows *flows_of(const struct telemetry *telemetry)
{
	const struct half *half = telemetry->halves;

	while (half->source != &tcp_source)
		half++;
	return tcp_source_flows(half->self);
}

void telemetry_set_flows(
	struct telemetry *telemetry, flow_sink sink, void *context, uint64_t interval_ns)
{
	flows_set_sink(flows_of(telemetry), sink, context, interval_ns);
}

const struct flows *telemetry_flows(const struct telemetry *telemetry)
{
	return flows_of(telemetry);
}

struct metrics *telemetry_metrics(struct telemetry *telemetry)
{
	return telemetry->ground.metrics;
}

void telemetry_count_events(const struct telemetry_ground *ground, enum source source,
	const char *outcome, uint64_t count)
{
	metric_add(
		metrics_series(ground->events, LABELS(source_descriptions[source].label, outcome)),
		count);
}

/* --- records that belong to no source --- */

static void take_events(const struct telemetry *telemetry, const struct record_events *events)
{
	telemetry_count_events(
		&telemetry->ground, events->source, outcome_names[events->outcome], events->count);
}

static void take_clock(struct telemetry *telemetry, const struct record_clock *clock)
{
	telemetry->ground.realtime_offset_ns = clock->realtime_offset_ns;
	exchanges_set_clock(telemetry->ground.exchanges, clock->realtime_offset_ns);
	EACH_HALF(half, telemetry)
		if (half->source->tick)
			half->source->tick(half->self, clock);
	/* the last, so that what this sweep told began before it */
	metrics_tick(telemetry->ground.metrics, clock->record.time_ns, clock->realtime_offset_ns);
}

static void take_workload(struct telemetry *telemetry, const struct record_workload *record)
{
	const __u32 workload = record->record.workload;
	struct metric_service **service = &telemetry->ground.services[workload], *before;

	EACH_HALF(half, telemetry)
		if (half->source->workload_begin)
			half->source->workload_begin(half->self, workload);
	identity_on_workload(telemetry->ground.identity, record);
	before = *service;
	*service = metrics_service_begin(telemetry->ground.metrics,
		service_key(identity_service(telemetry->ground.identity, workload)));
	metrics_service_set_holder(*service, record->holder);
	metrics_service_end(before);
}

/* As a number that has a new meaning, but that its holder and its tasks are the same. */
static void workload_rename(
	struct telemetry *telemetry, __u32 workload, const struct service *named)
{
	struct metric_service **service = &telemetry->ground.services[workload], *before = *service;

	EACH_HALF(half, telemetry)
		if (half->source->workload_begin)
			half->source->workload_begin(half->self, workload);
	identity_set(telemetry->ground.identity, workload, named);
	*service = metrics_service_begin(telemetry->ground.metrics, service_key(named));
	metrics_service_inherit_holder(*service, before);
	metrics_service_end(before);
}

void telemetry_name_pods(struct telemetry *telemetry)
{
	struct service named;

	if (!identity_pods_have_changed(telemetry->ground.identity))
		return;
	for (__u32 workload = 1; workload < WORKLOADS_MAX; workload++)
		if (identity_look_again(telemetry->ground.identity, workload, &named))
			workload_rename(telemetry, workload, &named);
}

void telemetry_set_pods(
	struct telemetry *telemetry, struct pod_table *pods, struct peer_table *peers)
{
	identity_set_pods(telemetry->ground.identity, pods);
	telemetry->ground.cluster = peers;
	flows_set_cluster(flows_of(telemetry), peers);
}

size_t telemetry_unnamed_containers(const struct telemetry *telemetry)
{
	return identity_unnamed(telemetry->ground.identity);
}

static void take_workload_end(
	struct telemetry *telemetry, __u32 workload, void (*end)(struct metric_service *service))
{
	EACH_HALF(half, telemetry)
		if (half->source->workload_end)
			half->source->workload_end(half->self, workload);
	identity_on_workload_end(telemetry->ground.identity, workload);
	end(telemetry->ground.services[workload]);
	telemetry->ground.services[workload] = NULL;
}

/* --- all records --- */

void telemetry_take(void *context, const struct record *record, size_t size)
{
	struct telemetry *telemetry = context;
	const struct handler *handler = &telemetry->handlers[record->type];

	(void)size; /* each record says itself how long it is */
	switch (record->type) {
	case RECORD_WORKLOAD: take_workload(telemetry, (const void *)record); break;
	case RECORD_WORKLOAD_END:
		take_workload_end(telemetry, record->workload, metrics_service_end);
		break;
	case RECORD_WORKLOAD_IDLE:
		take_workload_end(telemetry, record->workload, metrics_service_sleep);
		break;
	case RECORD_CLOCK: take_clock(telemetry, (const void *)record); break;
	case RECORD_EVENTS: take_events(telemetry, (const void *)record); break;
	default:
		handler->take(handler->self, record,
			identity_service(telemetry->ground.identity, record->workload));
	}
}
