/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* HTTP/1 connections: what is kept of one, and where. */
#ifndef SONDE_HTTP_CONNECTION_BPF_H
#define SONDE_HTTP_CONNECTION_BPF_H

#include "stream/chunk.bpf.h"
#include "core/workload.bpf.h"

enum message { REQUEST, RESPONSE };

enum stream_state {
	STREAM_START, /* the next line begins a message */
	STREAM_HEADERS,
	STREAM_BODY,       /* `remaining` bytes of it are to come */
	STREAM_CHUNK_SIZE, /* the next line tells the size of a chunk */
	STREAM_CHUNK,      /* `remaining` bytes of it, its line end included, are to come */
	STREAM_TRAILERS,
	STREAM_UNTIL_CLOSE
};

enum stream_flag {
	STREAM_CHUNKED = 1,
	STREAM_HAS_LENGTH = 2,
	STREAM_SKIP_LINE = 4, /* the line under way was too long, and was dealt with */
	STREAM_CODED = 8,     /* Transfer-Encoding, which counts more than a length */
	STREAM_INVALID = 16,  /* nobody can know where the body ends */
	STREAM_EXPECTS =
		32, /* of a request: nothing of its body has come, and maybe nothing will */
	/* such a request was answered; unless the next line begins another one, it is the body's */
	STREAM_DECLINED = 64,
	STREAM_CONTINUED = 128 /* of a response: 100 came before it */
};

/* One direction of a connection, in the middle of one message. */
struct stream {
	__u64 remaining;
	__u64 bytes; /* of the message so far */
	__u64 first_ns;
	__u64 last_ns;
	__u32 head_bytes;
	__u32 position; /* TCP sequence number of the next byte; 0: not known */
	__u16 carried;  /* bytes of the line under way that earlier operations brought */
	__u16 status;   /* of a response, once its first line is complete */
	__u8 state;     /* enum stream_state */
	__u8 flags;     /* enum stream_flag */
};

/*
 * The longest beginning of a line that is carried over. A request's is as long as what is kept of
 * its first line. The headers of a response that matter are shorter than this.
 */
#define CARRY_REQUEST  HTTP_LINE_LEN
#define CARRY_RESPONSE 64

enum conn_flag {
	CONN_OPAQUE = 1, /* no HTTP any more: upgraded, a tunnel, nonsense, or closed */
	CONN_PEER_CLOSED = 2,
	CONN_UNIX = 4,
	/* Open before Sonde, and no answer yet: what seems to be requests may be part of a body */
	CONN_TENTATIVE = 8,
	CONN_RESET =
		16, /* by its peer; but a send, or what had come before, is to be taken first */
	CONN_PREAMBLE = 32, /* the PROXY protocol came first, */
	CONN_PROXIED = 64   /* with `origin` */
};

#define TRACEPARENT_WORDS 7 /* of eight bytes, in which it is copied */

/* What is kept of a request: its record, and what few requests have. */
struct http_request {
	struct record_http http;
	/* HTTP_TRACED; TRACEPARENT_LEN bytes of it travel, behind all else */
	char traceparent[TRACEPARENT_WORDS * 8];
};

/*
 * A connection that speaks HTTP. Requests are numbered; those between `answered` and `asked` wait
 * for their responses. The first of them is `current` when `active` is set, the others are in
 * `pipeline`.
 */
struct conn {
	struct http_request current;
	struct stream streams[2]; /* by enum message */
	char carry_request[CARRY_REQUEST];
	char carry_response[CARRY_RESPONSE];
	__u64 carrier;  /* of its channel */
	__u64 queue_ns; /* of the request under way; see record_http */
	__u64 setup_ns; /* of the first one */
	__u32 active;   /* taken with an atomic exchange: a reset may race with a response */
	__u32 asked;
	__u32 answered;
	__u32 reported; /* number + 1 of the request that was last told as open for long */
	__u8 role;      /* enum http_role */
	__u8 flags;     /* enum conn_flag */
	struct http_origin origin; /* CONN_PROXIED */
};

_Static_assert(sizeof(struct conn) + 72 <= 1024, "with the kernel's header it takes 1 KiB");

