/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1: the hooks. Whichever system call moved the bytes, each operation on a socket passes its
 * tracepoint once, and nothing else on the machine pays. What is here only says: this connection,
 * this direction, these bytes, now. A connection that speaks no HTTP is given up after a few
 * operations and then costs one look-up for each.
 *
 * Below it: http_operation.bpf.h, http_message.bpf.h (framing), http_request.bpf.h (pairing).
 */
#include "http_operation.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The daemon's own requests are left alone: telling of an export would make another one. */
const volatile __u32 own_tgid = 0;

/* Operations that begin no HTTP message before a connection is left alone for ever. */
#define MISSES_MAX 8

/* Of socket_state.sending. */
enum { SENDING_NOT, SENDING, SENDING_TAKEN };

/* What HTTP runs over: TCP in all its forms, and Unix sockets. */
static __always_inline bool is_stream(const struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;

	return sk->sk_type == SOCK_STREAM &&
	       (family == AF_INET || family == AF_INET6 || family == AF_UNIX);
}

/* The storage of a socket, owned by whoever uses it first; NULL when it is known to be no HTTP. */
static __always_inline struct socket_state *socket_candidate(struct sock *sk)
{
	struct socket_state *state = socket_state_make(sk);
	struct thread *thread;

	if (!state) {
		count(SOURCE_HTTP, OUTCOME_STORAGE_FAILED);
		return NULL;
	}
	if (state->flags & SOCKET_INHERITED || !state->tgid) {
		thread = thread_current(SOURCE_HTTP);
		state->flags &= ~SOCKET_INHERITED;
		state->tgid = bpf_get_current_pid_tgid() >> 32;
		state->workload = thread ? thread->workload : 0;
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
	if (state->flags & (direction == RECEIVE ? SOCKET_RECEIVING : SOCKET_SENDING))
		return true;
	state->flags &= ~(SOCKET_RECEIVING | SOCKET_SENDING);
	return false;
}

/* --- Unix sockets --- */

/* The other end of a Unix socket; NULL when it has none. */
static __always_inline struct sock *unix_peer(struct sock *sk)
{
	struct unix_sock *self = bpf_skc_to_unix_sock(sk);

	return self ? self->peer : NULL;
}

/* Closed by its process; memory of it remains as long as the other end does. */
static __always_inline bool is_dead(const struct sock *sk)
{
	return sk->__sk_common.skc_flags >> SOCK_DEAD & 1;
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

	if ((peer && is_dead(peer)) || (conn && conn->role == HTTP_CLIENT))
		unix_end(sk, conn, HTTP_CLOSED_BY_PEER);
}

/* --- sends --- */

static __always_inline void send_note(struct socket_state *state)
{
	state->send_thread = bpf_get_current_pid_tgid();
	state->send_begin_ns = bpf_ktime_get_ns();
	state->sending = SENDING;
}

/* The middle of a send to a Unix socket; in the sender's context, and before its peer is woken. */
static __always_inline void unix_send_begin(struct sock *receiver)
{
	struct sock *sender = unix_peer(receiver);
	struct socket_state *state = sender ? socket_candidate(sender) : NULL;

	if (!state || state->sending)
		return;
	bytes_from_syscall(&state->send_bytes);
	state->send_length = bytes_length(&state->send_bytes);
	send_note(state);
}

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(http_send_begin, struct sock *sk, struct msghdr *message)
{
	struct socket_state *state = socket_candidate(sk);
	struct tcp_sock *tcp;

	if (!state || is_midway(state, SEND) || state->sending)
		return 0; /* a later round of the same operation */
	tcp = bpf_skc_to_tcp_sock(sk);
	bytes_from_msghdr(&state->send_bytes, message);
	state->send_position = tcp ? tcp->write_seq : 0;
	send_note(state);
	return 0;
}

/* The bytes of a send that has ended. */
static __always_inline struct conn *send_end(struct sock *sk, struct conn *conn,
	struct socket_state *state, struct transfer *transfer, __u32 sending)
{
	transfer->last_ns = bpf_ktime_get_ns();
	if (conn && stream_skip(stream_of(conn, SEND), transfer->length - transfer->offset,
			    transfer->last_ns))
		return conn;
	if (sending) {
		transfer->first_ns = state->send_begin_ns;
		transfer->bytes = state->send_bytes;
	} else {
		transfer->first_ns = transfer->last_ns;
		bytes_from_syscall(&transfer->bytes);
	}
	return conn_operate(sk, conn, state, transfer);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(http_send, struct sock *sk, int result)
{
	struct transfer transfer = {.direction = SEND, .length = result};
	struct socket_state *state;
	struct conn *conn;
	__u32 sending = SENDING_NOT;

	if (!is_stream(sk))
		return 0;
	state = socket_candidate(sk);
	if (!state || is_midway(state, SEND))
		return 0;
	if (state->sending)
		sending = __sync_lock_test_and_set(&state->sending, SENDING_NOT);
	conn = conn_find(sk);
	if (conn && conn->flags & CONN_OPAQUE)
		return 0;
	if (result == -EPIPE && is_unix(sk))
		unix_end(sk, conn, HTTP_CLOSED_BY_PEER);
	if (sending == SENDING_TAKEN)
		transfer.offset = state->send_length;
	if (result > 0 && transfer.offset < (__u32)result)
		conn = send_end(sk, conn, state, &transfer, sending);
	if (conn && conn->flags & CONN_RESET)
		conn_close(conn, HTTP_RESET, false);
	return 0;
}

/*
 * An answer came to a request that another thread is still in the middle of sending: reads now what
 * has left of that, as it would otherwise be an answer to nothing. The sender then begins after it.
 */
static __noinline struct conn *send_take(struct sock *sk, struct conn *conn, __u64 now)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	struct transfer transfer = {.direction = SEND, .last_ns = now};
	struct tcp_sock *tcp;

	if (!state || state->http_misses >= MISSES_MAX || state->sending != SENDING ||
		(state->send_thread ^ bpf_get_current_pid_tgid()) >> 32)
		return conn;
	tcp = bpf_skc_to_tcp_sock(sk);
	if (tcp)
		state->send_length = tcp->write_seq - state->send_position;
	transfer.bytes = state->send_bytes;
	transfer.length = state->send_length;
	transfer.first_ns = state->send_begin_ns;
	if (__sync_val_compare_and_swap(&state->sending, SENDING, SENDING_TAKEN) != SENDING)
		return conn;
	return conn_operate(sk, conn, state, &transfer);
}

/*
 * A reset that came in the middle of a send is handled before the send returns, which says all the
 * same that its bytes were taken: so they count first.
 */
static __always_inline bool in_send(struct sock *sk)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, sk, NULL, 0);

	return state && state->sending == SENDING &&
	       state->send_thread == bpf_get_current_pid_tgid();
}

