/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* HTTP/1 connections: where they are kept. */
#ifndef SONDE_HTTP_CONNECTION_BPF_H
#define SONDE_HTTP_CONNECTION_BPF_H

#include "http_request.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct conn);
} conns __weak SEC(".maps");

/*
 * Those of Unix sockets, by socket cookie: no hook tells that such a socket is closed, and what is
 * kept of it must outlive it to be told all the same.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct conn);
} unix_conns __weak SEC(".maps");

static const struct conn conn_blank = {};

static __always_inline bool is_unix(const struct sock *sk)
{
	return sk->__sk_common.skc_family == AF_UNIX;
}

/* The connection that a socket is known to be; NULL: none, or not yet. */
static __always_inline struct conn *conn_find(struct sock *sk)
{
	struct socket_state *state;
	__u64 cookie;

	if (!is_unix(sk))
		return bpf_sk_storage_get(&conns, sk, NULL, 0);
	state = bpf_sk_storage_get(&sockets, sk, NULL, 0);
	if (!state || !(state->flags & SOCKET_HTTP))
		return NULL;
	cookie = bpf_get_socket_cookie(sk);
	return bpf_map_lookup_elem(&unix_conns, &cookie);
}

static __always_inline struct conn *conn_make(struct sock *sk)
{
	__u64 cookie;

	if (!is_unix(sk))
		return sk_storage_make(&conns, sk);
	cookie = bpf_get_socket_cookie(sk);
	bpf_map_update_elem(&unix_conns, &cookie, &conn_blank, BPF_NOEXIST);
	return bpf_map_lookup_elem(&unix_conns, &cookie);
}

static __always_inline void conn_forget(struct sock *sk)
{
	__u64 cookie;

	if (!is_unix(sk)) {
		bpf_sk_storage_delete(&conns, sk);
		return;
	}
	cookie = bpf_get_socket_cookie(sk);
	bpf_map_delete_elem(&unix_conns, &cookie);
}

#endif
