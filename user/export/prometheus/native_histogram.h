/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A histogram as Prometheus's native histograms have it: what is empty is left out.
 *
 * The buckets inside (telemetry/metrics/histogram.h) are those of schema 3, by their bounds in
 * seconds, so every count keeps its bucket and nothing is rounded. The two at the ends become
 *
 *   the first, ≤ 2^HISTOGRAM_MIN_EXP s     the zero bucket, whose threshold is that bound
 *   the last, for which no bound is known  the overflow bucket, which ends at +Inf
 */
#ifndef SONDE_NATIVE_HISTOGRAM_H
#define SONDE_NATIVE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "telemetry/metrics/histogram.h"

#define NATIVE_SCHEMA         3 /* 2^3 buckets for each power of two */
#define NATIVE_ZERO_THRESHOLD (1.0 / (1 << -HISTOGRAM_MIN_EXP))

/* Empty buckets that are told as such, as they take less than the begin of another span. */
#define NATIVE_GAP_MAX   2
#define NATIVE_SPANS_MAX (DURATION_BUCKETS / (NATIVE_GAP_MAX + 2) + 1)

struct native_span {
	int32_t offset; /* empty buckets since the span before; of the first one, its index */
	uint32_t length;
};

struct native_histogram {
	uint64_t zero_count;
	size_t span_count, delta_count;
	struct native_span spans[NATIVE_SPANS_MAX];
	int64_t deltas[DURATION_BUCKETS]; /* for each bucket of all spans, to the one before */
};

void native_histogram_make(struct native_histogram *native, const struct histogram *histogram);

#endif
