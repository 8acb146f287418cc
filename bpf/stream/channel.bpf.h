/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A channel: one connection as bytes that go both ways, whatever carries them. Protocols are given
 * channels and chunks (chunk.bpf.h), and do not know which hook saw them, nor what carries them: of
 * a socket they learn what the functions below say. A new carrier changes this file alone.
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
	struct sock *sk; /* what carries it, for bpf/stream/ only */
	enum transport transport;
};

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

/* At a hook that only TCP has. */
static __always_inline struct channel channel_of_tcp(struct sock *sk)
{
	return (struct channel){.sk = sk, .transport = TRANSPORT_TCP};
}

/* --- what it is --- */

/* Bytes follow each other without borders. */
static __always_inline bool channel_is_stream(const struct channel *channel)
{
	return channel->transport == TRANSPORT_TCP || channel->transport == TRANSPORT_UNIX;
}

/* Asks the socket anew: the verifier would follow each transport through all that comes. */
static __always_inline bool channel_is_unix(const struct channel *channel)
{
	return READ(channel->sk, __sk_common.skc_family) == AF_UNIX;
}

static __always_inline bool channel_listens(const struct channel *channel)
{
	return READ(channel->sk, __sk_common.skc_state) == TCP_LISTEN;
}

/* What carries it, as a number: unique as long as the channel is. */
static __always_inline __u64 channel_carrier(const struct channel *channel)
{
	return (__u64)channel->sk;
}

/* Its number, unique since the machine was started. `state` is what is kept of its socket. */
static __always_inline __u64 channel_id(
	const struct channel *channel, const struct socket_state *state)
{
	return socket_id(channel->sk, state);
}

/* Of IP. */
static __always_inline void channel_address(
	const struct channel *channel, struct record_address *address)
{
	address_read(address, channel->sk);
}

static __always_inline __u16 channel_local_port(const struct channel *channel)
{
	return READ(channel->sk, __sk_common.skc_num);
}

/* 0: it is not connected. */
static __always_inline __u16 channel_remote_port(const struct channel *channel)
{
	return bpf_ntohs(READ(channel->sk, __sk_common.skc_dport));
}

/* Since when a process has it that has accepted it; NULL: not known. */
static __always_inline const struct accepted *channel_accepted(const struct channel *channel)
{
	return accepted_find(channel->sk);
}

/* --- what is kept of it, with its carrier; see kept.bpf.h --- */

static __always_inline struct socket_state *channel_state_find(const struct channel *channel)
{
	return socket_state_find(channel->sk);
}

#define CHANNEL_MAP(map, type, most) SOCKET_MAP(map, type, most)

#define channel_find(map, channel)   socket_map_find(map, (channel)->sk)
#define channel_make(map, channel)   socket_map_make(map, (channel)->sk)
#define channel_forget(map, channel) socket_map_forget(map, (channel)->sk)

