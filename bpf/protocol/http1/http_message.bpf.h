/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1 framing: walks the bytes of one socket operation through the message that its direction is
 * in the middle of, and calls what http_request.bpf.h does when a request begins and when a message
 * ends.
 *
 * Only heads and chunk sizes are ever read, a window at a time and line by line; bodies are skipped
 * by arithmetic. A line that is not complete at the end of an operation is carried over to the next
 * one. Reference: RFC 9112.
 */
#ifndef SONDE_HTTP_MESSAGE_BPF_H
#define SONDE_HTTP_MESSAGE_BPF_H

#include "protocol/http1/http_preamble.bpf.h"

/* What http_request.bpf.h and http_report.bpf.h do with what is found here. */
int request_begin(conn_argument which, scratch_argument where, __u32 line, __u32 length);
int request_traceparent(conn_argument which, scratch_argument where, __u32 value);
int request_host(conn_argument which, scratch_argument where, __u32 value, __u32 end);
static void request_end(struct conn *conn);
int response_begin(conn_argument which); /* 0: nothing was asked */
static void response_end(struct conn *conn, __u32 flags);
static bool response_to(struct conn *conn, __u64 method, __u32 method_length);
static bool method_is_known(const struct http_scratch *scratch, __u32 line);

/* The first line of a request. False: it is none. */
static __always_inline bool request_line(
	struct http_scratch *scratch, __u32 at, __u32 length, bool complete)
{
	bool is_get = length > 4 &&
		      (load8(scratch, at) & FIRST(4)) == WORD('G', 'E', 'T', ' ', 0, 0, 0, 0);
	__u32 method = is_get ? 3 : method_length(scratch_pass(scratch), at, length);

	if (!method || method == length)
		return false;
	return !complete ||
	       (length >= 12 && (load8(scratch, at + length - 8) & FIRST(7)) == HTTP_1 &&
		       is_digit(scratch->data[DATA(at + length - 1)]) &&
		       scratch->data[DATA(at + length - 9)] == ' ');
}

/* A complete first line, or the first bytes (more than are carried) of a long one. */
static __always_inline bool start_line(struct conn *conn, struct http_scratch *scratch,
	struct stream *stream, __u32 at, __u32 length, bool complete)
{
	struct feed *feed = &scratch->feed;
	__u32 status = 0;

	if (!length) { /* RFC 9112, 2.2: empty lines before a request are to be ignored */
		stream->bytes = 0;
		stream->head_bytes = 0;
		return true;
	}
	if (feed->message == REQUEST && preamble_may_come(conn) &&
		preamble_line_begins(scratch, at))
		return complete &&
		       preamble_line(conn_pass(conn), scratch_pass(scratch), at, length);
	if (feed->message == REQUEST) {
		if (!request_line(scratch, at, length, complete))
			return false;
	} else {
		status = status_parse(scratch, at, length);
		if (!status)
			return false;
		conn->flags &= ~CONN_TENTATIVE;
	}
	stream->flags &= STREAM_SKIP_LINE | STREAM_CONTINUED;
	stream->remaining = 0;
	stream->status = status;
	stream->state = STREAM_HEADERS;
	if (feed->message == REQUEST)
		request_begin(conn_pass(conn), scratch_pass(scratch), at,
			length + !complete); /* that goes on */
	return true;
}

/* RFC 9110, 8.6: of a length that is no number, or two that differ, nobody knows which one counts.
 */
static __always_inline void length_take(struct stream *stream, __u64 length)
{
	if (length == NUMBER_INVALID ||
		(stream->flags & STREAM_HAS_LENGTH && stream->remaining != length))
		stream->flags |= STREAM_INVALID;
	stream->flags |= STREAM_HAS_LENGTH;
	stream->remaining = length;
}

