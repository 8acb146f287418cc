/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP connections that fail before their first packet, as there is no way to the peer, no local
 * port is left or a rule forbids it. Mostly the socket does not even change its state, and the
 * error is nowhere but in the result of connect(): so this is seen at the end of that system call.
 */
#ifndef SONDE_TCP_CONNECT_BPF_H
#define SONDE_TCP_CONNECT_BPF_H

#include "stream/bytes.bpf.h"
#include "core/workload.bpf.h"

#define EPERM         1
#define EACCES        13
#define EINVAL        22
#define EADDRNOTAVAIL 99
#define ENETDOWN      100
#define ENETUNREACH   101
#define EHOSTUNREACH  113

extern const volatile bool reports_tcp;
extern const volatile bool sees_calls; /* the end of system calls is seen */

/* In place of the time of a SYN: the socket has begun to connect, and ended with nothing sent. */
#define CONNECT_UNTOLD 1

/* True, and left to the end of the call, for a connection that ends within connect() without one.
 */
static __always_inline bool connect_is_unreported(
	const struct sock *sk, const struct tcp_sock *tcp, __u64 connect_ns)
{
	struct thread *thread;

	if (!sees_calls || READ(sk, sk_err) || !tcp || READ(tcp, segs_out))
		return false;
	thread = thread_find(task_current());
	if (!thread || thread->connect_ns != connect_ns || !thread->syscall_start_ns ||
		thread->syscall_start_ns > connect_ns)
		return false;
	thread->connect_ns = CONNECT_UNTOLD;
	return true;
}

/* Other errors say that the program is wrong, or come after a packet was sent. */
static __always_inline bool is_without_way(long result)
{
	return result == -EINVAL /* a blackhole */ || result == -ENETUNREACH ||
	       result == -EHOSTUNREACH || result == -ENETDOWN || result == -EADDRNOTAVAIL ||
	       result == -EACCES || result == -EPERM;
}

/* The socket behind a descriptor of the current process, to be read by probe reads only. */
static __always_inline struct sock *socket_behind(struct task_struct *task, __u32 descriptor)
{
	struct file **files = BPF_CORE_READ(task, files, fdt, fd), *file;
	struct socket *socket;

	if (bpf_probe_read_kernel(&file, sizeof(file), files + descriptor))
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

/* Reports a connect() that has failed, if it has sent nothing. */
static __noinline void connect_fails(
	struct thread *thread, __u32 descriptor, __u64 user_address, __u64 begin_ns, long result)
{
	struct record_tcp record = {};
	struct sock *sk;

	if (!thread)
		return;
	if (thread->connect_ns == CONNECT_UNTOLD)
		thread->connect_ns = 0;
	else if (thread->connect_ns >= begin_ns || !is_without_way(result))
		return;
	sk = socket_behind(task_current(), descriptor);
	if (BPF_CORE_READ(sk, sk_type) != SOCK_STREAM ||
		BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP ||
		!remote_read(&record.address, user_address, true))
		return;
	record.record.type = RECORD_TCP;
	record.record.workload = thread->workload;
	record.record.time_ns = bpf_ktime_get_ns();
	record.address.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	record.tgid = bpf_get_current_pid_tgid() >> 32;
	command_read(record.comm);
	record.event = TCP_FAILED;
	record.direction = TCP_OUTBOUND;
	record.reason = TCP_ERROR;
	record.flags = TCP_FIRST;
	record.error = -result;
	ring_output(SOURCE_TCP, &record, sizeof(record));
}

#endif
