/* SPDX-License-Identifier: Apache-2.0 */
/* Leads a dialogue through the probe, operation by operation, and keeps what the probe told. */
#ifndef SONDE_FUZZ_RUN_H
#define SONDE_FUZZ_RUN_H

#include "dialogue.h"

/* How turns become operations. */
enum cut {
	CUT_NOT,    /* each turn is one */
	CUT_BYTES,  /* each byte is one */
	CUT_PIECES, /* of any sizes */
	CUT_UNIX,   /* the same, over a Unix socket */
	CUTS
};

/* What lies in the probe's scratch before an operation is of no meaning, and is one of these. */
enum { FILL_ZEROS, FILL_PATTERN, FILLS };

#define RAW_MAX (sizeof(struct record_http) + 128)

/* Times are OPERATION_NS times the number of an operation, and some more within it. */
#define OPERATION_NS 1000

struct run {
	struct record_http records[REQUESTS_MAX];
	unsigned char raw[REQUESTS_MAX][RAW_MAX]; /* the same, as they came out of the kernel */
	size_t sizes[REQUESTS_MAX];
	int record_count;
	uint64_t lost;                    /* events that the probe counted as such */
	uint32_t *operations[DIRECTIONS]; /* for each byte of a stream: which one moved it */
};

/* The result is valid until the next run with the same `cut` and `fill`. */
const struct run *run_dialogue(
	const struct dialogue *dialogue, enum cut cut, uint64_t seed, int fill);

#endif
