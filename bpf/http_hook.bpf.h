/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1: what is done at the begin and end of each operation on a socket, whichever hook tells of
 * it. A hook only says: this connection, this direction, these bytes, now. A connection that speaks
 * no HTTP is given up after a few operations and then costs one look-up for each.
 *
 * Above it the hooks: http.bpf.c, http_function.bpf.c, http_kprobe.bpf.c. Below it:
 * http_operation.bpf.h, http_message.bpf.h (framing), http_request.bpf.h (pairing).
 */
#ifndef SONDE_HTTP_HOOK_BPF_H
#define SONDE_HTTP_HOOK_BPF_H

#include "http_operation.bpf.h"

/* The daemon's own requests are left alone: telling of an export would make another one. */
extern const volatile __u32 own_tgid;

/* Operations that begin no HTTP message before a connection is left alone for ever. */
#define MISSES_MAX 8

/*
 * Of socket_state.sending: a send is under way; its bytes were read by another thread
 * (send_take()); it has ended, and its bytes are being read.
 */
enum { SENDING_NOT, SENDING, SENDING_TAKEN, SENDING_ENDS };

/* What HTTP runs over: TCP in all its forms, and Unix sockets. */
static __always_inline bool is_stream(const struct sock *sk)
{
	__u16 family = READ(sk, __sk_common.skc_family);

	return READ(sk, sk_type) == SOCK_STREAM &&
	       (family == AF_INET || family == AF_INET6 || family == AF_UNIX);
}

/* The storage of a socket, owned by whoever uses it first; NULL when it is known to be no HTTP. */
static __always_inline struct socket_state *socket_candidate(struct sock *sk)
{
	struct socket_state *state = socket_state_make(sk);

	if (!state) {
		count(SOURCE_HTTP, OUTCOME_STORAGE_FAILED);
		return NULL;
	}
	if (state->flags & SOCKET_INHERITED || !state->tgid) {
		owner_set(state, SOURCE_HTTP);
		state->flags &= ~SOCKET_INHERITED;
	}
	if (state->http_misses >= MISSES_MAX || state->tgid == own_tgid)
		return NULL;
	return state;
}

/* In the middle of a message that began before Sonde, until bytes go the other way. */
static __always_inline bool is_midway(struct socket_state *state, enum direction direction)
{
	if (!(state->flags & (SOCKET_RECEIVING | SOCKET_SENDING)))
		return false;
	if (state->flags & (direction == DIRECTION_RECEIVE ? SOCKET_RECEIVING : SOCKET_SENDING))
		return true;
	state->flags &= ~(SOCKET_RECEIVING | SOCKET_SENDING);
	return false;
}

/* --- Unix sockets --- */

/* The other end of a Unix socket; NULL when it has none. */
static __always_inline struct sock *unix_peer(struct sock *sk)
{
#ifdef SONDE_TABLES
	return READ((struct unix_sock *)sk, peer);
#else
	struct unix_sock *self = bpf_skc_to_unix_sock(sk);

	return self ? self->peer : NULL;
#endif
}

/* Closed by its process; memory of it remains as long as the other end does. */
static __always_inline bool is_dead(const struct sock *sk)
{
	return READ(sk, __sk_common.skc_flags) >> SOCK_DEAD & 1;
}

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

/* Another protocol lies on top, such as TLS: places in the stream are not those of its bytes. */
static __always_inline bool has_layer(const struct tcp_sock *tcp)
{
	return READ(tcp, inet_conn.icsk_ulp_ops) != NULL;
}

/* The TCP socket whose sequence numbers tell the place of bytes; NULL when none do. */
static __always_inline struct tcp_sock *tcp_place(struct sock *sk)
{
	struct tcp_sock *tcp = tcp_of(sk);

	return tcp && !has_layer(tcp) ? tcp : NULL;
}

/* --- sends --- */

static __always_inline void send_note(struct socket_state *state)
{
	state->send_thread = bpf_get_current_pid_tgid();
	state->send_begin_ns = bpf_ktime_get_ns();
	state->sending = SENDING;
}

/* A send that `message` describes begins. */
static __always_inline void send_begins(struct sock *sk, const struct msghdr *message)
{
	struct socket_state *state = socket_candidate(sk);
	struct tcp_sock *tcp;

	if (!state || is_midway(state, DIRECTION_SEND) || state->sending)
		return; /* a later round of the same operation */
	tcp = tcp_place(sk);
	bytes_from_msghdr(&state->send_bytes, message);
	state->send_position = tcp ? READ(tcp, write_seq) : 0;
	if (is_unix(sk))
		state->send_length = READ(message, msg_iter.count);
	send_note(state);
}

