/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1 pairing: what is kept of each request, and which response belongs to which request of a
 * connection. Called by the framing (http_message.bpf.h) when a message begins or ends.
 */
#ifndef SONDE_HTTP_REQUEST_BPF_H
#define SONDE_HTTP_REQUEST_BPF_H

#include "core/share.bpf.h"
#include "protocol/http1/http_message.bpf.h"

/* Requests behind the one whose response is awaited. In `reserved` is whose share they take. */
struct pipeline_key {
	__u64 connection;
	__u32 index;
	__u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, PIPELINE_MAX);
	__type(key, struct pipeline_key);
	__type(value, struct http_request);
} pipeline __weak SEC(".maps");

/*
 * Room for one more request that waits, or false. A connection has no more than are left, and a
 * holder what its share is: so neither one connection nor a program with many of them takes all.
 * And conn_end() comes to whatever waits, as that is not further behind than it goes.
 */
static __always_inline bool pipeline_take(const struct conn *conn, __u32 holder)
{
	__u32 waiting = conn->asked - conn->answered;

	return waiting < PIPELINE_MAX && waiting < shares.of[SHARE_PIPELINE].left &&
	       share_take(SHARE_PIPELINE, holder, SHARE_TIMES);
}

/* --- requests and responses --- */

/* True when a line begins with the first `length` (1 … 8) bytes of `text`, made by WORD(). */
static __always_inline bool line_begins(const char *line, __u64 text, __u32 length)
{
	return ((*(const __u64 *)line ^ text) & (~0ULL >> (64 - 8 * length))) == 0;
}

/* The method that a request line begins with. */
static __always_inline enum http_method method_of(const char *line)
{
#define METHOD_TRY(number, length, ...)                                                            \
	if (line_begins(line, WORD(__VA_ARGS__), length))                                          \
		return number;
	METHOD_TRY(HTTP_METHOD_GET, 4, 'G', 'E', 'T', ' ', 0, 0, 0, 0)
	METHOD_TRY(HTTP_METHOD_POST, 5, 'P', 'O', 'S', 'T', ' ', 0, 0, 0)
	METHOD_TRY(HTTP_METHOD_HEAD, 5, 'H', 'E', 'A', 'D', ' ', 0, 0, 0)
	METHOD_TRY(HTTP_METHOD_PUT, 4, 'P', 'U', 'T', ' ', 0, 0, 0, 0)
	METHOD_TRY(HTTP_METHOD_DELETE, 7, 'D', 'E', 'L', 'E', 'T', 'E', ' ', 0)
	METHOD_TRY(HTTP_METHOD_OPTIONS, 8, 'O', 'P', 'T', 'I', 'O', 'N', 'S', ' ')
	METHOD_TRY(HTTP_METHOD_PATCH, 6, 'P', 'A', 'T', 'C', 'H', ' ', 0, 0)
	METHOD_TRY(HTTP_METHOD_CONNECT, 8, 'C', 'O', 'N', 'N', 'E', 'C', 'T', ' ')
	METHOD_TRY(HTTP_METHOD_TRACE, 6, 'T', 'R', 'A', 'C', 'E', ' ', 0, 0)
	METHOD_TRY(HTTP_METHOD_QUERY, 6, 'Q', 'U', 'E', 'R', 'Y', ' ', 0, 0)
#undef METHOD_TRY
	return HTTP_METHOD_OTHER;
}

static bool method_is_known(const struct http_scratch *scratch, __u32 line)
{
	return method_of(scratch->data + DATA(line)) != HTTP_METHOD_OTHER;
}

/* The request that is being received, wherever it is kept; NULL when it was answered already. */
static __always_inline struct http_request *request_open(struct conn *conn)
{
	struct pipeline_key key = {
		.connection = conn->current.http.connection,
		.index = conn->asked - 1,
	};

	if (conn->active && conn->current.http.index == key.index)
		return &conn->current;
	return bpf_map_lookup_elem(&pipeline, &key);
}

static __always_inline void request_fill(struct record_http *record, struct conn *conn,
	const struct http_scratch *scratch, __u32 line, __u32 length)
{
	const struct stream *stream = &conn->streams[REQUEST];

	record->record.workload = scratch->feed.workload;
	record->record.type = RECORD_HTTP;
	record->record.reserved = 0;
	record->index = conn->asked;
	record->tgid = scratch->transfer.thread >> 32;
	record->tid = scratch->transfer.thread;
	record->role = conn->role;
	record->flags = (conn->flags & CONN_UNIX ? HTTP_UNIX : 0) |
			(conn->flags & CONN_PROXIED ? HTTP_PROXIED : 0);
	record->error = HTTP_OK;
	record->path_length = 0;
	record->status = 0;
	record->request_first_ns = stream->first_ns;
	record->request_last_ns = stream->last_ns;
	record->request_bytes = 0;
	record->request_head_bytes = 0;
	record->response_head_bytes = 0;
	record->host_length = record->host_lines = 0;
	record->end = HTTP_END_SEEN;
	record->reserved = 0;
	record->response_bytes = 0;
	record->response_first_ns = 0;
	record->response_last_ns = 0;
	record->queue_ns = conn->queue_ns;
	record->setup_ns = conn->setup_ns;
	conn->setup_ns = 0;
	if (length > HTTP_LINE_LEN) {
		length = HTTP_LINE_LEN;
		record->flags |= HTTP_LINE_TRUNCATED;
	}
	record->line_length = length;
	text_copy(record->line, scratch, line, length);
}

