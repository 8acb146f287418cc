/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One operation on a socket: how a connection that speaks HTTP is recognised, and how the bytes of
 * each operation are led through its messages.
 */
#ifndef SONDE_HTTP_OPERATION_BPF_H
#define SONDE_HTTP_OPERATION_BPF_H

#include "protocol/http1/http_report.bpf.h"

/* Empty lines that may stand before a connection's first request (RFC 9112, 2.2). */
#define EMPTY_LINES_MAX 2

static __always_inline enum message message_of(const struct conn *conn, enum direction direction)
{
	return (direction == DIRECTION_RECEIVE) == (conn->role == HTTP_SERVER) ? REQUEST : RESPONSE;
}

static __always_inline struct stream *stream_of(struct conn *conn, enum direction direction)
{
	return message_of(conn, direction) == REQUEST ? &conn->streams[REQUEST]
						      : &conn->streams[RESPONSE];
}

/* --- a connection --- */

/*
 * Bytes of a message's head could not be read: all open requests are lost. The connection may be
 * found again at a later request.
 */
static __always_inline void conn_lose(struct conn *conn, enum message message)
{
	if (message == REQUEST && conn->asked)
		count(SOURCE_HTTP, OUTCOME_UNREADABLE);
	conn_end(conn_pass(conn), HTTP_OK, OUTCOME_UNREADABLE);
}

/* The kind of message that the bytes of an operation may begin. */
enum begins { BEGINS_UNKNOWN, BEGINS_NOTHING, BEGINS_REQUEST, BEGINS_RESPONSE };

/* How many pieces of an operation are read to find its kind of message. */
#define BEGIN_PIECES 4

/* Reads the next piece of the first `most` bytes, of which `got` have been read. */
__weak __noinline int begin_read(__u32 got, __u32 most)
{
	struct http_scratch *scratch = http_scratch_get();

	if (!scratch)
		return -1;
	return bytes_read(&scratch->feed.cursor, got, scratch->data + (got & (METHOD_MAX - 1)),
		(most - got) & (2 * METHOD_MAX - 1));
}

__weak __noinline int operation_begins(void)
{
	struct http_scratch *scratch = http_scratch_get();
	__u32 begin = 0, got = 0;
	__u64 most;

	if (!scratch)
		return BEGINS_UNKNOWN;
	scratch->feed.cursor = (struct bytes_cursor){.bytes = scratch->transfer.bytes};
	most = scratch->transfer.length;
	if (most > METHOD_MAX)
		most = METHOD_MAX;
	for (int i = 0; i < BEGIN_PIECES && got < most; i++) {
		int more = begin_read(got, most);

		if (more < 0 || more > METHOD_MAX)
			return BEGINS_UNKNOWN;
		got += more;
	}
	scratch->feed.read = got;
	if (signature_begins(scratch, 0, got))
		return BEGINS_REQUEST;
	for (int i = 0; i < EMPTY_LINES_MAX * 2 && begin < got; i++, begin++)
		if (scratch->data[DATA(begin)] != '\r' && scratch->data[DATA(begin)] != '\n')
			break;
	if (begin >= got)
		return got ? BEGINS_NOTHING : BEGINS_UNKNOWN;
	if (got >= 7 && version_begins(load8(scratch, 0), got))
		return BEGINS_RESPONSE;
	return method_length(scratch_pass(scratch), begin, got - begin) > 0 ? BEGINS_REQUEST
									    : BEGINS_NOTHING;
}

/*
 * An answer was no HTTP, on a connection from before Sonde, whose roles were guessed. The bytes may
 * be a request of the other end; then the roles are swapped, and the supposed requests were none.
 * False: the bytes are no request either.
 */
static __always_inline bool conn_turn(struct conn *conn)
{
	conn_end(conn_pass(conn), HTTP_OK, OUTCOME_NONE);
	if (operation_begins() != BEGINS_REQUEST)
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
	feed->wants_host =
		feed->message == REQUEST && conn->role == HTTP_CLIENT && !(conn->flags & CONN_UNIX);
	if (feed->message == REQUEST) {
		thread = thread_current(SOURCE_HTTP);
		feed->workload = thread ? thread->workload : 0;
	}
	feed->lost = OUTCOME_UNPARSABLE; /* until the end of the operation is reached */
}

/* What an operation makes of a connection. */
enum fed {
	FED,
	FED_LOST,  /* the connection must be forgotten */
	FED_TURNED /* the operation is to be fed to the connection once more */
};