/* The same, where only TCP's own sends show. */
static __always_inline int tcp_send_begins(struct sock *sk, const struct msghdr *message)
{
	struct tcp_sock *tcp = tcp_of(sk);

	if (!tcp || !has_layer(tcp)) /* else it is the other protocol that sends */
		send_begins(sk, message);
	return 0;
}

/* The bytes of a send that has ended. */
static __always_inline struct conn *send_end(struct sock *sk, struct conn *conn,
	struct socket_state *state, __u32 offset, __u32 length, __u32 sending, enum bytes_way way,
	const struct msghdr *message)
{
	__u64 now = bpf_ktime_get_ns();
	struct transfer *transfer;

	if (conn && stream_skip(stream_of(conn, DIRECTION_SEND), length - offset, now))
		return conn;
	transfer = transfer_begin(DIRECTION_SEND);
	if (!transfer)
		return conn;
	transfer->offset = offset;
	transfer->length = length;
	transfer->last_ns = now;
	if (sending) {
		transfer->first_ns = state->send_begin_ns;
		transfer->bytes = state->send_bytes;
	} else {
		transfer->first_ns = now;
		bytes_moved(transfer, sk, way, message);
	}
	return conn_operate(sk, conn, state, transfer);
}

/* A send has ended: reads what was not read of it yet. */
static __always_inline void send_settle(struct sock *sk, struct socket_state *state, __u32 sending,
	int result, enum bytes_way way, const struct msghdr *message)
{
	struct conn *conn = conn_find(sk);
	__u32 offset = 0;

	if (conn && conn->flags & CONN_OPAQUE)
		return;
	if (result == -EPIPE && is_unix(sk))
		unix_end(sk, conn, HTTP_CLOSED_BY_PEER);
	if (sending == SENDING_TAKEN)
		offset = state->send_length;
	if (result > 0 && offset < (__u32)result)
		conn = send_end(sk, conn, state, offset, result, sending, way, message);
	if (conn && conn->flags & CONN_RESET)
		conn_close(conn, HTTP_RESET, false);
}

/* A send has ended. */
static __always_inline void send_ends(
	struct sock *sk, int result, enum bytes_way way, const struct msghdr *message)
{
	struct socket_state *state;
	__u32 sending = SENDING_NOT;

	if (!is_stream(sk))
		return;
	state = socket_candidate(sk);
	if (!state || is_midway(state, DIRECTION_SEND))
		return;
	if (state->sending)
		sending = exchange(&state->sending, SENDING_ENDS);
	send_settle(sk, state, sending, result, way, message);
	if (sending)
		state->sending = SENDING_NOT;
}

#define SEND_LOOKS_MAX 200 /* some microseconds; reading a message takes two */