/* Called for each header that matters, so for the verifier's sake a function by itself. */
__weak __noinline int header_line(
	conn_argument which, scratch_argument where, __u32 at, __u32 length, bool complete)
{
	struct conn *conn = conn_of(which);
	struct http_scratch *scratch = scratch_of(where);
	struct stream *stream;
	struct feed *feed;
	__u64 first, second;
	__u32 end = at + length;

	if (!conn || !scratch)
		return 0;
	feed = &scratch->feed;
	stream = feed->message == REQUEST ? &conn->streams[REQUEST] : &conn->streams[RESPONSE];
	first = load8(scratch, at) | LOWER;
	second = load8(scratch, at + 8) | LOWER;
	if (first == WORD('c', 'o', 'n', 't', 'e', 'n', 't', '-')) {
		if ((second & FIRST(6)) != WORD('l', 'e', 'n', 'g', 't', 'h', 0, 0))
			return 0;
		/* a space before the colon makes some see this header, and others not */
		if (is_space(scratch->data[DATA(at + 14)]))
			stream->flags |= STREAM_INVALID;
		if (scratch->data[DATA(at + 14)] == ':')
			length_take(stream, number_parse(scratch_pass(scratch), at + 15, end, 10));
	} else if (first == WORD('t', 'r', 'a', 'n', 's', 'f', 'e', 'r')) {
		if (second != WORD('-', 'e', 'n', 'c', 'o', 'd', 'i', 'n') ||
			(scratch->data[DATA(at + 16)] | 0x20) != 'g')
			return 0;
		if (is_space(scratch->data[DATA(at + 17)]))
			stream->flags |= STREAM_INVALID;
		if (scratch->data[DATA(at + 17)] != ':')
			return 0;
		at = spaces_skip(scratch_pass(scratch), at + 18);
		if ((load8(scratch, at) | LOWER) == WORD('i', 'd', 'e', 'n', 't', 'i', 't', 'y'))
			return 0; /* of RFC 2616: no coding */
		stream->flags = (stream->flags & ~STREAM_CHUNKED) | STREAM_CODED;
		end = spaces_trim(scratch, end);
		/* the last coding is what frames the body */
		if (((load8(scratch, end - 8) | LOWER) >> 8 | (__u64)'#' << 56) ==
				WORD('c', 'h', 'u', 'n', 'k', 'e', 'd', '#') &&
			!is_a(scratch->data[DATA(end - 8)], IN_TOKEN)) /* its name begins there */
			stream->flags |= STREAM_CHUNKED;
	} else if (feed->message != REQUEST) {
		return 0;
	} else if (first == WORD('t', 'r', 'a', 'c', 'e', 'p', 'a', 'r') &&
		   (second & FIRST(4)) == WORD('e', 'n', 't', ':', 0, 0, 0, 0)) {
		at = spaces_skip(scratch_pass(scratch), at + 12);
		if (at + TRACEPARENT_LEN <= end)
			request_traceparent(conn_pass(conn), scratch_pass(scratch), at);
	} else if ((first & FIRST(5)) == HOST) {
		if (feed->wants_host) /* a value without its end is too long a name */
			request_host(which, where, at + 5, complete ? end : 0);
	} else if ((first & FIRST(7)) == WORD('e', 'x', 'p', 'e', 'c', 't', ':', 0)) {
		at = spaces_skip(scratch_pass(scratch), at + 7);
		first = load8(scratch, at) | LOWER;
		second = load8(scratch, at + 8) | LOWER;
		if (at + 12 <= end && first == WORD('1', '0', '0', '-', 'c', 'o', 'n', 't') &&
			(second & FIRST(4)) == WORD('i', 'n', 'u', 'e', 0, 0, 0, 0))
			stream->flags |= STREAM_EXPECTS;
	}
	return 0;
}

static __always_inline void message_end(
	struct conn *conn, enum message message, struct stream *stream)
{
	if (message == REQUEST)
		request_end(conn);
	else
		response_end(conn, 0);
	stream->state = STREAM_START;
	stream->bytes = 0;
	stream->head_bytes = 0;
}

/* Nobody knows where the body of a message ends. */
static __always_inline bool unframed(struct conn *conn, enum message message)
{
	if (message == REQUEST)
		request_end(conn);
	return false;
}

/*
 * The empty line after the headers: what follows is found by RFC 9112, 6.3. False: nobody knows
 * where the body ends.
 */
static __always_inline bool head_end(
	struct conn *conn, struct http_scratch *scratch, struct stream *stream)
{
	struct feed *feed = &scratch->feed;
	__u16 status = stream->status;

	if (feed->message == RESPONSE) {
		if (status == 101 ||
			(status / 100 == 2 &&
				response_to(
					conn, WORD('C', 'O', 'N', 'N', 'E', 'C', 'T', ' '), 8))) {
			response_end(conn, HTTP_UPGRADED);
			conn->flags |= CONN_OPAQUE;
			return true;
		}
		if (status / 100 == 1) { /* an interim response: the final one is to come */
			if (status == 100)
				stream->flags |= STREAM_CONTINUED;
			stream->state = STREAM_START;
			stream->head_bytes = 0;
			return true;
		}
		if (status == 204 || status == 304 ||
			response_to(conn, WORD('H', 'E', 'A', 'D', ' ', 0, 0, 0), 5)) {
			message_end(conn, feed->message, stream);
			return true;
		}
	}
	if (stream->flags & STREAM_CHUNKED)
		stream->state = STREAM_CHUNK_SIZE;
	else if (stream->flags & STREAM_INVALID ||
		 (stream->flags & STREAM_CODED && feed->message == REQUEST))
		return unframed(conn, feed->message);
	else if (stream->flags & STREAM_CODED)
		stream->state = STREAM_UNTIL_CLOSE;
	else if (stream->remaining)
		stream->state = STREAM_BODY;
	else if (feed->message == RESPONSE && !(stream->flags & STREAM_HAS_LENGTH))
		stream->state = STREAM_UNTIL_CLOSE;
	else
		message_end(conn, feed->message, stream);
	return true;
}

