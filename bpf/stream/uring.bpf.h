/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The bytes of a socket operation that io_uring does. No hook is handed the request that runs, so
 * each one is noted when it is submitted (uring.bpf.c), under the file that it is for.
 */
#ifndef SONDE_URING_BPF_H
#define SONDE_URING_BPF_H

#include "stream/bytes.bpf.h"

struct uring_key {
	__u64 file; /* its address */
	__u64 direction;
};

/*
 * The last request that was submitted for each file and direction, until its first try: soon, but
 * for requests that wait to be tried. The submission shows no socket, only where the file lies.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct uring_key);
	__type(value, __u64);
} uring_requests __weak SEC(".maps");

/*
 * The request that io_uring tries on a socket; 0: not known. From the first try on it is kept with
 * the socket, as it may be tried again at any time.
 */
static __always_inline __u64 uring_request(struct sock *sk, enum direction direction)
{
	struct uring_key key = {socket_file(sk), direction};
	__u64 *noted = bpf_map_lookup_elem(&uring_requests, &key);
	struct socket_state *state = socket_state_make(sk);

	if (!state)
		return 0;
	if (noted)
		state->uring_requests[direction & 1] = *noted;
	return state->uring_requests[direction & 1];
}

/*
 * Where a request keeps its place in its buffers, and, in `moved`, how many bytes ago its operation
 * began there. NULL: nowhere; from Linux 6.10 on, all have it.
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
	*moved = 0; /* a socket that is read or written as a file works on a copy */
	return &((struct io_async_rw *)kept)->iter;
}

/*
 * Those of the request, an address, that io_uring tries on the socket that is this file and that
 * has `moved` some of them. Returns how far behind the place that it keeps they begin.
 */
static __always_inline __u64 bytes_from_uring(
	struct bytes *bytes, __u64 address, __u64 file, __u64 moved)
{
	struct io_kiocb *request = (struct io_kiocb *)address;
	struct iov_iter *iter;
	__u32 kind;

	bytes->kind = BYTES_UNREADABLE;
	/* the memory of one that is over may be another one's */
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
		bytes->kind = BYTES_USER; /* else it was another request that moved them */
	}
	return moved;
}

#endif
