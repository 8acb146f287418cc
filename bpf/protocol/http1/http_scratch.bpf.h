/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* HTTP/1: the operation on a socket that this CPU is at, and what is known of it on its way. */
#ifndef SONDE_HTTP_SCRATCH_BPF_H
#define SONDE_HTTP_SCRATCH_BPF_H

#include "protocol/http1/http_connection.bpf.h"
#include "stream/chunk.bpf.h"

#define WINDOW       BYTES_AT_ONCE /* most heads are one window */
#define LINE_AT_ONCE 32            /* bytes in which the end of a line is looked for at once */

/* What one operation on a socket moved. */
struct transfer {
	struct bytes bytes;
	__u64 offset;      /* of the first byte that is not known yet, */
	__u64 length;      /* and of their end */
	__u64 first_ns;    /* when the first of them began to move */
	__u64 last_ns;     /* when the last one had */
	__u64 arrival_ns;  /* received: since when they waited; 0: not known */
	__u64 arrival_end; /* offset up to which that is so */
	__u64 thread;      /* whose operation it is, as bpf_get_current_pid_tgid() has it */
	enum direction direction;
};

/* The bytes of one operation on their way through a message. */
struct feed {
	struct bytes_cursor cursor;
	__u64 offset; /* of the first byte not yet consumed */
	__u64 length;
	__u64 first_ns; /* when these bytes began, and had finished, to move */
	__u64 last_ns;
	__u64 arrival_ns;  /* since when they waited to be received; 0: not known */
	__u64 arrival_end; /* offset up to which that is so */
	__u64 window;      /* offset of the bytes in data[carried … filled) */
	__u32 carried;     /* bytes before them, from earlier operations */
	__u32 filled;      /* 0: there is no window */
	__u32 read;        /* what `filled` was when the window was read */
	__u32 line;        /* index in data at which the line under way begins */
	__u32 at;          /* from where on its end is looked for */
	__u32 skips;       /* whether lines that do not matter are passed over */
	__u32 wants_host;  /* whether Host matters */
	__u32 host;        /* the line of one that was passed over, and its end; 0: there is none */
	__u32 host_end;
	__u32 message;  /* enum message */
	__u32 workload; /* of the thread that moves them */
	__u32 lost;     /* enum outcome, when the connection can no longer be followed */
};

/* An address as text, and how far it was read. */
struct address_text {
	__u32 at;
	__u32 value;  /* of the part under way, */
	__u32 digits; /* of which there were so many */
	__u32 parts;
	__u32 gap; /* how many of them stand before "::" */
	__u32 is_ipv4;
};

static __always_inline void line_begin(struct feed *feed, __u32 at)
{
	feed->line = feed->at = at;
}

struct http_scratch {
	struct feed feed;
	struct transfer transfer;
	struct http_request request;
	struct address_text text;
	/* carried bytes, then the window; as long as a search from a masked index can reach */
	char data[1024 + LINE_AT_ONCE];
};

static __always_inline struct http_scratch *http_scratch_get(void)
{
	return protocol_scratch_get(struct http_scratch);
}

/* The operation of a thread that this CPU is at; NULL, which cannot be, for the verifier. */
static __always_inline struct transfer *transfer_begin(enum direction direction, __u64 thread)
{
	struct http_scratch *scratch = http_scratch_get();

	if (!scratch)
		return NULL;
	scratch->transfer = (struct transfer){
		.thread = thread,
		.direction = direction,
	};
	return &scratch->transfer;
}

/* As an argument of a global function; see http_connection.bpf.h. */
#ifdef SONDE_TABLES

typedef __u32 scratch_argument;

static __always_inline scratch_argument scratch_pass(const struct http_scratch *scratch)
{
	return 0;
}

static __always_inline struct http_scratch *scratch_of(scratch_argument argument)
{
	return http_scratch_get();
}

#else

typedef struct http_scratch *scratch_argument;

static __always_inline scratch_argument scratch_pass(struct http_scratch *scratch)
{
	return scratch;
}

static __always_inline struct http_scratch *scratch_of(scratch_argument argument)
{
	return argument;
}

#endif

#endif
