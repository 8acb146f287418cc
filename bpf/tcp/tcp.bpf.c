/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP connections from birth to death, and a sweep over those that live.
 *
 * Nothing is paid per packet: the kernel counts bytes and segments in the socket anyway, so it is
 * enough to read them when the state changes and at each sweep, and to tell what grew since.
 */
#include "tcp/tcp_connect.bpf.h"
#include "tcp/tcp_listener.bpf.h"
#include "tcp/tcp_record.bpf.h"

const volatile bool sees_calls SETTING = false;
const volatile bool lists_sockets SETTING = false;

/* False: only what other probes want to know of a connection's beginning is kept. */
const volatile bool reports_tcp SETTING = true;

/* What the sweep tells: see enum tcp_sweep. */
__u32 tcp_sweep_mode = TCP_SWEEP_FIRST;

/*
 * Where it tells it, until the daemon takes it. Not in the iterator's file: that holds 32 KiB, and
 * to go on behind those the kernel walks past all sockets of its list once more.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, SWEPT_MAX);
	__type(key, __u32);
	__type(value, union tcp_swept);
} swept SEC(".maps");

__u32 swept_count = 0;

/* RSTs sent for no socket. */
__u64 tcp_refusals = 0;

/* --- steps in a connection's life --- */

static __always_inline void connection_report(
	struct sock *sk, struct socket_state *state, enum tcp_event event, enum tcp_reason reason)
{
	struct tcp_sock *tcp = tcp_of(sk);
	struct record_tcp record = {};
	struct tcp_figures now = {};

	if (!tcp || !reports_tcp)
		return;
	owner_accepted(sk, state);
	record_fill(&record, &now, sk, tcp, state);
	record.event = event;
	record.reason = reason;
	record.error = READ(sk, sk_err);
	if (event == TCP_FAILED && state->is_reset) /* connect() may have taken it */
		record.error = ECONNREFUSED;
	if (event == TCP_OPENED) /* the hook comes before the socket has its new state */
		record.state = TCP_ESTABLISHED;
	else if (event != TCP_RESET)
		record.state = TCP_CLOSE;
	if (event == TCP_RESET) /* the next one tells what was counted */
		__builtin_memset(&record.growth, 0, sizeof(record.growth));
	if (ring_output(SOURCE_TCP, &record, sizeof(record)) && event != TCP_RESET)
		reported_keep(state, &now);
}

/* A socket that was a connection or a listener and is to be another one: nothing of it holds. */
static __always_inline void socket_begins_again(struct sock *sk, struct socket_state *state)
{
	struct tcp_sock *tcp = tcp_of(sk);

	if (!state->start_ns && !state->connect_ns &&
		!(state->flags & (SOCKET_REPORTED | SOCKET_LISTENS)))
		return;
	state->incarnations++;
	state->start_ns = state->connect_ns = state->first_byte_ns = 0;
	state->flags = 0;
	state->closer = state->is_reset = 0;
	if (tcp) /* the kernel does not begin all its counters again */
		figures_read(&state->reported, tcp, sk);
	state->reported.zero_windows = 0;
}

/* All but the owner was the listener's; and the owner, too, until a process uses the socket. */
static __always_inline void listener_leaves(struct sock *sk, struct socket_state *state)
{
	state->first_byte_ns = 0;
	state->direction = TCP_INBOUND;
	state->flags = state->flags & SOCKET_USED ?: SOCKET_INHERITED;
	state->closer = 0;
	__builtin_memset(&state->reported, 0, sizeof(state->reported));
	if (state->flags & SOCKET_INHERITED)
		owner_inherit(sk, state);
}

/*
 * Of an established connection: if the kernel left out the run that would have seen it begin, it
 * begins now. What its listener or its connect() left says that nothing was seen.
 */
static __always_inline void begin_late(struct sock *sk, struct socket_state *state)
{
	if (state->flags & SOCKET_LISTENS)
		listener_leaves(sk, state);
	else if (!state->start_ns && state->connect_ns)
		state->connect_ns = 0; /* not known */
	else
		return;
	state->start_ns = bpf_ktime_get_ns();
}

