/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP probe, compiled for user space as it is, and the structs of the kernel that it looks
 * into. This is the one file of the fuzz targets in which names are the kernel's (vmlinux.h), so no
 * header of the C library is included here.
 */
#include "stream/tracepoint.bpf.c"

#include "kernel.h"
#include "probe.h"

const volatile __u32 ring_mask = 0;
const volatile bool holds_cpu = false;
const volatile bool lists_sockets = false;
const volatile bool tells_tcp = true;
const volatile __u64 ring_threshold = 4096;
__u32 workload_generation = 0; /* so every thread is up to date, and its workload is 0 */
__u32 workload_used[WORKLOADS_MAX], workload_seen[WORKLOADS_MAX], workload_born[WORKLOADS_MAX];
__u32 workload_pass = 1, workload_denied = 0;
struct shares shares = {.of[SHARE_PIPELINE].left = PIPELINE_MAX};
__u32 own_tgid = 0;

/* Of workloads, which nobody asks for here. */
__u64 text_hash(void)
{
	return 0;
}

int name_search(void)
{
	return 0;
}

static struct task_struct task = {.group_leader = &task};
static struct pt_regs regs;
static struct net net;
static unsigned char scratch_fill;

static union {
	struct sock sk;
	struct tcp_sock of_tcp;
	struct unix_sock of_unix;
} any;

static struct tcp_sock *const tcp = &any.of_tcp;

static struct sock *const sk = &any.sk;

static struct {
	struct unix_address address;
	struct sockaddr_un name;
} bound = {.address = {.len = offsetof(struct sockaddr_un, sun_path) + sizeof("/run/fuzz")},
	.name = {.sun_family = AF_UNIX, .sun_path = "/run/fuzz"}};

struct task_struct *bpf_get_current_task_btf(void)
{
	return &task;
}

long bpf_task_pt_regs(struct task_struct *of)
{
	return (long)&regs;
}

struct tcp_sock *bpf_skc_to_tcp_sock(void *of)
{
	return is_unix(of) ? NULL : of;
}

struct unix_sock *bpf_skc_to_unix_sock(void *of)
{
	return is_unix(of) ? of : NULL;
}

/* Both ends of a Unix socket are the same one here. */
static void unix_open(void)
{
	__builtin_memset(&any, 0, sizeof(any));
	sk->sk_type = SOCK_STREAM;
	sk->__sk_common.skc_family = AF_UNIX;
	any.of_unix.peer = sk;
	any.of_unix.addr = &bound.address;
}

void probe_open(__u32 position, _Bool is_unix)
{
	struct socket_state *state;

	if (is_unix) {
		unix_open();
		return;
	}
	*tcp = (struct tcp_sock){
		.copied_seq = position, .rcv_nxt = position, .write_seq = position};
	sk->sk_type = SOCK_STREAM;
	sk->sk_protocol = IPPROTO_TCP;
	sk->__sk_common.skc_family = AF_INET;
	sk->__sk_common.skc_net.net = &net;
	state = bpf_sk_storage_get(&sockets, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	state->start_ns = 1; /* its beginning was seen */
}

void probe_fill(unsigned char fill)
{
	scratch_fill = fill;
}

static void scratch_prepare(void)
{
	__builtin_memset(http_scratch_get(), scratch_fill, sizeof(struct http_scratch));
}

static void system_call(int number, const void *argument, __u64 length)
{
#if defined(__TARGET_ARCH_x86)
	regs.orig_ax = number;
	regs.si = (__u64)argument;
	regs.dx = length;
#elif defined(__TARGET_ARCH_arm64)
	regs.syscallno = number;
	regs.regs[1] = (__u64)argument;
	regs.regs[2] = length;
#endif
}

static void enter(const struct socket_call *operation, bool send)
{
	const struct segment *segments = operation->segments;
	static struct user_msghdr message;

	switch (operation->way) {
	case WAY_VECTOR:
		system_call(send ? NR_WRITEV : NR_READV, segments, operation->segment_count);
		break;
	case WAY_MESSAGE:
		message = (struct user_msghdr){.msg_iov = (struct iovec *)segments,
			.msg_iovlen = operation->segment_count};
		kernel_user_add(&message, sizeof(message));
		system_call(send ? NR_SENDMSG : NR_RECVMSG, &message, 0);
		break;
	default: system_call(send ? NR_WRITE : NR_READ, segments->base, segments->length);
	}
}

static void send_begin(const struct socket_call *operation)
{
	const struct segment *segments = operation->segments;
	struct msghdr message = {};
	struct iov_iter *iter = &message.msg_iter;

	iter->iov_offset = operation->skip;
	iter->count = operation->length;
	if (operation->way == WAY_HOOK) {
		iter->iter_type = ITER_UBUF;
		iter->ubuf = (void *)segments->base;
	} else {
		iter->iter_type = ITER_IOVEC;
		iter->__iov = (const struct iovec *)segments;
		iter->nr_segs = operation->segment_count;
	}
	http_send_begin(sk, &message);
}

void probe_send(const struct socket_call *operation)
{
	scratch_prepare();
	if (operation->way >= WAY_HOOK)
		send_begin(operation);
	else
		enter(operation, true);
	if (!is_unix(sk))
		tcp->write_seq += operation->length;
	http_send(sk, operation->length);
}

void probe_receive(const struct socket_call *operation)
{
	scratch_prepare();
	enter(operation, false);
	if (!is_unix(sk)) {
		tcp->copied_seq += operation->length;
		tcp->rcv_nxt = tcp->copied_seq;
	}
	http_receive(sk, operation->length, 0);
}

void probe_close(void)
{
	http_destroy(sk);
	if (shares.of[SHARE_PIPELINE].left != PIPELINE_MAX)
		__builtin_trap(); /* whoever waited has given its room back */
}

__u64 probe_lost(void)
{
	__u32 zero = 0;
	struct counters *c = bpf_map_lookup_elem(&counters, &zero);
	__u64 lost = 0;

	for (int outcome = OUTCOME_DELIVERED + 1; outcome < OUTCOMES; outcome++)
		lost += c->count[SOURCE_HTTP][outcome];
	return lost;
}
