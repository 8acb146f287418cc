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
	/*
	 * Bytes went this way last before Sonde, or before the connection could not be followed any
	 * more: what comes may be the middle of a message
	 */
	SOCKET_RECEIVING = 4,
	SOCKET_SENDING = 8,
	SOCKET_UNREAD = 16,         /* received what could not be read, and has not answered it */
	SOCKET_ANSWERS = 32,        /* answered such: it is HTTP, whatever else it sends */
	SOCKET_REPORTED = 64,       /* the daemon knows of it */
	SOCKET_WINDOW_CLOSED = 128, /* the last sweep found no room for received bytes */
	SOCKET_LISTENS = 256,       /* or, on another one, is cloned from such a one as it was */
	SOCKET_ENDED = 512,         /* what it was is over, and told */
	SOCKET_LISTED = 1024,       /* in `listed_sockets` */
	SOCKET_WAITS = 2048,        /* told as TCP_WAITS */
};

struct socket_state {
	__u64 start_ns;
	__u64 connect_ns;            /* how long it took; until then, when it began */
	__u64 first_byte_ns;         /* when payload arrived first; 0: none has, or not known */
	struct tcp_figures reported; /* of a listener: see listener_changed() */
	__u32 workload;              /* the owner */
	__u32 tgid;
	char comm[COMM_LEN];    /* its command name */
	__u16 flags;            /* enum socket_flag */
	__u8 direction;         /* enum tcp_direction */
	__u8 closer;            /* enum tcp_closer */
	__u8 is_reset;          /* an RST was received */
	__u8 http_misses;       /* operations that began no HTTP message */
	__u16 incarnations;     /* connections that it has been before */
	__u32 arrival_position; /* TCP: up to where bytes had arrived at arrival_ns */
	__u64 arrival_ns;       /* since when bytes wait to be received; 0: none do */
	__u32 sending;          /* whether the operation below is under way; see http_send.bpf.h */
	__u32 send_length;      /* that it asks for; TCP: that another thread has read already */
	__u32 send_position;    /* TCP: at its begin */
	__u64 send_thread;      /* as bpf_get_current_pid_tgid() has it */
	__u64 send_begin_ns;
	struct bytes send_bytes;
	__u64 uring_requests[2]; /* by direction; see uring.bpf.h */
};

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
