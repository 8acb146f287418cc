/* SPDX-License-Identifier: Apache-2.0 */
/* What makes bytes a record (record_check.h); recording.c asks it on the way in and out. */
#include "record/record_check.h"

#include <string.h>

#define ERRNO_MAX  4095 /* the kernel's MAX_ERRNO */
#define SIGNAL_MAX 64   /* _NSIG on every supported machine */

_Static_assert(RECORD_SIZE_MAX >= sizeof(struct record_syscall) +
					  HISTOGRAM_BUCKETS * sizeof(struct record_bucket) + 8,
	"the largest is record_workload");

/* Up to the part that varies in length. */
static const size_t fixed_size[RECORD_TYPES] = {
	[RECORD_WORKLOAD] = sizeof(struct record_workload),
	[RECORD_WORKLOAD_END] = sizeof(struct record),
	[RECORD_WORKLOAD_IDLE] = sizeof(struct record),
	[RECORD_CLOCK] = sizeof(struct record_clock),
	[RECORD_EVENTS] = sizeof(struct record_events),
	[RECORD_HTTP] = offsetof(struct record_http, line),
	[RECORD_TCP] = sizeof(struct record_tcp),
	[RECORD_EXEC] = offsetof(struct record_exec, arguments),
	[RECORD_FORK] = sizeof(struct record_fork),
	[RECORD_EXIT] = sizeof(struct record_exit),
	[RECORD_SYSCALL] = offsetof(struct record_syscall, buckets),
	[RECORD_SYSCALL_ERROR] = sizeof(struct record_syscall_error),
	[RECORD_SLOW_SYSCALL] = sizeof(struct record_slow_syscall),
	[RECORD_TCP_LISTENER] = sizeof(struct record_tcp_listener),
	[RECORD_TCP_SWEPT] = sizeof(struct record_tcp_swept),
	[RECORD_TCP_REFUSALS] = sizeof(struct record_tcp_refusals),
	[RECORD_HTTP_ACTIVE] = sizeof(struct record_http_active),
	[RECORD_DNS] = offsetof(struct record_dns, bytes),
	[RECORD_RESOLVERS] = sizeof(struct record_resolvers),
};

