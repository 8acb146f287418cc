/* SPDX-License-Identifier: Apache-2.0 */
/* See record_types.h. Times and counts are not judged: any of them is possible. */
#include "record/record_types.h"

#include <string.h>

#include "protocol/http1/http_unread.h"

#define ERRNO_MAX  4095 /* the kernel's MAX_ERRNO */
#define SIGNAL_MAX 64   /* _NSIG on every supported machine */

static bool has_end(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

/* --- workloads, and what became of events --- */

static bool workload_is_valid(const void *record)
{
	const struct record_workload *workload = record;

	for (size_t level = 0; level < CGROUP_LEVELS; level++) {
		if (!has_end(workload->cgroup[level], NAME_LEN))
			return false;
	}
	return workload->is_own <= 1 && workload->holder < HOLDERS_MAX &&
	       has_end(workload->comm, COMM_LEN) && has_end(workload->executable, NAME_LEN) &&
	       has_end(workload->program, NAME_LEN) &&
	       has_end(workload->service_name, SERVICE_NAME_LEN);
}

static bool events_is_valid(const void *record)
{
	const struct record_events *events = record;

	return events->source < SOURCES && events->outcome < OUTCOMES;
}

/* --- HTTP --- */

static size_t http_tail(const void *record)
{
	const struct record_http *http = record;

	return (size_t)http->line_length + http->host_length + http->path_length +
	       (http->flags & HTTP_PROXIED ? sizeof(struct http_origin) : 0) +
	       (http->flags & HTTP_TRACED ? TRACEPARENT_LEN : 0);
}

static bool http_is_valid(const void *record)
{
	const struct record_http *http = record;
	const bool has_host = http->role == HTTP_CLIENT && !(http->flags & HTTP_UNIX);

	return http->role <= HTTP_CLIENT &&
	       http->line_length + http->host_length <= HTTP_LINE_LEN &&
	       http->host_length <= (has_host ? HTTP_HOST_LEN : 0) && http->host_lines <= 2 &&
	       http->path_length <= (http->flags & HTTP_UNIX ? UNIX_PATH_LEN : 0) &&
	       http->end <= HTTP_END_UNKNOWN && http->error <= HTTP_RESPONSE_INVALID &&
	       http->status <= 999;
}

static bool http_active_is_valid(const void *record)
{
	const struct record_http_active *active = record;

	return active->role <= HTTP_CLIENT && active->method < HTTP_METHODS &&
	       active->long_active <= active->active;
}

/* --- DNS --- */

static size_t dns_tail(const void *record)
{
	return ((const struct record_dns *)record)->kept;
}

static bool dns_is_valid(const void *record)
{
	const struct record_dns *dns = record;

	return dns->direction <= DNS_RECEIVED && dns->is_tcp <= 1 && dns->kept <= dns->length;
}

static bool resolvers_is_valid(const void *record)
{
	return ((const struct record_resolvers *)record)->count <= RESOLVERS_MAX;
}

/* --- TCP --- */

static bool tcp_is_valid(const void *record)
{
	const struct record_tcp *tcp = record;

	return tcp->event <= TCP_FAILED && tcp->direction <= TCP_OUTBOUND &&
	       tcp->closer <= TCP_PEER && tcp->reason <= TCP_ERROR && has_end(tcp->comm, COMM_LEN);
}

/* --- processes --- */

static size_t exec_tail(const void *record)
{
	return ((const struct record_exec *)record)->arguments_length;
}

static bool exec_is_valid(const void *record)
{
	return has_end(((const struct record_exec *)record)->comm, COMM_LEN);
}

static bool exit_is_valid(const void *record)
{
	const struct record_exit *end = record;

	return end->signal <= SIGNAL_MAX && end->oom <= 1 && has_end(end->comm, COMM_LEN);
}

/* --- latencies --- */

static size_t latency_tail(const void *record)
{
	return ((const struct record_latency *)record)->bucket_count * sizeof(struct record_bucket);
}

static bool latency_is_valid(const void *record)
{
	const struct record_latency *latency = record;

	if (latency->operation >= record_layouts[latency->record.type].operations)
		return false;
	for (__u32 i = 0; i < latency->bucket_count; i++) {
		const struct record_bucket *bucket = &latency->buckets[i];

		if (bucket->count == 0 || bucket->index >= HISTOGRAM_BUCKETS ||
			(i > 0 && bucket->index <= bucket[-1].index))
			return false;
	}
	return true;
}

/* --- system calls --- */

static bool syscall_error_is_valid(const void *record)
{
	const __u32 error = ((const struct record_syscall_error *)record)->error;

	return error >= 1 && error <= ERRNO_MAX;
}

static bool slow_syscall_is_valid(const void *record)
{
	return has_end(((const struct record_slow_syscall *)record)->comm, COMM_LEN);
}

/* --- the table --- */

/* clang-format off */
#define ROW(NAME, SOURCE) [RECORD_##NAME] = {.name = #NAME, .source = (SOURCE)
#define ALL_OF(OF)        .size = sizeof(struct OF)
#define UP_TO(OF, MEMBER) .size = offsetof(struct OF, MEMBER)
#define LATENCY_OF(FIRST, COUNT) \
	UP_TO(record_latency, buckets), .is_valid = latency_is_valid, .tail = latency_tail, \
	.tail_max = HISTOGRAM_BUCKETS * sizeof(struct record_bucket), \
	.operation = (FIRST), .operations = (COUNT)

const struct record_layout record_layouts[RECORD_TYPES] = {
	ROW(WORKLOAD, SOURCE_WORKLOAD), ALL_OF(record_workload), .is_valid = workload_is_valid},
	ROW(WORKLOAD_END, SOURCE_WORKLOAD), ALL_OF(record)},
	ROW(WORKLOAD_IDLE, SOURCE_WORKLOAD), ALL_OF(record)},
	ROW(CLOCK, SOURCES), ALL_OF(record_clock)},
	ROW(EVENTS, SOURCES), ALL_OF(record_events), .is_valid = events_is_valid},

	ROW(HTTP, SOURCE_HTTP), UP_TO(record_http, line), .is_valid = http_is_valid,
	 .tail = http_tail,
	 .tail_max = HTTP_LINE_LEN + UNIX_PATH_LEN + sizeof(struct http_origin) + TRACEPARENT_LEN},
	ROW(HTTP_ACTIVE, SOURCE_HTTP), ALL_OF(record_http_active),
	 .is_valid = http_active_is_valid},
	ROW(HTTP_UNREAD, SOURCE_HTTP), LATENCY_OF(OPERATION_HTTP_UNREAD, HTTP_UNREAD_OPERATIONS),
	 .is_counted = true},

	ROW(DNS, SOURCE_DNS), UP_TO(record_dns, bytes), .is_valid = dns_is_valid,
	 .tail = dns_tail, .tail_max = DNS_BYTES_LEN},
	ROW(RESOLVERS, SOURCE_DNS), ALL_OF(record_resolvers), .is_valid = resolvers_is_valid},

	ROW(TCP, SOURCE_TCP), ALL_OF(record_tcp), .is_valid = tcp_is_valid},
	ROW(TCP_LISTENER, SOURCE_TCP), ALL_OF(record_tcp_listener)},
	ROW(TCP_SWEPT, SOURCE_TCP), ALL_OF(record_tcp_swept)},
	ROW(TCP_REFUSALS, SOURCE_TCP), ALL_OF(record_tcp_refusals)},

	ROW(EXEC, SOURCE_PROCESS), UP_TO(record_exec, arguments), .is_valid = exec_is_valid,
	 .tail = exec_tail, .tail_max = ARGUMENTS_LEN},
	ROW(FORK, SOURCE_PROCESS), ALL_OF(record_fork)},
	ROW(EXIT, SOURCE_PROCESS), ALL_OF(record_exit), .is_valid = exit_is_valid},

	ROW(SYSCALL, SOURCE_SYSCALL), LATENCY_OF(OPERATION_SYSCALL, SYSCALLS_MAX)},
	ROW(RUN_QUEUE, SOURCE_SCHED), LATENCY_OF(OPERATION_RUN_QUEUE, 1)},
	ROW(SYSCALL_ERROR, SOURCE_SYSCALL), ALL_OF(record_syscall_error),
	 .is_valid = syscall_error_is_valid},
	ROW(SLOW_SYSCALL, SOURCE_SLOW_SYSCALL), ALL_OF(record_slow_syscall),
	 .is_valid = slow_syscall_is_valid},
};
/* clang-format on */

const struct record_layout *record_layout(unsigned type)
{
	return type < RECORD_TYPES && record_layouts[type].name ? &record_layouts[type] : NULL;
}

enum record_type record_of_operation(unsigned operation)
{
	enum record_type type = 0;

	while (type < RECORD_TYPES &&
		operation - record_layouts[type].operation >= record_layouts[type].operations)
		type++;
	return type;
}