/* How a connection ends that goes from one state to that of being closed. */
static __always_inline enum tcp_reason reason_of(
	const struct sock *sk, const struct socket_state *state, int from)
{
	if (state->is_reset)
		return TCP_RESET_RECEIVED;
	if (READ(sk, sk_err) == ETIMEDOUT)
		return TCP_TIMED_OUT;
	/* without a FIN: the program discards what it has not read, or is told to */
	if (from == TCP_ESTABLISHED || from == TCP_CLOSE_WAIT)
		return TCP_RESET_SENT;
	return READ(sk, sk_err) ? TCP_ERROR : TCP_FIN;
}

static __always_inline void closer_note(struct socket_state *state, enum tcp_closer closer)
{
	if (!state->closer)
		state->closer = closer;
}

static __always_inline void connection_ends(struct sock *sk, struct socket_state *state, int from)
{
	enum tcp_reason reason;

	begin_late(sk, state);
	reason = reason_of(sk, state, from);
	if (reason == TCP_RESET_SENT)
		closer_note(state, TCP_LOCAL);
	else if (reason == TCP_RESET_RECEIVED)
		closer_note(state, TCP_PEER);
	connection_report(sk, state, TCP_CLOSED, reason);
}

static __always_inline void socket_ends(struct sock *sk, struct socket_state *state, int from)
{
	if (from != TCP_SYN_SENT)
		connection_ends(sk, state, from);
	else if (!connect_is_unreported(sk, tcp_of(sk), state->connect_ns))
		connection_report(sk, state, TCP_FAILED, TCP_ERROR);
	state->flags |= SOCKET_ENDED;
}

/* Of a closed socket: if the kernel left out the run that would have seen it end, it ends now. */
static __always_inline void end_late(
	struct sock *sk, const struct tcp_sock *tcp, struct socket_state *state)
{
	if (state->flags & (SOCKET_ENDED | SOCKET_LISTENS))
		return;
	/* closed by a reset, it has begun its counters again */
	if (READ(tcp, segs_out) < state->reported.sent_segments ||
		READ(tcp, segs_in) < state->reported.received_segments)
		figures_read(&state->reported, tcp, sk);
	if (state->start_ns || state->flags & SOCKET_REPORTED || READ(tcp, srtt_us))
		socket_ends(sk, state, state->closer ? TCP_CLOSE : TCP_ESTABLISHED);
	else if (state->connect_ns)
		socket_ends(sk, state, TCP_SYN_SENT);
}

static __always_inline void connection_begins(struct sock *sk, struct socket_state *state, int from)
{
	state->start_ns = bpf_ktime_get_ns();
	/* both ends may connect: then it is SYN_RECV that it comes from */
	if (from == TCP_SYN_SENT || state->connect_ns) {
		if (state->connect_ns) /* else the SYN left before Sonde */
			state->connect_ns = state->start_ns - state->connect_ns;
		state->first_byte_ns = 0;
		state->direction = TCP_OUTBOUND;
	} else {
		listener_leaves(sk, state);
		state->is_reset = 0;
	}
	connection_report(sk, state, TCP_OPENED, TCP_ALIVE);
}

static __always_inline int on_tcp_state(struct sock *sk, int from, int to)
{
	struct socket_state *state;
	struct thread *thread;

	if (sk->sk_protocol != IPPROTO_TCP || to == TCP_SYN_RECV)
		return 0;
	if (to == TCP_FIN_WAIT1 || to == TCP_CLOSE_WAIT) {
		state = socket_state_find(sk);
		if (!state)
			return 0;
		begin_late(sk, state);
		closer_note(state, to == TCP_FIN_WAIT1 ? TCP_LOCAL : TCP_PEER);
		return 0;
	}
	if (to == TCP_CLOSE && from == TCP_LISTEN)
		listener_ends(sk);
	if (to != TCP_LISTEN && to != TCP_SYN_SENT && to != TCP_ESTABLISHED && to != TCP_CLOSE)
		return 0;
	if (to == TCP_CLOSE && (from == TCP_LISTEN || from == TCP_CLOSE || from == TCP_SYN_RECV))
		return 0;
	state = socket_state_make(sk);
	if (!state) {
		count(SOURCE_TCP, OUTCOME_STORAGE_FAILED);
		return 0;
	}
	switch (to) {
	case TCP_LISTEN:
		socket_begins_again(sk, state);
		owner_listens(sk, state);
		state->flags |= SOCKET_LISTENS;
		break;
	case TCP_SYN_SENT:
		socket_begins_again(sk, state);
		state->direction = TCP_OUTBOUND;
		state->connect_ns = bpf_ktime_get_ns();
		owner_connects(sk, state);
		thread = thread_find(task_current());
		if (thread)
			thread->connect_ns = state->connect_ns;
		break;
	case TCP_ESTABLISHED: connection_begins(sk, state, from); break;
	case TCP_CLOSE: socket_ends(sk, state, from);
	}
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state, struct sock *sk, int from, int to)
{
	return HELD(on_tcp_state(sk, from, to));
}

