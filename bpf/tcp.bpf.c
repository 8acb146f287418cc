/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP connections from birth to death, and a sweep over those that live.
 *
 * Nothing is paid per packet: the kernel counts bytes and segments in the socket anyway, so it is
 * enough to read them when the state changes and at each sweep, and to tell what grew since.
 */
#include "tcp_connect.bpf.h"
#include "workload.bpf.h"

const volatile bool sees_calls SETTING = false;

/* False: only what other probes want to know of a connection's beginning is kept. */
const volatile bool tells_tcp SETTING = true;

/* What the sweep tells: see enum tcp_sweep. */
__u32 tcp_sweep_mode = TCP_SWEEP_FIRST;

/* RSTs sent for no socket. */
__u64 tcp_refusals = 0;

/* --- what the kernel has counted in a socket --- */

/* Named where it is missing: before Linux 5.6, and without MPTCP. */
struct tcp_sock___mptcp {
	bool is_mptcp;
} RELOCATED;

static __always_inline void figures_read(
	struct tcp_figures *figures, const struct tcp_sock *tcp, const struct sock *sk)
{
	/* `bytes_acked` would count the SYN, and not what is under way */
	figures->sent_bytes = tcp->bytes_sent - tcp->bytes_retrans;
	/* the kernel counts the FIN (SOCK_DONE) as one */
	figures->received_bytes =
		tcp->bytes_received - (sk->__sk_common.skc_flags >> SOCK_DONE & 1);
	figures->retransmitted_bytes = tcp->bytes_retrans;
	figures->sent_segments = tcp->segs_out;
	figures->received_segments = tcp->segs_in;
	figures->retransmitted_segments = tcp->total_retrans;
	figures->lost_segments = tcp->lost;
	figures->out_of_order_segments =
		bpf_core_field_exists(tcp->rcv_ooopack) ? tcp->rcv_ooopack : 0;
}

/* What was added between two readings; zero windows are counted on their own. */
static __always_inline void figures_subtract(
	struct tcp_figures *growth, const struct tcp_figures *now, const struct tcp_figures *told)
{
	growth->sent_bytes = now->sent_bytes - told->sent_bytes;
	growth->received_bytes = now->received_bytes - told->received_bytes;
	growth->retransmitted_bytes = now->retransmitted_bytes - told->retransmitted_bytes;
	growth->sent_segments = now->sent_segments - told->sent_segments;
	growth->received_segments = now->received_segments - told->received_segments;
	growth->retransmitted_segments = now->retransmitted_segments - told->retransmitted_segments;
	growth->lost_segments = now->lost_segments - told->lost_segments;
	growth->out_of_order_segments = now->out_of_order_segments - told->out_of_order_segments;
	growth->zero_windows = told->zero_windows;
}

/* Everything but what happened: event, reason, error. `now` becomes what the socket has counted. */
static __always_inline void record_fill(struct record_tcp *record, struct tcp_figures *now,
	struct sock *sk, const struct tcp_sock *tcp, const struct socket_state *state)
{
	const struct tcp_sock___mptcp *mptcp = (const void *)tcp;

	record->record.type = RECORD_TCP;
	record->record.workload = state->workload;
	record->record.time_ns = bpf_ktime_get_ns();
	address_read(&record->address, sk);
	record->connection = socket_id(sk, state);
	record->start_ns = state->start_ns;
	record->connect_ns = state->start_ns ? state->connect_ns : 0;
	figures_read(now, tcp, sk);
	figures_subtract(&record->growth, now, &state->told);
	/* a FIN alone arrives, too */
	if (state->first_byte_ns > state->start_ns && state->start_ns && now->received_bytes)
		record->first_byte_ns = state->first_byte_ns - state->start_ns;
	record->srtt_us = tcp->srtt_us >> 3; /* the kernel keeps eight times it */
	record->min_rtt_us = tcp->rtt_min.s[0].v;
	if (record->min_rtt_us == ~0U)
		record->min_rtt_us = 0; /* no sample yet */
	record->congestion_window = tcp->snd_cwnd;
	record->unsent_bytes = tcp->write_seq - tcp->snd_nxt;
	record->unacknowledged_bytes = tcp->snd_nxt - tcp->snd_una;
	record->tgid = state->tgid;
	__builtin_memcpy(record->comm, state->comm, COMM_LEN);
	record->direction = state->direction;
	record->state = sk->__sk_common.skc_state;
	record->closer = state->closer;
	if (!(state->flags & SOCKET_TOLD))
		record->flags |= TCP_FIRST;
	if (bpf_core_field_exists(mptcp->is_mptcp) && mptcp->is_mptcp)
		record->flags |= TCP_MPTCP;
}

