/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a channel ends: what the states of a TCP socket, and the end of its memory, are to those who
 * follow its bytes.
 */
#ifndef SONDE_END_BPF_H
#define SONDE_END_BPF_H

#include "stream/channel.bpf.h"

enum channel_step {
	CHANNEL_NO_STEP,
	CHANNEL_REPLACED,  /* another one has its carrier's place, and its end was not seen */
	CHANNEL_CONNECTS,  /* as a new connection, which it may not have been before */
	CHANNEL_PEER_ENDS, /* the other side sends no more */
	CHANNEL_ENDS,      /* this side sends no more */
	CHANNEL_ENDS_READ, /* this side sends no more, and has read all that it will */
	CHANNEL_CLOSED,    /* both sides have ended */
	CHANNEL_ABORTED,   /* closed by a reset of this side */
	CHANNEL_RESET,     /* closed by a reset of the other side */
	CHANNEL_TIMED_OUT,
	CHANNEL_GONE, /* its carrier is destroyed */
};

/* MPTCP's own sockets end by no hook: what is there at the address of a new one was another's. */
static __always_inline bool mptcp_begins(const struct sock *sk, int to)
{
	return KEPT_BY_ADDRESS && to == TCP_ESTABLISHED && READ(sk, sk_protocol) != IPPROTO_TCP;
}

/* The FIN is sent: by close(), which ends both ways, or by shutdown(), which need not. */
static __always_inline enum channel_step fin_step(struct sock *sk, int to)
{
	struct tcp_sock *tcp = tcp_of(sk);

	if (to == TCP_FIN_WAIT1)
		return sk->sk_shutdown & RCV_SHUTDOWN ? CHANNEL_ENDS_READ : CHANNEL_ENDS;
	/* LAST_ACK, after the peer's FIN, which counts as one */
	return tcp && (__s32)(READ(tcp, rcv_nxt) - READ(tcp, copied_seq)) <= 1 ? CHANNEL_ENDS_READ
									       : CHANNEL_ENDS;
}

static __always_inline enum channel_step close_step(const struct sock *sk, int from)
{
	if (sk->sk_err == ECONNRESET || sk->sk_err == EPIPE)
		return CHANNEL_RESET;
	if (sk->sk_err == ETIMEDOUT)
		return CHANNEL_TIMED_OUT;
	return from == TCP_ESTABLISHED || from == TCP_CLOSE_WAIT ? CHANNEL_ABORTED : CHANNEL_CLOSED;
}

/* What a change of a socket's state is to its channel. */
static __always_inline enum channel_step state_step(struct sock *sk, int from, int to)
{
	switch (to) {
	case TCP_ESTABLISHED: return mptcp_begins(sk, to) ? CHANNEL_REPLACED : CHANNEL_NO_STEP;
	case TCP_SYN_SENT: return CHANNEL_CONNECTS;
	case TCP_CLOSE_WAIT: return CHANNEL_PEER_ENDS;
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK: return fin_step(sk, to);
	case TCP_CLOSE: return close_step(sk, from);
	default: return CHANNEL_NO_STEP;
	}
}

#endif
