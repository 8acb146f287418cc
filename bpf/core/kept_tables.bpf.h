/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tables backend of kept.bpf.h: what is kept lies in hash tables, of threads by their ids and
 * of sockets by their addresses, and pointers are followed by probe reads.
 */
#ifndef SONDE_KEPT_TABLES_BPF_H
#define SONDE_KEPT_TABLES_BPF_H

#define READ(pointer, member)                                                                      \
	({                                                                                         \
		typeof(pointer) read_from = (pointer);                                             \
		BPF_CORE_READ(read_from, member);                                                  \
	})

/* How many are kept of what has no storage: the limit of memory is near. */
#define UDP_SOCKETS_MAX 512
#define OTHER_CONNS_MAX 1 /* all are in the same table as others */

#define KEPT_BY_ADDRESS true /* what is there at the address of a new socket may be another's */

/* --- atomic exchanges --- */

/* Addresses that a CPU exchanges right now: Linux has atomic exchanges in programs since 5.12. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, __u64);
	__type(value, __u32);
} exchanges __weak SEC(".maps");

#define EXCHANGE_TRIES 64

/*
 * Claims an address. False: another CPU has claimed it for longer than the microsecond that an
 * exchange takes, because its thread was taken off the CPU; nobody waits for that.
 */
static __always_inline bool exchange_begin(__u64 address)
{
	__u32 one = 1;

	for (int i = 0; i < EXCHANGE_TRIES; i++)
		if (!bpf_map_update_elem(&exchanges, &address, &one, BPF_NOEXIST))
			return true;
	return false;
}

/* Stores a value, and returns the one before. */
static __always_inline __u32 exchange(__u32 *at, __u32 value)
{
	__u64 address = (__u64)at;
	bool alone = exchange_begin(address);
	__u32 before = *(volatile __u32 *)at;

	*(volatile __u32 *)at = value;
	if (alone)
		bpf_map_delete_elem(&exchanges, &address);
	return before;
}

/* Stores a value if the one before is `expected`; returns the one before. */
static __always_inline __u32 exchange_if(__u32 *at, __u32 expected, __u32 value)
{
	__u64 address = (__u64)at;
	bool alone = exchange_begin(address);
	__u32 before = *(volatile __u32 *)at;

	if (before == expected)
		*(volatile __u32 *)at = value;
	if (alone)
		bpf_map_delete_elem(&exchanges, &address);
	return before;
}

/* --- threads --- */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32); /* thread id, in the first pid namespace */
	__type(value, struct thread);
} threads __weak SEC(".maps");

static const struct thread thread_blank = {};

static __always_inline struct task_struct *task_current(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

static __always_inline struct thread *thread_find(struct task_struct *task)
{
	__u32 id = READ(task, pid);

	return bpf_map_lookup_elem(&threads, &id);
}

static __always_inline struct thread *thread_make(struct task_struct *task)
{
	__u32 id = READ(task, pid);
	struct thread *thread = bpf_map_lookup_elem(&threads, &id);

	if (thread)
		return thread;
	bpf_map_update_elem(&threads, &id, &thread_blank, BPF_NOEXIST);
	return bpf_map_lookup_elem(&threads, &id);
}

/* --- sockets --- */

struct socket_entry {
	struct socket_state state;
	__u64 id; /* of the connection */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 6144);
	__type(key, __u64); /* the socket's address */
	__type(value, struct socket_entry);
} sockets __weak SEC(".maps");

/*
 * A map of something more that is kept of sockets. Who makes an entry forgets it when its socket
 * ends.
 */
#define SOCKET_MAP(map, type_of_value, most)                                                       \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_HASH);                                                   \
		__uint(max_entries, most);                                                         \
		__type(key, __u64); /* the socket's address */                                     \
		__type(value, type_of_value);                                                      \
	} map __weak SEC(".maps");                                                                 \
	static const type_of_value map##_blank

#define socket_map_find(map, sk)                                                                   \
	({                                                                                         \
		__u64 find_address = (__u64)(sk);                                                  \
		bpf_map_lookup_elem(&map, &find_address);                                          \
	})
#define socket_map_make(map, sk)                                                                   \
	({                                                                                         \
		__u64 make_address = (__u64)(sk);                                                  \
		bpf_map_update_elem(&map, &make_address, &map##_blank, BPF_NOEXIST);               \
		bpf_map_lookup_elem(&map, &make_address);                                          \
	})
#define socket_map_forget(map, sk)                                                                 \
	({                                                                                         \
		__u64 forget_address = (__u64)(sk);                                                \
		bpf_map_delete_elem(&map, &forget_address);                                        \
	})

/* The table of sockets may always be swept, so nothing is listed. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} listed_sockets __weak SEC(".maps");

static const struct socket_entry socket_blank = {};

static __always_inline struct socket_entry *socket_entry(struct socket_state *state)
{
	return (struct socket_entry *)state;
}

static __always_inline struct socket_state *socket_state_find(struct sock *sk)
{
	__u64 address = (__u64)sk;

	return bpf_map_lookup_elem(&sockets, &address);
}

static __always_inline struct socket_state *socket_state_make(struct sock *sk)
{
	struct socket_state *state = socket_state_find(sk);
	__u64 address = (__u64)sk;

	if (state)
		return state;
	bpf_map_update_elem(&sockets, &address, &socket_blank, BPF_NOEXIST);
	state = socket_state_find(sk);
	if (state && !socket_entry(state)->id)
		socket_entry(state)->id =
			bpf_ktime_get_ns() << 8 | (bpf_get_smp_processor_id() & 255);
	return state;
}

/* The socket ends. */
static __always_inline void socket_state_forget(struct sock *sk)
{
	__u64 address = (__u64)sk;

	bpf_map_delete_elem(&sockets, &address);
}

static __always_inline __u64 socket_number(struct sock *sk, const struct socket_state *state)
{
	return socket_entry((struct socket_state *)state)->id;
}

static __always_inline struct tcp_sock *tcp_of(struct sock *sk)
{
	__u16 family = READ(sk, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) && READ(sk, sk_protocol) == IPPROTO_TCP
		       ? (struct tcp_sock *)sk
		       : NULL;
}

/* The other end of a Unix socket; NULL when it has none. */
static __always_inline struct sock *unix_peer(struct sock *sk)
{
	return READ((struct unix_sock *)sk, peer);
}

/* NULL: the file is no socket. */
static __always_inline struct socket *socket_of(struct file *file)
{
	__u16 mode = BPF_CORE_READ(file, f_inode, i_mode);

	return (mode & S_IFMT) == S_IFSOCK ? BPF_CORE_READ(file, private_data) : NULL;
}

/* The program `name` calls `function(seq, sk, value)` for each socket in `map`. */
#define SOCKET_SWEEP(name, map, function)                                                          \
	SEC("iter/bpf_map_elem")                                                                   \
	int name(struct bpf_iter__bpf_map_elem *ctx)                                               \
	{                                                                                          \
		const __u64 *key = ctx->key;                                                       \
		__u64 address;                                                                     \
		void *value;                                                                       \
                                                                                                   \
		if (!key)                                                                          \
			return 0;                                                                  \
		address = *key;                                                                    \
		value = bpf_map_lookup_elem(&map, &address);                                       \
		return value ? function(ctx->meta->seq, (struct sock *)address, value) : 0;        \
	}

#endif
