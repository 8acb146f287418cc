/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The storage backend of kept.bpf.h: what is kept lies in the kernel's own task and socket storage,
 * and pointers are followed whose types the verifier knows.
 */
#ifndef SONDE_KEPT_STORAGE_BPF_H
#define SONDE_KEPT_STORAGE_BPF_H

#define READ(pointer, member) ((pointer)->member)

/* How many are kept of what has no storage. */
#define UDP_SOCKETS_MAX 2048
#define OTHER_CONNS_MAX 4096

#define KEPT_BY_ADDRESS false

/* --- atomic exchanges --- */

/* Stores a value, and returns the one before. */
static __always_inline __u32 exchange(__u32 *at, __u32 value)
{
	return __sync_lock_test_and_set(at, value);
}

/* Stores a value if the one before is `expected`; returns the one before. */
static __always_inline __u32 exchange_if(__u32 *at, __u32 expected, __u32 value)
{
	return __sync_val_compare_and_swap(at, expected, value);
}

/* --- threads --- */

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads __weak SEC(".maps");

static __always_inline struct task_struct *task_current(void)
{
	return bpf_get_current_task_btf();
}

static __always_inline struct thread *thread_find(struct task_struct *task)
{
	return bpf_task_storage_get(&threads, task, NULL, 0);
}

/* NULL: there is no memory. */
static __always_inline struct thread *thread_make(struct task_struct *task)
{
	return bpf_task_storage_get(&threads, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* --- sockets --- */

/* The kernel clones it from a listener to each accepted socket, which so has an owner from birth.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct socket_state);
} sockets __weak SEC(".maps");

/*
 * The sockets to sweep, on kernels where a sweep may not go over `sockets` and `conns` themselves;
 * empty elsewhere. Since Linux 7.1 a socket that is destroyed takes its storage from under an
 * iterator that is just there, and the kernel then follows a null pointer. So the list has only
 * sockets whose destruction has a hook, and the hook takes a socket out before its storage goes.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, __u32);
} listed_sockets __weak SEC(".maps");

extern const volatile bool lists_sockets;

/*
 * A map's entry for a socket, made if need be; NULL: there is no memory. Two CPUs may make it at
 * once: the kernel refuses the second CPU, which finds the entry when it asks again. It is a macro
 * because each map has a type of its own.
 */
#define sk_storage_make(map, sk)                                                                   \
	(bpf_sk_storage_get(map, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE)                            \
			?: bpf_sk_storage_get(map, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE))

/* A map of something more that is kept of sockets, as long as they are. */
#define SOCKET_MAP(map, type_of_value, most)                                                       \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_SK_STORAGE);                                             \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                              \
		__type(key, int);                                                                  \
		__type(value, type_of_value);                                                      \
	} map __weak SEC(".maps")

#define socket_map_find(map, sk)   bpf_sk_storage_get(&map, sk, NULL, 0)
#define socket_map_make(map, sk)   sk_storage_make(&map, sk)
#define socket_map_forget(map, sk) bpf_sk_storage_delete(&map, sk)

static __always_inline struct socket_state *socket_state_find(struct sock *sk)
{
	return bpf_sk_storage_get(&sockets, sk, NULL, 0);
}

static __always_inline struct socket_state *socket_state_make(struct sock *sk)
{
	struct socket_state *state = sk_storage_make(&sockets, sk);

	if (!lists_sockets || !state || state->flags & SOCKET_LISTED || !has_end_hook(sk))
		return state;
	if (!sk_storage_make(&listed_sockets, sk))
		return NULL;
	state->flags |= SOCKET_LISTED;
	return state;
}

/* The socket ends, and its storage with it. */
static __always_inline void socket_state_forget(struct sock *sk)
{
	bpf_sk_storage_delete(&listed_sockets, sk);
}

static __always_inline __u64 socket_number(struct sock *sk, const struct socket_state *state)
{
	return bpf_get_socket_cookie(sk);
}

/* NULL: the socket is of another kind. */
static __always_inline struct tcp_sock *tcp_of(struct sock *sk)
{
	return bpf_skc_to_tcp_sock(sk);
}

/* The other end of a Unix socket; NULL when it has none. */
static __always_inline struct sock *unix_peer(struct sock *sk)
{
	struct unix_sock *self = bpf_skc_to_unix_sock(sk);

	return self ? self->peer : NULL;
}

/* NULL: the file is no socket. */
static __always_inline struct socket *socket_of(struct file *file)
{
	return bpf_sock_from_file(file);
}

/*
 * The program `name` calls `function(seq, sk, value)` for each socket in `map`. The socket is
 * loaded once, or the verifier does not see that it was asked.
 */
#define SOCKET_SWEEP(name, map, function)                                                          \
	SEC("iter/bpf_sk_storage_map")                                                             \
	int name(struct bpf_iter__bpf_sk_storage_map *ctx)                                         \
	{                                                                                          \
		struct sock *sk = ctx->sk;                                                         \
		void *value = sk ? bpf_sk_storage_get(&map, sk, NULL, 0) : NULL;                   \
                                                                                                   \
		return value ? function(ctx->meta->seq, sk, value) : 0;                            \
	}

#endif
