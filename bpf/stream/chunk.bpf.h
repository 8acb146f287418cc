/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A chunk: the bytes that one operation has moved in one direction of a channel, now. A hook says
 * how many; this header finds where they lie, if a protocol asks. That costs more than all the rest
 * of an operation, so nobody asks for bytes that can be skipped by arithmetic.
 */
#ifndef SONDE_CHUNK_BPF_H
#define SONDE_CHUNK_BPF_H

#include "stream/scratch.bpf.h"
#include "stream/uring.bpf.h"

/* How the bytes of a chunk are found. */
enum chunk_way {
	BY_SYSCALL, /* by the arguments of the system call under way, or by io_uring's request */
	BY_MESSAGE, /* by a msghdr that the hook hands over */
	BY_NOTHING  /* they cannot be read: pages of a file */
};

struct chunk {
	enum direction direction;
	int result; /* number of bytes; 0: the end of the stream; or an error, negative */
	int flags;  /* of a receive: MSG_… */
	enum chunk_way way;
	const struct msghdr *message; /* for BY_MESSAGE */
};

/* --- from the kernel's description of an operation, which shows what is left of it --- */

#define REWIND_STEPS 33 /* 33 × 33 pieces are more than UIO_MAXIOV, 1,024 */

/* Goes back by some pieces. Returns 1 at the begin. */
__weak __noinline int rewind_some(void)
{
	struct stream_scratch *scratch = stream_scratch_get();
	struct rewind *rewind;
	struct iovec piece;

	if (!scratch)
		return 1;
	rewind = &scratch->rewind;
	for (int i = 0; i < REWIND_STEPS; i++) {
		if (rewind->left <= rewind->bytes.skip) {
			rewind->bytes.skip -= rewind->left;
			return 1;
		}
		rewind->left -= rewind->bytes.skip;
		rewind->bytes.base -= sizeof(piece);
		rewind->bytes.segments++;
		if (bpf_probe_read_kernel(&piece, sizeof(piece), (void *)rewind->bytes.base)) {
			rewind->bytes.kind = BYTES_UNREADABLE;
			return 1;
		}
		rewind->bytes.skip = piece.iov_len;
	}
	return 0;
}

/* Returns 0 when the begin is farther away than an operation can be long. */
__weak __noinline int rewind_all(void)
{
	for (int i = 0; i < REWIND_STEPS; i++)
		if (rewind_some())
			return 1;
	return 0;
}

/* Leads `bytes`, which begin behind what has moved, back to the first of the `moved` ones. */
static __always_inline void bytes_rewind(struct bytes *bytes, __u64 moved)
{
	struct stream_scratch *scratch;

	if (bytes->kind == BYTES_USER)
		bytes->skip -= moved;
	if (bytes->kind != BYTES_KERNEL_IOVEC)
		return;
	bytes->kind = BYTES_UNREADABLE;
	scratch = stream_scratch_get();
	if (!scratch)
		return;
	scratch->rewind.bytes = *bytes;
	scratch->rewind.bytes.kind = BYTES_KERNEL_IOVEC;
	scratch->rewind.left = moved;
	if (rewind_all())
		*bytes = scratch->rewind.bytes;
}

/* --- the bytes of a chunk --- */

/*
 * Finds the bytes of the current system call, into the scratch. They are those of the chunk if that
 * call moved them: the result, enum uring_use, helps call_is_on() to say.
 */
__weak __noinline int chunk_find_by_call(void)
{
	struct stream_scratch *scratch = stream_scratch_get();
	struct task_struct *task = bpf_get_current_task_btf();

	if (scratch)
		bytes_from_syscall(&scratch->bytes, task);
	return uring_use(task);
}

/*
 * Finds the `moved` bytes of io_uring's request at this address, which is for the file at that
 * address, into the scratch.
 */
__weak __noinline int chunk_find_by_uring(__u64 request, __u64 file, __u64 moved)
{
	struct stream_scratch *scratch = stream_scratch_get();

	if (!scratch)
		return 0;
	moved = bytes_from_uring(&scratch->bytes, request, file, moved);
	bytes_rewind(&scratch->bytes, moved);
	return 0;
}

/* Finds where the bytes of a chunk lie. */
static __always_inline void chunk_find(
	struct bytes *bytes, const struct channel *channel, const struct chunk *chunk)
{
	__u64 carrier = channel_carrier(channel);
	struct stream_scratch *scratch;

	switch (chunk->way) {
	case BY_SYSCALL:
		if (!call_is_on(carrier, chunk_find_by_call()))
			chunk_find_by_uring(uring_request(channel, chunk->direction),
				carrier_file(carrier), chunk->result);
		scratch = stream_scratch_get();
		if (scratch)
			*bytes = scratch->bytes;
		break;
	case BY_MESSAGE:
		bytes_from_msghdr(bytes, chunk->message);
		bytes_rewind(bytes, chunk->result);
		break;
	case BY_NOTHING: bytes->kind = BYTES_UNREADABLE;
	}
}

#endif
