/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A channel: one connection as bytes that go both ways, whatever carries them. Protocols are given
 * channels and chunks (chunk.bpf.h), and do not know which hook saw them.
 */
#ifndef SONDE_CHANNEL_BPF_H
#define SONDE_CHANNEL_BPF_H

#include "core/kept.bpf.h"

enum direction { DIRECTION_RECEIVE, DIRECTION_SEND };

enum transport {
	TRANSPORT_OTHER,
	TRANSPORT_TCP, /* in all its forms: MPTCP and kernel TLS, too */
	TRANSPORT_UNIX,
	TRANSPORT_UDP
};

struct channel {
	struct sock *sk;
	enum transport transport;
};

static __always_inline bool is_unix(const struct sock *sk)
{
	return READ(sk, __sk_common.skc_family) == AF_UNIX;
}

static __always_inline enum transport transport_of(const struct sock *sk)
{
	__u16 family = READ(sk, __sk_common.skc_family), type = READ(sk, sk_type);

	if (family == AF_UNIX)
		return type == SOCK_STREAM ? TRANSPORT_UNIX : TRANSPORT_OTHER;
	if (family != AF_INET && family != AF_INET6)
		return TRANSPORT_OTHER;
	if (type == SOCK_STREAM)
		return TRANSPORT_TCP;
	return type == SOCK_DGRAM && READ(sk, sk_protocol) == IPPROTO_UDP ? TRANSPORT_UDP
									  : TRANSPORT_OTHER;
}

static __always_inline struct channel channel_of(struct sock *sk)
{
	return (struct channel){.sk = sk, .transport = transport_of(sk)};
}

/* Bytes follow each other without borders. */
static __always_inline bool channel_is_stream(const struct channel *channel)
{
	return channel->transport == TRANSPORT_TCP || channel->transport == TRANSPORT_UNIX;
}

static __always_inline bool is_listening(const struct sock *sk)
{
	return READ(sk, __sk_common.skc_state) == TCP_LISTEN;
}

/* --- TCP: places in the stream --- */

/* Another protocol lies on top, such as TLS: places in the stream are not those of its bytes. */
static __always_inline bool has_layer(const struct tcp_sock *tcp)
{
	return READ(tcp, inet_conn.icsk_ulp_ops) != NULL;
}

/* The TCP socket whose sequence numbers are the places of bytes; NULL when no numbers are. */
static __always_inline struct tcp_sock *tcp_place(struct sock *sk)
{
	struct tcp_sock *tcp = tcp_of(sk);

	return tcp && !has_layer(tcp) ? tcp : NULL;
}

/* Up to where bytes were received. The FIN, read along with the last bytes, counts as one. */
static __always_inline __u32 position_read(const struct sock *sk, const struct tcp_sock *tcp)
{
	__u32 position = READ(tcp, copied_seq);

	if (READ(sk, __sk_common.skc_flags) >> SOCK_DONE & 1 && position == READ(tcp, rcv_nxt))
		position--;
	return position;
}

/* --- Unix sockets --- */

/* The process has closed the socket; its memory remains as long as the other end does. */
static __always_inline bool is_dead(const struct sock *sk)
{
	return READ(sk, __sk_common.skc_flags) >> SOCK_DEAD & 1;
}

#endif
