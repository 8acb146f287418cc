/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where each CPU works on the chunk that it is at. It lies in a map and not on the stack: the
 * verifier does not follow values there, so it need not try all of them.
 */
#ifndef SONDE_SCRATCH_BPF_H
#define SONDE_SCRATCH_BPF_H

#include "stream/bytes.bpf.h"

/* The way back to the begin of an operation; see chunk.bpf.h. */
struct rewind {
	struct bytes bytes;
	__u64 left; /* of what has been moved */
};

#define PROTOCOL_SCRATCH_LEN 2048

struct stream_scratch {
	struct rewind rewind;
	struct bytes bytes; /* of the chunk, where a function finds them that takes no pointer */
	/* of the one protocol that the chunk is given to, as memory for each CPU is dear */
	__u64 protocol[PROTOCOL_SCRATCH_LEN / 8];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct stream_scratch);
} stream_scratch __weak SEC(".maps");

/* NULL, which cannot be, for the verifier. */
static __always_inline struct stream_scratch *stream_scratch_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&stream_scratch, &zero);
}

/* Room that the protocol has to itself until the operation is dealt with. */
#define protocol_scratch_get(type)                                                                 \
	({                                                                                         \
		struct stream_scratch *whole = stream_scratch_get();                               \
		_Static_assert(sizeof(type) <= PROTOCOL_SCRATCH_LEN, "it has to fit");             \
		whole ? (type *)whole->protocol : NULL;                                            \
	})

#endif