/* Waits until another CPU has read what was sent: the answer is an answer to that. */
static __noinline void send_wait(struct socket_state *state)
{
	if (!state)
		return;
	for (int i = 0; i < SEND_LOOKS_MAX; i++) {
		if (*(volatile __u32 *)&state->sending != SENDING_ENDS)
			break;
		bpf_ktime_get_ns();
	}
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
	transfer = transfer_begin(DIRECTION_SEND);
	if (!transfer)
		return conn;
	transfer->bytes = state->send_bytes;
	transfer->length = state->send_length;
	transfer->first_ns = state->send_begin_ns;
	transfer->last_ns = now;
	switch (exchange_if(&state->sending, SENDING, SENDING_TAKEN)) {
	case SENDING: return conn_operate(sk, conn, state, transfer);
	case SENDING_ENDS: send_wait(state); return conn_find(sk);
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

/* --- arrivals --- */

/* Bytes have come that a process may receive. */
static __always_inline void arrives(struct sock *sk)
{
	struct socket_state *state;
	struct tcp_sock *tcp;

	/* TCP sockets have it from their birth */
	state = is_unix(sk) ? socket_state_make(sk) : socket_state_find(sk);
	if (!state)
		return;
	if (!state->first_byte_ns)
		state->first_byte_ns = bpf_ktime_get_ns();
	if (state->arrival_ns || state->http_misses >= MISSES_MAX)
		return;
	tcp = tcp_place(sk);
	state->arrival_position = tcp ? READ(tcp, rcv_nxt) : 0;
	state->arrival_ns = bpf_ktime_get_ns();
}

static __always_inline bool is_listening(const struct sock *sk)
{
	return READ(sk, __sk_common.skc_state) == TCP_LISTEN;
}

/*
 * After a receive: the last arrival stands while something of it is left. What came since has come
 * at some time of which now is the only one known; not that of the receive, which may be earlier.
 */
static __always_inline void arrival_settle(
	struct sock *sk, struct socket_state *state, const struct tcp_sock *tcp)
{
	if (!state || (tcp ? (__s32)(READ(tcp, copied_seq) - state->arrival_position) < 0
			   : READ(sk, sk_receive_queue.qlen) > 0))
		return;
	/* cleared before it is looked what there is: an arrival in between sets it anew */
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

/* Up to where bytes were received. The FIN, read along with the last bytes, counts as one. */
static __always_inline __u32 position_read(const struct sock *sk, const struct tcp_sock *tcp)
{
	__u32 position = READ(tcp, copied_seq);

	if (READ(sk, __sk_common.skc_flags) >> SOCK_DONE & 1 && position == READ(tcp, rcv_nxt))
		position--;
	return position;
}

/*
 * Takes bytes up to `position` as received that left the socket by a way that shows none, such as
 * splice. False when the connection cannot be followed any more.
 */
static __always_inline bool conn_catch_up(
	struct sock *sk, struct conn *conn, __u32 position, __u64 now)
{
	enum message message = message_of(conn, DIRECTION_RECEIVE);
	struct stream *stream = stream_of(conn, DIRECTION_RECEIVE);
	__u32 gap = position - stream->position;

	if (!stream->position || (__s32)gap <= 0)
		return true;
	stream->position = position;
	if (stream_skip(stream, gap, now))
		return true;
	if (stream_ends(stream, gap, now)) {
		message_end(conn, message, stream);
		return true;
	}
	conn_lose(conn, message);
	conn_forget(sk);
	return false;
}

/* How many of the bytes from `position` on had come at the last arrival. */
static __always_inline __u64 arrived(
	const struct socket_state *state, const struct tcp_sock *tcp, __u32 position)
{
	__s32 bytes = state->arrival_position - position;

	if (!tcp)
		return ~0ULL; /* nobody tells: all of them */
	return bytes > 0 ? bytes : 0;
}

/* True when what arrives next begins a request. */
static __always_inline bool awaits_request(const struct conn *conn)
{
	return conn->role == HTTP_SERVER && !conn->streams[REQUEST].bytes;
}

/* Bytes went to a pipe. */
static __always_inline void splice_ends(struct sock *sk)
{
	struct conn *conn = conn_find(sk);
	struct tcp_sock *tcp = tcp_place(sk);
	__u64 now;

	if (!conn || !tcp || conn->flags & CONN_OPAQUE)
		return;
	now = bpf_ktime_get_ns();
	if (conn_catch_up(sk, conn, position_read(sk, tcp), now) && awaits_request(conn))
		arrival_settle(sk, socket_state_find(sk), tcp);
}

/* A receive that brought nothing: the end of the other side's bytes, or an error. */
static __always_inline void receive_nothing(
	struct sock *sk, struct conn *conn, int result, enum bytes_way way)
{
	bool is_end = !result && READ(sk, sk_shutdown) & RCV_SHUTDOWN;

	if (result == -EAGAIN && way == BY_SYSCALL && !in_call_on(sk))
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
	barrier(); /* one question after the other, or the verifier does not see that it was asked
		    */
	if (is_end && conn->role == HTTP_CLIENT)
		conn_close(conn, HTTP_CLOSED_BY_PEER, true);
}

/* A receive has ended. */
static __always_inline void receive_ends(
	struct sock *sk, int result, int flags, enum bytes_way way, const struct msghdr *message)
{
	struct socket_state *state = NULL;
	struct transfer *transfer;
	struct tcp_sock *tcp;
	struct conn *conn;
	__u32 position;
	__u64 now;

	if (!is_stream(sk) || flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB))
		return;
	conn = conn_find(sk);
	if (conn && conn->flags & CONN_OPAQUE)
		return;
	if (result <= 0) {
		receive_nothing(sk, conn, result, way);
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
	if (!conn || (conn->role == HTTP_CLIENT && conn->asked == conn->answered))
		conn = send_take(sk, conn, now);
	tcp = tcp_place(sk);
	position = tcp ? position_read(sk, tcp) : 0;
	if (conn) {
		if (tcp && !conn_catch_up(sk, conn, position - result, now))
			return;
		stream_of(conn, DIRECTION_RECEIVE)->position = position;
		if (stream_skip(stream_of(conn, DIRECTION_RECEIVE), result, now))
			return;
	}
	transfer = transfer_begin(DIRECTION_RECEIVE);
	if (!transfer)
		return;
	transfer->length = result;
	transfer->first_ns = transfer->last_ns = now;
	if (state) {
		transfer->arrival_ns = state->arrival_ns;
		transfer->arrival_end = arrived(state, tcp, position - result);
	}
	if (!(flags & MSG_TRUNC)) /* with it, they were discarded and not copied */
		bytes_moved(transfer, sk, way, message);
	conn = conn_operate(sk, conn, state, transfer);
	if (conn)
		stream_of(conn, DIRECTION_RECEIVE)->position = position;
	if (conn && !awaits_request(conn))
		return;
	if (!state)
		state = socket_state_find(sk);
	arrival_settle(sk, state, tcp);
}

#endif