/* The program `name` calls `function(seq, value)` for each channel in `map`. */
#define CHANNEL_SWEEP(name, map, type, function)                                                   \
	static __always_inline int name##_one(struct seq_file *seq, struct sock *sk, type *value)  \
	{                                                                                          \
		function(seq, value);                                                              \
		return 0;                                                                          \
	}                                                                                          \
                                                                                                   \
	SOCKET_SWEEP(name, map, name##_one)

/* A hook tells when its carrier is destroyed. */
static __always_inline bool channel_shows_end(const struct channel *channel)
{
	return has_end_hook(channel->sk);
}

/* By which what outlives the carrier is kept. */
static __always_inline __u64 channel_cookie(const struct channel *channel)
{
	return bpf_get_socket_cookie(channel->sk);
}

/*
 * What had this number may have been freed: dead, or another one by now. Of the freed one the flag
 * remains.
 */
static __always_inline bool carrier_is_gone(__u64 carrier, __u64 cookie)
{
	struct sock *sk = (struct sock *)carrier;

	return (__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter) != cookie ||
	       BPF_CORE_READ(sk, __sk_common.skc_flags) >> SOCK_DEAD & 1;
}

/* --- its places: where its bytes are counted --- */

/* NULL: they are not, and so what has moved unseen does not show. */
typedef const struct tcp_sock *stream_places;

/* Another protocol lies on top, such as TLS: places in the stream are not those of its bytes. */
static __always_inline bool has_layer(const struct tcp_sock *tcp)
{
	return READ(tcp, inet_conn.icsk_ulp_ops) != NULL;
}

static __always_inline stream_places channel_places(const struct channel *channel)
{
	struct tcp_sock *tcp = tcp_of(channel->sk);

	return tcp && !has_layer(tcp) ? tcp : NULL;
}

/* Up to where bytes have come. */
static __always_inline __u32 place_arrived(stream_places of)
{
	return READ(of, rcv_nxt);
}

/* Up to where they were taken, by a process or by an operation that is under way. */
static __always_inline __u32 place_taken(stream_places of)
{
	return READ(of, copied_seq);
}

/* Up to where they were received. The FIN, taken along with the last bytes, counts as one. */
static __always_inline __u32 place_received(stream_places of)
{
	__u32 place = place_taken(of);

	if (READ((const struct sock *)of, __sk_common.skc_flags) >> SOCK_DONE & 1 &&
		place == place_arrived(of))
		place--;
	return place;
}

/* Up to where they were sent. */
static __always_inline __u32 place_sent(stream_places of)
{
	return READ(of, write_seq);
}

extern const volatile __u64 tick_ns;

/*
 * When bytes moved last this way, in ticks: soon before their end did. 0: not known.
 */
static __always_inline __u64 place_last_ns(stream_places of, enum direction direction, __u64 now)
{
	__u32 then = direction == DIRECTION_RECEIVE ? READ(of, inet_conn.icsk_ack.lrcvtime)
						    : READ(of, lsndtime);
	__u32 ago = (__u32)bpf_jiffies64() - then;

	return tick_ns && then ? now - ago * tick_ns : 0;
}

/* --- its bytes that wait, and its end --- */

/* Of one without places. */
static __always_inline bool channel_has_waiting(const struct channel *channel)
{
	return READ(channel->sk, sk_receive_queue.qlen) > 0;
}

/*
 * True when something has come that a process can still read, or is just reading: it has read up to
 * `read` (0: up to where the socket says), and `fin` of what is left is the end.
 */
static __always_inline bool channel_has_unread(const struct channel *channel, __u32 read, __s32 fin)
{
	struct tcp_sock *tcp = tcp_of(channel->sk);

	if (!tcp)
		return false;
	return (__s32)(READ(tcp, rcv_nxt) - (read ?: READ(tcp, copied_seq))) > fin;
}

/* Nothing more will be received. */
static __always_inline bool channel_receives_no_more(const struct channel *channel)
{
	return READ(channel->sk, sk_shutdown) & RCV_SHUTDOWN;
}

/* --- Unix sockets --- */

/* The other end, whose `sk` is NULL when there is none. */
static __always_inline struct channel channel_peer(const struct channel *channel)
{
	return (struct channel){.sk = unix_peer(channel->sk), .transport = TRANSPORT_UNIX};
}

/* The process has closed the peer; its memory remains as long as this end does. */
static __always_inline bool peer_is_dead(const struct channel *peer)
{
	return peer->sk && READ(peer->sk, __sk_common.skc_flags) >> SOCK_DEAD & 1;
}

/* Writes the path that a Unix socket, or its peer, is bound to; returns its length. */
static __always_inline __u32 carrier_path(__u64 carrier, bool of_peer, char *to)
{
	struct unix_sock *server = (struct unix_sock *)carrier;
	struct unix_address *address;
	__u32 length;

	if (of_peer)
		server = (struct unix_sock *)BPF_CORE_READ(server, peer);
	address = BPF_CORE_READ(server, addr);
	if (!address)
		return 0;
	length = BPF_CORE_READ(address, len) - __builtin_offsetof(struct sockaddr_un, sun_path);
	if (length > UNIX_PATH_LEN)
		return 0; /* not bound, as both ends of a socketpair are */
	if (bpf_probe_read_kernel(to, length, &address->name[0].sun_path))
		return 0;
	/* the length of a path contains its end, that of an abstract name (NUL first) does not */
	if (length && to[0])
		length--;
	return length;
}

#endif
