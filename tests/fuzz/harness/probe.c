/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probes, compiled for user space as they are, and the structs of the kernel that they look
 * into. This is the one file of the fuzz targets in which names are the kernel's (vmlinux.h), so no
 * header of the C library is included here.
 */
#include "stream/tracepoint.bpf.c"
#include "stream/function.bpf.c"
#include "stream/uring.bpf.c"
#include "core/latency.bpf.c"

#include "harness/kernel.h"
#include "harness/probe.h"

const volatile __u32 ring_mask = 0;
const volatile bool holds_cpu = false;
const volatile bool lists_sockets = false;
const volatile bool reports_tcp = true;
const volatile __u64 ring_threshold = 4096;
__u32 workload_generation = 0; /* so every thread is up to date, and its workload is 0 */
__u32 workload_used[WORKLOADS_MAX], workload_seen[WORKLOADS_MAX], workload_born[WORKLOADS_MAX];
__u32 workload_pass = 1, workload_denied = 0;
struct shares shares;
__u32 own_tgid = THREAD_TGID(THREAD_OWN);

#define LATENCIES_HERE 64 /* histograms that there are: for each the daemon pushes a number */

/* Of workloads, which nobody asks for here. */
__u64 text_hash(void)
{
	return 0;
}

int name_search(void)
{
	return 0;
}

/* --- threads --- */

#define FD 3 /* of the first socket, in all processes */

static struct file *files[FD + SOCKETS_MAX];
static struct fdtable descriptors = {.fd = files, .max_fds = FD + SOCKETS_MAX};
static struct files_struct open_files = {.fdt = &descriptors};
static struct task_struct tasks[THREADS];
static struct pt_regs regs;
static int current;
static enum hooks hooks;
static unsigned char scratch_fill;

struct task_struct *bpf_get_current_task_btf(void)
{
	return &tasks[current];
}

long bpf_task_pt_regs(struct task_struct *of)
{
	return (long)&regs;
}

__u64 bpf_get_current_pid_tgid(void)
{
	return (__u64)THREAD_TGID(current) << 32 | THREAD_TID(current);
}

static void threads_reset(void)
{
	__builtin_memset(tasks, 0, sizeof(tasks));
	for (int i = 0; i < THREADS; i++) {
		tasks[i].group_leader = &tasks[i <= THREAD_SECOND ? THREAD_FIRST : i];
		tasks[i].files = &open_files;
	}
	current = THREAD_FIRST;
}

/* --- sockets --- */

/* A socket, its descriptor, and, of a Unix socket, the other end. */
static struct place {
	union {
		struct sock sk;
		struct inet_sock inet;
		struct tcp_sock tcp;
		struct unix_sock of_unix;
	};
	struct unix_sock peer;
	struct socket socket;
	struct file file;
	enum carrier carrier;
} places[SOCKETS_MAX];

static struct proto___6_4 protocol = {.sendpage = &protocol}; /* it takes pages */
static struct net net = {.ns.inum = NETNS};
static struct inode inode = {.i_mode = S_IFSOCK};

static struct {
	struct unix_address address;
	struct sockaddr_un name;
} bound = {.address = {.len = offsetof(struct sockaddr_un, sun_path) + sizeof("/run/fuzz")},
	.name = {.sun_family = AF_UNIX, .sun_path = "/run/fuzz"}};

static bool is_unix(const struct sock *sk)
{
	return sk->__sk_common.skc_family == AF_UNIX;
}

struct tcp_sock *bpf_skc_to_tcp_sock(void *of)
{
	struct sock *sk = of;

	return !is_unix(sk) && sk->sk_protocol == IPPROTO_TCP ? of : NULL;
}

struct unix_sock *bpf_skc_to_unix_sock(void *of)
{
	return is_unix(of) ? of : NULL;
}

static void unix_open(struct place *place)
{
	place->sk.sk_type = SOCK_STREAM;
	place->sk.__sk_common.skc_family = AF_UNIX;
	place->of_unix.peer = &place->peer.sk;
	place->of_unix.addr = &bound.address;
	place->peer.sk.sk_type = SOCK_STREAM;
	place->peer.sk.__sk_common.skc_family = AF_UNIX;
	place->peer.peer = &place->sk;
}

