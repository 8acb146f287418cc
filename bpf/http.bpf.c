/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1: pairs requests with responses on each connection, in the kernel, and tells one record for
 * each request.
 *
 * The hooks are the socket tracepoints: whichever system call moved the bytes, each operation on a
 * socket passes here once, and nothing else on the machine pays. A connection that speaks no HTTP
 * is given up after a few operations and then costs one look-up for each. Framing is in
 * http_message.bpf.h; this file decides whose request and whose response it is.
 */
#include "http_request.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* False where the kernel has no tracepoint inside tcp_sendmsg: sends are then read at their end. */
const volatile bool has_send_begin = true;

/* The daemon's own requests are left alone: telling of an export would make another one. */
const volatile __u32 own_tgid = 0;

/* Operations that begin no HTTP message before a connection is left alone for ever. */
#define MISSES_MAX 8

/* Of socket_state.sending. */
enum { SENDING_NOT, SENDING, SENDING_TAKEN };

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct conn);
} conns SEC(".maps");

/* --- operations --- */

enum direction { RECEIVE, SEND };

/* What one operation on a socket moved. */
struct transfer {
	struct bytes bytes;
	__u64 length;
	__u64 first_ns; /* when the first of them began to move */
	__u64 last_ns;  /* when the last one had */
	enum direction direction;
};

static __always_inline enum message message_of(const struct conn *conn, enum direction direction)
{
	return (direction == RECEIVE) == (conn->role == HTTP_SERVER) ? REQUEST : RESPONSE;
}

static __always_inline struct stream *stream_of(struct conn *conn, enum direction direction)
{
	return message_of(conn, direction) == REQUEST ? &conn->streams[REQUEST]
						      : &conn->streams[RESPONSE];
}

/*
 * Leads the bytes of one operation through the message that they belong to. Returns
 * OUTCOME_UNREADABLE when they were needed and could not be read: the connection must be forgotten.
 */
__noinline int conn_feed(struct conn *conn, const struct transfer *transfer)
{
	struct http_scratch *scratch;
	struct thread *thread;
	struct feed *feed;
	__u32 zero = 0;

	scratch = bpf_map_lookup_elem(&http_scratch, &zero);
	if (!scratch || !conn || !transfer)
		return 0;
	feed = &scratch->feed;
	__builtin_memset(feed, 0, sizeof(*feed));
	feed->cursor.bytes = transfer->bytes;
	feed->length = transfer->length;
	feed->first_ns = transfer->first_ns;
	feed->last_ns = transfer->last_ns;
	feed->message = message_of(conn, transfer->direction);
	if (feed->message == REQUEST) {
		thread = thread_current(SOURCE_HTTP);
		feed->workload = thread ? thread->workload : 0;
	}
	feed->lost = OUTCOME_UNPARSABLE; /* unless its end is reached */
	for (int i = 0; i < FEED_ROUNDS; i++)
		if (feed_steps(conn, scratch))
			break;
	if (!feed->lost)
		return 0;
	if (feed->lost == OUTCOME_UNREADABLE) {
		/* what is open is lost with it; the connection may be found again at a later
		 * request */
		if (feed->message == REQUEST && conn->asked)
			count(SOURCE_HTTP, OUTCOME_UNREADABLE);
		conn_end(conn, HTTP_OK, OUTCOME_UNREADABLE);
		return OUTCOME_UNREADABLE;
	}
	if (feed->message == RESPONSE) {
		conn_end(conn, HTTP_RESPONSE_INVALID, 0);
		return 0;
	}
	/* no more requests can be found here; those that were may still be answered */
	if (conn->asked)
		count(SOURCE_HTTP, OUTCOME_UNPARSABLE);
	else
		conn->flags |= CONN_OPAQUE;
	conn->streams[REQUEST].state = STREAM_UNTIL_CLOSE;
	return 0;
}

/*
 * The first operation of a connection that is not known to speak HTTP: if its bytes can begin a
 * request, their sender is the client, and the connection is followed from here on.
 */
static __noinline struct conn *conn_new(
	struct sock *sk, struct socket_state *state, const struct transfer *transfer)
{
	struct bytes_cursor cursor = {};
	struct http_scratch *scratch;
	struct conn *conn;
	__u64 most;
	__u32 zero = 0;
	long got;