__weak __noinline int request_begin(
	conn_argument which, scratch_argument where, __u32 line, __u32 length)
{
	struct conn *conn = conn_of(which);
	struct http_scratch *scratch = scratch_of(where);
	struct pipeline_key key = {};
	struct record_http *record;
	__u32 holder;

	if (!conn || !scratch)
		return 0;
	if (!conn->active && conn->asked == conn->answered) {
		request_fill(&conn->current.http, conn, scratch, line, length);
		conn->active = 1;
		conn->asked++;
		return 0;
	}
	scratch = http_scratch_get(); /* before Linux 6.2 no map takes values by another way */
	if (!scratch)
		return 0;
	record = &scratch->request.http;
	request_fill(record, conn, scratch, line, length);
	holder = shares.holder[workload_index(record->record.workload)];
	record->flags |= HTTP_PIPELINED;
	record->connection = key.connection = conn->current.http.connection;
	record->address = conn->current.http.address;
	key.index = conn->asked;
	record->record.reserved = holder;
	if (!pipeline_take(conn, holder)) {
		count(SOURCE_HTTP, OUTCOME_TABLE_FULL);
	} else if (bpf_map_update_elem(&pipeline, &key, &scratch->request, BPF_ANY)) {
		share_return(SHARE_PIPELINE, holder);
		count(SOURCE_HTTP, OUTCOME_TABLE_FULL);
	}
	conn->asked++; /* after the insertion: who answers may look for it at once */
	return 0;
}

__weak __noinline int request_traceparent(conn_argument which, scratch_argument where, __u32 value)
{
	struct conn *conn = conn_of(which);
	struct http_scratch *scratch = scratch_of(where);
	struct http_request *request;

	if (!conn || !scratch)
		return 0;
	request = request_open(conn);
	if (!request)
		return 0;
	request->http.flags |= HTTP_TRACED;
#pragma unroll
	for (int i = 0; i < TRACEPARENT_WORDS; i++)
		((__u64 *)request->traceparent)[i] = load8(scratch, value + i * 8);
	return 0;
}

#define HOST_SPACES_MAX 3 /* before the value, and behind it */

/*
 * Keeps Host, whose value lies from `value` up to `end`, where the line ends, behind the line.
 * Where there is no room for both, a line that is there as a whole stays so, and Host is left out;
 * of a line that was cut, more is cut. Of two nobody knows which one counts.
 */
__weak __noinline int request_host(
	conn_argument which, scratch_argument where, __u32 value, __u32 end)
{
	struct conn *conn = conn_of(which);
	struct http_scratch *scratch = scratch_of(where);
	struct http_request *request;
	struct record_http *record;
	__u32 length, line;

	if (!conn || !scratch)
		return 0;
	request = request_open(conn);
	if (!request)
		return 0;
	record = &request->http;
	if (record->host_lines) {
		record->host_lines = 2;
		record->host_length = 0;
		return 0;
	}
	record->host_lines = 1;
	for (int i = 0; i < HOST_SPACES_MAX && is_space(scratch->data[DATA(value)]); i++)
		value++;
	for (int i = 0; i < HOST_SPACES_MAX && end && (__u8)scratch->data[DATA(end - 1)] <= ' ';
		i++)
		end--;
	length = end - value;
	if (end <= value || length > HTTP_HOST_LEN)
		return 0;
	line = record->line_length;
	if (line > HTTP_LINE_LEN - length) {
		if (!(record->flags & HTTP_LINE_TRUNCATED))
			return 0;
		line = HTTP_LINE_LEN - length;
		record->line_length = line;
	}
	record->host_length = length;
	if (line <= HTTP_LINE_LEN / 2) {
		text_copy(record->line + line, scratch, value, length & HTTP_HOST_LEN);
		return 0;
	}
	for (__u32 i = 0; i < HTTP_HOST_LEN && i < length;
		i++) /* as nobody else can know its end */
		record->line[(line + i) & (HTTP_LINE_LEN - 1)] = scratch->data[DATA(value + i)];
	return 0;
}

static __always_inline void request_progress(
	struct record_http *record, const struct stream *stream)
{
	record->request_bytes = stream->bytes;
	record->request_head_bytes = stream->head_bytes;
	record->request_last_ns = stream->last_ns;
}

__weak __noinline int request_find_end(conn_argument which)
{
	struct conn *conn = conn_of(which);
	struct http_request *request;

	if (!conn)
		return 0;
	request = request_open(conn);
	if (request)
		request_progress(&request->http, &conn->streams[REQUEST]);
	return 0;
}

static __always_inline void request_end(struct conn *conn)
{
	if (conn->active && conn->current.http.index == conn->asked - 1)
		request_progress(&conn->current.http, &conn->streams[REQUEST]);
	else
		request_find_end(conn_pass(conn));
}

/* True when the request being answered has this method (its text, as WORD() makes it). */
static bool response_to(struct conn *conn, __u64 method, __u32 length)
{
	return conn->active && line_begins(conn->current.http.line, method, length);
}

/* Makes the oldest request without a response the current one. */
static __always_inline void pipeline_next(struct conn *conn)
{
	struct pipeline_key key = {
		.connection = conn->current.http.connection,
		.index = conn->answered,
	};
	struct http_request *next;

	if (conn->active || conn->answered == conn->asked)
		return;
	next = bpf_map_lookup_elem(&pipeline, &key);
	if (!next)
		return; /* it found no room, and was counted then */
	bpf_probe_read_kernel(&conn->current, sizeof(conn->current), next);
	share_return(SHARE_PIPELINE, conn->current.http.record.reserved);
	conn->current.http.record.reserved = 0;
	conn->active = 1;
	bpf_map_delete_elem(&pipeline, &key);
}

__weak __noinline int response_begin(conn_argument which)
{
	struct conn *conn = conn_of(which);

	if (!conn)
		return 0;
	pipeline_next(conn);
	return conn->answered != conn->asked;
}

#endif