/* The daemon knows now what the socket had counted. */
static __always_inline void told_keep(struct socket_state *state, const struct tcp_figures *now)
{
	state->told = *now;
	state->flags |= SOCKET_TOLD;
}

/* --- owners --- */

/* The process that works with the socket now becomes its owner. */
static __always_inline void owner_set(struct socket_state *state)
{
	struct thread *thread = thread_current(SOURCE_TCP);

	state->workload = thread ? thread->workload : 0;
	state->tgid = bpf_get_current_pid_tgid() >> 32;
	bpf_get_current_comm(state->comm, COMM_LEN);
}

#define PF_KTHREAD 0x00200000 /* include/linux/sched.h */

struct owner {
	__u32 workload;
	__u32 tgid;
	char comm[COMM_LEN];
};

static __always_inline void owner_get(const struct socket_state *state, struct owner *owner)
{
	owner->workload = state->workload;
	owner->tgid = state->tgid;
	__builtin_memcpy(owner->comm, state->comm, COMM_LEN);
}

static __always_inline void owner_put(struct socket_state *state, const struct owner *owner)
{
	state->workload = owner->workload;
	state->tgid = owner->tgid;
	__builtin_memcpy(state->comm, owner->comm, COMM_LEN);
}

/* Who made the first subflow of an MPTCP connection: the kernel adds others by itself. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 512);
	__type(key, __u64); /* the connection's address */
	__type(value, struct owner);
} mptcp_owners SEC(".maps");

struct mptcp_subflow_context___part {
	struct sock *conn;
} RELOCATED;

static __always_inline __u64 mptcp_connection(const struct sock *sk)
{
	const struct tcp_sock___mptcp *mptcp = (const void *)sk;
	struct mptcp_subflow_context___part *subflow;

	if (!bpf_core_field_exists(mptcp->is_mptcp) || !BPF_CORE_READ(mptcp, is_mptcp))
		return 0;
	subflow = BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_ulp_data);
	return (__u64)BPF_CORE_READ(subflow, conn);
}

/* The process that connects the socket now becomes its owner. */
static __always_inline void owner_connects(const struct sock *sk, struct socket_state *state)
{
	__u64 connection = mptcp_connection(sk);
	struct owner owner, *first;

	owner_set(state);
	if (!connection)
		return;
	if (!(READ(task_current(), flags) & PF_KTHREAD)) {
		owner_get(state, &owner);
		bpf_map_update_elem(&mptcp_owners, &connection, &owner, BPF_ANY);
		return;
	}
	first = bpf_map_lookup_elem(&mptcp_owners, &connection);
	if (first)
		owner_put(state, first);
}

/* A connection that is accepted belongs to its listener's owner, until a process uses it. */
#ifdef SONDE_TABLES

struct listener_key {
	__u32 netns;
	__u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct listener_key);
	__type(value, struct owner);
} listeners SEC(".maps");

static __always_inline struct listener_key listener_key(const struct sock *sk)
{
	return (struct listener_key){
		.netns = READ(READ(sk, __sk_common.skc_net.net), ns.inum),
		.port = READ(sk, __sk_common.skc_num),
	};
}

static __always_inline void listener_note(const struct sock *sk, const struct socket_state *state)
{
	struct listener_key key = listener_key(sk);
	struct owner owner;

	owner_get(state, &owner);
	bpf_map_update_elem(&listeners, &key, &owner, BPF_ANY);
}

static __always_inline void owner_inherit(const struct sock *sk, struct socket_state *state)
{
	struct listener_key key = listener_key(sk);
	struct owner *owner = bpf_map_lookup_elem(&listeners, &key);

	if (owner)
		owner_put(state, owner);
}

#else /* socket storage is cloned */

static __always_inline void listener_note(const struct sock *sk, const struct socket_state *state)
{
}

static __always_inline void owner_inherit(const struct sock *sk, struct socket_state *state)
{
}

#endif

/* --- listeners --- */

/* What was told of a listener lies where connections keep their figures. */
static __always_inline bool listener_changed(
	struct record_tcp_listener *record, struct sock *sk, struct socket_state *state)
{
	__u64 queue = (__u64)READ(sk, sk_max_ack_backlog) << 32 | READ(sk, sk_ack_backlog);
	__u64 overflows = (__u32)READ(sk, sk_drops.counter);

