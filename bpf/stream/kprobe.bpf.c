/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Streams, seen in functions of the kernel by kprobes and kretprobes, for kernels that have no
 * fentry. One program serves all functions of the same arguments.
 */
#include "stream/function.bpf.h"

#ifdef SONDE_TABLES /* the only way for a kprobe */

/* The arguments of the function that a thread is in, for its return. */
struct call {
	__u64 socket;
	__u64 message;
	__u64 flags;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64); /* as bpf_get_current_pid_tgid() has it */
	__type(value, struct call);
} calls SEC(".maps");

/*
 * Returns are lost when more threads wait in a function than the kernel has room for: then the
 * arguments are still there when the thread comes again.
 */
static __always_inline void call_note(const struct call *call)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct sock *sk = READ((struct socket *)call->socket, sk);
	struct channel channel;

	if (!sk)
		return;
	channel = channel_of(sk);
	if (!stream_wants(&channel))
		return;
	if (!bpf_map_update_elem(&calls, &id, call, BPF_NOEXIST))
		return;
	if (bpf_map_update_elem(&calls, &id, call, BPF_EXIST))
		count(SOURCE_HTTP, OUTCOME_TABLE_FULL);
	else
		count(SOURCE_HTTP, OUTCOME_RECURSION);
}

/* False: its begin was not seen. */
static __always_inline bool call_take(struct call *call)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct call *noted = bpf_map_lookup_elem(&calls, &id);

	if (!noted)
		return false;
	*call = *noted;
	bpf_map_delete_elem(&calls, &id);
	return true;
}

SEC("kprobe")
int BPF_KPROBE(http_kprobe_send, struct socket *socket, struct msghdr *message)
{
	struct call call = {.socket = (__u64)socket, .message = (__u64)message};

	call_note(&call);
	return message_begins(socket, message);
}

SEC("kretprobe")
int BPF_KRETPROBE(http_kretprobe_send, int result)
{
	struct call call;

	if (!call_take(&call))
		return 0;
	return message_sent((struct socket *)call.socket, (struct msghdr *)call.message, result);
}

SEC("kprobe")
int BPF_KPROBE(
	http_kprobe_receive, struct socket *socket, struct msghdr *message, size_t size, int flags)
{
	struct call call = {.socket = (__u64)socket, .message = (__u64)message, .flags = flags};

	call_note(&call);
	return 0;
}

SEC("kretprobe")
int BPF_KRETPROBE(http_kretprobe_receive, int result)
{
	struct call call;

	if (!call_take(&call))
		return 0;
	return message_received(
		(struct socket *)call.socket, (struct msghdr *)call.message, call.flags, result);
}

SEC("kprobe")
int BPF_KPROBE(http_kprobe_sendpage, struct socket *socket)
{
	struct call call = {.socket = (__u64)socket};
	struct sock *sk = READ(socket, sk);

	if (sk && takes_pages(sk))
		call_note(&call);
	return 0;
}

SEC("kretprobe")
int BPF_KRETPROBE(http_kretprobe_sendpage, int result)
{
	struct call call;

	return call_take(&call) ? page_sent((struct socket *)call.socket, result) : 0;
}

SEC("kprobe")
int BPF_KPROBE(http_kprobe_splice, struct socket *socket)
{
	struct call call = {.socket = (__u64)socket};

	call_note(&call);
	return 0;
}

SEC("kretprobe")
int BPF_KRETPROBE(http_kretprobe_splice)
{
	struct call call;

	if (!call_take(&call))
		return 0;
	return stream_received_silently(READ((struct socket *)call.socket, sk));
}

SEC("kprobe")
int BPF_KPROBE(http_kprobe_arrival, struct sock *sk)
{
	struct channel channel = channel_of(sk);

	return stream_arrived(&channel);
}

SEC("kprobe")
int BPF_KPROBE(http_kprobe_close_unix, struct socket *socket)
{
	return stream_unix_closed(socket);
}

#endif
