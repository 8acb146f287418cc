/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base-2 exponential histogram (histogram.h): the table of bounds, and what can be read from the
 * counts. Which bucket a duration falls into is the probes' own code (bpf/bucket.h). Owns no
 * memory. The registry (metrics.c) records into it, the live table asks it for quantiles.
 */
#include "telemetry/histogram.h"

#include <math.h>

#include "bucket.h"

const uint64_t histogram_bound_ns[HISTOGRAM_BOUNDS] = HISTOGRAM_BOUNDS_NS;

#define LAST_BOUND_NS histogram_bound_ns[HISTOGRAM_BOUNDS - 1]
unsigned histogram_index(uint64_t duration_ns)
{
	return histogram_bucket(duration_ns);
}

void histogram_record(struct histogram *histogram, uint64_t duration_ns)
{
	histogram->count++;
	histogram->sum_ns += duration_ns;
	histogram->buckets[histogram_index(duration_ns)]++;
}

void histogram_add(struct histogram *histogram, unsigned index, uint64_t count)
{
	histogram->count += count;
	histogram->buckets[index] += count;
}

uint64_t histogram_quantile(const struct histogram *histogram, double q)
{
	double rank = q * (double)histogram->count;
	uint64_t below = 0;
	unsigned i = 0;

	if (histogram->count == 0)
		return 0;
	while (i < HISTOGRAM_BOUNDS &&
		(histogram->buckets[i] == 0 || (double)(below + histogram->buckets[i]) < rank))
		below += histogram->buckets[i++];
	if (i == HISTOGRAM_BOUNDS)
		return LAST_BOUND_NS;

	double share = (rank - (double)below) / (double)histogram->buckets[i];
	double upper = (double)histogram_bound_ns[i];
	if (i == 0) /* begins at zero, which has no logarithm */
		return (uint64_t)(upper * share);
	return (uint64_t)(upper * exp2((share - 1) / HISTOGRAM_PER_OCTAVE));
}

uint64_t histogram_count_upto(const struct histogram *histogram, int exponent)
{
	int last = (exponent - HISTOGRAM_MIN_EXP) * HISTOGRAM_PER_OCTAVE;
	uint64_t count = 0;

	for (int i = 0; i <= last && i < HISTOGRAM_BOUNDS; i++)
		count += histogram->buckets[i];
	return count;
}
