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
static __always_inline void http_send_begins(
	const struct channel *channel, const struct msghdr *message)
{
	struct socket_state *state;
	stream_places at;

	if (!http_may_speak(channel))
		return;
	state = http_candidate(channel);
	if (!state || is_midway(state, DIRECTION_SEND) || send_is_noted(state))
		return;
	at = channel_places(channel);
	bytes_from_msghdr(&state->send_bytes, message);
	state->send_position = at ? place_sent(at) : 0;
	if (channel_is_unix(channel))
		state->send_length = READ(message, msg_iter.count);
	send_note(state);
}

/* The current system call is in the middle of a send, before its peer is woken. */
static __always_inline void http_send_begins_by_call(const struct channel *channel)
{
	struct socket_state *state = reports_http ? http_candidate(channel) : NULL;

	if (!state || send_is_noted(state) || !in_call_on(channel_carrier(channel)))
		return; /* one of io_uring is read when it ends */
	bytes_from_syscall(&state->send_bytes, bpf_get_current_task_btf());
	state->send_length = bytes_length(&state->send_bytes);
	send_note(state);
}

/* The bytes of a send that has ended, from `offset` on. */
static __always_inline struct conn *send_end(const struct channel *channel, struct conn *conn,
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
		chunk_find(&transfer->bytes, channel, chunk);
	}
	return conn_operate(channel, conn, state, transfer);
}

/* A send has ended: reads what was not read of it yet. */
static __always_inline void send_settle(const struct channel *channel, struct socket_state *state,
	__u32 sending, const struct chunk *chunk)
{
	int result = chunk->result;
	struct conn *conn = conn_find(channel);
	stream_places at = channel_places(channel);
	__u32 offset = 0;

	if (conn && conn->flags & CONN_OPAQUE)
		return;
	if (conn && conn->role == HTTP_CLIENT)
		answer_settle(channel, conn);
	if (result == -EPIPE && channel_is_unix(channel))
		unix_end(channel, conn, HTTP_CLOSED_BY_PEER);
	if (sending == SENDING_TAKEN)
		offset = state->send_length;
	else if (sending && conn && at && result > 0 &&
		 !conn_catch_up(channel, conn, DIRECTION_SEND, state->send_position,
			 silent_before(state->send_begin_ns)))
		return;
	if (result > 0 && offset < (__u32)result)
		conn = send_end(channel, conn, state, offset, sending, chunk);
	if (conn && at) /* of a socket that was connected by this send there was no place before */
		stream_of(conn, DIRECTION_SEND)->position =
			sending && state->send_position && result > 0
				? state->send_position + result
				: place_sent(at);
	if (conn && conn->flags & CONN_RESET && !has_unread(channel, conn))
		conn_close(conn, HTTP_RESET, false);
}

/* A send has ended. */
static __always_inline void http_sent(const struct channel *channel, const struct chunk *chunk)
{
	struct socket_state *state;
	__u32 sending = SENDING_NOT;

	state = http_candidate(channel);
	if (!state || is_midway(state, DIRECTION_SEND))
		return;
	if (state->sending && state->send_thread == bpf_get_current_pid_tgid())
		sending = exchange(&state->sending, SENDING_ENDS);
	send_settle(channel, state, sending, chunk);
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
static __noinline struct conn *send_take(
	const struct channel *channel, struct conn *conn, __u64 now)
{
	struct socket_state *state = channel_state_find(channel);
	struct transfer *transfer;
	stream_places at;

	if (!state || state->http_misses >= MISSES_MAX || state->sending == SENDING_NOT ||
		(state->send_thread ^ bpf_get_current_pid_tgid()) >> 32)
		return conn;
	at = channel_places(channel);
	if (at && state->sending == SENDING)
		state->send_length = place_sent(at) - state->send_position;
	transfer = transfer_begin(DIRECTION_SEND, state->send_thread);
	if (!transfer)
		return conn;
	transfer->bytes = state->send_bytes;
	transfer->length = state->send_length;
	transfer->first_ns = state->send_begin_ns;
	transfer->last_ns = now;
	switch (exchange_if(&state->sending, SENDING, SENDING_TAKEN)) {
	case SENDING: return conn_operate(channel, conn, state, transfer);
	case SENDING_ENDS:
		if (send_wait(state))
			return conn_find(channel);
		count(SOURCE_HTTP, OUTCOME_UNREADABLE);
		return conn_leave(channel, state, DIRECTION_RECEIVE);
	default: return conn;
	}
}

/*
 * A reset that came in the middle of a send is handled before the send returns, which says all the
 * same that its bytes were taken: so they count first.
 */
static __always_inline bool in_send(const struct channel *channel)
{
	struct socket_state *state = channel_state_find(channel);

	return state && (state->sending == SENDING || state->sending == SENDING_ENDS) &&
	       state->send_thread == bpf_get_current_pid_tgid();
}

#endif
