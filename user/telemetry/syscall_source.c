/* SPDX-License-Identifier: Apache-2.0 */
/* System calls (telemetry_source.h): their durations, errors, and those that are slow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry/metrics/families.h"
#include "telemetry/syscall/slow_calls.h"
#include "telemetry/syscall/syscall_names.h"
#include "telemetry/telemetry_source.h"

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

static void *syscall_begin(
	struct telemetry_ground *ground, const struct telemetry_settings *settings)
{
	struct syscall_source *self = calloc(1, sizeof(*self));

	(void)settings;
	if (!self)
		return NULL;
	self->families = ground->families;
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

	metric_merge(SERIES(self->families, FAMILY_SYSCALL, service->name,
			     syscall_text(record->operation, room)),
		record->buckets, record->bucket_count, record->sum_ns);
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
	metric_add(SERIES(self->families, FAMILY_SYSCALL_ERRORS, service->name,
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

	metric_add(SERIES(self->families, FAMILY_SYSCALL_SLOW, service->name, syscall), 1);
	slow_calls_take(self->slow_calls, record, service->name, syscall);
}

const struct telemetry_source syscall_source = {
	.begin = syscall_begin,
	.end = syscall_end,
	.tick = syscall_tick,
	.records = {{RECORD_SYSCALL, take_syscall}, {RECORD_SYSCALL_ERROR, take_syscall_error},
		{RECORD_SLOW_SYSCALL, take_slow_syscall}},
};
