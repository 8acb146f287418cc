/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* HTTP/1: what the end of a channel is to its requests, by the states that TCP goes through. */
#ifndef SONDE_HTTP_END_BPF_H
#define SONDE_HTTP_END_BPF_H

#include "protocol/http1/http_receive.bpf.h"

static __always_inline enum http_error closed_by(const struct conn *conn)
{
	return conn->flags & CONN_PEER_CLOSED ? HTTP_CLOSED_BY_PEER : HTTP_CLOSED_LOCALLY;
}

/*
 * Nothing more will be sent, or another thread is in the middle of it. False: see
 * receives_are_over().
 */
static __always_inline bool sends_are_over(struct sock *sk, struct conn *conn)
{
	struct socket_state *state = socket_state_find(sk);
	struct tcp_sock *tcp = tcp_place(sk);

	if (!tcp || (state && state->sending && state->send_thread != bpf_get_current_pid_tgid()))
		return true;
	return conn_catch_up(sk, conn, DIRECTION_SEND, READ(tcp, write_seq),
		silent_by(tcp, DIRECTION_SEND, bpf_ktime_get_ns()));
}

/* This side closes, for sends only or for both. False: the connection has lost its place. */
static __always_inline bool operations_are_over(struct sock *sk, struct conn *conn)
{
	if (sk->sk_shutdown & RCV_SHUTDOWN && !receives_are_over(sk, conn))
		return false;
	return sends_are_over(sk, conn);
}

/* The FIN is sent: a server answers no more, and a client that has read or given up all neither. */
static __always_inline void fin_sent(struct sock *sk, struct conn *conn, int state)
{
	struct tcp_sock *tcp = tcp_of(sk);
	bool is_over = conn->role == HTTP_SERVER;

	if (!operations_are_over(sk, conn))
		return;
	if (state == TCP_FIN_WAIT1) /* by close(), which ends both ways; shutdown() need not */
		is_over |= sk->sk_shutdown & RCV_SHUTDOWN;
	else if (tcp) /* LAST_ACK, after the peer's FIN, which counts as one */
		is_over |= (__s32)(READ(tcp, rcv_nxt) - READ(tcp, copied_seq)) <= 1;
	if (is_over)
		conn_close(conn, closed_by(conn), true);
}

/* Closed without a reset from the other side. */
static __always_inline void closed(struct sock *sk, struct conn *conn, int from)
{
	if (sk->sk_err == ETIMEDOUT) {
		conn_close(conn, HTTP_TIMED_OUT, false);
	} else if (from == TCP_ESTABLISHED ||
		   from == TCP_CLOSE_WAIT) { /* by a reset of this side */
		if (operations_are_over(sk, conn))
			conn_close(conn, closed_by(conn), false);
	} else if (conn->role == HTTP_SERVER) {
		conn_close(conn, closed_by(conn), true);
	}
	/* a client may still read what has come: its end is that of the stream, or of the socket */
}

/* MPTCP's own sockets end by no hook: what is there at the address of a new one was another's. */
static __always_inline void mptcp_begins(struct sock *sk, int to)
{
	if (KEPT_BY_ADDRESS && to == TCP_ESTABLISHED && sk->sk_protocol != IPPROTO_TCP) {
		conn_forget(sk);
		socket_state_forget(sk);
	}
}

/* The socket is no more, or is connected again. */
static __always_inline void gone(struct conn *conn)
{
	if (conn->flags & CONN_OPAQUE)
		return;
	if (conn->flags & CONN_RESET)
		conn_close(conn, HTTP_RESET, false);
	else
		conn_close(conn, closed_by(conn), true);
}

static __always_inline void connects_again(struct sock *sk)
{
	struct conn *conn = conn_find(sk);

	if (conn) {
		gone(conn);
		conn_forget(sk);
	}
}

static __always_inline int http_state_changes(struct sock *sk, int from, int to)
{
	struct conn *conn;

	mptcp_begins(sk, to);
	if (to == TCP_SYN_SENT)
		connects_again(sk);
	if (to != TCP_CLOSE && to != TCP_FIN_WAIT1 && to != TCP_CLOSE_WAIT && to != TCP_LAST_ACK)
		return 0;
	conn = conn_find(sk);
	if (!conn || conn->flags & CONN_OPAQUE)
		return 0;
	if (to == TCP_CLOSE_WAIT)
		conn->flags |= CONN_PEER_CLOSED;
	else if (to != TCP_CLOSE)
		fin_sent(sk, conn, to);
	else if (sk->sk_err != ECONNRESET && sk->sk_err != EPIPE)
		closed(sk, conn, from);
	else if (in_send(sk) || has_unread(sk, conn))
		conn->flags |= CONN_RESET;
	else
		conn_close(conn, HTTP_RESET, false);
	return 0;
}

/* The socket is destroyed. */
static __always_inline int http_channel_ends(struct sock *sk)
{
	struct conn *conn = conn_find(sk);

	if (conn) {
		gone(conn);
		conn_release(sk);
	}
	return 0;
}

/* A Unix socket is closed: nobody else tells, and its address may be used again. */
static __always_inline int http_unix_closed(struct socket *socket)
{
	struct sock *sk = READ(socket, sk);
	struct conn *conn;

	if (!sk)
		return 0;
	conn = conn_find(sk);
	if (conn) {
		if (!(conn->flags & CONN_OPAQUE))
			conn_close(conn, HTTP_CLOSED_LOCALLY, true);
		conn_forget(sk);
	}
	socket_state_forget(sk);
	return 0;
}

#endif
