/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1: sends. What a send asks for is noted when it begins, where a hook tells that, and read
 * when it ends; or before, when an answer overtakes it.
 */
#ifndef SONDE_HTTP_SEND_BPF_H
#define SONDE_HTTP_SEND_BPF_H

#include "protocol/http1/http_socket.bpf.h"

/*
 * Of socket_state.sending: a send is under way; its bytes were read by another thread
 * (send_take()); it has ended, and its bytes are being read.
 */
enum { SENDING_NOT, SENDING, SENDING_TAKEN, SENDING_ENDS };

static __always_inline void send_note(struct socket_state *state)
{
	state->send_thread = bpf_get_current_pid_tgid();
	state->send_begin_ns = bpf_ktime_get_ns();
	state->sending = SENDING;
}

/*
 * True when this is a later round of the send that is noted. Where the end of that one was left out
 * by the kernel (README, Limits), it is not: then its thread is in another system call by now.
 */
static __always_inline bool send_is_noted(const struct socket_state *state)
{
	struct thread *thread;

	if (!state->sending || state->sending == SENDING_ENDS)
		return state->sending;
	if (state->send_thread != bpf_get_current_pid_tgid())
		return false;
	thread = thread_find(task_current());
	return !thread || thread->syscall_start_ns <= state->send_begin_ns;
}

/* A send that `message` describes begins. */
static __always_inline void http_send_begins(struct sock *sk, const struct msghdr *message)
{
	struct socket_state *state = socket_candidate(sk);
	struct tcp_sock *tcp;

	if (!state || is_midway(state, DIRECTION_SEND) || send_is_noted(state))
		return;
	tcp = tcp_place(sk);
	bytes_from_msghdr(&state->send_bytes, message);
	state->send_position = tcp ? READ(tcp, write_seq) : 0;
	if (is_unix(sk))
		state->send_length = READ(message, msg_iter.count);
	send_note(state);
}

/* The middle of a send to a Unix socket; in the sender's context, and before its peer is woken. */
static __always_inline void http_unix_send_begins(struct sock *receiver)
{
	struct sock *sender = unix_peer(receiver);
	struct socket_state *state = sender ? socket_candidate(sender) : NULL;

	if (!state || send_is_noted(state) || !in_call_on(sender))
		return; /* one of io_uring is read when it ends */
	bytes_from_syscall(&state->send_bytes, bpf_get_current_task_btf());
	state->send_length = bytes_length(&state->send_bytes);
	send_note(state);
}

/* The bytes of a send that has ended, from `offset` on. */
static __always_inline struct conn *send_end(struct sock *sk, struct conn *conn,
	struct socket_state *state, __u32 offset, __u32 sending, const struct chunk *chunk)
{
	__u64 now = bpf_ktime_get_ns();
	struct transfer *transfer;

	if (conn && stream_skip(stream_of(conn, DIRECTION_SEND), chunk->result - offset, now))
		return conn;
	transfer = transfer_begin(
		DIRECTION_SEND, sending ? state->send_thread : bpf_get_current_pid_tgid());
	if (!transfer)
		return conn;
	transfer->offset = offset;
	transfer->length = chunk->result;
	transfer->last_ns = now;
	if (sending) {
		transfer->first_ns = state->send_begin_ns;
		transfer->bytes = state->send_bytes;
	} else {
		transfer->first_ns = now;
		chunk_find(&transfer->bytes, sk, chunk);
	}
	return conn_operate(sk, conn, state, transfer);
}

/* A send has ended: reads what was not read of it yet. */
static __always_inline void send_settle(
	struct sock *sk, struct socket_state *state, __u32 sending, const struct chunk *chunk)
{
	int result = chunk->result;
	struct conn *conn = conn_find(sk);
	struct tcp_sock *tcp = tcp_place(sk);
	__u32 offset = 0;

