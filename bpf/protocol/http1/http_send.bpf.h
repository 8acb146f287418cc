/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1: sends. What a send asks for is noted when it begins, where a hook tells that, and read
 * when it ends; or before, when an answer overtakes it.
 */
#ifndef SONDE_HTTP_SEND_BPF_H
#define SONDE_HTTP_SEND_BPF_H

#include "protocol/http1/http_socket.bpf.h"

/*
 * Of http_channel.sending: a send is under way; its bytes were read by another thread
 * (send_take()); it has ended, and its bytes are being read.
 */
enum { SENDING_NOT, SENDING, SENDING_TAKEN, SENDING_ENDS };

static __always_inline void send_note(struct http_channel *http)
{
	http->send_thread = bpf_get_current_pid_tgid();
	http->send_begin_ns = bpf_ktime_get_ns();
	http->sending = SENDING;
}

/*
 * True when this is a later round of the send that is noted. Where the end of that one was left out
 * by the kernel (README, Limits), it is not: then its thread is in another system call by now.
 */
static __always_inline bool send_is_noted(const struct http_channel *http)
{
	struct thread *thread;

	if (!http->sending || http->sending == SENDING_ENDS)
		return http->sending;
	if (http->send_thread != bpf_get_current_pid_tgid())
		return false;
	thread = thread_find(task_current());
	return !thread || thread->syscall_start_ns <= http->send_begin_ns;
}

/* A send that `message` describes begins. */
static __always_inline void http_send_begins(
	const struct channel *channel, const struct msghdr *message)
{
	struct http_channel *http;
	stream_places at;

	if (!http_may_speak(channel))
		return;
	http = http_used(channel);
	if (!http || is_midway(http, DIRECTION_SEND) || send_is_noted(http))
		return;
	at = channel_places(channel);
	bytes_from_msghdr(&http->send_bytes, message);
	http->send_position = at ? place_sent(at) : 0;
	if (channel_is_unix(channel))
		http->send_length = READ(message, msg_iter.count);
	send_note(http);
}

/* The current system call is in the middle of a send, before its peer is woken. */
static __always_inline void http_send_begins_by_call(const struct channel *channel)
{
	struct http_channel *http = reports_http ? http_used(channel) : NULL;

	if (!http || send_is_noted(http) || !in_call_on(channel_carrier(channel)))
		return; /* one of io_uring is read when it ends */
	bytes_from_syscall(&http->send_bytes, bpf_get_current_task_btf());
	http->send_length = bytes_length(&http->send_bytes);
	send_note(http);
}

/* The bytes of a send that has ended, from `offset` on. */
static __always_inline struct conn *send_end(const struct channel *channel, struct conn *conn,
	struct http_channel *http, __u32 offset, __u32 sending, const struct chunk *chunk)
{
	__u64 now = bpf_ktime_get_ns();
	struct transfer *transfer;

	if (conn && stream_skip(stream_of(conn, DIRECTION_SEND), chunk->result - offset, now))
		return conn;
	transfer = transfer_begin(
		DIRECTION_SEND, sending ? http->send_thread : bpf_get_current_pid_tgid());
	if (!transfer)
		return conn;
	transfer->offset = offset;
	transfer->length = chunk->result;
	transfer->last_ns = now;
	if (sending) {
		transfer->first_ns = http->send_begin_ns;
		transfer->bytes = http->send_bytes;
	} else {
		transfer->first_ns = now;
		chunk_find(&transfer->bytes, channel, chunk);
	}
	return conn_operate(channel, conn, http, transfer);
}

/* A send has ended: reads what was not read of it yet. */
static __always_inline void send_settle(const struct channel *channel, struct http_channel *http,
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
		offset = http->send_length;
	else if (sending && conn && at && result > 0 &&
		 !conn_catch_up(channel, conn, DIRECTION_SEND, http->send_position,
			 silent_before(http->send_begin_ns)))
		return;
	if (result > 0 && offset < (__u32)result)
		conn = send_end(channel, conn, http, offset, sending, chunk);
	if (conn && at) /* of a socket that was connected by this send there was no place before */
		stream_of(conn, DIRECTION_SEND)->position =
			sending && http->send_position && result > 0 ? http->send_position + result
								     : place_sent(at);
	if (conn && conn->flags & CONN_RESET && !has_unread(channel, conn))
		conn_close(conn, HTTP_RESET, false);
}

/* A send has ended. */
static __always_inline void http_sent(const struct channel *channel, const struct chunk *chunk)
{
	struct http_channel *http;
	__u32 sending = SENDING_NOT;

	http = http_used(channel);
	if (!http || is_midway(http, DIRECTION_SEND))
		return;
	if (http->sending && http->send_thread == bpf_get_current_pid_tgid())
		sending = exchange(&http->sending, SENDING_ENDS);
	send_settle(channel, http, sending, chunk);
	if (sending)
		http->sending = SENDING_NOT;
	http_give_up(channel, http);
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
static __noinline bool send_wait(struct http_channel *http)
{
	if (!http)
		return true;
	for (int i = 0; i < SEND_LOOKS_MAX; i++) {
		if (*(volatile __u32 *)&http->sending != SENDING_ENDS)
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
	struct http_channel *http = channel_find(http_channels, channel);
	struct transfer *transfer;
	stream_places at;

	if (!http || http->sending == SENDING_NOT ||
		(http->send_thread ^ bpf_get_current_pid_tgid()) >> 32)
		return conn;
	at = channel_places(channel);
	if (at && http->sending == SENDING)
		http->send_length = place_sent(at) - http->send_position;
	transfer = transfer_begin(DIRECTION_SEND, http->send_thread);
	if (!transfer)
		return conn;
	transfer->bytes = http->send_bytes;
	transfer->length = http->send_length;
	transfer->first_ns = http->send_begin_ns;
	transfer->last_ns = now;
	switch (exchange_if(&http->sending, SENDING, SENDING_TAKEN)) {
	case SENDING: return conn_operate(channel, conn, http, transfer);
	case SENDING_ENDS:
		if (send_wait(http))
			return conn_find(channel);
		count(SOURCE_HTTP, OUTCOME_UNREADABLE);
		return conn_leave(channel, http, DIRECTION_RECEIVE);
	default: return conn;
	}
}

/*
 * A reset that came in the middle of a send is handled before the send returns, which says all the
 * same that its bytes were taken: so they count first.
 */
static __always_inline bool in_send(const struct channel *channel)
{
	struct http_channel *http = channel_find(http_channels, channel);

	return http && (http->sending == SENDING || http->sending == SENDING_ENDS) &&
	       http->send_thread == bpf_get_current_pid_tgid();
}

#endif
