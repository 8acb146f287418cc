/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose a socket is once a process uses it. Until then an accepted connection is its listener's, or
 * whose accept() returned it (tcp_owner.bpf.h): a super-server accepts, and hands over.
 */
#ifndef SONDE_OWNER_BPF_H
#define SONDE_OWNER_BPF_H

#include "stream/chunk.bpf.h"
#include "core/workload.bpf.h"

extern const volatile bool reports_tcp;

/*
 * What is kept of a channel that the current process uses, and owns from now on if nobody has used
 * it yet. NULL: there is no memory, which counts under `source`.
 */
static __always_inline struct socket_state *channel_used(
	const struct channel *channel, enum source source)
{
	struct socket_state *state = socket_state_make(channel->sk);

	if (!state) {
		count(source, OUTCOME_STORAGE_FAILED);
		return NULL;
	}
	if (state->flags & (SOCKET_INHERITED | SOCKET_LISTENS) || !state->tgid) {
		owner_set(state, source);
		state->flags = (state->flags & ~SOCKET_INHERITED) | SOCKET_USED;
	}
	return state;
}

/*
 * Gives the channel an owner for TCP's sake, where no protocol asks for the state of the socket: so
 * that an owner does not depend on which protocols are on.
 */
static __always_inline void channel_moved(const struct channel *channel, const struct chunk *chunk)
{
	if (!reports_tcp || channel->transport != TRANSPORT_TCP || !channel_shows_end(channel))
		return;
	if (chunk->direction == DIRECTION_SEND || chunk->result > 0)
		channel_used(channel, SOURCE_TCP);
}

#endif
