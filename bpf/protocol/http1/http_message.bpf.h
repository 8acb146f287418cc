/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1 framing: walks the bytes of one socket operation through the message that its direction is
 * in the middle of. What a line of it means is said in http_line.bpf.h, which calls what
 * http_request.bpf.h does when a request begins and when a message ends.
 *
 * Only heads and chunk sizes are ever read, a window at a time and line by line; bodies are skipped
 * by arithmetic. A line that is not complete at the end of an operation is carried over to the next
 * one. Reference: RFC 9112.
 */
#ifndef SONDE_HTTP_MESSAGE_BPF_H
#define SONDE_HTTP_MESSAGE_BPF_H

#include "protocol/http1/http_line.bpf.h"

/* Reads the next window; the carried beginning of the line under way goes before it. */
static __always_inline bool window_read(
	struct conn *conn, struct http_scratch *scratch, struct stream *stream)
{
	struct feed *feed = &scratch->feed;
	__u32 carried = stream->carried & 511;
	__u64 most = feed->length - feed->offset;
	long got;

	if (carried && feed->message == REQUEST)
		__builtin_memcpy(scratch->data, conn->carry_request, CARRY_REQUEST);
	else if (carried)
		__builtin_memcpy(scratch->data, conn->carry_response, CARRY_RESPONSE);
	if (most > WINDOW)
		most = WINDOW;
	got = bytes_read(&feed->cursor, feed->offset, scratch->data + carried, most);
	if (got < 0) {
		feed->lost = OUTCOME_UNREADABLE;
		return false;
	}
	feed->window = feed->offset;
	feed->carried = carried;
	feed->filled = feed->read = got ? carried + got : 0;
	line_begin(feed, 0);
	return true;
}

/* The line under way, whose end is not in the window. */
static __always_inline bool line_continue(
	struct conn *conn, struct http_scratch *scratch, struct stream *stream)
{
	struct feed *feed = &scratch->feed;
	__u32 length = feed->filled - feed->line, at = feed->line;
	__u64 end = feed->window + feed->filled - feed->carried;
	__u32 most = feed->message == REQUEST ? CARRY_REQUEST - 1 : CARRY_RESPONSE - 1;
	bool skip = stream->flags & STREAM_SKIP_LINE;

	feed->filled = 0;
	if (end < feed->length && at)
		return true; /* there is more: read again, from where the line begins */
	if (!declined_skip(conn, scratch, stream, &at, &length, false))
		return true;
	if (!skip && length > most) {
		/* a line this long: its beginning tells what there is to know */
		if (!line_take(conn, scratch, stream, at, length, false))
			return false;
		stream->flags |= STREAM_SKIP_LINE;
		length = 0;
	} else if (!skip && stream->state == STREAM_START && scratch->data[DATA(at)] != '\r') {
		if (feed->message == REQUEST ? !method_length(scratch_pass(scratch), at, length)
					     : !version_begins(load8(scratch, at), length)) {
			consume(feed, stream, end);
			return false;
		}
	}
	if (!skip && length)
		line_carry(conn, scratch, stream, at, length);
	else
		stream->carried = 0;
	consume(feed, stream, end);
	return true;
}

/* How long the byte at hand waited to be received; 0 when that is not known. */
static __always_inline __u64 queue_ns(const struct feed *feed)
{
	return feed->arrival_ns && feed->offset < feed->arrival_end
		       ? feed->first_ns - feed->arrival_ns
		       : 0;
}

static __always_inline bool lines_step(
	struct conn *conn, struct http_scratch *scratch, struct stream *stream)
{
	struct feed *feed = &scratch->feed;
	__u32 end, length, at;