static __always_inline int on_tcp_destroy(struct sock *sk)
{
	struct socket_state *state = socket_state_find(sk);
	struct tcp_sock *tcp = tcp_of(sk);

	if (state && tcp)
		end_late(sk, tcp, state);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tcp_destroy, struct sock *sk)
{
	return HELD(on_tcp_destroy(sk));
}

/* --- resets --- */

/* False for sockets that are less than one, and from Linux 6.10 on for none at all. */
static __always_inline bool is_whole(const struct sock *sk)
{
	return sk && READ(sk, __sk_common.skc_state) != TCP_NEW_SYN_RECV &&
	       READ(sk, __sk_common.skc_state) != TCP_TIME_WAIT &&
	       READ(sk, sk_protocol) == IPPROTO_TCP;
}

static __always_inline int on_tcp_reset(struct sock *sk, enum tcp_reason reason)
{
	struct socket_state *state;

	if (!is_whole(sk)) {
		__sync_fetch_and_add(&tcp_refusals, 1);
		return 0;
	}
	state = socket_state_make(sk);
	if (!state) {
		count(SOURCE_TCP, OUTCOME_STORAGE_FAILED);
		return 0;
	}
	if (reason == TCP_RESET_RECEIVED)
		state->is_reset = 1;
	connection_report(sk, state, TCP_RESET, reason);
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(tcp_reset_sent, struct sock *sk)
{
	return HELD(on_tcp_reset(sk, TCP_RESET_SENT));
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(tcp_reset_received, struct sock *sk)
{
	return HELD(on_tcp_reset(sk, TCP_RESET_RECEIVED));
}

/* --- the sweep --- */

/*
 * Of a connection that was there before Sonde: which way bytes went last, as far as the clock tick
 * can tell. They may be the middle of a message, which must not be taken for the beginning of one.
 */
static __always_inline __u8 last_direction(
	const struct tcp_sock *tcp, const struct tcp_figures *figures)
{
	__s32 received_after = READ(tcp, inet_conn.icsk_ack.lrcvtime) - READ(tcp, lsndtime);
	bool has_sent = READ(tcp, bytes_sent);

	if (figures->received_bytes && (received_after > 0 || !has_sent))
		return SOCKET_RECEIVING;
	if (has_sent && (received_after < 0 || !figures->received_bytes))
		return SOCKET_SENDING;
	return 0;
}

/* Of such a connection: connect() marks the port that it picks itself, and listeners theirs not. */
static __always_inline enum tcp_direction found_direction(const struct tcp_sock *tcp)
{
	signed char reuse = BPF_CORE_READ(tcp, inet_conn.icsk_bind_hash, fastreuse);

	return reuse < 0 ? TCP_OUTBOUND : TCP_INBOUND;
}

/* Counts each time that the sweep finds the receive window closed anew. */
static __always_inline void window_look(struct socket_state *state, const struct tcp_sock *tcp)
{
	bool was_closed = state->flags & SOCKET_WINDOW_CLOSED;

	if (READ(tcp, rcv_wnd)) {
		state->flags &= ~SOCKET_WINDOW_CLOSED;
	} else if (!was_closed) {
		state->flags |= SOCKET_WINDOW_CLOSED;
		state->reported.zero_windows++;
	}
}

/* Where to tell of the next one; NULL: there is no room. */
static __always_inline union tcp_swept *swept_room(void)
{
	__u32 at = swept_count;

	return bpf_map_lookup_elem(&swept, &at);
}

/* False: the daemon has to take what was told before. */
static __always_inline bool sweep_listener(struct sock *sk, struct socket_state *state)
{
	struct record_tcp_listener record = {};
	union tcp_swept *room;

	if (owner_accepts(sk, state))
		state->flags &= ~SOCKET_REPORTED;
	if (!listener_changed(&record, sk, state))
		return true;
	room = swept_room();
	if (!room)
		return false;
	room->listener = record;
	swept_count++;
	listener_keep(state, &record);
	count(SOURCE_TCP, OUTCOME_DELIVERED);
	return true;
}

static __always_inline bool sweep_connection(
	struct sock *sk, const struct tcp_sock *tcp, struct socket_state *state)
{
	struct record_tcp record = {};
	struct tcp_figures now = {};
	union tcp_swept *room;
	bool is_given;

	begin_late(sk, state);
	window_look(state, tcp);
	is_given = owner_accepted(sk, state) ||
		   (state->flags & SOCKET_WAITS && !waits_for_accept(sk, state, false));
	if (tcp_sweep_mode == TCP_SWEEP_CHANGED && state->flags & SOCKET_REPORTED && !is_given &&
		READ(tcp, segs_out) == state->reported.sent_segments &&
		READ(tcp, segs_in) == state->reported.received_segments &&
		!state->reported.zero_windows)
		return true;
	room = swept_room();
	if (!room)
		return false;
	if (!state->direction)
		state->direction = found_direction(tcp);
	record_fill(&record, &now, sk, tcp, state);
	record.event = !(record.flags & TCP_FIRST) ? TCP_PROGRESS
		       : state->start_ns           ? TCP_OPENED
						   : TCP_FOUND;
	room->connection = record;
	swept_count++;
	if (record.event == TCP_FOUND)
		state->flags |= last_direction(tcp, &now);
	reported_keep(state, &now);
	count(SOURCE_TCP, OUTCOME_DELIVERED);
	return true;
}

/*
 * One socket of those that something is kept of, in whichever network namespace. 1: the read that
 * the daemon waits in ends with EAGAIN, and the next one goes on with this socket.
 */
static __always_inline int on_tcp_sweep(
	struct seq_file *seq, struct sock *sk, struct socket_state *state)
{
	struct tcp_sock *tcp = tcp_of(sk);
	bool is_reported = true;
	int at;

	if (!tcp)
		return 0;
	at = READ(sk, __sk_common.skc_state);
	if (at == TCP_LISTEN)
		is_reported = sweep_listener(sk, state);
	else if (at != TCP_CLOSE && at != TCP_SYN_SENT && at != TCP_SYN_RECV)
		is_reported = sweep_connection(sk, tcp, state); /* others: when they become one */
	else if (at == TCP_CLOSE && state->start_ns)
		end_late(sk, tcp, state);
	workload_mark(state->workload); /* its process may have ended */
	return !is_reported;
}

SOCKET_SWEEP(tcp_sweep, sockets, on_tcp_sweep)

/* Attached after tcp_destroy and http_destroy, who still want to know of a socket that ends. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tcp_forget, struct sock *sk)
{
	socket_state_forget(sk);
	return 0;
}

/*
 * Gives the sockets that were there before Sonde to the process that has them open, and those of
 * one that has another number now to that.
 */
SEC("iter/task_file")
int tcp_owners(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket_state *state;
	struct thread *thread;
	struct socket *socket;
	struct sock *sk;
	__u32 workload;

	if (!task || !file || task->tgid != task->pid)
		return 0;
	socket = socket_of(file);
	if (!socket)
		return 0;
	sk = READ(socket, sk);
	if (!sk || READ(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	state = socket_state_make(sk);
	thread = thread_find(task);
	if (!state || !thread || (state->tgid && state->tgid != (__u32)task->tgid))
		return 0;
	workload_give(task, thread);
	workload = thread->workload;
	if (state->tgid && state->workload == workload)
		return 0;
	state->tgid = task->tgid;
	state->workload = workload;
	BPF_CORE_READ_STR_INTO(&state->comm, task, comm);
	if (READ(sk, __sk_common.skc_state) == TCP_LISTEN) {
		state->flags &= ~SOCKET_REPORTED;
		listener_note(sk, state);
	}
	return 0;
}
