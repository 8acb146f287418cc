/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TCP connections from birth to death, and a sweep over those that live.
 *
 * Nothing is paid per packet: the kernel counts bytes and segments in the socket anyway, so it is
 * enough to read them when the state changes and at each sweep, and to tell what grew since.
 */
#include "workload.bpf.h"

/* False: only what other probes want to know of a connection's beginning is kept. */
const volatile bool tells_tcp SETTING = true;

/* During the first sweep: what sockets have counted so far was before Sonde. */
__u32 tcp_baseline = 1;

/* Connections that each workload has open; counted by the sweep, emptied by the daemon before it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct by_workload);
} tcp_open SEC(".maps");

/* Payload bytes sent, each once. `bytes_acked` would count the SYN, and not what is under way. */
static __always_inline __u64 sent_bytes(const struct tcp_sock *tcp)
{
	return tcp->bytes_sent - tcp->bytes_retrans;
}

/* Payload bytes received in order. The kernel counts the FIN (SOCK_DONE) as one. */
static __always_inline __u64 received_bytes(const struct tcp_sock *tcp, const struct sock *sk)
{
	return tcp->bytes_received - (sk->__sk_common.skc_flags >> SOCK_DONE & 1);
}

/* Takes what the socket has counted as told. */
static __always_inline void progress_keep(
	struct socket_state *state, const struct sock *sk, const struct tcp_sock *tcp)
{
	state->sent_bytes = sent_bytes(tcp);
	state->received_bytes = received_bytes(tcp, sk);
	state->retransmits = tcp->total_retrans;
}

static __always_inline void record_fill(struct record_tcp *record, const struct sock *sk,
	const struct socket_state *state, const struct tcp_sock *tcp, enum tcp_event event)
{
	record->record.type = RECORD_TCP;
	record->record.workload = state->workload;
	record->record.time_ns = bpf_ktime_get_ns();
	address_read(&record->address, sk);
	record->start_ns = state->start_ns;
	record->connect_ns = state->start_ns ? state->connect_ns : 0;
	record->sent_bytes = sent_bytes(tcp) - state->sent_bytes;
	record->received_bytes = received_bytes(tcp, sk) - state->received_bytes;
	record->retransmits = tcp->total_retrans - state->retransmits;
	record->srtt_us = tcp->srtt_us >> 3; /* the kernel keeps eight times it */
	record->min_rtt_us = tcp->rtt_min.s[0].v;
	if (record->min_rtt_us == ~0U)
		record->min_rtt_us = 0; /* no sample yet */
	record->tgid = state->tgid;
	record->event = event;
	record->direction = state->direction;
}

/* The process that works with the socket now becomes its owner. */
static __always_inline void owner_set(struct socket_state *state)
{
	struct thread *thread = thread_current(SOURCE_TCP);

	state->workload = thread ? thread->workload : 0;
	state->tgid = bpf_get_current_pid_tgid() >> 32;
}

/* --- the owner of a connection that is accepted: its listener's, until a process uses it --- */

#ifdef SONDE_TABLES

struct listener_key {
	__u32 netns;
	__u32 port;
};

struct listener_owner {
	__u32 workload;
	__u32 tgid;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, struct listener_key);
	__type(value, struct listener_owner);
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
	struct listener_owner owner = {.workload = state->workload, .tgid = state->tgid};

	bpf_map_update_elem(&listeners, &key, &owner, BPF_ANY);
}

static __always_inline void owner_inherit(const struct sock *sk, struct socket_state *state)
{
	struct listener_key key = listener_key(sk);
	struct listener_owner *owner = bpf_map_lookup_elem(&listeners, &key);

	if (!owner)
		return;
	state->workload = owner->workload;
	state->tgid = owner->tgid;
}

#else /* socket storage is cloned */

static __always_inline void listener_note(const struct sock *sk, const struct socket_state *state)
{
}

static __always_inline void owner_inherit(const struct sock *sk, struct socket_state *state)
{
}

#endif

static __always_inline void tell(
	struct sock *sk, struct socket_state *state, enum tcp_event event, __u16 error)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);
	struct record_tcp record = {};

	if (!tcp || !tells_tcp)
		return;
	record_fill(&record, sk, state, tcp, event);
	record.connection = socket_id(sk, state);
	record.error = error;
	progress_keep(state, sk, tcp);
	ring_output(SOURCE_TCP, &record, sizeof(record));
}

