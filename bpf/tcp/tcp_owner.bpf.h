/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whose a TCP socket is: of the process that connects. A listener's is who listens, until another
 * one accepts from it, which may have been handed it: systemd listens for services that it starts
 * later. An accepted connection's is its listener's, then who accepted it, until a process uses it
 * (stream/owner.bpf.h). Part of tcp.bpf.c.
 */
#ifndef SONDE_TCP_OWNER_BPF_H
#define SONDE_TCP_OWNER_BPF_H

#include "tcp/tcp_record.bpf.h"
#include "core/workload.bpf.h"

static __always_inline void owner_get(const struct socket_state *state, struct owner *owner)
{
	owner->workload = state->workload;
	owner->tgid = state->tgid;
	__builtin_memcpy(owner->comm, state->comm, COMM_LEN);
}

static __always_inline void owner_put(struct socket_state *state, const struct owner *owner)
{
	state->workload = owner->workload;
	state->tgid = owner->tgid;
	__builtin_memcpy(state->comm, owner->comm, COMM_LEN);
}

/* Who made the first subflow of an MPTCP connection: the kernel adds others by itself. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 512);
	__type(key, __u64); /* the connection's address */
	__type(value, struct owner);
} mptcp_owners SEC(".maps");

struct mptcp_subflow_context___part {
	struct sock *conn;
} RELOCATED;

static __always_inline __u64 mptcp_connection(const struct sock *sk)
{
	const struct tcp_sock___mptcp *mptcp = (const void *)sk;
	struct mptcp_subflow_context___part *subflow;

	if (!bpf_core_field_exists(mptcp->is_mptcp) || !BPF_CORE_READ(mptcp, is_mptcp))
		return 0;
	subflow = BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ulp_data);
	return (__u64)BPF_CORE_READ(subflow, conn);
}

/* The process that connects the socket now becomes its owner. */
static __always_inline void owner_connects(const struct sock *sk, struct socket_state *state)
{
	__u64 connection = mptcp_connection(sk);
	struct owner owner, *first;

	owner_set(state, SOURCE_TCP);
	if (!connection)
		return;
	if (!(READ(task_current(), flags) & PF_KTHREAD)) {
		owner_get(state, &owner);
		bpf_map_update_elem(&mptcp_owners, &connection, &owner, BPF_ANY);
		return;
	}
	first = bpf_map_lookup_elem(&mptcp_owners, &connection);
	if (first)
		owner_put(state, first);
}

/* A connection that is accepted belongs to its listener's owner, until a process uses it. */
#ifdef SONDE_TABLES

struct listener_key {
	__u32 netns;
	__u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct listener_key);
	__type(value, struct owner);
} listeners SEC(".maps");

static __always_inline struct listener_key listener_key(const struct sock *sk)
{
	return (struct listener_key){
		.netns = READ(READ(sk, __sk_common.skc_net.net), ns.inum),
		.port = READ(sk, __sk_common.skc_num),
	};
}

static __always_inline void listener_note(const struct sock *sk, const struct socket_state *state)
{
	struct listener_key key = listener_key(sk);
	struct owner owner;

	owner_get(state, &owner);
	bpf_map_update_elem(&listeners, &key, &owner, BPF_ANY);
}

static __always_inline void owner_inherit(const struct sock *sk, struct socket_state *state)
{
	struct listener_key key = listener_key(sk);
	struct owner *owner = bpf_map_lookup_elem(&listeners, &key);

	if (owner)
		owner_put(state, owner);
}

#else /* socket storage is cloned */

static __always_inline void listener_note(const struct sock *sk, const struct socket_state *state)
{
}

static __always_inline void owner_inherit(const struct sock *sk, struct socket_state *state)
{
}

#endif

/* A socket begins to listen: who accepted what was at its address before is nobody to it. */
static __always_inline void owner_listens(const struct sock *sk, struct socket_state *state)
{
	__u64 address = (__u64)sk;

	bpf_map_delete_elem(&accepts, &address);
	owner_set(state, SOURCE_TCP);
	listener_note(sk, state);
}

/*
 * Gives a listener to who has accepted from it since it was last asked. True: it had another owner.
 */
static __always_inline bool owner_accepts(const struct sock *sk, struct socket_state *state)
{
	const struct accepted *last = accepted_find(sk);
	__u32 before = state->workload;
	__u64 address = (__u64)sk;

	if (!last)
		return false;
	owner_put(state, &last->owner);
	listener_note(sk, state);
	bpf_map_delete_elem(&accepts, &address);
	return state->workload != before;
}

/*
 * Gives a connection that no process has used yet to who accepted it, once. True: it had another
 * owner.
 */
static __always_inline bool owner_accepted(const struct sock *sk, struct socket_state *state)
{
	__u32 before = state->workload;
	struct accepted *accepted;

	if (!(state->flags & SOCKET_INHERITED))
		return false;
	accepted = accepted_find(sk);
	if (!accepted || accepted->time_ns <= state->start_ns || !accepted->owner.tgid)
		return false;
	owner_put(state, &accepted->owner);
	accepted->owner.tgid = 0;
	return state->workload != before;
}

#endif