static void inet_open(struct place *place, const struct socket_shape *shape)
{
	struct sock_common *common = &place->sk.__sk_common;

	common->skc_net.net = &net;
	common->skc_prot = (struct proto *)&protocol;
	common->skc_num = shape->local.port;
	common->skc_dport = bpf_htons(shape->remote.port);
	if (shape->is_ipv6) {
		common->skc_family = AF_INET6;
		__builtin_memcpy(&common->skc_v6_rcv_saddr, shape->local.address, 16);
		__builtin_memcpy(&common->skc_v6_daddr, shape->remote.address, 16);
	} else {
		common->skc_family = AF_INET;
		__builtin_memcpy(&common->skc_rcv_saddr, shape->local.address + 12, 4);
		__builtin_memcpy(&common->skc_daddr, shape->remote.address + 12, 4);
	}
	if (shape->carrier == OVER_UDP) {
		place->sk.sk_type = SOCK_DGRAM;
		place->sk.sk_protocol = IPPROTO_UDP;
		return;
	}
	place->sk.sk_type = SOCK_STREAM;
	place->sk.sk_protocol = IPPROTO_TCP;
	place->tcp.copied_seq = place->tcp.rcv_nxt = place->tcp.write_seq = shape->position;
	socket_state_make(&place->sk)->start_ns = 1; /* its beginning was seen */
}

void probe_open(int socket, const struct socket_shape *shape)
{
	struct place *place = &places[socket];

	__builtin_memset(place, 0, sizeof(*place));
	place->carrier = shape->carrier;
	place->socket.sk = &place->sk;
	place->socket.file = &place->file;
	place->sk.sk_socket = &place->socket;
	place->file.f_inode = &inode;
	files[FD + socket] = &place->file;
	if (shape->carrier == OVER_UNIX)
		unix_open(place);
	else
		inet_open(place, shape);
}

/* --- system calls --- */

static struct user_msghdr headers[MESSAGES_MAX];
static struct mmsghdr list[MESSAGES_MAX];

/* Of both families; see sockaddr_write(). The kernel has copied the one that it works with. */
static struct sockaddr_in6 names[MESSAGES_MAX], copied_name;

#define SEGMENTS_MAX 64
static struct iovec copied_list[SEGMENTS_MAX];

/* As the socket's family has it. */
static void *sockaddr_write(
	struct sockaddr_in6 *name, const struct endpoint *endpoint, const struct sock *sk)
{
	struct sockaddr_in *short_name = (struct sockaddr_in *)name;

	if (!endpoint)
		return NULL;
	__builtin_memset(name, 0, sizeof(*name));
	name->sin6_family = sk->__sk_common.skc_family;
	name->sin6_port = bpf_htons(endpoint->port);
	if (name->sin6_family == AF_INET6)
		__builtin_memcpy(&name->sin6_addr, endpoint->address, 16);
	else
		__builtin_memcpy(&short_name->sin_addr, endpoint->address + 12, 4);
	return name;
}

static void call_set(int number, __u32 fd, const void *argument, __u64 length, const void *address)
{
	__builtin_memset(&regs, 0, sizeof(regs));
#if defined(__TARGET_ARCH_x86)
	regs.orig_ax = number;
	regs.di = fd;
	regs.si = (__u64)argument;
	regs.dx = length;
	regs.r8 = (__u64)address;
#elif defined(__TARGET_ARCH_arm64)
	regs.syscallno = number;
	regs.orig_x0 = fd;
	regs.regs[1] = (__u64)argument;
	regs.regs[2] = length;
	regs.regs[4] = (__u64)address;
#endif
}

static void compat_set(bool is_compat)
{
#if defined(__TARGET_ARCH_x86)
	tasks[current].thread_info.status = is_compat ? 2 : 0;
#elif defined(__TARGET_ARCH_arm64)
	tasks[current].thread_info.flags = is_compat ? 1 << 22 : 0;
#endif
}

/* Writes the messages' headers; of a list into the list. */
static void headers_write(const struct probe_call *call)
{
	for (__u32 i = 0; i < call->message_count; i++) {
		const struct probe_message *message = &call->messages[i];

		headers[i] = (struct user_msghdr){.msg_iov = (struct iovec *)message->segments,
			.msg_iovlen = message->segment_count,
			.msg_name = call->send ? names + i : NULL};
		if (!message->peer)
			headers[i].msg_name = NULL;
		list[i] = (struct mmsghdr){.msg_hdr = headers[i]};
	}
	kernel_user_add(headers, sizeof(headers[0]) * call->message_count);
	kernel_user_add(list, sizeof(list[0]) * call->message_count);
	kernel_user_add(names, sizeof(names));
}

