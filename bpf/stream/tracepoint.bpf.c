/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Streams, seen at tracepoints. Whichever system call moved the bytes, each operation on a socket
 * passes its tracepoint once, and nothing else on the machine pays.
 */
#include "stream/stream.bpf.h"

const volatile bool reports_http SETTING = true;
const volatile bool reports_dns SETTING = true;
const volatile __u64 tick_ns SETTING = 0; /* a jiffy; 0: not known */

/* --- sends and receives --- */

SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(http_send_begin, struct sock *sk, struct msghdr *message)
{
	return HELD(stream_tcp_send_begins(sk, message));
}

static __always_inline int on_operation(
	struct sock *sk, enum direction direction, int result, int flags)
{
	struct channel channel = channel_of(sk);
	struct chunk chunk = {
		.direction = direction, .result = result, .flags = flags, .way = BY_SYSCALL};

	return stream_moved(&channel, &chunk);
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(http_send, struct sock *sk, int result)
{
	return HELD(on_operation(sk, DIRECTION_SEND, result, 0));
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(http_receive, struct sock *sk, int result, int flags)
{
	return HELD(on_operation(sk, DIRECTION_RECEIVE, result, flags));
}

/* Each receive of TCP comes by here, and some nowhere else. */
static __always_inline int on_space_adjust(struct sock *sk)
{
	return in_silent_receive() ? stream_received_silently(sk) : 0;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(http_splice, struct sock *sk)
{
	return HELD(on_space_adjust(sk));
}

/* Of a Unix socket this is the middle of its peer's send as well. */
static __always_inline int on_data_ready(struct sock *sk)
{
	struct channel channel = channel_of(sk);

	if (channel_is_unix(&channel) && !channel_listens(&channel))
		stream_peer_sends(&channel);
	return stream_arrived(&channel);
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(http_arrival, struct sock *sk)
{
	return HELD(on_data_ready(sk));
}

/* --- ends --- */

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(http_state, struct sock *sk, int from, int to)
{
	return HELD(stream_state_changes(sk, from, to));
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(http_destroy, struct sock *sk)
{
	return HELD(stream_is_gone(sk));
}
