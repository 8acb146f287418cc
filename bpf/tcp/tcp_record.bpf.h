/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is told of a TCP connection: what the kernel has counted in its socket, and the record that
 * says how much of it is new. Part of tcp.bpf.c.
 */
#ifndef SONDE_TCP_RECORD_BPF_H
#define SONDE_TCP_RECORD_BPF_H

#include "core/kept.bpf.h"

/* Named where it is missing: before Linux 5.6, and without MPTCP. */
struct tcp_sock___mptcp {
	bool is_mptcp;
} RELOCATED;

static __always_inline bool is_subflow(const struct tcp_sock *tcp)
{
	const struct tcp_sock___mptcp *mptcp = (const void *)tcp;

	return bpf_core_field_exists(mptcp->is_mptcp) && BPF_CORE_READ(mptcp, is_mptcp);
}

static __always_inline void figures_read(
	struct tcp_figures *figures, const struct tcp_sock *tcp, const struct sock *sk)
{
	__u64 retransmitted_bytes = READ(tcp, bytes_retrans);

	/* `bytes_acked` would count the SYN, and not what is under way */
	figures->sent_bytes = READ(tcp, bytes_sent) - retransmitted_bytes;
	/* the kernel counts the FIN (SOCK_DONE) as one */
	figures->received_bytes =
		READ(tcp, bytes_received) - (READ(sk, __sk_common.skc_flags) >> SOCK_DONE & 1);
	figures->retransmitted_bytes = retransmitted_bytes;
	figures->sent_segments = READ(tcp, segs_out);
	figures->received_segments = READ(tcp, segs_in);
	figures->retransmitted_segments = READ(tcp, total_retrans);
	figures->lost_segments = READ(tcp, lost);
	figures->out_of_order_segments =
		bpf_core_field_exists(tcp->rcv_ooopack) ? READ(tcp, rcv_ooopack) : 0;
}

/* What was added between two readings; zero windows are counted on their own. */
static __always_inline void figures_subtract(
	struct tcp_figures *growth, const struct tcp_figures *now, const struct tcp_figures *told)
{
	growth->sent_bytes = now->sent_bytes - told->sent_bytes;
	growth->received_bytes = now->received_bytes - told->received_bytes;
	growth->retransmitted_bytes = now->retransmitted_bytes - told->retransmitted_bytes;
	growth->sent_segments = now->sent_segments - told->sent_segments;
	growth->received_segments = now->received_segments - told->received_segments;
	growth->retransmitted_segments = now->retransmitted_segments - told->retransmitted_segments;
	growth->lost_segments = now->lost_segments - told->lost_segments;
	growth->out_of_order_segments = now->out_of_order_segments - told->out_of_order_segments;
	growth->zero_windows = told->zero_windows;
}

/* A service that is started for a connection may take so long before it accepts. */
#define ACCEPT_WAIT_NS 5000000000ULL

/* In its listener's queue, and not for long. */
static __always_inline bool waits_for_accept(
	const struct sock *sk, const struct socket_state *state, bool is_mptcp)
{
	return state->direction == TCP_INBOUND && state->start_ns && !is_mptcp &&
	       !READ(sk, sk_socket) && bpf_ktime_get_ns() - state->start_ns < ACCEPT_WAIT_NS;
}

/* Everything but what happened: event, reason, error. `now` becomes what the socket has counted. */
static __always_inline void record_fill(struct record_tcp *record, struct tcp_figures *now,
	struct sock *sk, const struct tcp_sock *tcp, struct socket_state *state)
{
	bool is_mptcp = is_subflow(tcp);

	record->record.type = RECORD_TCP;
	record->record.workload = state->workload;
	record->record.time_ns = bpf_ktime_get_ns();
	address_read(&record->address, sk);
	record->connection = socket_id(sk, state);
	record->start_ns = state->start_ns;
	record->connect_ns = state->start_ns ? state->connect_ns : 0;
	figures_read(now, tcp, sk);
	figures_subtract(&record->growth, now, &state->reported);
	/* a FIN alone arrives, too */
	if (state->first_byte_ns > state->start_ns && state->start_ns && now->received_bytes)
		record->first_byte_ns = state->first_byte_ns - state->start_ns;
	record->srtt_us = READ(tcp, srtt_us) >> 3; /* the kernel keeps eight times it */
	record->min_rtt_us = READ(tcp, rtt_min.s[0].v);
	if (record->min_rtt_us == ~0U)
		record->min_rtt_us = 0; /* no sample yet */
	record->congestion_window = READ(tcp, snd_cwnd);
	record->unsent_bytes = READ(tcp, write_seq) - READ(tcp, snd_nxt);
	record->unacknowledged_bytes = READ(tcp, snd_nxt) - READ(tcp, snd_una);
	record->tgid = state->tgid;
	__builtin_memcpy(record->comm, state->comm, COMM_LEN);
	record->direction = state->direction;
	record->state = READ(sk, __sk_common.skc_state);
	record->closer = state->closer;
	if (!(state->flags & SOCKET_REPORTED))
		record->flags |= TCP_FIRST;
	if (is_mptcp)
		record->flags |= TCP_MPTCP;
	state->flags &= ~SOCKET_WAITS;
	if (waits_for_accept(sk, state, is_mptcp)) {
		record->flags |= TCP_WAITS;
		state->flags |= SOCKET_WAITS;
	}
}

/* The daemon knows now what the socket had counted. */
static __always_inline void reported_keep(struct socket_state *state, const struct tcp_figures *now)
{
	state->reported = *now;
	state->flags |= SOCKET_REPORTED;
}

#endif
