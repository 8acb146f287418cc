/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base-2 exponential histogram, 8 buckets per power of two, as in the kernel (bpf/record.h).
 *
 * Bucket i (0 ≤ i < HISTOGRAM_BOUNDS) holds durations d with bound(i-1) < d ≤ bound(i), where
 * bound(i) = 2^(HISTOGRAM_MIN_EXP + i/8) seconds; bucket 0 also holds all that is shorter, the last
 * one (HISTOGRAM_BUCKETS - 1) all that is longer than 2^HISTOGRAM_MAX_EXP s. Durations are whole
 * nanoseconds, so d ≤ bound(i) is the same as d ≤ histogram_bound_ns[i] = floor(bound(i) · 10^9),
 * which is exact. Prometheus's bucket index (schema 3) of bucket i is i + HISTOGRAM_MIN_EXP · 8,
 * OTLP's (scale 3) is one less. Formula: OpenTelemetry metrics data model, "ExponentialHistogram";
 * Prometheus native histograms, "schemas".
 */
#ifndef SONDE_HISTOGRAM_H
#define SONDE_HISTOGRAM_H

#include <stdint.h>

#include "record.h"

struct histogram {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* floor(2^(HISTOGRAM_MIN_EXP + i/8) · 10^9), the table of bpf/histogram_bounds.h. */
extern const uint64_t histogram_bound_ns[HISTOGRAM_BOUNDS];

/* Bucket of a duration. */
unsigned histogram_index(uint64_t duration_ns);

void histogram_record(struct histogram *histogram, uint64_t duration_ns);

/* Adds what a sweep found: `count` durations in bucket `index`; the sum is added apart. */
void histogram_add(struct histogram *histogram, unsigned index, uint64_t count);

/*
 * Quantile q (0 … 1) in nanoseconds, interpolated geometrically within its bucket as Prometheus's
 * histogram_quantile() does for native histograms; 0 when empty, the last bound when beyond it.
 */
uint64_t histogram_quantile(const struct histogram *histogram, double q);

/* How many durations are ≤ 2^exponent seconds: exact, as each power of two is a bound. */
uint64_t histogram_count_upto(const struct histogram *histogram, int exponent);

#endif
