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
		channel_used(channel, chunk);
	return 0;
}

/* Bytes have come that a process may receive. */
static __always_inline int stream_arrived(const struct channel *channel)
{
	struct sock *sk = channel->sk;
	struct socket_state *state;

	if (!channel_is_stream(channel) || is_listening(sk))
		return 0;
	/* TCP sockets have it from their birth */
	state = reports_http && is_unix(sk) ? socket_state_make(sk) : socket_state_find(sk);
	if (!state)
		return 0;
	if (!state->first_byte_ns)
		state->first_byte_ns = bpf_ktime_get_ns();
	if (reports_http)
		http_arrived(sk, state);
	return 0;
}

/* --- what only HTTP asks for --- */

/* A send begins that `message` describes. */
static __always_inline int stream_send_begins(
	const struct channel *channel, const struct msghdr *message)
{
	if (http_may_speak(channel))
		http_send_begins(channel->sk, message);
	return 0;
}

/* The same, reported by TCP itself: of a socket with a layer it is the layer that sends. */
static __always_inline int stream_tcp_send_begins(struct sock *sk, const struct msghdr *message)
{
	struct tcp_sock *tcp = tcp_of(sk);

	if (!tcp || !has_layer(tcp))
		http_send_begins(sk, message);
	return 0;
}

/* Bytes were received, and no receive shows it. */
static __always_inline int stream_received_silently(struct sock *sk)
{
	http_received_silently(sk);
	return 0;
}

#endif