	if (!feed->filled) {
		if (!window_read(conn, scratch, stream))
			return false;
		if (!feed->filled)
			return true;
	}
	if (stream->state == STREAM_START && !stream->bytes) {
		if (feed->message == RESPONSE && !conn->active &&
			!response_begin(conn_pass(conn))) {
			feed->offset = feed->length; /* an answer to nothing that was seen */
			return true;
		}
		stream->flags &= ~STREAM_CONTINUED;
		stream->first_ns = feed->first_ns;
		if (feed->message == REQUEST)
			conn->queue_ns = queue_ns(feed);
	} else if (stream->state == STREAM_START && !stream->head_bytes) {
		stream->first_ns = feed->first_ns; /* the final response, after an interim one */
	}
	if (stream->state == STREAM_START && feed->message == REQUEST && preamble_may_come(conn) &&
		scratch->data[DATA(feed->line)] == '\r') {
		enum preamble preamble = preamble_take(conn_pass(conn), scratch_pass(scratch));

		if (preamble != PREAMBLE_NONE)
			return preamble == PREAMBLE_TAKEN;
	}
	feed->skips = stream->state == STREAM_HEADERS && !(stream->flags & STREAM_SKIP_LINE) &&
		      feed->line >= feed->carried;
	end = line_find(scratch_pass(scratch));
	at = feed->line;
	if (feed->host_end) {
		if (scratch->data[DATA(feed->host_end - 1)] == '\r')
			feed->host_end--;
		request_host(
			conn_pass(conn), scratch_pass(scratch), feed->host + 5, feed->host_end);
		feed->host_end = 0;
	}
	if (feed->skips)
		consume(feed, stream, feed->window + at - feed->carried);
	if (end == LINE_UNKNOWN)
		return true;
	if (end >= feed->filled)
		return line_continue(conn, scratch, stream);

	length = end - at;
	if (length && scratch->data[DATA(end - 1)] == '\r')
		length--;
	line_begin(feed, end + 1);
	stream->carried = 0;
	consume(feed, stream, feed->window + feed->line - feed->carried);
	if (stream->flags & STREAM_SKIP_LINE) {
		stream->flags &= ~STREAM_SKIP_LINE;
		return true;
	}
	if (!declined_skip(conn, scratch, stream, &at, &length, true))
		return true;
	return line_take(conn, scratch, stream, at, length, true);
}

static __always_inline void body_step(
	struct conn *conn, struct http_scratch *scratch, struct stream *stream)
{
	struct feed *feed = &scratch->feed;
	__u64 take = feed->length - feed->offset;

	if (stream->state != STREAM_UNTIL_CLOSE) {
		if (take > stream->remaining)
			take = stream->remaining;
		stream->remaining -= take;
	}
	consume(feed, stream, feed->offset + take);
	/* the rest of the window may hold what comes next */
	line_begin(feed, feed->carried + (feed->offset - feed->window));
	if (feed->line >= feed->filled)
		feed->filled = 0;
	if (stream->state == STREAM_UNTIL_CLOSE || stream->remaining)
		return;
	if (stream->state == STREAM_CHUNK)
		stream->state = STREAM_CHUNK_SIZE;
	else
		message_end(conn, feed->message, stream);
}

/* True when all of an operation is used up, or nothing of it matters any more. */
static __always_inline bool feed_is_over(struct feed *feed, const struct conn *conn)
{
	if (feed->offset < feed->length && !(conn->flags & CONN_OPAQUE))
		return false;
	feed->lost = 0;
	return true;
}

/* True when what comes next is skipped by its length, and no line. */
static __always_inline bool in_body(const struct stream *stream)
{
	switch (stream->state) {
	case STREAM_BODY:
	case STREAM_CHUNK:
	case STREAM_UNTIL_CLOSE: return !(stream->flags & STREAM_SKIP_LINE);
	}
	return false;
}

/*
 * One line that matters, with the piece of a body behind it, or one piece of a body; returns 1 when
 * the operation is over.
 */
__weak __noinline int feed_step(conn_argument which, scratch_argument where)
{
	struct conn *conn = conn_of(which);
	struct http_scratch *scratch = scratch_of(where);
	struct stream *stream;
	struct feed *feed;

	if (!conn || !scratch)
		return 1;
	feed = &scratch->feed;
	if (feed_is_over(feed, conn))
		return 1;
	stream = feed->message == REQUEST ? &conn->streams[REQUEST] : &conn->streams[RESPONSE];
	if (stream->flags & STREAM_EXPECTS &&
		(stream->state == STREAM_BODY || stream->state == STREAM_CHUNK_SIZE))
		body_awaited(conn, feed, stream);
	if (!in_body(stream)) {
		if (!lines_step(conn, scratch, stream) || feed_is_over(feed, conn))
			return 1;
		if (!in_body(stream) || stream->flags & STREAM_EXPECTS)
			return 0;
	}
	body_step(conn, scratch, stream);
	return feed_is_over(feed, conn);
}

/*
 * Lines and pieces looked at in one operation, 65,536: nested, as the verifier keeps a state for
 * each round of a loop until it has seen the last one.
 */
#define FEED_ROUNDS 256
#define FEED_STEPS  256

__weak __noinline int feed_steps(conn_argument which, scratch_argument where)
{
	for (int i = 0; i < FEED_STEPS; i++)
		if (feed_step(which, where))
			return 1;
	return 0;
}

#endif