static bool has_end(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool workload_is_valid(const struct record_workload *workload)
{
	for (size_t level = 0; level < CGROUP_LEVELS; level++) {
		if (!has_end(workload->cgroup[level], NAME_LEN))
			return false;
	}
	return workload->is_own <= 1 && has_end(workload->comm, COMM_LEN) &&
	       has_end(workload->executable, NAME_LEN) && has_end(workload->program, NAME_LEN) &&
	       has_end(workload->service_name, SERVICE_NAME_LEN);
}

static size_t http_length(const struct record_http *http)
{
	return (size_t)http->line_length + http->host_length + http->path_length +
	       (http->flags & HTTP_PROXIED ? sizeof(struct http_origin) : 0);
}

static bool http_is_valid(const struct record_http *http)
{
	const unsigned flags = HTTP_LINE_TRUNCATED | HTTP_PIPELINED | HTTP_UPGRADED |
			       HTTP_REQUEST_PARTIAL | HTTP_UNIX | HTTP_OPEN | HTTP_PROXIED;
	const bool has_host = http->role == HTTP_CLIENT && !(http->flags & HTTP_UNIX);

	return http->role <= HTTP_CLIENT && (http->flags & ~flags) == 0 &&
	       http->line_length + http->host_length <= HTTP_LINE_LEN &&
	       http->host_length <= (has_host ? HTTP_HOST_LEN : 0) && http->host_lines <= 2 &&
	       http->path_length <= (http->flags & HTTP_UNIX ? UNIX_PATH_LEN : 0) &&
	       http->end <= HTTP_END_UNKNOWN && http->error <= HTTP_RESPONSE_INVALID &&
	       http->status <= 999 && has_end(http->traceparent, sizeof(http->traceparent));
}

static bool syscall_is_valid(const struct record_syscall *syscall)
{
	for (__u32 i = 0; i < syscall->bucket_count; i++) {
		const struct record_bucket *bucket = &syscall->buckets[i];

		if (bucket->count == 0 || bucket->index >= HISTOGRAM_BUCKETS ||
			(i > 0 && bucket->index <= bucket[-1].index))
			return false;
	}
	return true;
}

size_t record_size(const struct record *record, size_t size)
{
	const void *self = record;

	if (size < sizeof(*record) || record->type >= RECORD_TYPES ||
		fixed_size[record->type] == 0 || size < fixed_size[record->type])
		return 0;

	size_t length = 0, length_max = 0; /* of the part that varies */
	switch ((enum record_type)record->type) {
	case RECORD_HTTP:
		length = http_length(self);
		length_max = HTTP_LINE_LEN + UNIX_PATH_LEN + sizeof(struct http_origin);
		break;
	case RECORD_EXEC:
		length = ((const struct record_exec *)self)->arguments_length;
		length_max = ARGUMENTS_LEN;
		break;
	case RECORD_DNS:
		length = ((const struct record_dns *)self)->kept;
		length_max = DNS_BYTES_LEN;
		break;
	case RECORD_SYSCALL:
		length = ((const struct record_syscall *)self)->bucket_count *
			 sizeof(struct record_bucket);
		length_max = HISTOGRAM_BUCKETS * sizeof(struct record_bucket);
		break;
	default: break;
	}
	if (length > length_max || size - fixed_size[record->type] < length)
		return 0;
	return fixed_size[record->type] + length;
}

bool record_is_valid(const struct record *record, size_t size)
{
	const void *self = record;

	if (record_size(record, size) == 0 || record->workload >= WORKLOADS_MAX)
		return false;

	switch ((enum record_type)record->type) {
	case RECORD_WORKLOAD: return workload_is_valid(self);
	case RECORD_EVENTS: {
		const struct record_events *events = self;

		return events->source < SOURCES && events->outcome < OUTCOMES;
	}
	case RECORD_HTTP: return http_is_valid(self);
	case RECORD_HTTP_ACTIVE: {
		const struct record_http_active *active = self;

		return active->role <= HTTP_CLIENT && active->method < HTTP_METHODS &&
		       active->long_active <= active->active;
	}
	case RECORD_DNS: {
		const struct record_dns *dns = self;

		return dns->direction <= DNS_RECEIVED && dns->is_tcp <= 1 &&
		       dns->kept <= dns->length;
	}
	case RECORD_TCP: {
		const struct record_tcp *tcp = self;

		return tcp->event <= TCP_FAILED && tcp->direction <= TCP_OUTBOUND &&
		       tcp->closer <= TCP_PEER && tcp->reason <= TCP_ERROR &&
		       has_end(tcp->comm, COMM_LEN);
	}
	case RECORD_RESOLVERS:
		return ((const struct record_resolvers *)self)->count <= RESOLVERS_MAX;
	case RECORD_EXEC: return has_end(((const struct record_exec *)self)->comm, COMM_LEN);
	case RECORD_EXIT: {
		const struct record_exit *end = self;

		return end->signal <= SIGNAL_MAX && end->oom <= 1 && has_end(end->comm, COMM_LEN);
	}
	case RECORD_SYSCALL: return syscall_is_valid(self);
	case RECORD_SYSCALL_ERROR: {
		const __u32 error = ((const struct record_syscall_error *)self)->error;

		return error >= 1 && error <= ERRNO_MAX;
	}
	case RECORD_SLOW_SYSCALL:
		return has_end(((const struct record_slow_syscall *)self)->comm, COMM_LEN);
	case RECORD_WORKLOAD_END:
	case RECORD_WORKLOAD_IDLE:
	case RECORD_CLOCK:
	case RECORD_FORK:
	case RECORD_TCP_LISTENER:
	case RECORD_TCP_SWEPT:
	case RECORD_TCP_REFUSALS: return true;
	case RECORD_TYPES: break;
	}
	return false;
}

bool record_loss(const struct record *record, size_t size, struct record_events *loss)
{
	static const enum source sources[RECORD_TYPES] = {
		[RECORD_WORKLOAD] = SOURCE_WORKLOAD,
		[RECORD_WORKLOAD_END] = SOURCE_WORKLOAD,
		[RECORD_WORKLOAD_IDLE] = SOURCE_WORKLOAD,
		[RECORD_CLOCK] = SOURCES,
		[RECORD_EVENTS] = SOURCES,
		[RECORD_HTTP] = SOURCE_HTTP,
		[RECORD_TCP] = SOURCE_TCP,
		[RECORD_EXEC] = SOURCE_PROCESS,
		[RECORD_FORK] = SOURCE_PROCESS,
		[RECORD_EXIT] = SOURCE_PROCESS,
		[RECORD_SYSCALL] = SOURCE_SYSCALL,
		[RECORD_SYSCALL_ERROR] = SOURCE_SYSCALL,
		[RECORD_SLOW_SYSCALL] = SOURCE_SLOW_SYSCALL,
		[RECORD_TCP_LISTENER] = SOURCE_TCP,
		[RECORD_TCP_SWEPT] = SOURCE_TCP,
		[RECORD_TCP_REFUSALS] = SOURCE_TCP,
		[RECORD_HTTP_ACTIVE] = SOURCE_HTTP,
		[RECORD_DNS] = SOURCE_DNS,
		[RECORD_RESOLVERS] = SOURCE_DNS,
	};

	if (size < sizeof(*record) || record->type >= RECORD_TYPES || !fixed_size[record->type] ||
		sources[record->type] == SOURCES)
		return false;
	*loss = (struct record_events){
		.record = {.type = RECORD_EVENTS, .time_ns = record->time_ns},
		.source = sources[record->type],
		.outcome = OUTCOME_INVALID,
		.count = 1,
	};
	return true;
}
