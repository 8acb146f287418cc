/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS, as the side that asks sees it: tells each message that goes to or comes from port 53, raw.
 * What belongs together is found in user space (user/telemetry/dns/dns_lookups.c), so all that is
 * kept here is which sockets ask without being connected.
 *
 * All others' operations pay one comparison of their port.
 */
#ifndef SONDE_DNS_BPF_H
#define SONDE_DNS_BPF_H

#include "stream/chunk.bpf.h"
#include "core/workload.bpf.h"

extern const volatile bool reports_dns;
extern __u32 own_tgid;

#define DNS_PORT 53

/* Sends to other ports after which a socket that is not connected is left alone. */
#define DNS_MISSES_MAX 8
#define DNS_ASKS       255 /* in the place of misses: it has sent to DNS_PORT */

/* The port tells a socket from a closed one that was in its place. */
struct dns_socket {
	__u64 carrier;
	__u64 port;
};

/* Misses of UDP sockets that are not connected. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, UDP_SOCKETS_MAX);
	__type(key, struct dns_socket);
	__type(value, __u32);
} dns_sockets __weak SEC(".maps");

struct dns_scratch {
	struct bytes_cursor cursor;
	__u64 carrier;
	__u64 to; /* where the address lies that a message is sent to; 0: nowhere */
	__u32 to_is_user;
	struct record_dns record;
	char overhang[BYTES_AT_ONCE]; /* of the last piece that is read */
};

static __always_inline struct dns_scratch *dns_scratch_get(void)
{
	return protocol_scratch_get(struct dns_scratch);
}

/* --- which sockets ask --- */

/* It asks DNS, or might: then it is a UDP socket that is not connected. */
static __always_inline bool dns_may_speak(const struct channel *channel)
{
	__u16 port;

	if (!reports_dns)
		return false;
	port = channel_remote_port(channel);
	if (port != DNS_PORT)
		return !port && channel->transport == TRANSPORT_UDP;
	return channel->transport == TRANSPORT_TCP || channel->transport == TRANSPORT_UDP;
}

/* What is known of a socket that is not connected says that this operation is of no interest. */
static __always_inline bool dns_is_known_other(
	const struct channel *channel, enum dns_direction direction)
{
	struct dns_socket key = {channel_carrier(channel), channel_local_port(channel)};
	__u32 *misses = bpf_map_lookup_elem(&dns_sockets, &key);

	return direction == DNS_RECEIVED ? !misses || *misses != DNS_ASKS
					 : misses && *misses == DNS_MISSES_MAX;
}

/* --- one message --- */

/* Of a socket that is not connected: does it ask DNS with this message, or has it asked? */
static __always_inline bool dns_is_asked(struct dns_scratch *scratch)
{
	struct record_dns *record = &scratch->record;
	struct dns_socket key = {scratch->carrier, record->address.local_port};
	__u32 *misses = bpf_map_lookup_elem(&dns_sockets, &key), value = DNS_ASKS;

	if (record->direction == DNS_RECEIVED) {
		if (!misses || *misses != DNS_ASKS)
			return false;
		if (!scratch->to_is_user) /* where the kernel has put who sent it, if asked for */
			remote_read(&record->address, scratch->to, false);
		return true;
	}
	if (!remote_read(&scratch->record.address, scratch->to, scratch->to_is_user))
		return false;
	if (record->address.remote_port == DNS_PORT) {
		if (!misses || *misses != DNS_ASKS)
			bpf_map_update_elem(&dns_sockets, &key, &value, BPF_ANY);
		return true;
	}
	value = 1;
	if (!misses)
		bpf_map_update_elem(&dns_sockets, &key, &value, BPF_ANY);
	else if (*misses < DNS_MISSES_MAX)
		++*misses;
	return false;
}

/* Reads the next piece of the message, behind the `got` bytes that are there. */
__weak __noinline int dns_read(__u32 got, __u32 most)
{
	struct dns_scratch *scratch = dns_scratch_get();

	if (!scratch || got >= DNS_BYTES_LEN)
		return -1;
	if (most > BYTES_AT_ONCE)
		most = BYTES_AT_ONCE;
	return bytes_read(&scratch->cursor, got, scratch->record.bytes + got, most);
}

#define DNS_PIECES 8 /* of a message that are read: three of 512 bytes, or some short ones */

/* Reports the message that the scratch describes. */
__weak __noinline int dns_report(void)
{
	struct dns_scratch *scratch = dns_scratch_get();
	__u32 got = 0, most;

	if (!scratch)
		return 0;
	if (!scratch->record.is_tcp && !scratch->record.address.remote_port &&
		!dns_is_asked(scratch))
		return 0;
	most = scratch->record.length;
	if (most > DNS_BYTES_LEN)
		most = DNS_BYTES_LEN;
	for (int i = 0; i < DNS_PIECES; i++) {
		int more;

		if (got >= most)
			break;
		more = dns_read(got, most - got);
		if (more < 0 || more > BYTES_AT_ONCE)
			break;
		got += more;
	}
	if (!got) {
		count(SOURCE_DNS, OUTCOME_UNREADABLE);
		return 0;
	}
	if (got > DNS_BYTES_LEN)
		got = DNS_BYTES_LEN;
	barrier_var(got);
	scratch->record.kept = got;
	ring_output(SOURCE_DNS, &scratch->record, offsetof(struct record_dns, bytes) + got);
	return 0;
}

