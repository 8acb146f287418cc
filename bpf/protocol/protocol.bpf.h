/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The protocols, and which of them a channel is given to. A protocol is given chunks, and reads of
 * them what it needs (chunk.bpf.h); what it keeps of a channel is its own. stream/stream.bpf.h
 * calls this.
 *
 * A new protocol has a `NAME_may_speak(channel)`, which is paid for by all channels and so looks at
 * no more than a member or two of the socket, and a `NAME_moved(channel, chunk)`.
 */
#ifndef SONDE_PROTOCOL_BPF_H
#define SONDE_PROTOCOL_BPF_H

#include "protocol/dns.bpf.h"
#include "protocol/http1/http_end.bpf.h"

/* True: some protocol wants to know of the channel's chunks. */
static __always_inline bool protocol_may_speak(const struct channel *channel)
{
	return dns_may_speak(channel) || http_may_speak(channel);
}

/* False: no protocol wants to know of it. */
static __always_inline bool protocol_moved(const struct channel *channel, const struct chunk *chunk)
{
	if (dns_may_speak(channel))
		dns_moved(channel, chunk);
	else if (http_may_speak(channel))
		http_moved(channel, chunk);
	else
		return false;
	return true;
}

#endif
