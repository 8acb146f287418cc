/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One operation on a socket: how a connection that speaks HTTP is recognised, and the one way that
 * the bytes of every operation take into its messages.
 */
#ifndef SONDE_HTTP_OPERATION_BPF_H
#define SONDE_HTTP_OPERATION_BPF_H

#include "http_connection.bpf.h"

/* Empty lines that may stand before a connection's first request (RFC 9112, 2.2). */
#define EMPTY_LINES_MAX 2

enum direction { RECEIVE, SEND };

/* What one operation on a socket moved. */
struct transfer {
	struct bytes bytes;
	__u64 offset;      /* of the first byte that is not known yet, */
	__u64 length;      /* and of their end */
	__u64 first_ns;    /* when the first of them began to move */
	__u64 last_ns;     /* when the last one had */
	__u64 arrival_ns;  /* received: since when they waited; 0: not known */
	__u64 arrival_end; /* offset up to which that is so */
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
 * Bytes of a message's head could not be read: what is open is lost with it. The connection may be
 * found again at a later request.
 */
static __always_inline void conn_lose(struct conn *conn, enum message message)
{
	if (message == REQUEST && conn->asked)
		count(SOURCE_HTTP, OUTCOME_UNREADABLE);
	conn_end(conn, HTTP_OK, OUTCOME_UNREADABLE);
}

/* Whether the bytes of an operation can begin a request: 1, 0, or -1 when they tell nothing. */
__weak __noinline int request_begins(const struct transfer *transfer)
{
	struct bytes_cursor cursor = {};
	struct http_scratch *scratch;
	__u32 zero = 0, begin = 0;
	__u64 most;
	long got;

	scratch = bpf_map_lookup_elem(&http_scratch, &zero);
	if (!scratch || !transfer)
		return -1;
	cursor.bytes = transfer->bytes;
	most = transfer->length;
	if (most > METHOD_MAX)
		most = METHOD_MAX;
	got = bytes_read(&cursor, 0, scratch->data, most);
	if (got <= 0)
		return -1;
	for (int i = 0; i < EMPTY_LINES_MAX * 2 && begin < got; i++, begin++)
		if (scratch->data[DATA(begin)] != '\r' && scratch->data[DATA(begin)] != '\n')
			break;
	return begin < got && method_length(scratch, begin, got - begin) > 0;
}

/*
 * What answered was no HTTP, on a connection from before Sonde, where it may well be that this end
 * asks and the other one answers: then what was taken for requests were none. False: it is neither.
 */
static __always_inline bool conn_turn(struct conn *conn, const struct transfer *transfer)
{
	conn_end(conn, HTTP_OK, OUTCOME_NONE);
	if (request_begins(transfer) <= 0)
		return false;
	__builtin_memset(conn->streams, 0, sizeof(conn->streams));
	conn->asked = conn->answered = 0;
	conn->flags &= ~(CONN_OPAQUE | CONN_TENTATIVE);
	conn->role = conn->role == HTTP_SERVER ? HTTP_CLIENT : HTTP_SERVER;
	return true;
}

static __always_inline void feed_begin(
	struct feed *feed, const struct conn *conn, const struct transfer *transfer)
{
	struct thread *thread;

	__builtin_memset(feed, 0, sizeof(*feed));
	feed->cursor.bytes = transfer->bytes;
	feed->offset = transfer->offset;
	feed->length = transfer->length;
	feed->first_ns = transfer->first_ns;
	feed->last_ns = transfer->last_ns;
	feed->arrival_ns = transfer->arrival_ns;
	feed->arrival_end = transfer->arrival_end;
	feed->message = message_of(conn, transfer->direction);
	if (feed->message == REQUEST) {
		thread = thread_current(SOURCE_HTTP);
		feed->workload = thread ? thread->workload : 0;
	}
	feed->lost = OUTCOME_UNPARSABLE; /* unless its end is reached */
}

/*
 * Leads the bytes of one operation through the message that they belong to. Returns 1 when the
 * connection must be forgotten.
 */
__weak __noinline int conn_feed(struct conn *conn, const struct transfer *transfer)
{
	struct http_scratch *scratch;
	struct feed *feed;
	__u32 zero = 0;

	scratch = bpf_map_lookup_elem(&http_scratch, &zero);
	if (!scratch || !conn || !transfer)
		return 0;
	feed = &scratch->feed;
	for (int turn = 0; turn < 2; turn++) {
		feed_begin(feed, conn, transfer);
		for (int i = 0; i < FEED_ROUNDS; i++)
			if (feed_steps(conn, scratch))
				break;
		if (feed->lost != OUTCOME_UNPARSABLE || feed->message == REQUEST ||
			!(conn->flags & CONN_TENTATIVE))
			break;
		if (!conn_turn(conn, transfer))
			return 1;
	}
	if (!feed->lost)
		return 0;
	if (feed->lost == OUTCOME_UNREADABLE) {
		conn_lose(conn, feed->message);
		return 1;
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

/* What was waited for before the first request: for the server's accept, or for the connection. */
static __always_inline __u64 setup_ns(
	const struct sock *sk, const struct socket_state *state, enum http_role role)
{
	__u64 key = (__u64)sk, *accepted;

	if (!state->start_ns)
		return 0;
	if (role == HTTP_CLIENT)
		return state->connect_ns;
	accepted = bpf_map_lookup_elem(&accepts, &key);
	return accepted && *accepted > state->start_ns ? *accepted - state->start_ns : 0;
}

/*
 * The first operation of a connection that is not known to speak HTTP: if its bytes can begin a
 * request, their sender is the client, and the connection is followed from here on.
 */
static __noinline struct conn *conn_new(
	struct sock *sk, struct socket_state *state, const struct transfer *transfer)
{
	int begins = request_begins(transfer);
	struct conn *conn;

	if (begins <= 0 || !state) {
		if (!begins && state)
			state->http_misses++;
		return NULL;
	}
	conn = conn_make(sk);
	if (!conn) {
		count(SOURCE_HTTP, is_unix(sk) ? OUTCOME_TABLE_FULL : OUTCOME_STORAGE_FAILED);
		return NULL;
	}
	conn->role = transfer->direction == RECEIVE ? HTTP_SERVER : HTTP_CLIENT;
	conn->sk = (__u64)sk;
	if (!is_unix(sk) && !state->start_ns)
		conn->flags |= CONN_TENTATIVE;
	if (!(state->flags & SOCKET_HTTP))
		conn->setup_ns = setup_ns(sk, state, conn->role);
	state->flags |= SOCKET_HTTP;
	conn->current.connection = bpf_get_socket_cookie(sk);
	if (!is_unix(sk))
		address_read(&conn->current.address, sk);
	else
		conn->flags |= CONN_UNIX;
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
	if (!conn_feed(conn, transfer)) {
		if (conn->asked || !(conn->flags & CONN_OPAQUE))
			return conn;
		if (state) /* it only looked like a request */
			state->http_misses++;
	}
	conn_forget(sk);
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

/* True when the operation was all that was left of a body. */
static __always_inline bool stream_ends(struct stream *stream, __u64 length, __u64 now)
{
	if (stream->flags & STREAM_SKIP_LINE || stream->state != STREAM_BODY ||
		length != stream->remaining)
		return false;
	stream->remaining = 0;
	stream->bytes += length;
	stream->last_ns = now;
	return true;
}

#endif