/*
 * A request with `Expect: 100-continue` got its final answer, and nothing of its body had come: so
 * the client may leave the body out, and what comes next is looked at as if it began a request.
 * Only then, as any body may look like one.
 */
static __always_inline void body_awaited(
	const struct conn *conn, const struct feed *feed, struct stream *stream)
{
	stream->flags &= ~STREAM_EXPECTS;
	if (conn->answered != conn->asked || feed->cursor.bytes.kind == BYTES_UNREADABLE ||
		conn->streams[RESPONSE].flags & STREAM_CONTINUED)
		return;
	stream->flags |= STREAM_DECLINED;
	stream->state = STREAM_START;
	stream->bytes = stream->head_bytes = 0;
}

/* True when a line begins a request after a declined body, as far as it is there. */
static __always_inline bool request_follows(
	struct http_scratch *scratch, __u32 at, __u32 length, bool complete)
{
	if (!complete && method_length(scratch_pass(scratch), at, length) == length)
		return true;
	return request_line(scratch, at, length, complete) && method_is_known(scratch, at);
}

/*
 * What the line at hand is, after a declined body: of a request; or that body comes all the same,
 * `stream->bytes` of it by now. Its request has been told, so nothing but its end matters. Returns
 * how many bytes of the line belong to the body: none of a chunk's line; -1: all of them do.
 */
__weak __noinline int declined_line(
	conn_argument which, scratch_argument where, __u32 at, __u32 length, bool complete)
{
	struct conn *conn = conn_of(which);
	struct http_scratch *scratch = scratch_of(where);
	struct stream *stream;
	__u64 body, over;

	if (!conn || !scratch || request_follows(scratch, at, length, complete))
		return 0;
	stream = &conn->streams[REQUEST];
	stream->flags &= ~STREAM_DECLINED;
	if (stream->flags & STREAM_CHUNKED) {
		stream->state = STREAM_CHUNK_SIZE;
		return 0;
	}
	stream->carried = 0;
	body = stream->remaining;
	over = stream->bytes - body;
	if (stream->bytes < body) {
		stream->state = STREAM_BODY;
		stream->remaining -= stream->bytes;
		return -1;
	}
	message_end(conn, REQUEST, stream);
	if (body >= length)
		return -1; /* but for the line's end, which begins nothing */
	stream->bytes = stream->head_bytes = over;
	stream->first_ns = scratch->feed.first_ns;
	return body;
}

/* Passes over a declined body. False: it is all that there is. */
static __always_inline bool declined_skip(struct conn *conn, struct http_scratch *scratch,
	const struct stream *stream, __u32 *at, __u32 *length, bool complete)
{
	int body;

	if (!(stream->flags & STREAM_DECLINED))
		return true;
	body = declined_line(conn_pass(conn), scratch_pass(scratch), *at, *length, complete);
	if (body < 0)
		return false;
	*at += body;
	*length -= body;
	return true;
}

/* One line, without its end. False: this is no HTTP. */
static __always_inline bool line_take(struct conn *conn, struct http_scratch *scratch,
	struct stream *stream, __u32 at, __u32 length, bool complete)
{
	switch (stream->state) {
	case STREAM_START: return start_line(conn, scratch, stream, at, length, complete);
	case STREAM_HEADERS:
		if (!length)
			return head_end(conn, scratch, stream);
		header_line(conn_pass(conn), scratch_pass(scratch), at, length, complete);
		return true;
	case STREAM_CHUNK_SIZE:
		stream->remaining = number_parse(scratch_pass(scratch), at, at + length, 16);
		if (stream->remaining == NUMBER_INVALID)
			return false;
		stream->state = stream->remaining ? STREAM_CHUNK : STREAM_TRAILERS;
		if (stream->remaining)
			stream->remaining += 2; /* its line end */
		return true;
	case STREAM_TRAILERS:
		if (!length)
			message_end(conn, scratch->feed.message, stream);
		return true;
	}
	return true;
}

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