	scratch = bpf_map_lookup_elem(&http_scratch, &zero);
	if (!scratch || !state || !transfer)
		return NULL;
	cursor.bytes = transfer->bytes;
	most = transfer->length;
	if (most > METHOD_MAX)
		most = METHOD_MAX;
	got = bytes_read(&cursor, 0, scratch->data, most);
	if (got <= 0)
		return NULL; /* tells nothing */
	if (!method_length(scratch, 0, got)) {
		state->http_misses++;
		return NULL;
	}
	conn = bpf_sk_storage_get(&conns, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!conn) {
		count(SOURCE_HTTP, OUTCOME_STORAGE_FAILED);
		return NULL;
	}
	conn->role = transfer->direction == RECEIVE ? HTTP_SERVER : HTTP_CLIENT;
	conn->current.connection = bpf_get_socket_cookie(sk);
	address_read(&conn->current.address, sk);
	return conn;
}

/* One operation on a connection that is, or may become, HTTP. */
static __noinline struct conn *conn_operate(struct sock *sk, struct conn *conn,
	struct socket_state *state, const struct transfer *transfer)
{
	if (!conn)
		conn = conn_new(sk, state, transfer);
	if (!conn)
		return NULL;
	if (conn_feed(conn, transfer) != OUTCOME_UNREADABLE) {
		if (conn->asked || !(conn->flags & CONN_OPAQUE))
			return conn;
		if (state) /* it only looked like a request */
			state->http_misses++;
	}
	bpf_sk_storage_delete(&conns, sk);
	return NULL;
}

/* True when the operation was no more than some bytes within a body. */
static __always_inline bool stream_skip(struct stream *stream, __u64 length, __u64 now)
{
	if (stream->flags & STREAM_SKIP_LINE)
		return false;
	if (stream->state == STREAM_BODY || stream->state == STREAM_CHUNK) {
		if (length >= stream->remaining)
			return false;
		stream->remaining -= length;
	} else if (stream->state != STREAM_UNTIL_CLOSE) {
		return false;
	}
	stream->bytes += length;
	stream->last_ns = now;
	return true;
}

