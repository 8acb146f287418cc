/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base-2 exponential histogram (histogram.h): the table of bounds, the index of a duration, and
 * what can be read from the counts. Owns no memory. The registry (metrics.c) records into it, the
 * live table asks it for quantiles.
 */
#include "telemetry/histogram.h"

#include <math.h>

#include "histogram_bounds.h"

const uint64_t histogram_bound_ns[HISTOGRAM_BOUNDS] = HISTOGRAM_BOUNDS_NS;

#define LAST_BOUND_NS   histogram_bound_ns[HISTOGRAM_BOUNDS - 1]
#define LEADING_BITS    4 /* after the first one */
#define BITS_OF(number) (63 - __builtin_clzll(number))

/*
 * A duration's first LEADING_BITS + 1 bits put it in a cell that is at most 1/16 wide. A bucket is
 * 9% wide, so at most one bound lies inside a cell, and one comparison with it settles the index.
 * The cells repeat with every power of two: [c] is the bucket of the number 1 + c/16, as if there
 * were bounds down there, and each power of two above adds HISTOGRAM_PER_OCTAVE.
 * [c] = ceil(8 · log2((1 + c/16) / (2^HISTOGRAM_MIN_EXP · 10^9))).
 */
static const int8_t first_bucket_of_cell[1 << LEADING_BITS] = {
	-47, -46, -45, -45, -44, -44, -43, -42, -42, -42, -41, -41, -40, -40, -39, -39};

unsigned histogram_index(uint64_t duration_ns)
{
	if (duration_ns <= histogram_bound_ns[0])
		return 0;
	if (duration_ns > LAST_BOUND_NS)
		return HISTOGRAM_BUCKETS - 1;

	int octave = BITS_OF(duration_ns);
	unsigned cell = (duration_ns >> (octave - LEADING_BITS)) & ((1 << LEADING_BITS) - 1);
	unsigned first = (unsigned)(octave * HISTOGRAM_PER_OCTAVE + first_bucket_of_cell[cell]);

	return first + (duration_ns > histogram_bound_ns[first]);
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