/* Leads the bytes of one operation through the messages of its direction; returns enum fed. */
__weak __noinline int conn_feed(conn_argument which)
{
	struct conn *conn = conn_of(which);
	struct http_scratch *scratch = http_scratch_get();
	struct feed *feed;

	if (!scratch || !conn)
		return FED;
	feed = &scratch->feed;
	feed_begin(feed, conn, &scratch->transfer);
	for (int i = 0; i < FEED_ROUNDS; i++)
		if (feed_steps(which, scratch_pass(scratch)))
			break;
	if (!feed->lost) {
		/* the bytes behind an upgrade were taken for requests, and are none */
		if (conn->flags & CONN_OPAQUE && conn->answered != conn->asked)
			conn_end(conn_pass(conn), HTTP_OK, OUTCOME_NONE);
		return FED;
	}
	if (feed->lost == OUTCOME_UNPARSABLE && feed->message == RESPONSE &&
		conn->flags & CONN_TENTATIVE)
		return conn_turn(conn) ? FED_TURNED : FED_LOST;
	if (feed->lost == OUTCOME_UNREADABLE) {
		conn_lose(conn, feed->message);
		return FED_LOST;
	}
	if (feed->message == RESPONSE) {
		conn_end(conn_pass(conn), HTTP_RESPONSE_INVALID, 0);
		return FED;
	}
	/* no further request can be found here; open requests may still be answered */
	if (conn->asked)
		count(SOURCE_HTTP, OUTCOME_UNPARSABLE);
	else
		conn->flags |= CONN_OPAQUE;
	conn->streams[REQUEST].state = STREAM_UNTIL_CLOSE;
	return FED;
}

/* How long the first request's connection waited: for the server's accept, or for the handshake. */
static __always_inline __u64 setup_ns(
	const struct channel *channel, const struct socket_state *state, enum http_role role)
{
	const struct accepted *accepted;

	if (!state->start_ns)
		return 0;
	if (role == HTTP_CLIENT)
		return state->connect_ns;
	accepted = channel_accepted(channel);
	return accepted && accepted->time_ns > state->start_ns ? accepted->time_ns - state->start_ns
							       : 0;
}

/*
 * A connection shows no request. It speaks another protocol, which is not counted; or it began with
 * malformed HTTP, which is counted.
 */
static __always_inline void begin_miss(
	const struct channel *channel, struct http_channel *http, bool is_looked_at)
{
	struct socket_state *state;

	if (is_looked_at && !http->misses) {
		state = channel_state_find(channel);
		if (state && state->start_ns && version_seen())
			count(SOURCE_HTTP, OUTCOME_UNPARSABLE);
	}
	http->misses++;
}

/*
 * An operation begins no request, on a connection that has shown none. The connection may speak no
 * HTTP; or its requests cannot be read, and a request shows only by its answer.
 */
static __always_inline void request_missing(const struct channel *channel,
	struct http_channel *http, enum direction direction, enum begins begins)
{
	if (begins == BEGINS_UNKNOWN) {
		if (direction == DIRECTION_RECEIVE)
			http->flags |= HTTP_CHANNEL_UNREAD;
	} else if (begins == BEGINS_RESPONSE && direction == DIRECTION_SEND &&
		   http->flags & HTTP_CHANNEL_UNREAD) {
		count(SOURCE_HTTP, OUTCOME_UNREADABLE);
		http->flags = (http->flags & ~HTTP_CHANNEL_UNREAD) | HTTP_CHANNEL_ANSWERS;
	} else if (!(http->flags & HTTP_CHANNEL_ANSWERS)) {
		begin_miss(channel, http, begins == BEGINS_NOTHING);
	}
}

/*
 * The first operation of a connection that is not known to speak HTTP: if its bytes can begin a
 * request, their sender is the client, and the connection is followed from here on.
 */
static __noinline struct conn *conn_new(
	const struct channel *channel, struct http_channel *http, const struct transfer *transfer)
{
	enum begins begins = operation_begins();
	stream_places at = channel_places(channel);
	struct socket_state *state = channel_state_find(channel);
	struct conn *conn;

	if (!http || !state)
		return NULL;
	if (begins != BEGINS_REQUEST) {
		request_missing(channel, http, transfer->direction, begins);
		return NULL;
	}
	http->flags &= ~HTTP_CHANNEL_UNREAD;
	conn = conn_make(channel);
	if (!conn) {
		count(SOURCE_HTTP,
			channel_shows_end(channel) ? OUTCOME_STORAGE_FAILED : OUTCOME_TABLE_FULL);
		return NULL;
	}
	conn->role = transfer->direction == DIRECTION_RECEIVE ? HTTP_SERVER : HTTP_CLIENT;
	conn->carrier = channel_carrier(channel);
	if (!channel_is_unix(channel) && !state->start_ns)
		conn->flags |= CONN_TENTATIVE;
	if (!(http->flags & HTTP_CHANNEL_SEEN))
		conn->setup_ns = setup_ns(channel, state, conn->role);
	http->flags |= HTTP_CHANNEL_SEEN;
	conn->current.http.connection = channel_id(channel, state);
	if (at) /* where its answer begins */
		conn->streams[RESPONSE].position =
			conn->role == HTTP_SERVER ? place_sent(at) : place_taken(at);
	if (!channel_is_unix(channel))
		channel_address(channel, &conn->current.http.address);
	else
		conn->flags |= CONN_UNIX;
	return conn;
}

