/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* HTTP/1: arrivals of bytes, and their receipt. */
#ifndef SONDE_HTTP_RECEIVE_BPF_H
#define SONDE_HTTP_RECEIVE_BPF_H

#include "protocol/http1/http_send.bpf.h"

/* --- arrivals --- */

/* Bytes have arrived: from now on they wait for a process to receive them. See protocol.bpf.h. */
static __always_inline bool http_arrived(const struct channel *channel, bool is_first)
{
	struct http_channel *http;
	stream_places at;
	bool is_known;

	if (!reports_http)
		return false;
	http = is_first ? channel_make(http_channels, channel)
			: channel_find(http_channels, channel);
	if (!http)
		return false;
	is_known = http->has_arrivals;
	if (http->arrival_ns)
		return is_known;
	http->has_arrivals = true;
	at = channel_places(channel);
	http->arrival_position = at ? place_arrived(at) : 0;
	http->arrival_ns = bpf_ktime_get_ns();
	return is_known;
}

/*
 * After a receive: the arrival stays while some of its bytes are left. Bytes that came later are
 * given the present time as their arrival: when they really came is not known, and the receive may
 * have been earlier.
 */
static __always_inline void arrival_settle(
	const struct channel *channel, struct http_channel *http, stream_places at)
{
	if (!http || (at ? (__s32)(place_taken(at) - http->arrival_position) < 0
			 : channel_has_waiting(channel)))
		return;
	/* cleared before the look at what is left, so that an arrival in between sets it anew */
	http->arrival_ns = 0;
	barrier();
	if (at ? place_taken(at) == place_arrived(at) : !channel_has_waiting(channel))
		return;
	if (http->arrival_ns)
		return;
	http->arrival_position = at ? place_arrived(at) : 0;
	http->arrival_ns = bpf_ktime_get_ns();
}

/* --- receives --- */

/* The number of bytes from `position` on that had come by the last arrival. */
static __always_inline __u64 arrived(
	const struct http_channel *http, stream_places at, __u32 position)
{
	__s32 bytes = http->arrival_position - position;

	if (!at)
		return ~0ULL; /* not known: all bytes count as having come */
	return bytes > 0 ? bytes : 0;
}

/* True when the bytes that arrive next may begin a request. */
static __always_inline bool awaits_request(const struct conn *conn)
{
	const struct stream *stream = &conn->streams[REQUEST];

	return conn->role == HTTP_SERVER && (!stream->bytes || stream->flags & STREAM_EXPECTS);
}

/* Bytes were received by a call that no hook of receiving sees. */
static __always_inline void http_moved_silently(const struct channel *channel)
{
	struct conn *conn = conn_find(channel);
	stream_places at = channel_places(channel);
	__u64 now;

	if (!conn || !at || conn->flags & CONN_OPAQUE)
		return;
	now = bpf_ktime_get_ns();
	if (conn_catch_up(channel, conn, DIRECTION_RECEIVE, place_received(at), seen_at(now)) &&
		awaits_request(conn))
		arrival_settle(channel, channel_find(http_channels, channel), at);
}

/*
 * Nothing more will be received. An answer whose run the kernel left out (README, Limits) shows
 * only by the socket's position, unless more bytes followed. False: the connection cannot be
 * followed any more.
 */
static __always_inline bool receives_are_over(const struct channel *channel, struct conn *conn)
{
	stream_places at = channel_places(channel);

	return !at || conn_catch_up(channel, conn, DIRECTION_RECEIVE, place_received(at),
			      silent_by(at, DIRECTION_RECEIVE, bpf_ktime_get_ns()));
}

/* A receive brought no bytes: the other side has ended its stream, or there is an error. */
static __always_inline void receive_nothing(
	const struct channel *channel, struct conn *conn, const struct chunk *chunk)
{
	int result = chunk->result;
	bool is_end = !result && channel_receives_no_more(channel);

	if (result == -EAGAIN && chunk->way == BY_SYSCALL && !in_call_on(channel_carrier(channel)))
		uring_request(channel, DIRECTION_RECEIVE);
	if (channel_is_unix(channel)) {
		if (result == -ECONNRESET)
			unix_end(channel, conn, HTTP_RESET);
		else if (is_end)
			unix_shut(channel, conn);
		return;
	}
	if (!conn)
		return;
	barrier(); /* keeps the question above apart, or the verifier does not see its answer */
	if (is_end && conn->role == HTTP_CLIENT) {
		if (receives_are_over(channel, conn))
			conn_close(conn, HTTP_CLOSED_BY_PEER, true);
	} else if (result == -ECONNRESET && conn->flags & CONN_RESET) {
		conn_close(conn, HTTP_RESET, false);
	}
}

/* A receive has ended. */
static __always_inline void http_received(const struct channel *channel, const struct chunk *chunk)
{
	int result = chunk->result;
	struct http_channel *http = NULL;
	struct transfer *transfer;
	struct conn *conn;
	__u32 position;
	stream_places at;
	__u64 now;

	conn = conn_find(channel);
	if (conn && conn->flags & CONN_OPAQUE)
		return;
	if (result <= 0) {
		receive_nothing(channel, conn, chunk);
		return;
	}
	if (!conn) {
		http = http_candidate(channel);
		if (!http)
			return;
		if (is_midway(http, DIRECTION_RECEIVE)) {
			arrival_settle(channel, http, channel_places(channel));
			return;
		}
	} else if (awaits_request(conn)) {
		http = channel_find(http_channels, channel);
	}
	now = bpf_ktime_get_ns();
	if (conn && conn->role == HTTP_SERVER && http && !http->sending)
		answer_settle(channel, conn);
	if (!conn || (conn->role == HTTP_CLIENT && conn->asked == conn->answered))
		conn = send_take(channel, conn, now);
	at = channel_places(channel);
	position = at ? place_received(at) : 0;
	if (conn) {
		if (at && !conn_catch_up(channel, conn, DIRECTION_RECEIVE, position - result,
				  silent_before(now)))
			return;
		stream_of(conn, DIRECTION_RECEIVE)->position = position;
		if (stream_skip(stream_of(conn, DIRECTION_RECEIVE), result, now))
			return;
	}
	transfer = transfer_begin(DIRECTION_RECEIVE, bpf_get_current_pid_tgid());
	if (!transfer)
		return;
	transfer->length = result;
	transfer->first_ns = transfer->last_ns = now;
	if (http) {
		transfer->arrival_ns = http->arrival_ns;
		transfer->arrival_end = arrived(http, at, position - result);
	}
	if (!(chunk->flags & MSG_TRUNC)) /* with MSG_TRUNC the bytes are discarded, not copied */
		chunk_find(&transfer->bytes, channel, chunk);
	conn = conn_operate(channel, conn, http, transfer);
	if (conn)
		stream_of(conn, DIRECTION_RECEIVE)->position = position;
	if (conn && !awaits_request(conn))
		return;
	if (!http)
		http = channel_find(http_channels, channel);
	if (!http)
		return;
	arrival_settle(channel, http, at);
	http_give_up(channel, http);
}

static __always_inline void http_moved(const struct channel *channel, const struct chunk *chunk)
{
	if (chunk->direction == DIRECTION_SEND)
		http_sent(channel, chunk);
	else
		http_received(channel, chunk);
}

#endif
