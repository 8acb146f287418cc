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

/* The state of a channel that the current process uses; NULL: it is known to speak no HTTP. */
static __always_inline struct socket_state *http_candidate(const struct channel *channel)
{
	struct socket_state *state = channel_used(channel, SOURCE_HTTP);

	if (!state || state->http_misses >= MISSES_MAX || state->tgid == own_tgid)
		return NULL;
	return state;
}

/* In the middle of a message whose beginning is not known, until bytes go the other way. */
static __always_inline bool is_midway(struct socket_state *state, enum direction direction)
{
	__u16 ways = state->flags & (SOCKET_RECEIVING | SOCKET_SENDING);

	if (!ways)
		return false;
	if (ways == (direction == DIRECTION_RECEIVE ? SOCKET_RECEIVING : SOCKET_SENDING))
		return true;
	state->flags &= ~(SOCKET_RECEIVING | SOCKET_SENDING);
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
