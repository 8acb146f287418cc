/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* HTTP/1: what the end of a channel is to its requests, step by step. */
#ifndef SONDE_HTTP_END_BPF_H
#define SONDE_HTTP_END_BPF_H

#include "protocol/http1/http_receive.bpf.h"
#include "stream/end.bpf.h"

static __always_inline enum http_error closed_by(const struct conn *conn)
{
	return conn->flags & CONN_PEER_CLOSED ? HTTP_CLOSED_BY_PEER : HTTP_CLOSED_LOCALLY;
}

/*
 * Nothing more will be sent, or another thread is in the middle of it. False: see
 * receives_are_over().
 */
static __always_inline bool sends_are_over(const struct channel *channel, struct conn *conn)
{
	struct http_channel *http = channel_find(http_channels, channel);
	stream_places at = channel_places(channel);

	if (!at || (http && http->sending && http->send_thread != bpf_get_current_pid_tgid()))
		return true;
	return conn_catch_up(channel, conn, DIRECTION_SEND, place_sent(at),
		silent_by(at, DIRECTION_SEND, bpf_ktime_get_ns()));
}

/* This side closes, for sends only or for both. False: the connection has lost its place. */
static __always_inline bool operations_are_over(const struct channel *channel, struct conn *conn)
{
	if (channel_receives_no_more(channel) && !receives_are_over(channel, conn))
		return false;
	return sends_are_over(channel, conn);
}

/* The channel is no more, or is another one from now on. */
static __always_inline void gone(struct conn *conn)
{
	if (conn->flags & CONN_OPAQUE)
		return;
	if (conn->flags & CONN_RESET)
		conn_close(conn, HTTP_RESET, false);
	else
		conn_close(conn, closed_by(conn), true);
}

/*
 * The end of one side, or of both. After the FIN a server answers no more, and a client that has
 * read all, or given up, neither.
 */
static __always_inline void conn_step(
	const struct channel *channel, struct conn *conn, enum channel_step step)
{
	bool is_server = conn->role == HTTP_SERVER;

	switch (step) {
	case CHANNEL_PEER_ENDS: conn->flags |= CONN_PEER_CLOSED; break;
	case CHANNEL_ENDS:
	case CHANNEL_ENDS_READ:
		if (operations_are_over(channel, conn) && (is_server || step == CHANNEL_ENDS_READ))
			conn_close(conn, closed_by(conn), true);
		break;
	case CHANNEL_CLOSED:
		/* a client may still read what has come, up to the end of stream or socket */
		if (is_server)
			conn_close(conn, closed_by(conn), true);
		break;
	case CHANNEL_ABORTED:
		if (operations_are_over(channel, conn))
			conn_close(conn, closed_by(conn), false);
		break;
	case CHANNEL_RESET:
		if (in_send(channel) || has_unread(channel, conn))
			conn->flags |= CONN_RESET;
		else
			conn_close(conn, HTTP_RESET, false);
		break;
	case CHANNEL_TIMED_OUT: conn_close(conn, HTTP_TIMED_OUT, false); break;
	default: break;
	}
}

/* It is another connection from now on; a send that makes it one may be under way already. */
static __always_inline void connects(const struct channel *channel)
{
	struct http_channel *http = channel_find(http_channels, channel);

	if (!http)
		return;
	http->arrival_ns = 0;
	http->flags = http->misses = http->has_arrivals = 0;
}

static __always_inline void http_step(const struct channel *channel, enum channel_step step)
{
	struct conn *conn = conn_find(channel);

	if (conn && (step == CHANNEL_CONNECTS || step == CHANNEL_GONE))
		gone(conn);
	else if (conn && step != CHANNEL_REPLACED && !(conn->flags & CONN_OPAQUE))
		conn_step(channel, conn, step);
	if (step == CHANNEL_CONNECTS) {
		connects(channel);
		if (conn)
			conn_forget(channel);
	}
	if (KEPT_BY_ADDRESS && (step == CHANNEL_REPLACED || step == CHANNEL_GONE)) {
		conn_forget(channel); /* else both go with their carrier */
		channel_forget(http_channels, channel);
	}
}

#endif
