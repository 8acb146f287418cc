/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1 lines: what a first line, a header, the size of a chunk and an empty line are to the
 * message that they are of, and what its end is. http_message.bpf.h finds them.
 */
#ifndef SONDE_HTTP_LINE_BPF_H
#define SONDE_HTTP_LINE_BPF_H

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

#endif
