/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base-2 exponential histogram (histogram.h): the bounds, and what can be read from the counts.
 * Which bucket a duration falls into is the probes' own code (bpf/core/bucket.h). Owns no memory.
 * The registry (metrics.c) shows its series as one, the live table asks it for quantiles.
 */
#include "telemetry/metrics/histogram.h"

#include <math.h>

#include "core/bucket.h"

/*
 * floor(2^(DURATION_MAX_EXP + i/8) · 10^9). The bounds of each octave before are these divided by a
 * power of two, and floor(floor(x) / n) is floor(x / n).
 */
static const uint64_t last_octave_ns[HISTOGRAM_PER_OCTAVE] = {
	8589934592000000000ULL,
	9367390095664785123ULL,
	10215211334214395865ULL,
	11139766950770582417ULL,
	12148001999904198769ULL,
	13247490117328543392ULL,
	14446490411353358019ULL,
	15754009503455335899ULL,
};

uint64_t histogram_bound_ns(unsigned index)
{
	unsigned octave = index / HISTOGRAM_PER_OCTAVE;

	return last_octave_ns[index % HISTOGRAM_PER_OCTAVE] >>
	       (DURATION_MAX_EXP - HISTOGRAM_MIN_EXP - octave);
}

/* What is too long for the probes' code is halved until it is not: each time is an octave. */
unsigned histogram_index(uint64_t duration_ns)
{
	unsigned halved = 0, index;

	while (duration_ns >> halved > histogram_bounds[HISTOGRAM_BOUNDS - 1])
		halved++;
	index = histogram_bucket(duration_ns >> halved) + halved * HISTOGRAM_PER_OCTAVE;
	if (index >= DURATION_BOUNDS)
		return DURATION_BOUNDS;
	/* less than a nanosecond was cut off, so it is in the next bucket at most */
	return index + (duration_ns > histogram_bound_ns(index));
}

uint64_t histogram_quantile(const struct histogram *histogram, double q)
{
	double rank = q * (double)histogram->count;
	uint64_t below = 0;
	unsigned i = 0;

	if (histogram->count == 0)
		return 0;
	while (i < DURATION_BOUNDS &&
		(histogram->buckets[i] == 0 || (double)(below + histogram->buckets[i]) < rank))
		below += histogram->buckets[i++];
	if (i == DURATION_BOUNDS)
		return histogram_bound_ns(DURATION_BOUNDS - 1);

	double share = (rank - (double)below) / (double)histogram->buckets[i];
	double upper = (double)histogram_bound_ns(i);
	if (i == 0) /* begins at zero, which has no logarithm */
		return (uint64_t)(upper * share);
	return (uint64_t)(upper * exp2((share - 1) / HISTOGRAM_PER_OCTAVE));
}
