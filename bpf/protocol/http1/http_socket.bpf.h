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

/* Operations that begin no HTTP message before a connection is left alone for ever. */
#define MISSES_MAX 8

/* The state of a socket that the current process uses; NULL: it is known to speak no HTTP. */
static __always_inline struct socket_state *socket_candidate(struct sock *sk)
{
	struct socket_state *state = socket_used(sk, SOURCE_HTTP);

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
static __noinline void unix_end(struct sock *sk, struct conn *conn, enum http_error error)
{
	struct sock *peer = unix_peer(sk);

	if (conn)
		conn_close(conn, error, error != HTTP_RESET);
	if (!peer || !is_dead(peer))
		return;
	conn = conn_find(peer);
	if (conn && !(conn->flags & CONN_OPAQUE))
		conn_close(conn, HTTP_CLOSED_LOCALLY, true);
}

/* The other side has closed, or only its sending half. */
static __always_inline void unix_shut(struct sock *sk, struct conn *conn)
{
	struct sock *peer = unix_peer(sk);

	if (conn && conn->role == HTTP_CLIENT)
		unix_end(sk, conn, HTTP_CLOSED_BY_PEER);
	else if (peer && is_dead(peer))
		unix_end(sk, conn, HTTP_CLOSED_BY_PEER);
}

/* --- TCP --- */

/*
 * True when something came before a reset that a process can still read, or is just reading. It
 * gets that first, and the reset with its next call.
 */
static __always_inline bool has_unread(struct sock *sk, struct conn *conn)
{
	struct tcp_sock *tcp = tcp_of(sk);
	__s32 fin = conn->flags & CONN_PEER_CLOSED ? 1 : 0;
	__u32 read;

	if (!tcp)
		return false;
	read = stream_of(conn, DIRECTION_RECEIVE)->position ?: READ(tcp, copied_seq);
	return (__s32)(READ(tcp, rcv_nxt) - read) > fin;
}

#endif
