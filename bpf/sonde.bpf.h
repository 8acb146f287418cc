/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every probe family uses: the counters of losses, the ring buffers, and the storage that the
 * kernel keeps for each thread and each TCP socket. Maps are defined weakly, so that each object
 * may include this header and the linked one has each map once.
 */
#ifndef SONDE_BPF_H
#define SONDE_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "record.h"
#include "table.h"

#define ECONNRESET 104
#define ETIMEDOUT  110
#define EPIPE      32

#define AF_UNIX  1
#define AF_INET  2
#define AF_INET6 10

#define MSG_OOB      0x1
#define MSG_PEEK     0x2
#define MSG_TRUNC    0x20
#define MSG_ERRQUEUE 0x2000
#define RCV_SHUTDOWN 1

/* `text` as the little-endian number that eight bytes of memory make. */
#define WORD(a, b, c, d, e, f, g, h)                                                               \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 |   \
		(__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)
/* --- set before load --- */

extern const volatile __u32 ring_mask;      /* number of ring buffers - 1; a power of two of them */
extern const volatile __u64 ring_threshold; /* bytes waiting above which the daemon is woken */

/* --- losses and deliveries --- */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters __weak SEC(".maps");

#define OUTCOME_NONE OUTCOMES /* nothing to count */

static __always_inline void count(enum source source, enum outcome outcome)
{
	__u32 zero = 0;
	struct counters *c = bpf_map_lookup_elem(&counters, &zero);

	if (c && source < SOURCES && outcome < OUTCOMES)
		c->count[source][outcome]++;
}

/* --- ring buffers --- */

/*
 * One ring is one lock that all CPUs share, so there are several, each used by some CPUs. The inner
 * map here only tells the type; the daemon makes the real ones before it attaches anything.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 64);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_RINGBUF);
			__uint(max_entries, 4096);
		});
} rings __weak SEC(".maps");

/* This CPU's ring, and how to hand a record to it. */
struct ring_place {
	void *ring;
	__u64 flags;
	struct counters *counters;
};

/*
 * The daemon drains by a timer; it is woken only when a ring fills, as a wake-up costs four times
 * the record.
 */
static __always_inline struct ring_place ring_place(void)
{
	struct ring_place place = {.flags = BPF_RB_NO_WAKEUP};
	__u32 index = bpf_get_smp_processor_id() & ring_mask, zero = 0;
	__u64 waiting;

	place.counters = bpf_map_lookup_elem(&counters, &zero);
	place.ring = bpf_map_lookup_elem(&rings, &index);
	if (!place.ring)
		return place;
	waiting = bpf_ringbuf_query(place.ring, BPF_RB_AVAIL_DATA);
	if (waiting >= ring_threshold)
		place.flags = BPF_RB_FORCE_WAKEUP;
	if (place.counters && waiting > place.counters->ring_peak)
		place.counters->ring_peak = waiting;
	return place;
}

static __always_inline void ring_count(
	const struct ring_place *place, enum source source, bool delivered)
{
	if (place->counters)
		place->counters->count[source][delivered ? OUTCOME_DELIVERED : OUTCOME_RING_FULL]++;
}

/* Hands a record to the daemon, or counts that there was no room. */
static __always_inline void ring_output(enum source source, void *record, __u64 size)
{
	struct ring_place place = ring_place();

	if (!place.ring)
		return;
	ring_count(&place, source, !bpf_ringbuf_output(place.ring, record, size, place.flags));
}

/* --- what is kept for a thread --- */

struct thread {
	__u64 syscall_start_ns; /* 0: not in a system call that was seen to begin */
	__u32 syscall_number;
	__u32 workload;
	__u32 generation; /* of `workload`; see workload.bpf.h */
	__u32 exited;     /* on a group leader: its process's end was told */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} threads __weak SEC(".maps");

