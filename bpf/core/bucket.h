/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which latency bucket a duration falls into; the same code in the probes and in the daemon.
 * The leading bit and the four bits below it say which bucket the smallest duration with those
 * bits is in; the next bound, looked up, tells whether this one is in the bucket after it. A
 * sixteenth of an octave is at most 0.7 buckets wide, so it is never further off.
 */
#ifndef SONDE_BUCKET_H
#define SONDE_BUCKET_H

#include "core/histogram_bounds.h"
#include "record.h"

static const __u64 histogram_bounds[256] = HISTOGRAM_BOUNDS_NS;

/*
 * ceil(8 · log2(1 + m/16) + 0.8212), where 0.8212 = 48 - (8 · log2(10^9) + 8 · MIN_EXP) (four bits
 * for each m): the bucket within an octave at which each sixteenth begins.
 * tests/unit/test_histogram.c tries every bound.
 */
#define HISTOGRAM_SIXTEENTHS 0x9988776665443321ULL

static inline __attribute__((always_inline)) __u32 histogram_bucket(__u64 duration_ns)
{
	__u64 rest = duration_ns;
	__u32 exponent = 0, index;

	if (duration_ns <= histogram_bounds[0])
		return 0;
	if (duration_ns > histogram_bounds[HISTOGRAM_BOUNDS - 1])
		return HISTOGRAM_BOUNDS;
	if (rest >> 32) {
		exponent = 32;
		rest >>= 32;
	}
	if (rest >> 16) {
		exponent += 16;
		rest >>= 16;
	}
	if (rest >> 8) {
		exponent += 8;
		rest >>= 8;
	}
	if (rest >> 4) {
		exponent += 4;
		rest >>= 4;
	}
	if (rest >> 2) {
		exponent += 2;
		rest >>= 2;
	}
	exponent += rest >> 1;
	/* above bound 0 = 59 ns the leading bit is 5 or more */
	index = duration_ns >> (exponent - 4) & 15;
	index = 8 * exponent - 48 + (HISTOGRAM_SIXTEENTHS >> 4 * index & 15);
	index &= 255; /* for the verifier: it cannot know */
	index += duration_ns > histogram_bounds[index];
	return index < HISTOGRAM_BUCKETS ? index : HISTOGRAM_BOUNDS;
}

#endif