/* --- arrivals --- */

/* Bytes have come that a process may receive. */
SEC("tp_btf/sk_data_ready")
int BPF_PROG(http_arrival, struct sock *sk)
{
	struct socket_state *state;
	struct tcp_sock *tcp;

	if (!is_stream(sk) || sk->__sk_common.skc_state == TCP_LISTEN)
		return 0;
	if (is_unix(sk))
		unix_send_begin(sk);
	/* TCP sockets have it from their birth */
	state = is_unix(sk) ? socket_state_make(sk) : bpf_sk_storage_get(&sockets, sk, NULL, 0);
	if (!state || state->arrival_ns || state->http_misses >= MISSES_MAX)
		return 0;
	tcp = bpf_skc_to_tcp_sock(sk);
	state->arrival_position = tcp ? tcp->rcv_nxt : 0;
	state->arrival_ns = bpf_ktime_get_ns();
	return 0;
}

/*
 * After a receive: the last arrival stands while something of it is left. What came since has come
 * at some time of which now is the only one known.
 */
static __always_inline void arrival_settle(
	struct sock *sk, struct socket_state *state, const struct tcp_sock *tcp, __u64 now)
{
	if (!state || (tcp ? (__s32)(tcp->copied_seq - state->arrival_position) < 0
			   : sk->sk_receive_queue.qlen > 0))
		return;
	/* cleared before it is looked what there is: an arrival in between sets it anew */
	state->arrival_ns = 0;
	barrier();
	if (tcp ? tcp->copied_seq == tcp->rcv_nxt : !sk->sk_receive_queue.qlen)
		return;
	if (state->arrival_ns)
		return;
	state->arrival_position = tcp ? tcp->rcv_nxt : 0;
	state->arrival_ns = now;
}

/* --- receives --- */

/* Up to where bytes were received. The FIN, read along with the last bytes, counts as one. */
static __always_inline __u32 position_read(const struct sock *sk, const struct tcp_sock *tcp)
{
	__u32 position = tcp->copied_seq;

	if (sk->__sk_common.skc_flags >> SOCK_DONE & 1 && position == tcp->rcv_nxt)
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
	enum message message = message_of(conn, RECEIVE);
	struct stream *stream = stream_of(conn, RECEIVE);
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

/* In each receive and splice; only the latter shows nowhere else. */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(http_splice, struct sock *sk)
{
	struct tcp_sock *tcp;
	struct conn *conn;
	__u64 now;

	if (!in_splice())
		return 0;
	conn = conn_find(sk);
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!conn || !tcp || conn->flags & CONN_OPAQUE)
		return 0;
	now = bpf_ktime_get_ns();
	if (conn_catch_up(sk, conn, position_read(sk, tcp), now) && awaits_request(conn))
		arrival_settle(sk, bpf_sk_storage_get(&sockets, sk, NULL, 0), tcp, now);
	return 0;
}