/* True for a 32-bit call on a 64-bit kernel, whose numbers mean other calls. */
static __always_inline bool is_compat(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return task->thread_info.status & 2; /* TS_COMPAT, arch/x86/include/asm/thread_info.h */
#elif defined(__TARGET_ARCH_arm64)
	return task->thread_info.flags & (1 << 22); /* TIF_32BIT */
#endif
}

/* --- what is kept for a TCP socket --- */

/* Where the bytes of one socket operation lie. */
enum bytes_kind {
	BYTES_UNREADABLE,   /* pages of a file, a pipe, or not known */
	BYTES_USER,         /* one piece of user memory */
	BYTES_USER_IOVEC,   /* several, listed in user memory */
	BYTES_KERNEL_IOVEC, /* several, listed in kernel memory */
};

struct bytes {
	__u64 base;     /* of the piece, or of the list */
	__u64 skip;     /* bytes of the first piece that do not belong to it */
	__u32 kind;     /* enum bytes_kind */
	__u32 segments; /* pieces in the list */
};

enum socket_flag {
	SOCKET_INHERITED = 1, /* the owner is the listener's until a process uses the socket */
	SOCKET_HTTP = 2,      /* a request was seen */
	/* Open before Sonde, and bytes went this way last: they may be the middle of a message */
	SOCKET_RECEIVING = 4,
	SOCKET_SENDING = 8,
};

struct socket_state {
	__u64 start_ns;
	__u64 connect_ns; /* how long it took; until then, when it began */
	__u64 sent_bytes; /* as last told */
	__u64 received_bytes;
	__u32 retransmits;
	__u32 workload; /* the owner */
	__u32 tgid;
	__u8 direction;   /* enum tcp_direction */
	__u8 flags;       /* enum socket_flag */
	__u8 http_misses; /* operations that began no HTTP message */
	__u8 reserved;
	__u32 arrival_position; /* TCP: up to where bytes had arrived at arrival_ns */
	__u64 arrival_ns;       /* since when bytes wait to be received; 0: none do */
	__u32 sending;          /* whether the operation below is under way; see http.bpf.c */
	__u32 send_length;      /* that it asks for; TCP: that another thread has read already */
	__u32 send_position;    /* TCP: at its begin */
	__u64 send_thread;      /* as bpf_get_current_pid_tgid() has it */
	__u64 send_begin_ns;
	struct bytes send_bytes;
};

/* Cloned from a listener to the sockets that it accepts: so they have an owner from birth. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct socket_state);
} sockets __weak SEC(".maps");

/*
 * What a map keeps of a socket, made if need be; NULL when there is no memory. Two CPUs may make it
 * at once: the one that comes second is refused, and finds it when it asks again. A macro, as each
 * map has a type of its own.
 */
#define sk_storage_make(map, sk)                                                                   \
	(bpf_sk_storage_get(map, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE)                            \
			?: bpf_sk_storage_get(map, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE))

static __always_inline struct socket_state *socket_state_make(struct sock *sk)
{
	return sk_storage_make(&sockets, sk);
}

/*
 * When sockets were accepted, by their address: known at the end of a system call (syscall.bpf.c),
 * where a socket is no more than an address. Addresses are used again, and their entries with them.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u64);
} accepts __weak SEC(".maps");

static __always_inline void address_read(struct record_address *address, const struct sock *sk)
{
	const struct sock_common *common = &sk->__sk_common;
	__u32 *local = (__u32 *)address->local, *remote = (__u32 *)address->remote;

	if (common->skc_family == AF_INET6) {
		BPF_CORE_READ_INTO((struct in6_addr *)local, common, skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)remote, common, skc_v6_daddr);
	} else {
		local[0] = local[1] = remote[0] = remote[1] = 0;
		local[2] = remote[2] = bpf_htonl(0xffff);
		local[3] = common->skc_rcv_saddr;
		remote[3] = common->skc_daddr;
	}
	address->local_port = common->skc_num;
	address->remote_port = bpf_ntohs(common->skc_dport);
	address->netns = common->skc_net.net->ns.inum;
}

#endif
