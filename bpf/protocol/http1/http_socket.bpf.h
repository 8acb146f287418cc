/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1: what sends and receives both ask of a socket. A socket that speaks no HTTP is given up
 * after a few operations, and then costs one look-up for each.
 *
 * Each direction has a file: http_send.bpf.h and http_receive.bpf.h. They are called through
 * protocol.bpf.h, and call http_operation.bpf.h (one operation), which calls http_message.bpf.h
 * (framing), which calls http_request.bpf.h (pairing) and http_report.bpf.h (what comes of it).
 */
#ifndef SONDE_HTTP_SOCKET_BPF_H
#define SONDE_HTTP_SOCKET_BPF_H

#include "protocol/http1/http_operation.bpf.h"
#include "stream/owner.bpf.h"

/* The daemon's own requests are left alone: telling of an export would make another one. */
extern __u32 own_tgid;

extern const volatile bool reports_http;

static __always_inline bool http_may_speak(const struct channel *channel)
{
	return reports_http && channel_is_stream(channel);
}

/* Operations that begin no HTTP message before a connection is left alone for ever. */
#define MISSES_MAX 8

/*
 * What is kept of a channel that the current process uses, and of which no more is known than that;
 * NULL: it speaks no HTTP, or is the daemon's.
 */
static __always_inline struct http_channel *http_candidate(const struct channel *channel)
{
	struct socket_state *state = channel_used(channel, SOURCE_HTTP);
	struct http_channel *http;

	if (!state || state->flags & SOCKET_OTHER || state->tgid == own_tgid)
		return NULL;
	http = channel_make(http_channels, channel);
	if (!http) {
		count(SOURCE_HTTP, KEPT_BY_ADDRESS ? OUTCOME_TABLE_FULL : OUTCOME_STORAGE_FAILED);
		return NULL;
	}
	http->flags |= HTTP_CHANNEL_USED;
	if (!(state->flags & (SOCKET_RECEIVING | SOCKET_SENDING)))
		return http;
	http->flags |= (state->flags & SOCKET_RECEIVING ? HTTP_CHANNEL_RECEIVING : 0) |
		       (state->flags & SOCKET_SENDING ? HTTP_CHANNEL_SENDING : 0);
	state->flags &= ~(SOCKET_RECEIVING | SOCKET_SENDING);
	return http;
}

/* The same of any channel that the current process uses. */
static __always_inline struct http_channel *http_used(const struct channel *channel)
{
	struct http_channel *http = channel_find(http_channels, channel);

	return http && http->flags & HTTP_CHANNEL_USED && !http->misses ? http
									: http_candidate(channel);
}

/* After an operation on a channel that shows no HTTP: it is left alone for ever, in the end. */
static __always_inline void http_give_up(const struct channel *channel, struct http_channel *http)
{
	struct socket_state *state;

	if (http->misses < MISSES_MAX)
		return;
	state = channel_state_find(channel);
	if (state)
		state->flags |= SOCKET_OTHER;
	channel_forget(http_channels, channel);
}

/* In the middle of a message whose beginning is not known, until bytes go the other way. */
static __always_inline bool is_midway(struct http_channel *http, enum direction direction)
{
	__u8 ways = http->flags & (HTTP_CHANNEL_RECEIVING | HTTP_CHANNEL_SENDING);

	if (!ways)
		return false;
	if (ways ==
		(direction == DIRECTION_RECEIVE ? HTTP_CHANNEL_RECEIVING : HTTP_CHANNEL_SENDING))
		return true;
	http->flags &= ~(HTTP_CHANNEL_RECEIVING | HTTP_CHANNEL_SENDING);
	return false;
}

/* --- Unix sockets --- */

/*
 * Of Unix sockets no hook tells the end, so they are asked when one side notices: this one ends
 * with `error`, and so does the other one, when it was closed.
 */
static __noinline void unix_end(
	const struct channel *channel, struct conn *conn, enum http_error error)
{
	struct channel peer = channel_peer(channel);

	if (conn)
		conn_close(conn, error, error != HTTP_RESET);
	if (!peer_is_dead(&peer))
		return;
	conn = conn_find(&peer);
	if (conn && !(conn->flags & CONN_OPAQUE))
		conn_close(conn, HTTP_CLOSED_LOCALLY, true);
}

/* The other side has closed, or only its sending half. */
static __always_inline void unix_shut(const struct channel *channel, struct conn *conn)
{
	struct channel peer = channel_peer(channel);

	if ((conn && conn->role == HTTP_CLIENT) || peer_is_dead(&peer))
		unix_end(channel, conn, HTTP_CLOSED_BY_PEER);
}

/* --- TCP --- */

/*
 * True when something came before a reset that a process can still read, or is just reading. It
 * gets that first, and the reset with its next call.
 */
static __always_inline bool has_unread(const struct channel *channel, struct conn *conn)
{
	return channel_has_unread(channel, stream_of(conn, DIRECTION_RECEIVE)->position,
		conn->flags & CONN_PEER_CLOSED ? 1 : 0);
}

#endif