enum http_channel_flag {
	HTTP_CHANNEL_USED = 1, /* by a process that is not the daemon */
	HTTP_CHANNEL_SEEN = 2, /* a request was seen */
	/* The middle of a message may come this way, of which nothing is known */
	HTTP_CHANNEL_RECEIVING = 4,
	HTTP_CHANNEL_SENDING = 8,
	HTTP_CHANNEL_UNREAD = 16,  /* received what could not be read, and has not answered it */
	HTTP_CHANNEL_ANSWERS = 32, /* answered such: it is HTTP, whatever else it sends */
};

/*
 * What is kept of a channel that speaks HTTP or may, beside its connection: from its first bytes
 * on, until it is known to speak something else.
 */
struct http_channel {
	__u64 arrival_ns;       /* since when bytes wait to be received; 0: none do */
	__u32 arrival_position; /* TCP: up to where bytes had arrived then */
	__u8 flags;             /* enum http_channel_flag */
	__u8 misses;            /* operations that began no HTTP message */
	__u8 has_arrivals;      /* no flag, as softirqs set it */
	__u32 sending;          /* whether the operation below is under way; see http_send.bpf.h */
	__u32 send_length;      /* that it asks for; TCP: that another thread has read already */
	__u32 send_position;    /* TCP: at its begin */
	__u64 send_thread;      /* as bpf_get_current_pid_tgid() has it */
	__u64 send_begin_ns;
	struct bytes send_bytes;
};

/* --- where connections are kept --- */

static const struct conn conn_blank = {};

/*
 * In storage, those of Unix sockets and MPTCP, by socket cookie: no hook tells that such a socket
 * is closed, and what is kept of it must outlive it to be told all the same.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, OTHER_CONNS_MAX);
	__type(key, __u64);
	__type(value, struct conn);
} other_conns __weak SEC(".maps");

CHANNEL_MAP(conns, struct conn, 3072); /* as many as the limit of memory allows */

CHANNEL_MAP(http_channels, struct http_channel, 4096);

static __always_inline bool conn_is_with_carrier(const struct channel *channel)
{
	return KEPT_BY_ADDRESS || channel_shows_end(channel);
}

/* The connection that a channel is known to be; NULL: none, or not yet. */
static __always_inline struct conn *conn_find(const struct channel *channel)
{
	struct http_channel *http;
	__u64 cookie;

	if (conn_is_with_carrier(channel))
		return channel_find(conns, channel);
	http = channel_find(http_channels, channel);
	if (!http || !(http->flags & HTTP_CHANNEL_SEEN))
		return NULL;
	cookie = channel_cookie(channel);
	return bpf_map_lookup_elem(&other_conns, &cookie);
}

static __always_inline struct conn *conn_make(const struct channel *channel)
{
	__u64 cookie;

	if (conn_is_with_carrier(channel))
		return channel_make(conns, channel);
	cookie = channel_cookie(channel);
	bpf_map_update_elem(&other_conns, &cookie, &conn_blank, BPF_NOEXIST);
	return bpf_map_lookup_elem(&other_conns, &cookie);
}

static __always_inline void conn_forget(const struct channel *channel)
{
	__u64 cookie;

	if (conn_is_with_carrier(channel)) {
		channel_forget(conns, channel);
		return;
	}
	cookie = channel_cookie(channel);
	bpf_map_delete_elem(&other_conns, &cookie);
}

/*
 * `conn_argument` is what a connection is to a global function. The verifier looks at such a
 * function once and by itself, not again for each way that leads to it; so whatever has loops, or
 * is called from many places, is one. Before Linux 5.12 they take numbers only: the key by which a
 * connection is found again.
 */
#ifdef SONDE_TABLES

typedef __u64 conn_argument;

static __always_inline conn_argument conn_pass(const struct conn *conn)
{
	return conn->carrier;
}

static __always_inline struct conn *conn_of(conn_argument argument)
{
	return bpf_map_lookup_elem(&conns, &argument);
}

#else

typedef struct conn *conn_argument;

static __always_inline conn_argument conn_pass(struct conn *conn)
{
	return conn;
}

/* NULL is not passed, but the verifier cannot know. */
static __always_inline struct conn *conn_of(conn_argument argument)
{
	return argument;
}

#endif

#endif
