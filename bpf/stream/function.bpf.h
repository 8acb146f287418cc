/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Streams, seen in functions of the kernel, where it lacks the tracepoints of tracepoint.bpf.c:
 * what function.bpf.c and kprobe.bpf.c have in common.
 *
 * inet_sendmsg() and inet_recvmsg() are above TCP, MPTCP and kernel TLS alike, have the same
 * arguments since Linux 5.3, and are called by all ways into a socket but inet_sendpage()
 * (sendfile, before Linux 6.5) and tcp_splice_read().
 */
#ifndef SONDE_FUNCTION_BPF_H
#define SONDE_FUNCTION_BPF_H

#include "stream/stream.bpf.h"

static __always_inline int message_begins(struct socket *socket, const struct msghdr *message)
{
	struct sock *sk = READ(socket, sk);
	struct channel channel;

	if (!sk)
		return 0;
	channel = channel_of(sk);
	return stream_send_begins(&channel, message);
}

static __always_inline int function_moved(struct socket *socket, const struct chunk *chunk)
{
	struct sock *sk = READ(socket, sk);
	struct channel channel;

	if (!sk)
		return 0;
	channel = channel_of(sk);
	return stream_moved(&channel, chunk);
}

static __always_inline int message_sent(
	struct socket *socket, const struct msghdr *message, int result)
{
	struct chunk chunk = {.direction = DIRECTION_SEND,
		.result = result,
		.way = BY_MESSAGE,
		.message = message};

	return function_moved(socket, &chunk);
}

static __always_inline int message_received(
	struct socket *socket, const struct msghdr *message, int flags, int result)
{
	struct chunk chunk = {.direction = DIRECTION_RECEIVE,
		.result = result,
		.flags = flags,
		.way = BY_MESSAGE,
		.message = message};

	return function_moved(socket, &chunk);
}

/* Gone since Linux 6.5. */
struct proto___6_4 {
	void *sendpage;
} RELOCATED;

/* False: its protocol takes no pages, and is given them by sendmsg. */
static __always_inline bool takes_pages(const struct sock *sk)
{
	return READ(sk, __sk_common.skc_family) == AF_UNIX ||
	       READ((struct proto___6_4 *)READ(sk, __sk_common.skc_prot), sendpage) != NULL;
}

/* Pages of a file: nothing of them can be read. */
static __always_inline int page_sent(struct socket *socket, int result)
{
	struct chunk chunk = {.direction = DIRECTION_SEND, .result = result, .way = BY_NOTHING};
	struct sock *sk = READ(socket, sk);

	return sk && takes_pages(sk) ? function_moved(socket, &chunk) : 0;
}

#endif
