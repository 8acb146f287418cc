/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Streams, seen in functions of the kernel by fentry and fexit. */
#include "stream/function.bpf.h"

#define FUNCTIONS(suffix, send, receive)                                                           \
	SEC("fentry/" #send)                                                                       \
	int BPF_PROG(http_fentry_send##suffix, struct socket *socket, struct msghdr *message)      \
	{                                                                                          \
		return HELD_IN_FUNCTION(message_begins(socket, message));                          \
	}                                                                                          \
                                                                                                   \
	SEC("fexit/" #send)                                                                        \
	int BPF_PROG(http_fexit_send##suffix, struct socket *socket, struct msghdr *message,       \
		size_t size, int result)                                                           \
	{                                                                                          \
		return HELD_IN_FUNCTION(message_sent(socket, message, result));                    \
	}                                                                                          \
                                                                                                   \
	SEC("fexit/" #receive)                                                                     \
	int BPF_PROG(http_fexit_receive##suffix, struct socket *socket, struct msghdr *message,    \
		size_t size, int flags, int result)                                                \
	{                                                                                          \
		return HELD_IN_FUNCTION(message_received(socket, message, flags, result));         \
	}

FUNCTIONS(, inet_sendmsg, inet_recvmsg)
FUNCTIONS(6, inet6_sendmsg, inet6_recvmsg)
FUNCTIONS(_unix, unix_stream_sendmsg, unix_stream_recvmsg)

SEC("fexit/inet_sendpage")
int BPF_PROG(http_fexit_sendpage, struct socket *socket, struct page *page, int offset, size_t size,
	int flags, ssize_t result)
{
	return HELD_IN_FUNCTION(page_sent(socket, result));
}

SEC("fexit/unix_stream_sendpage")
int BPF_PROG(http_fexit_sendpage_unix, struct socket *socket, struct page *page, int offset,
	size_t size, int flags, ssize_t result)
{
	return HELD_IN_FUNCTION(page_sent(socket, result));
}

static __always_inline int on_spliced(struct socket *socket)
{
	struct sock *sk = READ(socket, sk);

	return sk ? stream_received_silently(sk) : 0;
}

SEC("fexit/tcp_splice_read")
int BPF_PROG(http_fexit_splice, struct socket *socket)
{
	return HELD_IN_FUNCTION(on_spliced(socket));
}

static __always_inline int on_readable(struct sock *sk)
{
	struct channel channel = channel_of(sk);

	return stream_arrived(&channel);
}

/* In place of the tracepoint sk_data_ready, before Linux 6.2. */
SEC("fentry/sock_def_readable")
int BPF_PROG(http_arrival_function, struct sock *sk)
{
	return HELD_IN_FUNCTION(on_readable(sk));
}

/* In place of the tracepoint of this name, before Linux 6.16. */
SEC("fentry/tcp_sendmsg_locked")
int BPF_PROG(http_send_begin_function, struct sock *sk, struct msghdr *message)
{
	return HELD_IN_FUNCTION(stream_tcp_send_begins(sk, message));
}

#ifdef SONDE_TABLES
SEC("fentry/unix_release")
int BPF_PROG(http_fentry_close_unix, struct socket *socket)
{
	return HELD_IN_FUNCTION(stream_unix_closed(socket));
}
#endif
