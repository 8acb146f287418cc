/* SPDX-License-Identifier: Apache-2.0 */
/* See slow_calls.h. */
#include "telemetry/syscall/slow_calls.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "telemetry/syscall/syscall_names.h"

#define SECOND_NS UINT64_C(1000000000)
#define MINUTE_NS (60 * SECOND_NS)

/* A line that is to be written. */
struct slow_call {
	struct slow_call *prev, *next;
	__u64 first_ns;
	__u64 count;
	struct record_slow_syscall worst;
	char syscall[SYSCALL_TEXT_LEN];
	char service_name[SERVICE_NAME_LEN];
};

struct slow_calls {
	struct slow_call *pending; /* the oldest is the first */
	unsigned pending_count;
	__u64 written_ns; /* when the last line was */
};

struct slow_calls *slow_calls_new(void)
{
	return calloc(1, sizeof(struct slow_calls));
}

static void write_oldest(struct slow_calls *calls)
{
	struct slow_call *call = calls->pending;

	log_info("slow system calls", log_str("service_name", call->service_name),
		log_str("syscall", call->syscall), log_int("count", (int64_t)call->count),
		log_real("worst_seconds", (double)call->worst.duration_ns * 1e-9),
		log_int("pid", call->worst.tgid), log_int("tid", call->worst.tid),
		log_str("command", call->worst.comm), log_int("result", call->worst.result));
	DL_DELETE(calls->pending, call);
	calls->pending_count--;
	free(call);
}

void slow_calls_free(struct slow_calls *calls)
{
	while (calls && calls->pending)
		write_oldest(calls);
	free(calls);
}

static struct slow_call *find(
	struct slow_calls *calls, const char *service_name, const char *syscall)
{
	struct slow_call *call;

	DL_FOREACH(calls->pending, call)
	if (strcmp(call->syscall, syscall) == 0 && strcmp(call->service_name, service_name) == 0)
		return call;
	return NULL;
}

static struct slow_call *add(
	struct slow_calls *calls, const char *service_name, const char *syscall, __u64 time_ns)
{
	struct slow_call *call;

	if (calls->pending_count == SLOW_CALLS_MAX)
		write_oldest(calls);
	call = calloc(1, sizeof(*call));
	if (!call)
		return NULL;
	call->first_ns = time_ns;
	strncpy(call->syscall, syscall, sizeof(call->syscall) - 1);
	strncpy(call->service_name, service_name, sizeof(call->service_name) - 1);
	DL_APPEND(calls->pending, call);
	calls->pending_count++;
	return call;
}

void slow_calls_take(struct slow_calls *calls, const struct record_slow_syscall *record,
	const char *service_name, const char *syscall)
{
	struct slow_call *call =
		find(calls, service_name, syscall)
			?: add(calls, service_name, syscall, record->record.time_ns);

	if (!call)
		return;
	if (!call->count++ || record->duration_ns > call->worst.duration_ns)
		call->worst = *record;
}

void slow_calls_tick(struct slow_calls *calls, __u64 time_ns)
{
	if (!calls->pending || time_ns < calls->pending->first_ns + MINUTE_NS ||
		time_ns < calls->written_ns + SECOND_NS)
		return;
	calls->written_ns = time_ns;
	write_oldest(calls);
}