static __always_inline int on_tcp_state(struct sock *sk, int from, int to)
{
	struct socket_state *state;

	if (sk->sk_protocol != IPPROTO_TCP)
		return 0;
	if (to != TCP_LISTEN && to != TCP_SYN_SENT && to != TCP_ESTABLISHED && to != TCP_CLOSE)
		return 0;
	if (to == TCP_CLOSE && (from == TCP_LISTEN || from == TCP_CLOSE))
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
		owner_set(state);
		break;
	case TCP_ESTABLISHED:
		state->start_ns = bpf_ktime_get_ns();
		if (from == TCP_SYN_SENT) {
			if (state->connect_ns) /* else the SYN left before Sonde */
				state->connect_ns = state->start_ns - state->connect_ns;
			state->direction = TCP_OUTBOUND;
		} else {
			state->direction = TCP_INBOUND;
			state->flags = SOCKET_INHERITED;
			owner_inherit(sk, state);
		}
		tell(sk, state, TCP_OPENED, 0);
		break;
	case TCP_CLOSE:
		if (from == TCP_SYN_SENT)
			tell(sk, state, TCP_FAILED, sk->sk_err);
		else if (from != TCP_SYN_RECV)
			tell(sk, state, TCP_CLOSED, sk->sk_err);
	}
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state, struct sock *sk, int from, int to)
{
	return HELD(on_tcp_state(sk, from, to));
}

/*
 * Of a connection that was there before Sonde: which way bytes went last, as far as the clock tick
 * can tell. They may be the middle of a message, which must not be taken for the beginning of one.
 */
static __always_inline __u8 last_direction(const struct tcp_sock *tcp, const struct sock *sk)
{
	__s32 received_after = tcp->inet_conn.icsk_ack.lrcvtime - tcp->lsndtime;

	if (received_bytes(tcp, sk) && (received_after > 0 || !tcp->bytes_sent))
		return SOCKET_RECEIVING;
	if (tcp->bytes_sent && (received_after < 0 || !received_bytes(tcp, sk)))
		return SOCKET_SENDING;
	return 0;
}

/* One live socket of one network namespace; the records go to whoever reads the iterator. */
SEC("iter/tcp")
int tcp_sweep(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct record_tcp record = {};
	struct socket_state *state;
	struct tcp_sock *tcp;
	struct by_workload *open;
	__u32 zero = 0;
	struct sock *sk;

	if (!common || common->skc_state == TCP_LISTEN)
		return 0;
	tcp = bpf_skc_to_tcp_sock(common);
	if (!tcp)
		return 0; /* no full socket: a request or TIME_WAIT */
	sk = (struct sock *)tcp;
	state = socket_state_make(sk);
	if (!state) {
		count(SOURCE_TCP, OUTCOME_STORAGE_FAILED);
		return 0;
	}
	if (tcp_baseline) {
		if (!state->start_ns) {
			progress_keep(state, sk, tcp);
			state->flags |= last_direction(tcp, sk);
		}
	} else if (sent_bytes(tcp) != state->sent_bytes ||
		   received_bytes(tcp, sk) != state->received_bytes ||
		   tcp->total_retrans != state->retransmits) {
		record_fill(&record, sk, state, tcp, TCP_PROGRESS);
		record.connection = socket_id(sk, state);
		if (bpf_seq_write(ctx->meta->seq, &record, sizeof(record)))
			return 0; /* the kernel asks again for this socket with a larger buffer */
		progress_keep(state, sk, tcp);
		count(SOURCE_TCP, OUTCOME_DELIVERED);
	}
	workload_mark(state->workload); /* its process may have ended */
	open = bpf_map_lookup_elem(&tcp_open, &zero);
	if (open && !tcp_baseline && common->skc_state != TCP_SYN_SENT &&
		state->workload < WORKLOADS_MAX)
		open->figure[state->workload]++;
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
	if (READ(sk, __sk_common.skc_state) == TCP_LISTEN)
		listener_note(sk, state);
	return 0;
}
