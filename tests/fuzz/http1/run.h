/* SPDX-License-Identifier: Apache-2.0 */
/* Leads a dialogue through the probe, operation by operation, and keeps what the probe told. */
#ifndef SONDE_FUZZ_RUN_H
#define SONDE_FUZZ_RUN_H

#include "harness/harness.h"
#include "http1/dialogue.h"

/* How turns become operations. */
enum cut {
	CUT_NOT,    /* each turn is one */
	CUT_BYTES,  /* each byte is one */
	CUT_PIECES, /* of any sizes */
	CUT_UNIX,   /* the same, over a Unix socket */
	CUTS
};

struct run {
	struct reports reports;
	struct record_http records[REPORTS_MAX]; /* the same, up to their texts */
	uint64_t lost;                           /* events that the probe counted as such */
	uint32_t *operations[DIRECTIONS];        /* for each byte of a stream: which one moved it */
};

/* The result is valid until the next run with the same `cut` and `fill`. */
const struct run *run_dialogue(
	const struct dialogue *dialogue, enum cut cut, uint64_t seed, int fill);

#endif