	if (conn && conn->flags & CONN_OPAQUE)
		return;
	if (conn && conn->role == HTTP_CLIENT)
		answer_settle(sk, conn);
	if (result == -EPIPE && is_unix(sk))
		unix_end(sk, conn, HTTP_CLOSED_BY_PEER);
	if (sending == SENDING_TAKEN)
		offset = state->send_length;
	else if (sending && conn && tcp && result > 0 &&
		 !conn_catch_up(sk, conn, DIRECTION_SEND, state->send_position,
			 silent_before(state->send_begin_ns)))
		return;
	if (result > 0 && offset < (__u32)result)
		conn = send_end(sk, conn, state, offset, sending, chunk);
	if (conn && tcp) /* of a socket that was connected by this send there was no place before */
		stream_of(conn, DIRECTION_SEND)->position =
			sending && state->send_position && result > 0
				? state->send_position + result
				: READ(tcp, write_seq);
	if (conn && conn->flags & CONN_RESET && !has_unread(sk, conn))
		conn_close(conn, HTTP_RESET, false);
}

/* A send has ended. */
static __always_inline void http_sent(struct sock *sk, const struct chunk *chunk)
{
	struct socket_state *state;
	__u32 sending = SENDING_NOT;

	state = socket_candidate(sk);
	if (!state || is_midway(state, DIRECTION_SEND))
		return;
	if (state->sending && state->send_thread == bpf_get_current_pid_tgid())
		sending = exchange(&state->sending, SENDING_ENDS);
	send_settle(sk, state, sending, chunk);
	if (sending)
		state->sending = SENDING_NOT;
}

/*
 * Some ten microseconds: reading a message takes two, and interrupts come in between. For the
 * verifier few looks are better.
 */
#define SEND_LOOKS_MAX  25
#define SEND_LOOK_STEPS 32

/*
 * Waits until another CPU has read what was sent: the answer is an answer to that. False: it has
 * not, as it was taken away from a machine that is virtual, perhaps.
 */
static __noinline bool send_wait(struct socket_state *state)
{
	if (!state)
		return true;
	for (int i = 0; i < SEND_LOOKS_MAX; i++) {
		if (*(volatile __u32 *)&state->sending != SENDING_ENDS)
			return true;
#pragma unroll
		for (int j = 0; j < SEND_LOOK_STEPS; j++)
			bpf_ktime_get_ns();
	}
	return false;
}

/*
 * An answer came to a request that another thread is still in the middle of sending: reads now what
 * has left of that, as it would otherwise be an answer to nothing. The sender then begins after it.
 */
static __noinline struct conn *send_take(struct sock *sk, struct conn *conn, __u64 now)
{
	struct socket_state *state = socket_state_find(sk);
	struct transfer *transfer;
	struct tcp_sock *tcp;

	if (!state || state->http_misses >= MISSES_MAX || state->sending == SENDING_NOT ||
		(state->send_thread ^ bpf_get_current_pid_tgid()) >> 32)
		return conn;
	tcp = tcp_place(sk);
	if (tcp && state->sending == SENDING)
		state->send_length = READ(tcp, write_seq) - state->send_position;
	transfer = transfer_begin(DIRECTION_SEND, state->send_thread);
	if (!transfer)
		return conn;
	transfer->bytes = state->send_bytes;
	transfer->length = state->send_length;
	transfer->first_ns = state->send_begin_ns;
	transfer->last_ns = now;
	switch (exchange_if(&state->sending, SENDING, SENDING_TAKEN)) {
	case SENDING: return conn_operate(sk, conn, state, transfer);
	case SENDING_ENDS:
		if (send_wait(state))
			return conn_find(sk);
		count(SOURCE_HTTP, OUTCOME_UNREADABLE);
		return conn_leave(sk, state, DIRECTION_RECEIVE);
	default: return conn;
	}
}

/*
 * A reset that came in the middle of a send is handled before the send returns, which says all the
 * same that its bytes were taken: so they count first.
 */
static __always_inline bool in_send(struct sock *sk)
{
	struct socket_state *state = socket_state_find(sk);

	return state && (state->sending == SENDING || state->sending == SENDING_ENDS) &&
	       state->send_thread == bpf_get_current_pid_tgid();
}

#endif