static void call_enter(const struct probe_call *call)
{
	const struct probe_message *message = &call->messages[call->moved];
	const struct segment *segments = message->segments;
	__u32 fd = FD + call->socket;
	bool send = call->send;

	for (__u32 i = 0; i < call->message_count; i++)
		sockaddr_write(&names[i], call->messages[i].peer, &places[call->socket].sk);
	switch (call->form) {
	case FORM_BUFFER:
		if (send && message->peer)
			call_set(NR_SENDTO, fd, segments->base, segments->length,
				names + call->moved);
		else
			call_set(send ? NR_WRITE : NR_READ, fd, segments->base, segments->length,
				NULL);
		break;
	case FORM_VECTOR:
		call_set(send ? NR_WRITEV : NR_READV, fd, segments, message->segment_count, NULL);
		break;
	case FORM_MESSAGE:
		call_set(send ? NR_SENDMSG : NR_RECVMSG, fd, headers + call->moved, 0, NULL);
		break;
	case FORM_LIST:
		call_set(send ? NR_SENDMMSG : NR_RECVMMSG, fd, list, call->message_count, NULL);
		break;
	case FORM_PAGES:
	case FORMS: call_set(NR_SENDFILE, fd, NULL, call->result, NULL);
	}
	headers_write(call);
}

/* --- the kernel's own description of an operation --- */

/* As the kernel does: pieces that are done with are left behind, and empty ones with them. */
static void iter_advance(struct iov_iter *iter, __u64 moved)
{
	iter->count -= moved;
	if (iter->iter_type == ITER_UBUF) {
		iter->iov_offset += moved;
		return;
	}
	moved += iter->iov_offset;
	while (iter->nr_segs && moved >= iter->__iov->iov_len) {
		moved -= iter->__iov->iov_len;
		iter->__iov++;
		iter->nr_segs--;
	}
	iter->iov_offset = moved;
}

static struct iov_iter iter_make(const struct probe_call *call)
{
	const struct probe_message *message = &call->messages[call->moved];
	struct iov_iter iter = {};

	for (__u32 i = 0; i < message->segment_count; i++)
		iter.count += message->segments[i].length;
	iter.count -= call->skip;
	iter.iov_offset = call->skip;
	if (call->form == FORM_BUFFER) {
		iter.iter_type = ITER_UBUF;
		iter.ubuf = (void *)message->segments->base;
	} else {
		if (message->segment_count > SEGMENTS_MAX)
			__builtin_trap();
		__builtin_memcpy(copied_list, message->segments,
			message->segment_count * sizeof(copied_list[0]));
		iter.iter_type = ITER_IOVEC;
		iter.__iov = copied_list;
		iter.nr_segs = message->segment_count;
	}
	return iter;
}

/* Who has sent what is received stands there only at the end. */
static struct msghdr message_make(const struct probe_call *call)
{
	copied_name = names[call->moved];
	return (struct msghdr){.msg_iter = iter_make(call),
		.msg_name = call->messages[call->moved].peer ? &copied_name : NULL};
}

static void message_advance(struct msghdr *message, const struct probe_call *call)
{
	if (call->result > 0)
		iter_advance(&message->msg_iter, call->result);
}

/* --- operations --- */

static bool takes_bytes(const struct probe_call *call)
{
	return call->result > 0 && !(call->flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB));
}

/* What the socket knows of its bytes, once they have moved. */
static void socket_advance(const struct probe_call *call)
{
	struct place *place = &places[call->socket];

	if (place->carrier != OVER_TCP || !takes_bytes(call))
		return;
	if (call->send)
		place->tcp.write_seq += call->result;
	else
		place->tcp.copied_seq += call->result;
}

/* Bytes arrive, and others are woken: in the middle of what anybody else does. */
static void bytes_arrive(const struct probe_call *call)
{
	struct place *place = &places[call->socket];
	struct pt_regs before = regs;
	int thread = current;

	if (call->result <= 0)
		return;
	current = THREAD_OTHER;
	call_set(NR_SPLICE, 0, NULL, 0, NULL);
	if (place->carrier == OVER_TCP)
		place->tcp.rcv_nxt = place->tcp.copied_seq + call->result;
	if (hooks == HOOKS_FUNCTION)
		http_arrival_function(&place->sk);
	else
		http_arrival(&place->sk);
	current = thread;
	regs = before;
}

