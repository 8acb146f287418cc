/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The durations of one histogram series, small enough to keep thousands of them: exponential
 * buckets (histogram.h) that cost memory only where there are counts, and classic buckets with
 * bounds of the family's choice. For the registry (metrics.c), which places it inside a series.
 */
#ifndef SONDE_DURATIONS_H
#define SONDE_DURATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telemetry/metrics/histogram.h"
#include "telemetry/metrics/metrics.h"

/* The classic bounds of a family, and how the exponential buckets lie to them. */
struct classic_bounds {
	const struct metric_bound *bounds;
	size_t count;
	bool is_mergeable; /* each bound ends a bucket of the kernel: none of those has two sides */
	uint8_t first[DURATION_BUCKETS]; /* classic bucket into which an exponential one begins */
};

/* Counts of exponential buckets, for those powers of two only in which there ever was one. */
struct octave_counts {
	uint32_t *counts; /* HISTOGRAM_PER_OCTAVE for each bit of `octaves`, ascending */
	uint64_t octaves; /* bit i: buckets i · HISTOGRAM_PER_OCTAVE and up */
};

struct durations {
	uint64_t count;
	uint64_t sum_ns;
	struct octave_counts low;  /* counts modulo 2^32 */
	struct octave_counts high; /* how often they went past that: for most series, nothing */
	uint64_t classic[];        /* one for each bound: what is in this bucket, not up to it */
};

void classic_bounds_map(
	struct classic_bounds *classic, const struct metric_bound *bounds, size_t count);

/* Bytes of a `struct durations` with these bounds; zeroed, it is empty. */
size_t durations_size(const struct classic_bounds *classic);

/* These two abort without memory: a count has no true place elsewhere. */
void durations_record(
	struct durations *durations, const struct classic_bounds *classic, uint64_t duration_ns);
void durations_merge(struct durations *durations, const struct classic_bounds *classic,
	const struct record_bucket *buckets, size_t count, uint64_t sum_ns, enum bound_side side);

void durations_expand(const struct durations *durations, struct histogram *histogram);

/* Frees what it holds, not itself. */
void durations_clear(struct durations *durations);

#endif