/* A receive that brought nothing: the end of the other side's bytes, or an error. */
static __always_inline void receive_nothing(struct sock *sk, struct conn *conn, int result)
{
	bool is_end = !result && sk->sk_shutdown & RCV_SHUTDOWN;

	if (is_unix(sk)) {
		if (result == -ECONNRESET)
			unix_end(sk, conn, HTTP_RESET);
		else if (is_end)
			unix_shut(sk, conn);
	} else if (is_end && conn && conn->role == HTTP_CLIENT) {
		conn_close(conn, HTTP_CLOSED_BY_PEER, true);
	}
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(http_receive, struct sock *sk, int result, int flags)
{
	struct transfer transfer = {.direction = RECEIVE};
	struct socket_state *state = NULL;
	struct tcp_sock *tcp;
	struct conn *conn;
	__u32 position;
	__u64 now;

	if (!is_stream(sk) || flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB))
		return 0;
	conn = conn_find(sk);
	if (conn && conn->flags & CONN_OPAQUE)
		return 0;
	if (result <= 0) {
		receive_nothing(sk, conn, result);
		return 0;
	}
	if (!conn) {
		state = socket_candidate(sk);
		if (!state)
			return 0;
		if (is_midway(state, RECEIVE)) {
			arrival_settle(sk, state, bpf_skc_to_tcp_sock(sk), bpf_ktime_get_ns());
			return 0;
		}
	} else if (awaits_request(conn)) {
		state = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	}
	now = bpf_ktime_get_ns();
	transfer.first_ns = transfer.last_ns = now;
	if (!conn || (conn->role == HTTP_CLIENT && conn->asked == conn->answered))
		conn = send_take(sk, conn, now);
	tcp = bpf_skc_to_tcp_sock(sk);
	position = tcp ? position_read(sk, tcp) : 0;
	if (state) {
		transfer.arrival_ns = state->arrival_ns;
		transfer.arrival_end = arrived(state, tcp, position - result);
	}
	if (conn) {
		if (tcp && !conn_catch_up(sk, conn, position - result, now))
			return 0;
		stream_of(conn, RECEIVE)->position = position;
		if (stream_skip(stream_of(conn, RECEIVE), result, now))
			return 0;
	}
	transfer.length = result;
	if (!(flags & MSG_TRUNC)) /* with it, they were discarded and not copied */
		bytes_from_syscall(&transfer.bytes);
	conn = conn_operate(sk, conn, state, &transfer);
	if (conn)
		stream_of(conn, RECEIVE)->position = position;
	if (conn && !awaits_request(conn))
		return 0;
	if (!state)
		state = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	arrival_settle(sk, state, tcp, now);
	return 0;
}

/* --- ends --- */

static __always_inline enum http_error closed_by(const struct conn *conn)
{
	return conn->flags & CONN_PEER_CLOSED ? HTTP_CLOSED_BY_PEER : HTTP_CLOSED_LOCALLY;
}

/* The FIN is sent: a server answers no more, and a client that has read or given up all neither. */
static __always_inline void fin_sent(struct sock *sk, struct conn *conn, int state)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	bool is_over = conn->role == HTTP_SERVER;

	if (state == TCP_FIN_WAIT1) /* by close(), which ends both ways; shutdown() need not */
		is_over |= sk->sk_shutdown & RCV_SHUTDOWN;
	else if (tcp) /* LAST_ACK, after the peer's FIN, which counts as one */
		is_over |= (__s32)(tcp->rcv_nxt - tcp->copied_seq) <= 1;
	if (is_over)
		conn_close(conn, closed_by(conn), true);
}

/* Closed without a reset from the other side. */
static __always_inline void closed(struct sock *sk, struct conn *conn, int from)
{
	if (sk->sk_err == ETIMEDOUT)
		conn_close(conn, HTTP_TIMED_OUT, false);
	else if (from == TCP_ESTABLISHED || from == TCP_CLOSE_WAIT) /* this side sends a reset */
		conn_close(conn, closed_by(conn), false);
	else if (conn->role == HTTP_SERVER)
		conn_close(conn, closed_by(conn), true);
	/* a client may still read what has come: its end is that of the stream, or of the socket */
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(http_state, struct sock *sk, int from, int to)
{
	struct conn *conn;

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
	else if (in_send(sk))
		conn->flags |= CONN_RESET;
	else
		conn_close(conn, HTTP_RESET, false);
	return 0;
}
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(http_destroy, struct sock *sk)
{
	struct conn *conn = conn_find(sk);

	if (!conn || conn->flags & CONN_OPAQUE)
		return 0;
	if (conn->flags & CONN_RESET)
		conn_close(conn, HTTP_RESET, false);
	else
		conn_close(conn, closed_by(conn), true);
	return 0;
}
