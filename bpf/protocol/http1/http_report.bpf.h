/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1 reports: the record of a request that is over, or what counts it where the ring has no
 * room; and what becomes of the requests of a connection that ends, by http_end.bpf.h.
 */
#ifndef SONDE_HTTP_REPORT_BPF_H
#define SONDE_HTTP_REPORT_BPF_H

#include "core/latency.bpf.h"
#include "protocol/http1/http_request.bpf.h"
#include "protocol/http1/http_unread.h"

#define PIPELINE_ROUND 64 /* requests that are given up at once, for the verifier's sake */

/* --- records --- */

#define HTTP_LINE_AT __builtin_offsetof(struct record_http, line)

/* A record with more after its line than is kept of it. */
struct long_record {
	struct record_http http;
	char room[UNIX_PATH_LEN + sizeof(struct http_origin) + TRACEPARENT_WORDS * 8];
};

/*
 * Puts the traceparent of a request behind the rest of its record, which may be where it lies
 * itself, or before: so each word is read before what follows it is written.
 */
static __always_inline __u32 trace_append(char *to, const struct http_request *request)
{
#pragma unroll
	for (int i = 0; i < TRACEPARENT_WORDS; i++) {
		((__u64 *)to)[i] = ((const __u64 *)request->traceparent)[i];
		barrier();
	}
	return TRACEPARENT_LEN;
}

/* What is kept of the current request, and zeros behind it; returns the length of line and Host. */
static __always_inline __u32 current_copy(struct long_record *record, const struct conn *conn)
{
	__u32 length = conn->current.http.line_length + conn->current.http.host_length;

	if (length > HTTP_LINE_LEN) /* which cannot be, but the verifier does not know */
		length = HTTP_LINE_LEN;
	barrier_var(length);
	__builtin_memset(record->http.line, 0, sizeof(*record) - HTTP_LINE_AT);
	bpf_probe_read_kernel(record, HTTP_LINE_AT + (length & 511), &conn->current);
	return length;
}

/*
 * Puts what is not kept with each request of a connection behind the `length` bytes of its line;
 * returns how long it all is.
 */
static __always_inline __u32 current_extend(
	struct long_record *record, const struct conn *conn, __u32 length)
{
	barrier_var(length);
	if (length > HTTP_LINE_LEN)
		return length;
	if (conn->flags & CONN_UNIX) {
		/* the path that the server is bound to */
		record->http.path_length = carrier_path(conn->carrier, conn->role == HTTP_CLIENT,
			(char *)record + HTTP_LINE_AT + length);
		length += record->http.path_length;
	}
	barrier_var(length);
	if (record->http.flags & HTTP_PROXIED && length <= HTTP_LINE_LEN + UNIX_PATH_LEN) {
		bpf_probe_read_kernel((char *)record + HTTP_LINE_AT + length, sizeof(conn->origin),
			&conn->origin);
		length += sizeof(conn->origin);
	}
	barrier_var(length);
	if (record->http.flags & HTTP_TRACED &&
		length <= HTTP_LINE_LEN + UNIX_PATH_LEN + sizeof(conn->origin))
		length += trace_append((char *)record + HTTP_LINE_AT + length, &conn->current);
	return length;
}

/*
 * Reports the current request of a Unix socket or behind a proxy; false: there is no room. The
 * record is made in the ring itself: it is longer than what is kept of a connection.
 */
static __always_inline bool long_report(struct conn *conn)
{
	struct ring_place place = ring_place();
	struct long_record *record;

	record = place.ring ? bpf_ringbuf_reserve(place.ring, sizeof(*record), 0) : NULL;
	if (!record)
		return false;
	current_extend(record, conn, current_copy(record, conn));
	bpf_ringbuf_submit(record, place.flags);
	ring_delivered(&place, SOURCE_HTTP);
	return true;
}

/* Reports the current request of any other connection, from where it is kept; or false. */
static __always_inline bool short_report(struct http_request *request)
{
	__u32 length = request->http.line_length + request->http.host_length;

	barrier_var(length);
	if (length > HTTP_LINE_LEN) /* which cannot be, but the verifier does not know */
		return false;
	if (request->http.flags & HTTP_TRACED)
		length += trace_append((char *)request + HTTP_LINE_AT + length, request);
	return ring_offer(SOURCE_HTTP, request, HTTP_LINE_AT + (length & 511));
}

static __always_inline void response_progress(
	struct record_http *record, const struct stream *stream)
{
	if (!stream->bytes)
		return;
	record->response_bytes = stream->bytes;
	record->response_head_bytes = stream->head_bytes;
	record->response_first_ns = stream->first_ns;
	record->response_last_ns = stream->last_ns;
	if (stream->state != STREAM_START)
		record->status = stream->status;
}