/*
 * A connection cannot be followed any more. A later request may make it known again, but not before
 * the present message is over, as any of its lines may look like a request.
 */
static __noinline struct conn *conn_leave(
	const struct channel *channel, struct http_channel *http, enum direction direction)
{
	conn_forget(channel);
	if (!http)
		http = channel_find(http_channels, channel);
	if (http)
		http->flags |= direction == DIRECTION_RECEIVE ? HTTP_CHANNEL_RECEIVING
							      : HTTP_CHANNEL_SENDING;
	return NULL;
}

/* Takes one operation on a connection that speaks HTTP, or may. */
static __noinline struct conn *conn_operate(const struct channel *channel, struct conn *conn,
	struct http_channel *http, const struct transfer *transfer)
{
	bool is_known = conn;
	enum fed fed;

	if (!conn)
		conn = conn_new(channel, http, transfer);
	if (!conn)
		return NULL;
	fed = conn_feed(conn_pass(conn));
	if (fed == FED_TURNED)
		fed = conn_feed(conn_pass(conn));
	if (fed != FED)
		return conn_leave(channel, http, transfer->direction);
	if (!is_known && conn->asked && http)
		http->misses = 0;
	if (conn->asked || !(conn->flags & CONN_OPAQUE))
		return conn;
	if (http) /* the bytes only looked like a request */
		begin_miss(channel, http, true);
	conn_forget(channel);
	return NULL;
}

/* True when the operation moved bytes of a body only, and not its last ones. */
static __always_inline bool stream_skip(struct stream *stream, __u64 length, __u64 now)
{
	if (stream->flags & (STREAM_SKIP_LINE | STREAM_EXPECTS))
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

/* True when the operation moved all that was left of a body. */
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

/* When bytes had moved that no operation showed, and how well the time is known. */
struct silent {
	__u64 last_ns;
	enum http_end end;
};

/* A hook showed when the bytes moved, though not the bytes. */
static __always_inline struct silent seen_at(__u64 now)
{
	return (struct silent){now, HTTP_END_SEEN};
}

/* The bytes moved at some time before other bytes, whose time the socket has instead. */
static __always_inline struct silent silent_before(__u64 now)
{
	return (struct silent){now, HTTP_END_UNKNOWN};
}

/* The last bytes of this direction moved no later than now, and soon after their last segment. */
static __always_inline struct silent silent_by(
	stream_places of, enum direction direction, __u64 now)
{
	__u64 last_ns = place_last_ns(of, direction, now);

	return last_ns ? (struct silent){last_ns, HTTP_END_ESTIMATED} : silent_before(now);
}

/*
 * Takes the bytes up to `position` as moved, though no operation showed them: splice() moved them,
 * or an operation whose run the kernel left out. False: the connection cannot be followed any more.
 */
static __always_inline bool conn_catch_up(const struct channel *channel, struct conn *conn,
	enum direction direction, __u32 position, struct silent silent)
{
	enum message message = message_of(conn, direction);
	struct stream *stream = stream_of(conn, direction);
	__u32 gap = position - stream->position;

	if (!stream->position || (__s32)gap <= 0)
		return true;
	stream->position = position;
	stream->flags &= ~STREAM_EXPECTS;     /* no head is sent in such a way */
	if (silent.last_ns < stream->last_ns) /* ticks are coarse */
		silent.last_ns = stream->last_ns;
	if (stream_skip(stream, gap, silent.last_ns))
		return true;
	if (stream_ends(stream, gap, silent.last_ns)) {
		if (message == RESPONSE)
			conn->current.http.end = silent.end;
		message_end(conn, message, stream);
		return true;
	}
	conn_lose(conn, message);
	conn_leave(channel, NULL, direction);
	return false;
}

/*
 * The next request begins, so the answer before it is complete. If its last bytes moved unseen, the
 * socket still has their time now; the next answer would overwrite it.
 */
static __always_inline void answer_settle(const struct channel *channel, struct conn *conn)
{
	struct stream *answer = &conn->streams[RESPONSE];
	bool is_client = conn->role == HTTP_CLIENT;
	enum direction direction = is_client ? DIRECTION_RECEIVE : DIRECTION_SEND;
	stream_places at;
	__u32 position;

	if (answer->state != STREAM_BODY || conn->streams[REQUEST].bytes)
		return;
	at = channel_places(channel);
	if (!at)
		return;
	position = is_client ? place_received(at) : place_sent(at);
	if (position - answer->position == answer->remaining)
		conn_catch_up(channel, conn, direction, position,
			silent_by(at, direction, bpf_ktime_get_ns()));
}

#endif
