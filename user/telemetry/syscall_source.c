/* SPDX-License-Identifier: Apache-2.0 */
/* System calls (telemetry_source.h): their durations, errors, and those that are slow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry/metrics/families.h"
#include "telemetry/syscall/slow_calls.h"
#include "telemetry/syscall/syscall_names.h"
#include "telemetry/telemetry_source.h"

enum { FAMILY_SYSCALL, FAMILY_SYSCALL_ERRORS, FAMILY_SYSCALL_SLOW, SYSCALL_FAMILIES };

#define FAMILY_SYSCALL_LABELS        "service_name", "syscall"
#define FAMILY_SYSCALL_ERRORS_LABELS "service_name", "syscall", "errno"
#define FAMILY_SYSCALL_SLOW_LABELS   "service_name", "syscall"

static const struct metric_description families[SYSCALL_FAMILIES] = {
	[FAMILY_SYSCALL] = {.name = "sonde_syscall_duration_seconds",
		.group = "system calls",
		.help = "Duration of system calls, waiting included.",
		.labels = {FAMILY_SYSCALL_LABELS},
		HISTOGRAM(call_bounds, CALL_BOUNDS)},
	[FAMILY_SYSCALL_ERRORS] = {.name = "sonde_syscall_errors_total",
		.group = "system calls",
		.help = "System calls that failed, by error.",
		COUNTER(""),
		.labels = {FAMILY_SYSCALL_ERRORS_LABELS}},
	[FAMILY_SYSCALL_SLOW] = {.name = "sonde_syscall_slow_total",
		.group = "system calls",
		.help = "System calls slower than the threshold, those that wait by nature left "
			"out.",
		COUNTER(""),
		.labels = {FAMILY_SYSCALL_SLOW_LABELS}},
};

struct syscall_source {
	struct metric_family *const *families;
	struct slow_calls *slow_calls;
};

static void syscall_end(void *context)
{
	struct syscall_source *self = context;

	slow_calls_free(self->slow_calls);
	free(self);
}

static void *syscall_begin(struct telemetry_ground *ground, struct metric_family *const *registered,
	const struct telemetry_settings *settings)
{
	struct syscall_source *self = calloc(1, sizeof(*self));

	(void)ground, (void)settings;
	if (!self)
		return NULL;
	self->families = registered;
	self->slow_calls = slow_calls_new();
	if (self->slow_calls)
		return self;
	syscall_end(self);
	return NULL;
}

static void syscall_tick(void *context, const struct record_clock *clock)
{
	struct syscall_source *self = context;

	slow_calls_tick(self->slow_calls, clock->record.time_ns);
}

static void take_syscall(void *context, const struct record *taken, const struct service *service)
{
	const struct record_latency *record = (const void *)taken;
	struct syscall_source *self = context;
	char room[SYSCALL_TEXT_LEN];

	metric_merge(SERIES(self->families, FAMILY_SYSCALL, service_key(service),
			     syscall_text(record->operation, room)),
		record->buckets, record->bucket_count, record->sum_ns, BOUND_AT_END);
}

static void take_syscall_error(
	void *context, const struct record *taken, const struct service *service)
{
	const struct record_syscall_error *record = (const void *)taken;
	struct syscall_source *self = context;
	const char *error = strerrorname_np((int)record->error);
	char room[SYSCALL_TEXT_LEN], number[SYSCALL_TEXT_LEN];

	if (!error) {
		/* an internal one, such as ERESTARTSYS, which the program never gets to see */
		snprintf(number, sizeof(number), "%u", record->error);
		error = number;
	}
	metric_add(SERIES(self->families, FAMILY_SYSCALL_ERRORS, service_key(service),
			   syscall_text(record->number, room), error),
		record->count);
}

static void take_slow_syscall(
	void *context, const struct record *taken, const struct service *service)
{
	const struct record_slow_syscall *record = (const void *)taken;
	struct syscall_source *self = context;
	char room[SYSCALL_TEXT_LEN];
	const char *syscall = syscall_text(record->number, room);

	metric_add(SERIES(self->families, FAMILY_SYSCALL_SLOW, service_key(service), syscall), 1);
	slow_calls_take(self->slow_calls, record, service->name, syscall);
}

const struct telemetry_source syscall_source = {
	.families = families,
	.family_count = SYSCALL_FAMILIES,
	.begin = syscall_begin,
	.end = syscall_end,
	.tick = syscall_tick,
	.records = {{RECORD_SYSCALL, take_syscall}, {RECORD_SYSCALL_ERROR, take_syscall_error},
		{RECORD_SLOW_SYSCALL, take_slow_syscall}},
};
