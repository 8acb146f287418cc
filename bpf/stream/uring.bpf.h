/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finds the bytes of a socket operation that io_uring runs. No hook is handed the request that
 * runs, so each request is noted when it is submitted (uring.bpf.c), under the address of its file.
 */
#ifndef SONDE_URING_BPF_H
#define SONDE_URING_BPF_H

#include "stream/bytes.bpf.h"

struct uring_key {
	__u64 file; /* its address */
	__u64 direction;
};

/*
 * The last request that was submitted for each file and direction. A submission shows no socket,
 * only the address of the file.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct uring_key);
	__type(value, __u64);
} uring_requests __weak SEC(".maps");

/* The requests that io_uring tries on a channel, which it may try again at any time. */
struct uring_channel {
	__u64 requests[2]; /* by direction */
};

CHANNEL_MAP(uring_channels, struct uring_channel, 256);

/*
 * The address of the request that io_uring tries on a channel; 0: not known. From its first try on
 * a request is kept with the channel.
 */
static __always_inline __u64 uring_request(const struct channel *channel, enum direction direction)
{
	struct uring_key key = {carrier_file(channel_carrier(channel)), direction};
	__u64 *noted = bpf_map_lookup_elem(&uring_requests, &key);
	struct uring_channel *kept;

	if (!noted) {
		kept = channel_find(uring_channels, channel);
		return kept ? kept->requests[direction & 1] : 0;
	}
	kept = channel_make(uring_channels, channel);
	if (kept)
		kept->requests[direction & 1] = *noted;
	return *noted;
}

/*
 * The iterator that holds a request's place in its buffers. `*moved` becomes 0 where the iterator
 * does not advance with the operation. NULL: the request has no iterator, as before Linux 6.10.
 */
static __always_inline struct iov_iter *uring_iter(const struct io_kiocb *request, __u64 *moved)
{
	void *kept = BPF_CORE_READ(request, async_data);

	if (!kept)
		return NULL;
	switch (BPF_CORE_READ(request, opcode)) {
	case IORING_OP_RECV:
	case IORING_OP_RECVMSG:
	case IORING_OP_SEND:
	case IORING_OP_SENDMSG:
	case IORING_OP_SEND_ZC:
	case IORING_OP_SENDMSG_ZC: return &((struct io_async_msghdr *)kept)->msg.msg_iter;
	}
	*moved = 0; /* reading and writing a socket as a file advance a copy */
	return &((struct io_async_rw *)kept)->iter;
}

/*
 * Finds the bytes of the request at `address`, which io_uring tries on the socket that is `file`,
 * after the operation has moved `moved` bytes. Returns by how much the operation's first byte lies
 * before the iterator's place.
 */
static __always_inline __u64 bytes_from_uring(
	struct bytes *bytes, __u64 address, __u64 file, __u64 moved)
{
	struct io_kiocb *request = (struct io_kiocb *)address;
	struct iov_iter *iter;
	__u32 kind;

	bytes->kind = BYTES_UNREADABLE;
	/* a request that is over has given its memory to another request */
	if ((__u64)BPF_CORE_READ(request, file) != file)
		return 0;
	iter = uring_iter(request, &moved);
	if (!iter)
		return 0;
	kind = BPF_CORE_READ(iter, iter_type);
	bytes->base = (__u64)BPF_CORE_READ(iter, __iov);
	bytes->skip = BPF_CORE_READ(iter, iov_offset);
	bytes->segments = 0;
	if (kind == bpf_core_enum_value(enum iter_type, ITER_IOVEC)) {
		bytes->kind = BYTES_KERNEL_IOVEC;
		bytes->segments = BPF_CORE_READ(iter, nr_segs);
	} else if (kind == bpf_core_enum_value(enum iter_type, ITER_UBUF) && bytes->skip >= moved) {
		bytes->kind = BYTES_USER; /* else another request has moved these bytes */
	}
	return moved;
}

#endif
