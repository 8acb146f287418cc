/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The doors through which hooks report what happens to channels, whichever hooks they are:
 * tracepoint.bpf.c, function.bpf.c or kprobe.bpf.c. stream_moved() is the one for bytes.
 */
#ifndef SONDE_STREAM_BPF_H
#define SONDE_STREAM_BPF_H

#include "protocol/protocol.bpf.h"

/* True: somebody wants to know of the channel's chunks. */
static __always_inline bool stream_wants(const struct channel *channel)
{
	return (reports_tcp && channel->transport == TRANSPORT_TCP) || protocol_may_speak(channel);
}

/* A chunk has moved, or an operation has failed to move one. */
static __always_inline int stream_moved(const struct channel *channel, const struct chunk *chunk)
{
	/* what is only looked at comes again; what is out of band is no part of the stream */
	if (chunk->flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB))
		return 0;
	if (!protocol_moved(channel, chunk))
		channel_moved(channel, chunk);
	return 0;
}

/* Bytes have come that a process may receive. */
static __always_inline int stream_arrived(const struct channel *channel)
{
	struct socket_state *state;

	if (!channel_is_stream(channel) || channel_listens(channel) ||
		protocol_arrived(channel, false))
		return 0;
	state = channel_state_find(channel);
	if (!state && !channel_is_unix(channel)) /* TCP sockets have it from their birth */
		return 0;
	if (state && !state->first_byte_ns)
		state->first_byte_ns = bpf_ktime_get_ns();
	if (!state || !(state->flags & SOCKET_OTHER))
		protocol_arrived(channel, true);
	return 0;
}

/* A send begins that `message` describes. */
static __always_inline int stream_send_begins(
	const struct channel *channel, const struct msghdr *message)
{
	protocol_send_begins(channel, message);
	return 0;
}

/* The same, reported by TCP itself: of a socket with a layer it is the layer that sends. */
static __always_inline int stream_tcp_send_begins(struct sock *sk, const struct msghdr *message)
{
	struct channel channel = channel_of_tcp(sk);
	struct tcp_sock *tcp = tcp_of(sk);

	return !tcp || !has_layer(tcp) ? stream_send_begins(&channel, message) : 0;
}

/* Bytes come to a Unix socket: its peer is in the middle of sending them. */
static __always_inline void stream_peer_sends(const struct channel *channel)
{
	struct channel peer = channel_peer(channel);

	if (peer.sk)
		protocol_send_begins_by_call(&peer);
}

/* Bytes were received, and no receive shows it. */
static __always_inline int stream_received_silently(struct sock *sk)
{
	struct channel channel = channel_of_tcp(sk);

	protocol_moved_silently(&channel);
	return 0;
}

/* --- ends --- */

/* Of one that no hook of TCP's own sockets forgets. */
static __always_inline void channel_end(const struct channel *channel)
{
	channel_forget(uring_channels, channel);
	socket_state_forget(channel->sk);
}

static __always_inline int stream_state_changes(struct sock *sk, int from, int to)
{
	struct channel channel = channel_of_tcp(sk);
	enum channel_step step = state_step(sk, from, to);

	if (step != CHANNEL_NO_STEP)
		protocol_step(&channel, step);
	if (step == CHANNEL_REPLACED)
		channel_end(&channel);
	return 0;
}

static __always_inline int stream_is_gone(struct sock *sk)
{
	struct channel channel = channel_of_tcp(sk);

	protocol_step(&channel, CHANNEL_GONE);
	if (KEPT_BY_ADDRESS)
		channel_forget(uring_channels, &channel);
	return 0;
}

/* A Unix socket is closed: nobody else tells, and its address may be used again. */
static __always_inline int stream_unix_closed(struct socket *socket)
{
	struct channel channel = {.sk = READ(socket, sk), .transport = TRANSPORT_UNIX};

	if (!channel.sk)
		return 0;
	protocol_step(&channel, CHANNEL_GONE);
	channel_end(&channel);
	return 0;
}

#endif