/* Reports the current request, with whatever has come of its response; false: there is no room. */
static __always_inline bool request_report(struct conn *conn, __u32 flags, enum http_error error)
{
	struct stream *request = &conn->streams[REQUEST], *response = &conn->streams[RESPONSE];
	struct record_http *record = &conn->current.http;

	/* in the middle of it; STREAM_UNTIL_CLOSE says that no request can be found any more */
	if (record->index == conn->asked - 1 && request->state != STREAM_START &&
		request->state != STREAM_UNTIL_CLOSE) {
		request_progress(record, request);
		flags |= HTTP_REQUEST_PARTIAL;
	}
	response_progress(record, response);
	record->flags |= flags;
	record->error = error;
	/* the end of an answer is now: another reading of the clock would tell no more */
	record->record.time_ns = error ? bpf_ktime_get_ns() : response->last_ns;
	if (conn->flags & (CONN_UNIX | CONN_PROXIED))
		return long_report(conn);
	return short_report(&conn->current);
}

/* The operation that a request without a record counts as (http_unread.h). */
__weak __noinline __u32 request_operation(conn_argument which, __u64 duration_ns)
{
	struct conn *conn = conn_of(which);
	struct http_unread unread;
	struct record_http *record;

	if (!conn)
		return OPERATION_HTTP_UNREAD + HTTP_UNREAD_UNTIMED;
	record = &conn->current.http;
	unread = (struct http_unread){
		.role = record->role,
		.method = method_of(record->line),
		.error = record->error,
		.status = record->status,
		.is_beyond = http_is_beyond(duration_ns),
		.is_timed = record->end != HTTP_END_UNKNOWN,
	};
	return OPERATION_HTTP_UNREAD + http_unread_number(&unread);
}

/*
 * Ends the current request. Where the ring has no room for it, it is added to a latency: then only
 * its span and its route are lost. Inlined, as what calls it is nested as deep as the verifier
 * allows, but for one.
 */
static __always_inline void request_settle(
	conn_argument which, struct conn *conn, __u32 flags, enum http_error error)
{
	__u64 duration_ns;

	/* a reset in a softirq and the end of a response may come here at once: one of them tells
	 */
	if (!exchange(&conn->active, 0) || request_report(conn, flags, error))
		return;
	duration_ns = http_duration_ns(&conn->current.http);
	if (latency_add(conn->current.http.record.workload, request_operation(which, duration_ns),
		    duration_ns))
		count(SOURCE_HTTP, OUTCOME_RING_FULL);
	else
		count(SOURCE_HTTP, OUTCOME_TABLE_FULL);
}

__weak __noinline int request_finish(conn_argument which, __u32 flags, enum http_error error)
{
	struct conn *conn = conn_of(which);

	if (conn)
		request_settle(which, conn, flags, error);
	return 0;
}

static __always_inline void response_end(struct conn *conn, __u32 flags)
{
	request_finish(conn_pass(conn), flags, HTTP_OK);
	conn->answered++;
}

/* --- the end of a connection --- */

/* Reports the oldest request that is left, or counts it as `lost`. Returns 1 when none is. */
__weak __noinline int request_abandon(conn_argument which, enum http_error error, enum outcome lost)
{
	struct conn *conn = conn_of(which);

	if (!conn || conn->answered == conn->asked)
		return 1;
	pipeline_next(conn);
	if (!lost) {
		request_settle(which, conn, 0, error);
	} else if (exchange(&conn->active, 0)) {
		barrier_var(lost); /* or it is looked at before, and the verifier forgets that */
		count(SOURCE_HTTP, lost);
	}
	conn->answered++;
	conn->streams[RESPONSE].bytes = 0;
	return 0;
}

/* Nested for the verifier's sake, as feed_steps() is. */
__weak __noinline int requests_abandon(
	conn_argument which, enum http_error error, enum outcome lost)
{
	for (int i = 0; i < PIPELINE_ROUND; i++)
		if (request_abandon(which, error, lost))
			return 1;
	return 0;
}

/* Tells, or counts as lost, all requests that are left; nothing more is expected of the connection.
 */
__weak __noinline int conn_end(conn_argument which, enum http_error error, enum outcome lost)
{
	struct conn *conn = conn_of(which);

	if (!conn)
		return 0;
	conn->flags |= CONN_OPAQUE;
	for (int i = 0; i < PIPELINE_MAX / PIPELINE_ROUND; i++)
		if (requests_abandon(which, error, lost))
			break;
	return 0;
}

/* The end of the bytes is the end of a response that has no other; the rest has no answer. */
static __always_inline void conn_close(struct conn *conn, enum http_error error, bool in_order)
{
	if (conn->streams[RESPONSE].state == STREAM_UNTIL_CLOSE && in_order) {
		request_finish(conn_pass(conn), 0, HTTP_OK);
		conn->answered++;
		conn->streams[RESPONSE].bytes = 0;
	}
	conn_end(conn_pass(conn), error, 0);
}

#endif
