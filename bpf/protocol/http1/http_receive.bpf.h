/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* HTTP/1: arrivals of bytes, and their receipt. */
#ifndef SONDE_HTTP_RECEIVE_BPF_H
#define SONDE_HTTP_RECEIVE_BPF_H

#include "protocol/http1/http_send.bpf.h"

/* --- arrivals --- */

/* Bytes have arrived: from now on they wait for a process to receive them. */
static __always_inline void http_arrived(struct sock *sk, struct socket_state *state)
{
	struct tcp_sock *tcp;

	if (state->arrival_ns || state->http_misses >= MISSES_MAX)
		return;
	tcp = tcp_place(sk);
	state->arrival_position = tcp ? READ(tcp, rcv_nxt) : 0;
	state->arrival_ns = bpf_ktime_get_ns();
}

/*
 * After a receive: the arrival stays while some of its bytes are left. Bytes that came later are
 * given the present time as their arrival: when they really came is not known, and the receive may
 * have been earlier.
 */
static __always_inline void arrival_settle(
	struct sock *sk, struct socket_state *state, const struct tcp_sock *tcp)
{
	if (!state || (tcp ? (__s32)(READ(tcp, copied_seq) - state->arrival_position) < 0
			   : READ(sk, sk_receive_queue.qlen) > 0))
		return;
	/* cleared before the look at what is left, so that an arrival in between sets it anew */
	state->arrival_ns = 0;
	barrier();
	if (tcp ? READ(tcp, copied_seq) == READ(tcp, rcv_nxt) : !READ(sk, sk_receive_queue.qlen))
		return;
	if (state->arrival_ns)
		return;
	state->arrival_position = tcp ? READ(tcp, rcv_nxt) : 0;
	state->arrival_ns = bpf_ktime_get_ns();
}

/* --- receives --- */

/* The number of bytes from `position` on that had come by the last arrival. */
static __always_inline __u64 arrived(
	const struct socket_state *state, const struct tcp_sock *tcp, __u32 position)
{
	__s32 bytes = state->arrival_position - position;

	if (!tcp)
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
static __always_inline void http_received_silently(struct sock *sk)
{
	struct conn *conn = conn_find(sk);
	struct tcp_sock *tcp = tcp_place(sk);
	__u64 now;

	if (!conn || !tcp || conn->flags & CONN_OPAQUE)
		return;
	now = bpf_ktime_get_ns();
	if (conn_catch_up(sk, conn, DIRECTION_RECEIVE, position_read(sk, tcp), seen_at(now)) &&
		awaits_request(conn))
		arrival_settle(sk, socket_state_find(sk), tcp);
}

/*
 * Nothing more will be received. An answer whose run the kernel left out (README, Limits) shows
 * only by the socket's position, unless more bytes followed. False: the connection cannot be
 * followed any more.
 */
static __always_inline bool receives_are_over(struct sock *sk, struct conn *conn)
{
	struct tcp_sock *tcp = tcp_place(sk);

	return !tcp || conn_catch_up(sk, conn, DIRECTION_RECEIVE, position_read(sk, tcp),
			       silent_by(tcp, DIRECTION_RECEIVE, bpf_ktime_get_ns()));
}

/* A receive brought no bytes: the other side has ended its stream, or there is an error. */
static __always_inline void receive_nothing(
	struct sock *sk, struct conn *conn, const struct chunk *chunk)
{
	int result = chunk->result;
	bool is_end = !result && READ(sk, sk_shutdown) & RCV_SHUTDOWN;

	if (result == -EAGAIN && chunk->way == BY_SYSCALL && !in_call_on(sk))
		uring_request(sk, DIRECTION_RECEIVE);
	if (is_unix(sk)) {
		if (result == -ECONNRESET)
			unix_end(sk, conn, HTTP_RESET);
		else if (is_end)
			unix_shut(sk, conn);
		return;
	}
	if (!conn)
		return;
	barrier(); /* keeps the question above apart, or the verifier does not see its answer */
	if (is_end && conn->role == HTTP_CLIENT) {
		if (receives_are_over(sk, conn))
			conn_close(conn, HTTP_CLOSED_BY_PEER, true);
	} else if (result == -ECONNRESET && conn->flags & CONN_RESET) {
		conn_close(conn, HTTP_RESET, false);
	}
}

/* A receive has ended. */
static __always_inline void http_received(struct sock *sk, const struct chunk *chunk)
{
	int result = chunk->result;
	struct socket_state *state = NULL;
	struct transfer *transfer;
	struct tcp_sock *tcp;
	struct conn *conn;
	__u32 position;
	__u64 now;

	conn = conn_find(sk);
	if (conn && conn->flags & CONN_OPAQUE)
		return;
	if (result <= 0) {
		receive_nothing(sk, conn, chunk);
		return;
	}
	if (!conn) {
		state = socket_candidate(sk);
		if (!state)
			return;
		if (is_midway(state, DIRECTION_RECEIVE)) {
			arrival_settle(sk, state, tcp_place(sk));
			return;
		}
	} else if (awaits_request(conn)) {
		state = socket_state_find(sk);
	}
	now = bpf_ktime_get_ns();
	if (conn && conn->role == HTTP_SERVER && state && !state->sending)
		answer_settle(sk, conn);
	if (!conn || (conn->role == HTTP_CLIENT && conn->asked == conn->answered))
		conn = send_take(sk, conn, now);
	tcp = tcp_place(sk);
	position = tcp ? position_read(sk, tcp) : 0;
	if (conn) {
		if (tcp && !conn_catch_up(sk, conn, DIRECTION_RECEIVE, position - result,
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
	if (state) {
		transfer->arrival_ns = state->arrival_ns;
		transfer->arrival_end = arrived(state, tcp, position - result);
	}
	if (!(chunk->flags & MSG_TRUNC)) /* with MSG_TRUNC the bytes are discarded, not copied */
		chunk_find(&transfer->bytes, sk, chunk);
	conn = conn_operate(sk, conn, state, transfer);
	if (conn)
		stream_of(conn, DIRECTION_RECEIVE)->position = position;
	if (conn && !awaits_request(conn))
		return;
	if (!state)
		state = socket_state_find(sk);
	arrival_settle(sk, state, tcp);
}

extern const volatile bool reports_http;

static __always_inline bool http_may_speak(const struct channel *channel)
{
	return reports_http && channel_is_stream(channel);
}

static __always_inline void http_moved(const struct channel *channel, const struct chunk *chunk)
{
	if (chunk->direction == DIRECTION_SEND)
		http_sent(channel->sk, chunk);
	else
		http_received(channel->sk, chunk);
}

#endif
