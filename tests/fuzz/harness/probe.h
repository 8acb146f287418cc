/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets and threads of a kernel with the probes of bpf/stream/ at them, and through these all
 * protocols of bpf/protocol/. Each call below is what the kernel would do: it runs the hooks, in
 * their order. No name here is of a protocol; harness.h makes operations out of bytes.
 */
#ifndef SONDE_FUZZ_PROBE_H
#define SONDE_FUZZ_PROBE_H

#include "record.h"

/* By which hooks the kernel's operations are seen. */
enum hooks { HOOKS_TRACEPOINT, HOOKS_FUNCTION, HOOKS };

enum carrier { OVER_TCP, OVER_UNIX, OVER_UDP };

#define SOCKETS_MAX 4

/* Two threads of a process, another process, and the daemon. */
enum { THREAD_FIRST, THREAD_SECOND, THREAD_OTHER, THREAD_OWN, THREADS };

/* Process and thread of each have the numbers THREAD_TGID and THREAD_TID. */
#define THREAD_TGID(thread) ((thread) <= THREAD_SECOND ? 100U : 100U + (thread))
#define THREAD_TID(thread)  (100U + (thread))

struct endpoint {
	__u8 address[16]; /* an IPv4 address is mapped */
	__u16 port;
};

#define NETNS 4026531840U /* of all sockets */

struct socket_shape {
	enum carrier carrier;
	_Bool is_ipv6;
	struct endpoint local, remote; /* port 0 of `remote`: it is not connected */
	__u32 position;                /* from which the bytes of each direction are numbered */
};

/* How a process hands the bytes of an operation to the kernel. */
enum form {
	FORM_BUFFER,  /* read, write, sendto */
	FORM_VECTOR,  /* readv, writev */
	FORM_MESSAGE, /* recvmsg, sendmsg */
	FORM_LIST,    /* recvmmsg, sendmmsg */
	FORM_PAGES,   /* sendfile: there are none in its memory */
	FORMS
};

/* How the hook of an operation finds them, with HOOKS_TRACEPOINT. */
enum seen {
	SEEN_AT_END,   /* by the arguments of the system call */
	SEEN_AT_BEGIN, /* of a send over TCP or Unix: already as it begins */
	SEEN_IN_URING, /* by the request of io_uring, which runs in a worker thread */
	SEEN
};

/* As struct iovec, which is the kernel's own here. */
struct segment {
	const void *base;
	__u64 length;
};

/* What one message of an operation is made of; all but FORM_LIST have one message. */
struct probe_message {
	const struct segment *segments; /* one, with FORM_BUFFER */
	__u32 segment_count;
	const struct endpoint *peer; /* to whom, or who has sent it; NULL: not said */
};

#define MESSAGES_MAX 6

struct probe_call {
	int socket;
	int thread;
	_Bool send;
	int result; /* bytes moved, or an error */
	int flags;  /* of a receive: MSG_… */
	enum form form;
	enum seen seen;
	_Bool has_uring; /* the thread uses io_uring, too, if not for this */
	_Bool is_compat; /* it is a 32-bit call */
	_Bool is_timed;  /* its begin was seen by the probe of system calls */
	const struct probe_message *messages;
	__u32 message_count;
	__u32 moved; /* which of the messages */
	__u32 skip;  /* bytes of its first segment that an earlier round has moved */
};

/* A kernel that has just started. `fill` is in the scratch before each operation. */
void probe_reset(enum hooks hooks, unsigned char fill);

void probe_open(int socket, const struct socket_shape *shape);
void probe_move(const struct probe_call *call);
void probe_close(int socket);

/* All sockets are closed: traps where a place in a table was not given back. */
void probe_end(void);

/* How often the probes counted this since the reset. */
__u64 probe_count(enum source source, enum outcome outcome);

#endif
