/* SPDX-License-Identifier: Apache-2.0 */
/* One socket with the HTTP probe at it; each call below is what some system call would do. */
#ifndef SONDE_FUZZ_PROBE_H
#define SONDE_FUZZ_PROBE_H

#include "record.h"

/* How the bytes of an operation are given to the kernel, and so where the probe finds them. */
enum way {
	WAY_BUFFER,  /* read, write */
	WAY_VECTOR,  /* readv, writev */
	WAY_MESSAGE, /* recvmsg, sendmsg */
	WAY_HOOK,    /* sent: a buffer, seen as the kernel begins to send */
	WAY_HOOK_VECTOR,
	WAYS
};

/* As struct iovec, which is the kernel's own here. */
struct segment {
	const void *base;
	__u64 length;
};

struct socket_call {
	const struct segment *segments; /* ways other than a vector have one */
	__u32 segment_count;
	__u32 skip;   /* WAY_HOOK…: bytes of the first segment that an earlier round has sent */
	__u64 length; /* of what was moved, without what was skipped */
	enum way way;
};

/* The bytes of each direction are numbered from `position` on, if it is no Unix socket. */
void probe_open(__u32 position, _Bool is_unix);

/* What is in the probe's scratch, and in new room of a ring, at the begin of each operation. */
void probe_fill(unsigned char fill);

void probe_send(const struct socket_call *operation);
void probe_receive(const struct socket_call *operation);
void probe_close(void);

/* How often the probe counted that something of HTTP was lost; see enum outcome. */
__u64 probe_lost(void);

#endif