/* The storage of a socket, owned by whoever uses it first; NULL when it is known to be no HTTP. */
static __always_inline struct socket_state *socket_candidate(struct sock *sk)
{
	struct socket_state *state =
		bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
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
	if (state->tgid == own_tgid)
		return NULL;
	return state->http_misses < MISSES_MAX ? state : NULL;
}

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(http_send_begin, struct sock *sk, struct msghdr *message)
{
	struct socket_state *state = socket_candidate(sk);

	if (!state || state->sending)
		return 0; /* a later round of the same operation */
	bytes_from_msghdr(&state->send_bytes, message);
	state->send_length = message->msg_iter.count;
	state->send_begin_ns = bpf_ktime_get_ns();
	state->sending = SENDING;
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(http_send, struct sock *sk, int result)
{
	struct transfer transfer = {.direction = SEND, .length = result};
	struct socket_state *state;
	struct conn *conn;
	__u32 sending = SENDING_NOT;

	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	state = socket_candidate(sk);
	if (!state)
		return 0;
	if (has_send_begin)
		sending = __sync_lock_test_and_set(&state->sending, SENDING_NOT);
	conn = bpf_sk_storage_get(&conns, sk, NULL, 0);
	if (result <= 0 || sending == SENDING_TAKEN || (conn && conn->flags & CONN_OPAQUE))
		return 0;
	transfer.last_ns = bpf_ktime_get_ns();
	if (conn && stream_skip(stream_of(conn, SEND), result, transfer.last_ns))
		return 0;
	if (sending) {
		transfer.first_ns = state->send_begin_ns;
		transfer.bytes = state->send_bytes;
	} else {
		transfer.first_ns = transfer.last_ns;
		bytes_from_syscall(&transfer.bytes);
	}
	conn_operate(sk, conn, state, &transfer);
	return 0;
}

/*
 * An answer came to a request that another thread is still in the middle of sending: reads that
 * request now, as it would otherwise be an answer to nothing. The sender skips it then.
 */
static __noinline struct conn *send_take(struct sock *sk, struct conn *conn, __u64 now)
{
	struct socket_state *state = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	struct transfer transfer = {.direction = SEND, .last_ns = now};

	if (!state || state->http_misses >= MISSES_MAX ||
		__sync_val_compare_and_swap(&state->sending, SENDING, SENDING_TAKEN) != SENDING)
		return conn;
	transfer.bytes = state->send_bytes;
	transfer.length = state->send_length;
	transfer.first_ns = state->send_begin_ns;
	return conn_operate(sk, conn, state, &transfer);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(http_receive, struct sock *sk, int result, int flags)
{
	struct transfer transfer = {.direction = RECEIVE};
	struct socket_state *state = NULL;
	struct stream *stream;
	struct tcp_sock *tcp;
	struct conn *conn;
	__u32 position;
	__u64 now;

	if (sk->sk_protocol != IPPROTO_TCP || flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB))
		return 0;
	conn = bpf_sk_storage_get(&conns, sk, NULL, 0);
	if (conn && conn->flags & CONN_OPAQUE)
		return 0;
	if (result <= 0) {
		if (!result && conn && conn->role == HTTP_CLIENT && sk->sk_shutdown & RCV_SHUTDOWN)
			conn_close(conn, HTTP_CLOSED_BY_PEER);
		return 0;
	}
	if (!conn) {
		state = socket_candidate(sk);
		if (!state)
			return 0;
	}
	now = bpf_ktime_get_ns();
	transfer.first_ns = transfer.last_ns = now;
	if (has_send_begin &&
		(!conn || (conn->role == HTTP_CLIENT && conn->asked == conn->answered)))
		conn = send_take(sk, conn, now);
	tcp = bpf_skc_to_tcp_sock(sk);
	if (!tcp)
		return 0;
	position = tcp->copied_seq;
	if (sk->__sk_common.skc_flags >> SOCK_DONE & 1 && position == tcp->rcv_nxt)
		position--; /* the FIN was read along with the last bytes, and counts as one */
	if (conn) {
		__u32 gap;

		stream = stream_of(conn, RECEIVE);
		gap = position - result - stream->position;
		/* bytes that left the socket by a way that passes no hook, such as splice */
		if (stream->position && (__s32)gap > 0 && !stream_skip(stream, gap, now)) {
			transfer.length = gap;
			if (conn_feed(conn, &transfer) == OUTCOME_UNREADABLE) {
				bpf_sk_storage_delete(&conns, sk);
				return 0;
			}
		}
		stream->position = position;
		if (stream_skip(stream, result, now))
			return 0;
	}
	transfer.length = result;
	if (!(flags & MSG_TRUNC)) /* with it, they were discarded and not copied */
		bytes_from_syscall(&transfer.bytes);
	conn = conn_operate(sk, conn, state, &transfer);
	if (conn)
		stream_of(conn, RECEIVE)->position = position;
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(http_state, struct sock *sk, int from, int to)
{
	struct conn *conn;

	if (to != TCP_CLOSE && to != TCP_FIN_WAIT1 && to != TCP_CLOSE_WAIT && to != TCP_LAST_ACK)
		return 0;
	conn = bpf_sk_storage_get(&conns, sk, NULL, 0);
	if (!conn || conn->flags & CONN_OPAQUE)
		return 0;
	if (to == TCP_CLOSE_WAIT)
		conn->flags |= CONN_PEER_CLOSED;
	else if (to == TCP_CLOSE && (sk->sk_err == ECONNRESET || sk->sk_err == EPIPE))
		conn_close(conn, HTTP_RESET);
	else if (to == TCP_CLOSE && sk->sk_err == ETIMEDOUT)
		conn_close(conn, HTTP_TIMED_OUT);
	else if (conn->role == HTTP_SERVER) /* it will send no more, so there are no more answers */
		conn_close(conn,
			conn->flags & CONN_PEER_CLOSED ? HTTP_CLOSED_BY_PEER : HTTP_CLOSED_LOCALLY);
	/* a client may still read what has come: its end is that of the stream, or of the socket */
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(http_destroy, struct sock *sk)
{
	struct conn *conn = bpf_sk_storage_get(&conns, sk, NULL, 0);

	if (conn && !(conn->flags & CONN_OPAQUE))
		conn_close(conn,
			conn->flags & CONN_PEER_CLOSED ? HTTP_CLOSED_BY_PEER : HTTP_CLOSED_LOCALLY);
	return 0;
}