/* io_uring's request: its submission, and then a thread of the kernel that makes no calls. */
static struct io_async_msghdr async;
static struct io_kiocb request;

static void request_submit(const struct probe_call *call)
{
	request = (struct io_kiocb){.file = &places[call->socket].file,
		.opcode = call->send ? IORING_OP_SENDMSG : IORING_OP_RECVMSG,
		.async_data = &async};
	request.cqe.fd = FD + call->socket;
	async.msg = message_make(call);
	http_uring(&request);
	tasks[current].flags |= PF_IO_WORKER;
	call_set(-1, 0, NULL, 0, NULL);
}

static void move_by_function(const struct probe_call *call)
{
	struct place *place = &places[call->socket];
	struct msghdr message = message_make(call);

	if (!call->send)
		bytes_arrive(call);
	else if (call->form != FORM_PAGES)
		http_fentry_send(&place->socket, &message);
	socket_advance(call);
	message_advance(&message, call);
	if (call->form == FORM_PAGES && call->send)
		page_sent(&place->socket, call->result);
	else if (call->send)
		http_fexit_send(&place->socket, &message, 0, call->result);
	else
		http_fexit_receive(&place->socket, &message, 0, call->flags, call->result);
}

static void send_begins(const struct probe_call *call)
{
	struct place *place = &places[call->socket];
	struct msghdr message = message_make(call);

	if (place->carrier == OVER_TCP)
		http_send_begin(&place->sk, &message);
	else if (place->carrier == OVER_UNIX)
		http_arrival(&place->peer.sk);
}

static void move_by_tracepoint(const struct probe_call *call)
{
	struct place *place = &places[call->socket];

	if (call->seen == SEEN_IN_URING)
		request_submit(call);
	if (!call->send)
		bytes_arrive(call);
	else if (call->seen == SEEN_AT_BEGIN)
		send_begins(call);
	socket_advance(call);
	if (call->seen == SEEN_IN_URING)
		message_advance(&async.msg, call);
	if (call->send)
		http_send(&place->sk, call->result);
	else
		http_receive(&place->sk, call->result, call->flags);
}

void probe_move(const struct probe_call *call)
{
	struct task_struct *task = &tasks[call->thread];
	__u64 begin_ns = bpf_ktime_get_ns();

	current = call->thread;
	__builtin_memset(stream_scratch_get(), scratch_fill, sizeof(struct stream_scratch));
	task->flags = 0;
	task->io_uring = call->has_uring ? (void *)&request : NULL;
	compat_set(call->is_compat);
	thread_make(task)->syscall_start_ns = call->is_timed ? begin_ns : 0;
	call_enter(call);
	if (hooks == HOOKS_FUNCTION)
		move_by_function(call);
	else
		move_by_tracepoint(call);
}

/* --- begin and end --- */

void probe_reset(enum hooks by, unsigned char fill)
{
	hooks = by;
	scratch_fill = fill;
	threads_reset();
	__builtin_memset(latency_places, 0, sizeof(latency_places));
	__builtin_memset(&shares, 0, sizeof(shares));
	shares.of[SHARE_PIPELINE].left = PIPELINE_MAX;
	shares.of[SHARE_LATENCIES].left = LATENCIES_HERE;
	for (__u32 i = LATENCIES_HERE; i; i--)
		bpf_map_push_elem(&latencies_free, &i, BPF_ANY);
}

/* The hook is that of TCP, and stands in for what shows the end of a Unix socket. */
void probe_close(int socket)
{
	if (places[socket].carrier != OVER_UDP)
		http_destroy(&places[socket].sk);
}

void probe_end(void)
{
	if (shares.of[SHARE_PIPELINE].left != PIPELINE_MAX)
		__builtin_trap(); /* whoever waited has given its room back */
}

__u64 probe_count(enum source source, enum outcome outcome)
{
	__u32 zero = 0;
	struct counters *c = bpf_map_lookup_elem(&counters, &zero);

	return c->count[source][outcome];
}