	record->record.type = RECORD_TCP_LISTENER;
	record->record.workload = state->workload;
	record->record.time_ns = bpf_ktime_get_ns();
	address_read(&record->address, sk);
	record->listener = socket_id(sk, state);
	record->queue_length = queue;
	record->queue_limit = queue >> 32;
	record->overflows = overflows - state->told.received_bytes;
	if (tcp_sweep_mode == TCP_SWEEP_FIRST)
		record->overflows = 0;
	else if (tcp_sweep_mode == TCP_SWEEP_CHANGED && state->flags & SOCKET_TOLD &&
		 queue == state->told.sent_bytes && !record->overflows)
		return false;
	return true;
}

static __always_inline void listener_keep(
	struct socket_state *state, const struct record_tcp_listener *record)
{
	state->told.sent_bytes = (__u64)record->queue_limit << 32 | record->queue_length;
	state->told.received_bytes += record->overflows;
	state->flags |= SOCKET_TOLD;
}

static __always_inline void listener_ends(struct sock *sk)
{
	struct socket_state *state = socket_state_find(sk);
	struct record_tcp_listener record = {.is_gone = 1};

	if (!state || !tells_tcp)
		return;
	listener_changed(&record, sk, state);
	record.queue_length = 0;
	ring_output(SOURCE_TCP, &record, sizeof(record));
}

/* --- steps in a connection's life --- */

static __always_inline void tell(
	struct sock *sk, struct socket_state *state, enum tcp_event event, enum tcp_reason reason)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	struct record_tcp record = {};
	struct tcp_figures now = {};

	if (!tcp || !tells_tcp)
		return;
	record_fill(&record, &now, sk, tcp, state);
	record.event = event;
	record.reason = reason;
	record.error = sk->sk_err;
	if (event == TCP_RESET) /* the next one tells what was counted */
		__builtin_memset(&record.growth, 0, sizeof(record.growth));
	if (ring_output(SOURCE_TCP, &record, sizeof(record)) && event != TCP_RESET)
		told_keep(state, &now);
}

/* How a connection ends that goes from one state to that of being closed. */
static __always_inline enum tcp_reason reason_of(
	const struct sock *sk, const struct socket_state *state, int from)
{
	if (state->is_reset)
		return TCP_RESET_RECEIVED;
	if (sk->sk_err == ETIMEDOUT)
		return TCP_TIMED_OUT;
	/* without a FIN: the program discards what it has not read, or is told to */
	if (from == TCP_ESTABLISHED || from == TCP_CLOSE_WAIT)
		return TCP_RESET_SENT;
	return sk->sk_err ? TCP_ERROR : TCP_FIN;
}

static __always_inline void closer_note(struct socket_state *state, enum tcp_closer closer)
{
	if (!state->closer)
		state->closer = closer;
}

static __always_inline void connection_ends(struct sock *sk, struct socket_state *state, int from)
{
	enum tcp_reason reason = reason_of(sk, state, from);

	if (reason == TCP_RESET_SENT)
		closer_note(state, TCP_LOCAL);
	else if (reason == TCP_RESET_RECEIVED)
		closer_note(state, TCP_PEER);
	tell(sk, state, TCP_CLOSED, reason);
}

static __always_inline void connection_begins(struct sock *sk, struct socket_state *state, int from)
{
	state->start_ns = bpf_ktime_get_ns();
	state->first_byte_ns = 0;
	if (from == TCP_SYN_SENT) {
		if (state->connect_ns) /* else the SYN left before Sonde */
			state->connect_ns = state->start_ns - state->connect_ns;
		state->direction = TCP_OUTBOUND;
	} else { /* all but the owner was the listener's */
		state->direction = TCP_INBOUND;
		state->flags = SOCKET_INHERITED;
		state->closer = state->is_reset = 0;
		__builtin_memset(&state->told, 0, sizeof(state->told));
		owner_inherit(sk, state);
	}
	tell(sk, state, TCP_OPENED, TCP_ALIVE);
}