/* --- what an operation moved --- */

#define DNS_LIST_MAX 4 /* messages that one sendmmsg() sends; glibc: two */

/* Describes a message of the list that the current system call sends. False: it is no more. */
static __always_inline bool dns_list_take(struct dns_scratch *scratch, __u64 list, __u32 index)
{
	struct user_msghdr message;
	struct bytes *bytes = &scratch->cursor.bytes;

	if (bpf_probe_read_user(
		    &message, sizeof(message), (void *)(list + index * sizeof(struct mmsghdr))))
		return false;
	scratch->cursor = (struct bytes_cursor){};
	bytes->kind = BYTES_USER_IOVEC;
	bytes->base = (__u64)message.msg_iov;
	bytes->segments = message.msg_iovlen;
	scratch->to = (__u64)message.msg_name;
	scratch->record.length = bytes_length(bytes);
	return true;
}

__weak __noinline int dns_list_report(__u32 index)
{
	struct dns_scratch *scratch = dns_scratch_get();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	bool connected;

	if (!scratch || !dns_list_take(scratch, SYSCALL_ARGUMENT(regs), index))
		return 0;
	connected = scratch->record.address.remote_port;
	dns_report();
	if (!connected)
		scratch->record.address.remote_port = 0;
	return 0;
}

/* Where the current system call has the address that it sends to. */
static __always_inline __u64 dns_call_to(const struct pt_regs *regs)
{
	struct user_msghdr message;

	switch (SYSCALL_NUMBER(regs)) {
	case NR_SENDTO: return SYSCALL_ADDRESS(regs);
	case NR_SENDMSG:
		if (!bpf_probe_read_user(&message, sizeof(message), (void *)SYSCALL_ARGUMENT(regs)))
			return (__u64)message.msg_name;
	}
	return 0;
}

/*
 * By the current system call. The messages of a list are all told each time that one of them is
 * sent, as nobody tells which one that is; user space takes those that it knows for the same.
 */
__weak __noinline int dns_report_call(void)
{
	struct dns_scratch *scratch = dns_scratch_get();
	struct task_struct *task = bpf_get_current_task_btf();
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	__u32 messages;

	if (!scratch)
		return 0;
	scratch->cursor = (struct bytes_cursor){};
	scratch->to = 0;
	scratch->to_is_user = true;
	if (!in_call_on(scratch->carrier) || is_compat(task))
		return dns_report(); /* unreadable */
	if (SYSCALL_NUMBER(regs) != NR_SENDMMSG) {
		bytes_from_syscall(&scratch->cursor.bytes, task);
		scratch->to = dns_call_to(regs);
		return dns_report();
	}
	messages = SYSCALL_LENGTH(regs);
	for (__u32 i = 0; i < DNS_LIST_MAX; i++) {
		if (i >= messages)
			break;
		dns_list_report(i);
	}
	return 0;
}

/* Errors by which UDP tells that nobody is there to answer. */
static __always_inline bool dns_is_unreachable(int result)
{
	return result == -ECONNREFUSED || result == -EHOSTUNREACH || result == -ENETUNREACH;
}

/* A channel that may speak DNS has moved bytes, or a message of UDP. */
static __always_inline void dns_moved(const struct channel *channel, const struct chunk *chunk)
{
	enum dns_direction direction = chunk->direction == DIRECTION_SEND ? DNS_SENT : DNS_RECEIVED;
	int result = chunk->result;
	struct dns_scratch *scratch;
	struct record_dns *record;
	struct thread *thread;
	__u64 begin_ns;

	if (chunk->flags & MSG_TRUNC) /* how much was read of what was cut off is not known */
		return;
	if (result <= 0 && !dns_is_unreachable(result))
		return;
	if (!channel_remote_port(channel) && dns_is_known_other(channel, direction))
		return;
	scratch = dns_scratch_get();
	thread = thread_current(SOURCE_DNS);
	if (!scratch || bpf_get_current_pid_tgid() >> 32 == own_tgid)
		return;
	record = &scratch->record;
	begin_ns = thread && direction == DNS_SENT ? thread->syscall_start_ns : 0;
	record->record.type = RECORD_DNS;
	record->record.reserved = record->reserved = 0;
	record->record.workload = thread ? thread->workload : 0;
	record->record.time_ns = begin_ns ?: bpf_ktime_get_ns();
	channel_address(channel, &record->address);
	record->tgid = bpf_get_current_pid_tgid() >> 32;
	record->error = result < 0 ? -result : 0;
	record->length = result < 0 ? 0 : result;
	record->direction = direction;
	record->is_tcp = channel->transport == TRANSPORT_TCP;
	scratch->carrier = channel_carrier(channel);
	if (result < 0) {
		record->kept = 0;
		ring_output(SOURCE_DNS, record, offsetof(struct record_dns, bytes));
		return;
	}
	if (chunk->way == BY_SYSCALL) {
		dns_report_call();
		return;
	}
	scratch->cursor = (struct bytes_cursor){};
	chunk_find(&scratch->cursor.bytes, channel, chunk);
	scratch->to = chunk->way == BY_MESSAGE ? (__u64)READ(chunk->message, msg_name) : 0;
	scratch->to_is_user = false;
	dns_report();
}

#endif
