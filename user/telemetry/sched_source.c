/* SPDX-License-Identifier: Apache-2.0 */
/* The run queue (telemetry_source.h): how long the threads of each service waited for a CPU. */
#include <stdlib.h>

#include "telemetry/metrics/families.h"
#include "telemetry/telemetry_source.h"

enum { FAMILY_RUN_QUEUE, SCHED_FAMILIES };

#define FAMILY_RUN_QUEUE_LABELS "service_name"

static const struct metric_description families[SCHED_FAMILIES] = {
	[FAMILY_RUN_QUEUE] = {.name = "sonde_sched_run_queue_seconds",
		.group = "processes",
		.help = "How long threads that could run waited for a CPU, a sample for each turn.",
		.labels = {FAMILY_RUN_QUEUE_LABELS},
		HISTOGRAM(call_bounds, CALL_BOUNDS)},
};

struct sched_source {
	struct metric_family *const *families;
};

static void *sched_begin(struct telemetry_ground *ground, struct metric_family *const *registered,
	const struct telemetry_settings *settings)
{
	struct sched_source *self = calloc(1, sizeof(*self));

	(void)ground, (void)settings;
	if (self)
		self->families = registered;
	return self;
}

static void take_run_queue(void *context, const struct record *taken, const struct service *service)
{
	const struct record_latency *record = (const void *)taken;
	struct sched_source *self = context;

	metric_merge(SERIES(self->families, FAMILY_RUN_QUEUE, service_key(service)),
		record->buckets, record->bucket_count, record->sum_ns, BOUND_AT_END);
}

const struct telemetry_source sched_source = {
	.families = families,
	.family_count = SCHED_FAMILIES,
	.begin = sched_begin,
	.end = free,
	.records = {{RECORD_RUN_QUEUE, take_run_queue}},
};