static __always_inline int on_tcp_state(struct sock *sk, int from, int to)
{
	struct socket_state *state;
	struct thread *thread;

	if (sk->sk_protocol != IPPROTO_TCP || to == TCP_SYN_RECV)
		return 0;
	if (to == TCP_FIN_WAIT1 || to == TCP_CLOSE_WAIT) {
		state = socket_state_find(sk);
		if (state)
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
		owner_set(state);
		listener_note(sk, state);
		break;
	case TCP_SYN_SENT:
		state->direction = TCP_OUTBOUND;
		state->connect_ns = bpf_ktime_get_ns();
		owner_connects(sk, state);
		thread = thread_find(task_current());
		if (thread)
			thread->connect_ns = state->connect_ns;
		break;
	case TCP_ESTABLISHED: connection_begins(sk, state, from); break;
	case TCP_CLOSE:
		if (from != TCP_SYN_SENT)
			connection_ends(sk, state, from);
		else if (!connect_is_untold(sk, bpf_skc_to_tcp_sock(sk), state->connect_ns))
			tell(sk, state, TCP_FAILED, TCP_ERROR);
	}
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state, struct sock *sk, int from, int to)
{
	return HELD(on_tcp_state(sk, from, to));
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
	tell(sk, state, TCP_RESET, reason);
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
	__s32 received_after = tcp->inet_conn.icsk_ack.lrcvtime - tcp->lsndtime;

	if (figures->received_bytes && (received_after > 0 || !tcp->bytes_sent))
		return SOCKET_RECEIVING;
	if (tcp->bytes_sent && (received_after < 0 || !figures->received_bytes))
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

	if (tcp->rcv_wnd) {
		state->flags &= ~SOCKET_WINDOW_CLOSED;
	} else if (!was_closed) {
		state->flags |= SOCKET_WINDOW_CLOSED;
		state->told.zero_windows++;
	}
}

/* False: the kernel asks again for this socket with a larger buffer. */
static __always_inline bool sweep_listener(
	struct seq_file *seq, struct sock *sk, struct socket_state *state)
{
	struct record_tcp_listener record = {};

	if (!listener_changed(&record, sk, state))
		return true;
	if (bpf_seq_write(seq, &record, sizeof(record)))
		return false;
	listener_keep(state, &record);
	count(SOURCE_TCP, OUTCOME_DELIVERED);
	return true;
}

static __always_inline bool sweep_connection(struct seq_file *seq, struct sock *sk,
	const struct tcp_sock *tcp, struct socket_state *state)
{
	struct record_tcp record = {};
	struct tcp_figures now = {};

	window_look(state, tcp);
	if (tcp_sweep_mode == TCP_SWEEP_CHANGED && state->flags & SOCKET_TOLD &&
		tcp->segs_out == state->told.sent_segments &&
		tcp->segs_in == state->told.received_segments && !state->told.zero_windows)
		return true;
	if (!state->direction)
		state->direction = found_direction(tcp);
	record_fill(&record, &now, sk, tcp, state);
	record.event = !(record.flags & TCP_FIRST) ? TCP_PROGRESS
		       : state->start_ns           ? TCP_OPENED
						   : TCP_FOUND;
	if (bpf_seq_write(seq, &record, sizeof(record)))
		return false;
	if (record.event == TCP_FOUND)
		state->flags |= last_direction(tcp, &now);
	told_keep(state, &now);
	count(SOURCE_TCP, OUTCOME_DELIVERED);
	return true;
}

/* One live socket of one network namespace; the records go to whoever reads the iterator. */
SEC("iter/tcp")
int tcp_sweep(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct socket_state *state;
	struct tcp_sock *tcp;
	struct sock *sk;

	if (!common || common->skc_state == TCP_SYN_SENT || common->skc_state == TCP_SYN_RECV)
		return 0; /* those are told when it is known what becomes of them */
	tcp = bpf_skc_to_tcp_sock(common);
	if (!tcp)
		return 0; /* no full socket: a request or TIME_WAIT */
	sk = (struct sock *)tcp;
	state = socket_state_make(sk);
	if (!state) {
		count(SOURCE_TCP, OUTCOME_STORAGE_FAILED);
		return 0;
	}
	if (common->skc_state == TCP_LISTEN)
		sweep_listener(ctx->meta->seq, sk, state);
	else
		sweep_connection(ctx->meta->seq, sk, tcp, state);
	workload_mark(state->workload); /* its process may have ended */
	return 0;
}

#ifdef SONDE_TABLES
/* Attached after http_destroy, who still wants to know of a socket that ends. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tcp_forget, struct sock *sk)
{
	socket_state_forget(sk);
	return 0;
}
#endif

static __always_inline struct socket *socket_of(struct file *file)
{
#ifdef SONDE_TABLES
	__u16 mode = BPF_CORE_READ(file, f_inode, i_mode);

	return (mode & S_IFMT) == S_IFSOCK ? BPF_CORE_READ(file, private_data) : NULL;
#else
	return bpf_sock_from_file(file);
#endif
}

/* Gives the sockets that were there before Sonde to the process that has them open. */
SEC("iter/task_file")
int tcp_owners(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket_state *state;
	struct thread *thread;
	struct socket *socket;
	struct sock *sk;

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
	if (!state || !thread || state->tgid)
		return 0;
	state->tgid = task->tgid;
	state->workload = thread->workload;
	BPF_CORE_READ_STR_INTO(&state->comm, task, comm);
	if (READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		listener_note(sk, state);
	return 0;
}
