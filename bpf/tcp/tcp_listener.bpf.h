/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is told of a listening socket: its queue, and what overflowed. Part of tcp.bpf.c. */
#ifndef SONDE_TCP_LISTENER_BPF_H
#define SONDE_TCP_LISTENER_BPF_H

#include "tcp/tcp_owner.bpf.h"

extern const volatile bool reports_tcp;
extern __u32 tcp_sweep_mode; /* enum tcp_sweep */

/* What was told of a listener lies where connections keep their figures. */
static __always_inline bool listener_changed(
	struct record_tcp_listener *record, struct sock *sk, struct socket_state *state)
{
	__u64 queue = (__u64)READ(sk, sk_max_ack_backlog) << 32 | READ(sk, sk_ack_backlog);
	__u64 overflows = (__u32)READ(sk, sk_drops.counter);

	record->record.type = RECORD_TCP_LISTENER;
	record->record.workload = state->workload;
	record->record.time_ns = bpf_ktime_get_ns();
	address_read(&record->address, sk);
	record->listener = socket_id(sk, state);
	record->queue_length = queue;
	record->queue_limit = queue >> 32;
	record->overflows = overflows - state->reported.received_bytes;
	if (tcp_sweep_mode == TCP_SWEEP_FIRST)
		record->overflows = 0;
	else if (tcp_sweep_mode == TCP_SWEEP_CHANGED && state->flags & SOCKET_REPORTED &&
		 queue == state->reported.sent_bytes && !record->overflows)
		return false;
	return true;
}

static __always_inline void listener_keep(
	struct socket_state *state, const struct record_tcp_listener *record)
{
	state->reported.sent_bytes = (__u64)record->queue_limit << 32 | record->queue_length;
	state->reported.received_bytes += record->overflows;
	state->flags |= SOCKET_REPORTED | SOCKET_LISTENS;
}

static __always_inline void listener_ends(struct sock *sk)
{
	struct socket_state *state = socket_state_find(sk);
	struct record_tcp_listener record = {.is_gone = 1};

	if (!state)
		return;
	if (reports_tcp) {
		owner_accepts(sk, state);
		listener_changed(&record, sk, state);
		record.queue_length = 0;
		ring_output(SOURCE_TCP, &record, sizeof(record));
	}
	/* it may be connected next */
	state->flags &= ~(SOCKET_REPORTED | SOCKET_LISTENS);
	__builtin_memset(&state->reported, 0, sizeof(state->reported));
}

#endif
