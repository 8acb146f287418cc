/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The protocols, and what each of them is told of a channel. stream/stream.bpf.h calls this.
 *
 * A protocol is a row. Its functions, in the order of the columns:
 *
 * - may_speak(channel): whether the channel may speak it, as far as the channel shows that. All
 *   channels pay for it, so it looks at no more than a member or two. The first row that answers
 *   true is the one protocol that is given the channel's chunks.
 * - moved(channel, chunk): a chunk has moved. Here a protocol finds by the first bytes whether it
 * is spoken at all, leads the bytes through its frames, reads of them what it must (chunk.bpf.h),
 * and reports what is over. What it keeps of a channel is its own (CHANNEL_MAP).
 * - send_begins(channel, message): a send begins, whose bytes can be read from now on.
 * - send_begins_by_call(channel): the same, in the middle of the system call that describes it.
 * - arrived(channel, is_first): bytes have come, and wait to be received. True: so had others, so
 *   that nobody else needs to look. It is asked with `is_first` only where it said false before,
 *   and makes what it keeps then.
 * - moved_silently(channel): bytes were received, and no chunk shows it.
 * - step(channel, step): the channel ends, or begins anew; see stream/end.bpf.h.
 *
 * All but the first two are optional, and ask may_speak() themselves where they have to.
 */
#ifndef SONDE_PROTOCOL_BPF_H
#define SONDE_PROTOCOL_BPF_H

#include "protocol/dns.bpf.h"
#include "protocol/http1/http_end.bpf.h"

#define PROTOCOL_IGNORES(...) false

/* clang-format off */
#define PROTOCOLS(ROW)                                                                             \
	ROW(dns_may_speak, dns_moved, PROTOCOL_IGNORES, PROTOCOL_IGNORES, PROTOCOL_IGNORES,        \
		PROTOCOL_IGNORES, PROTOCOL_IGNORES)                                                \
	ROW(http_may_speak, http_moved, http_send_begins, http_send_begins_by_call, http_arrived,  \
		http_moved_silently, http_step)
/* clang-format on */

/* True: some protocol wants to know of the channel's chunks. */
static __always_inline bool protocol_may_speak(const struct channel *channel)
{
#define ROW(may_speak, ...)                                                                        \
	if (may_speak(channel))                                                                    \
		return true;
	PROTOCOLS(ROW)
#undef ROW
	return false;
}

/* False: no protocol wants to know of it. */
static __always_inline bool protocol_moved(const struct channel *channel, const struct chunk *chunk)
{
#define ROW(may_speak, moved, ...)                                                                 \
	if (may_speak(channel)) {                                                                  \
		moved(channel, chunk);                                                             \
		return true;                                                                       \
	}
	PROTOCOLS(ROW)
#undef ROW
	return false;
}

static __always_inline void protocol_send_begins(
	const struct channel *channel, const struct msghdr *message)
{
#define ROW(may_speak, moved, send_begins, ...) (void)(send_begins(channel, message));
	PROTOCOLS(ROW)
#undef ROW
}

static __always_inline void protocol_send_begins_by_call(const struct channel *channel)
{
#define ROW(may_speak, moved, send_begins, send_begins_by_call, ...)                               \
	(void)(send_begins_by_call(channel));
	PROTOCOLS(ROW)
#undef ROW
}

static __always_inline bool protocol_arrived(const struct channel *channel, bool is_first)
{
	bool is_known = false;

#define ROW(may_speak, moved, send_begins, send_begins_by_call, arrived, ...)                      \
	is_known |= arrived(channel, is_first);
	PROTOCOLS(ROW)
#undef ROW
	return is_known;
}

static __always_inline void protocol_moved_silently(const struct channel *channel)
{
#define ROW(may_speak, moved, send_begins, send_begins_by_call, arrived, moved_silently, step)     \
	(void)(moved_silently(channel));
	PROTOCOLS(ROW)
#undef ROW
}

static __always_inline void protocol_step(const struct channel *channel, enum channel_step step)
{
#define ROW(may_speak, moved, send_begins, send_begins_by_call, arrived, moved_silently, step_of)  \
	(void)(step_of(channel, step));
	PROTOCOLS(ROW)
#undef ROW
}

#endif
