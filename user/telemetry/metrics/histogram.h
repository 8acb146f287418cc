/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base-2 exponential histogram, 8 buckets per power of two: the kernel's (bpf/record.h), and on to
 * whatever is longer.
 *
 * Bucket i (0 ≤ i < DURATION_BOUNDS) holds durations d with bound(i-1) < d ≤ bound(i), where
 * bound(i) = 2^(HISTOGRAM_MIN_EXP + i/8) seconds; bucket 0 also holds all that is shorter, the last
 * one (DURATION_BUCKETS - 1) what no bound is known for: all that is longer than
 * 2^DURATION_MAX_EXP s, and, of what the kernel counts in its own buckets, than
 * 2^HISTOGRAM_MAX_EXP s. Durations are whole nanoseconds, so d ≤ bound(i) is the same as
 * d ≤ histogram_bound_ns(i) = floor(bound(i) · 10^9), which is exact. Prometheus's bucket index
 * (schema 3) of bucket i is i + HISTOGRAM_MIN_EXP · 8, OTLP's (scale 3) is one less. Formula:
 * OpenTelemetry metrics data model, "ExponentialHistogram"; Prometheus native histograms,
 * "schemas".
 */
#ifndef SONDE_HISTOGRAM_H
#define SONDE_HISTOGRAM_H

#include <stdint.h>

#include "record.h"

/* 2^33 s are 272 years: of no later octave do 64 bits hold each bound in nanoseconds. */
#define DURATION_MAX_EXP 33
#define DURATION_BOUNDS  ((DURATION_MAX_EXP - HISTOGRAM_MIN_EXP) * HISTOGRAM_PER_OCTAVE + 1)
#define DURATION_BUCKETS (DURATION_BOUNDS + 1)

struct histogram {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t buckets[DURATION_BUCKETS];
};

/* floor(2^(HISTOGRAM_MIN_EXP + index/8) · 10^9), for index < DURATION_BOUNDS. */
uint64_t histogram_bound_ns(unsigned index);

/* Bucket of a duration. */
unsigned histogram_index(uint64_t duration_ns);

/*
 * Quantile q (0 … 1) in nanoseconds, interpolated geometrically within its bucket as Prometheus's
 * histogram_quantile() does for native histograms; 0 when empty, the last bound when beyond it.
 */
uint64_t histogram_quantile(const struct histogram *histogram, double q);

#endif
