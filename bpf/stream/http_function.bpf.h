/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * HTTP/1: what hooks into functions of the kernel do, where it lacks the tracepoints of http.bpf.c.
 *
 * inet_sendmsg() and inet_recvmsg() are above TCP, MPTCP and kernel TLS alike, have the same
 * arguments since Linux 5.3, and are called by all ways into a socket but inet_sendpage()
 * (sendfile, before Linux 6.5) and tcp_splice_read().
 */
#ifndef SONDE_HTTP_FUNCTION_BPF_H
#define SONDE_HTTP_FUNCTION_BPF_H

#include "protocol/dns.bpf.h"
#include "stream/http_receive.bpf.h"

extern const volatile bool tells_http;

static __always_inline int message_begins(struct socket *socket, const struct msghdr *message)
{
	struct sock *sk = READ(socket, sk);

	if (sk && tells_http && is_stream(sk))
		send_begins(sk, message);
	return 0;
}

static __always_inline int message_sent(
	struct socket *socket, const struct msghdr *message, int result)
{
	struct sock *sk = READ(socket, sk);

	if (!sk)
		return 0;
	if (may_ask_dns(sk))
		dns_moves(sk, DNS_SENT, result, 0, BY_MESSAGE, message);
	else if (tells_http && is_stream(sk))
		send_ends(sk, result, BY_MESSAGE, message);
	return 0;
}

static __always_inline int message_received(
	struct socket *socket, const struct msghdr *message, int flags, int result)
{
	struct sock *sk = READ(socket, sk);

	if (!sk)
		return 0;
	if (may_ask_dns(sk))
		dns_moves(sk, DNS_RECEIVED, result, flags, BY_MESSAGE, message);
	else if (tells_http && is_stream(sk))
		receive_ends(sk, result, flags, BY_MESSAGE, message);
	return 0;
}

/* Gone since Linux 6.5. */
struct proto___6_4 {
	void *sendpage;
} RELOCATED;

/* False: its protocol takes no pages, and is given them by sendmsg. */
static __always_inline bool takes_pages(const struct sock *sk)
{
	return is_unix(sk) ||
	       READ((struct proto___6_4 *)READ(sk, __sk_common.skc_prot), sendpage) != NULL;
}

/* Pages of a file: nothing of them can be read. */
static __always_inline int page_sent(struct socket *socket, int result)
{
	struct sock *sk = READ(socket, sk);

	if (sk && is_stream(sk) && takes_pages(sk))
		send_ends(sk, result, BY_NOTHING, NULL);
	return 0;
}

#ifdef SONDE_TABLES
/* A Unix socket is closed: nobody else tells, and its address may be used again. */
static __always_inline int unix_closed(struct socket *socket)
{
	struct sock *sk = READ(socket, sk);
	struct conn *conn;

	if (!sk)
		return 0;
	conn = conn_find(sk);
	if (conn) {
		if (!(conn->flags & CONN_OPAQUE))
			conn_close(conn, HTTP_CLOSED_LOCALLY, true);
		conn_forget(sk);
	}
	socket_state_forget(sk);
	return 0;
}
#endif

#endif
