/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The state of each thread and each socket, and the ways to reach it. All probes are compiled
 * twice, with one of two backends:
 *
 * - storage (kept_storage.bpf.h), by the kernel's own task and socket storage;
 * - tables (kept_tables.bpf.h, SONDE_TABLES), by hash tables. These are slower, but kprobes may use
 *   nothing else, and kernels before 5.16 lack one or another means of storage.
 *
 * Both define the same: READ(pointer, member), a member of a struct of the kernel; exchange() and
 * exchange_if(); task_current(), thread_find() and thread_make(); socket_state_find(), _make() and
 * _forget(), SOCKET_MAP() with socket_map_find(), _make() and _forget(), socket_number(), tcp_of(),
 * unix_peer(), socket_of() and SOCKET_SWEEP().
 */
#ifndef SONDE_KEPT_BPF_H
#define SONDE_KEPT_BPF_H

#include "core/sonde.bpf.h"

/* --- what is kept for a thread --- */

struct thread {
	__u64 syscall_start_ns; /* 0: not in a system call that was seen to begin */
	__u32 syscall_number;
	__u32 workload;
	__u32 generation; /* of `workload`; see workload.bpf.h */
	__u32 exited;     /* on a group leader: its process's end was told */
	__u64 connect_ns; /* when it sent its last SYN */
	/* of the program that it was started as, whose memory goes first; see workload.bpf.h */
	__u64 name_hash;       /* of what it was started as; 0: nothing */
	__u64 executable_hash; /* of its executable's name; 0: not known yet */
	__u64 run_delay;       /* 1 + its time in run queues up to its last turn; 0: not known */
};

/* --- what is kept for a socket --- */

enum socket_flag {
	SOCKET_INHERITED = 1, /* the owner is the listener's until a process uses the socket */
	SOCKET_USED = 2,      /* by a process, which owns it since */
	/* Bytes went this way last before Sonde: what comes may be the middle of a message */
	SOCKET_RECEIVING = 4,
	SOCKET_SENDING = 8,
	SOCKET_OTHER = 16,          /* it speaks no protocol that is known here */
	SOCKET_REPORTED = 64,       /* the daemon knows of it */
	SOCKET_WINDOW_CLOSED = 128, /* the last sweep found no room for received bytes */
	SOCKET_LISTENS = 256,       /* or, on another one, is cloned from such a one as it was */
	SOCKET_ENDED = 512,         /* what it was is over, and told */
	SOCKET_LISTED = 1024,       /* in `listed_sockets` */
	SOCKET_WAITS = 2048,        /* told as TCP_WAITS */
};

/*
 * What is kept of each: when it began, whose it is, and what TCP has told of it. What a protocol
 * keeps is its own (SOCKET_MAP), and only of sockets that may speak it.
 */
struct socket_state {
	__u64 start_ns;
	__u64 connect_ns;            /* how long it took; until then, when it began */
	__u64 first_byte_ns;         /* when payload arrived first; 0: none has, or not known */
	struct tcp_figures reported; /* of a listener: see listener_changed() */
	__u32 workload;              /* the owner */
	__u32 tgid;
	char comm[COMM_LEN]; /* its command name */
	__u16 flags;         /* enum socket_flag */
	__u8 direction;      /* enum tcp_direction */
	__u8 closer;         /* enum tcp_closer */
	__u8 is_reset;       /* an RST was received */
	__u16 incarnations;  /* connections that it has been before */
};

/* The kernel's own header takes 72 bytes, and memory comes in pieces of 192 bytes, and then 256. */
_Static_assert(sizeof(struct socket_state) + 72 <= 192, "it is of all TCP sockets");

/* TCP's own sockets, and no others, have a hook that tells when they are destroyed. */
static __always_inline bool has_end_hook(const struct sock *sk);

/* --- how it is reached --- */

#ifdef SONDE_TABLES
#	include "core/kept_tables.bpf.h"
#else
#	include "core/kept_storage.bpf.h"
#endif

/* True for a 32-bit call on a 64-bit kernel, whose numbers mean other calls. */
static __always_inline bool is_compat(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return READ(task, thread_info.status) & 2; /* TS_COMPAT, asm/thread_info.h */
#elif defined(__TARGET_ARCH_arm64)
	return READ(task, thread_info.flags) & (1 << 22); /* TIF_32BIT */
#endif
}

static __always_inline bool has_end_hook(const struct sock *sk)
{
	return READ(sk, sk_protocol) == IPPROTO_TCP;
}

/* The number of a connection or listener, unique since the machine was started. */
static __always_inline __u64 socket_id(struct sock *sk, const struct socket_state *state)
{
	return socket_number(sk, state) | (__u64)state->incarnations << 48;
}

/* Whose a socket is. */
struct owner {
	__u32 workload;
	__u32 tgid; /* 0, in `accepts`: the socket's state has the owner */
	char comm[COMM_LEN];
};

struct accepted {
	__u64 time_ns;
	struct owner owner;
};

/*
 * By address: when a socket was accepted and by whom, and who accepted last from a listener. The
 * end of the system call knows that (syscall.bpf.c), and of the socket it knows no more than the
 * address. The kernel uses addresses again, and their entries are overwritten then.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct accepted);
} accepts __weak SEC(".maps");

/* NULL: not known. */
static __always_inline struct accepted *accepted_find(const struct sock *sk)
{
	__u64 address = (__u64)sk;

	return bpf_map_lookup_elem(&accepts, &address);
}

static __always_inline void address_read(struct record_address *address, const struct sock *sk)
{
	__u32 *local = (__u32 *)address->local, *remote = (__u32 *)address->remote;

	if (READ(sk, __sk_common.skc_family) == AF_INET6) {
		BPF_CORE_READ_INTO((struct in6_addr *)local, sk, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO((struct in6_addr *)remote, sk, __sk_common.skc_v6_daddr);
	} else {
		local[0] = local[1] = remote[0] = remote[1] = 0;
		local[2] = remote[2] = bpf_htonl(0xffff);
		local[3] = READ(sk, __sk_common.skc_rcv_saddr);
		remote[3] = READ(sk, __sk_common.skc_daddr);
	}
	address->local_port = READ(sk, __sk_common.skc_num);
	if (!address->local_port) /* a socket gives its port back before its state becomes closed */
		address->local_port =
			bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
	address->remote_port = bpf_ntohs(READ(sk, __sk_common.skc_dport));
	address->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

#endif
