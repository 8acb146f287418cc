/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The durations of one histogram series (durations.h). A typical one has them in 3 … 6 of the 58
 * powers of two that there are buckets for, so counts are kept by power of two: at 32 bytes each
 * instead of the 4 KB of a `struct histogram`.
 */
#include "telemetry/metrics/durations.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

_Static_assert((DURATION_BUCKETS - 1) / HISTOGRAM_PER_OCTAVE < 64, "one bit for each octave");

void classic_bounds_map(
	struct classic_bounds *classic, const struct metric_bound *bounds, size_t count)
{
	size_t at = 0, met = 0;

	classic->bounds = bounds;
	classic->count = count;
	for (unsigned i = 0; i < DURATION_BUCKETS; i++) {
		uint64_t least = i ? histogram_bound_ns(i - 1) + 1 : 0;

		while (at < count && bounds[at].upper_ns < least)
			at++;
		classic->first[i] = (uint8_t)at;
		if (at < count && i < HISTOGRAM_BOUNDS &&
			bounds[at].upper_ns == histogram_bound_ns(i))
			met++;
	}
	classic->is_mergeable = met == count;
}

size_t durations_size(const struct classic_bounds *classic)
{
	return sizeof(struct durations) + classic->count * sizeof(uint64_t);
}

static unsigned octaves_in(uint64_t octaves)
{
	return (unsigned)__builtin_popcountll(octaves);
}

/* Makes room for an octave before the count at `place`. */
static void octave_insert(struct octave_counts *kept, uint64_t octave, size_t place)
{
	size_t length = octaves_in(kept->octaves) * HISTOGRAM_PER_OCTAVE;
	uint32_t *counts = realloc(kept->counts, (length + HISTOGRAM_PER_OCTAVE) * sizeof(*counts));

	if (!counts) {
		log_error("out of memory for a histogram");
		abort();
	}
	memmove(counts + place + HISTOGRAM_PER_OCTAVE, counts + place,
		(length - place) * sizeof(*counts));
	memset(counts + place, 0, HISTOGRAM_PER_OCTAVE * sizeof(*counts));
	kept->counts = counts;
	kept->octaves |= octave;
}

static uint32_t *octave_count(struct octave_counts *kept, unsigned index)
{
	uint64_t octave = UINT64_C(1) << (index / HISTOGRAM_PER_OCTAVE);
	size_t place = octaves_in(kept->octaves & (octave - 1)) * HISTOGRAM_PER_OCTAVE;

	if (!(kept->octaves & octave))
		octave_insert(kept, octave, place);
	return &kept->counts[place + index % HISTOGRAM_PER_OCTAVE];
}

static void durations_add(struct durations *durations, unsigned index, uint32_t count)
{
	uint32_t *low = octave_count(&durations->low, index);

	durations->count += count;
	*low += count;
	if (*low < count)
		++*octave_count(&durations->high, index);
}

void durations_record(
	struct durations *durations, const struct classic_bounds *classic, uint64_t duration_ns)
{
	unsigned index = histogram_index(duration_ns);
	size_t at = classic->first[index];

	durations_add(durations, index, 1);
	durations->sum_ns += duration_ns;
	while (at < classic->count && duration_ns > classic->bounds[at].upper_ns)
		at++;
	if (at < classic->count)
		durations->classic[at]++;
}

/* How much longer than its last bound a duration was, the kernel does not say. */
static unsigned index_from_kernel(unsigned index)
{
	return index < HISTOGRAM_BOUNDS ? index : DURATION_BOUNDS;
}

/* Whether a bucket has the classic bound inside of it, and not at its end. */
static bool bound_is_inside(const struct classic_bounds *classic, size_t at, unsigned index)
{
	return at < classic->count && index < DURATION_BOUNDS &&
	       classic->bounds[at].upper_ns < histogram_bound_ns(index);
}

void durations_merge(struct durations *durations, const struct classic_bounds *classic,
	const struct record_bucket *buckets, size_t count, uint64_t sum_ns, enum bound_side side)
{
	assert(side != BOUND_AT_END || classic->is_mergeable);
	durations->sum_ns += sum_ns;
	for (size_t i = 0; i < count; i++) {
		unsigned index = index_from_kernel(buckets[i].index);
		size_t at = classic->first[index];

		if (side == BOUND_BELOW && bound_is_inside(classic, at, index))
			at++;
		durations_add(durations, index, buckets[i].count);
		if (at < classic->count)
			durations->classic[at] += buckets[i].count;
	}
}

void durations_expand(const struct durations *durations, struct histogram *histogram)
{
	const uint32_t *low = durations->low.counts, *high = durations->high.counts;

	memset(histogram, 0, sizeof(*histogram));
	histogram->count = durations->count;
	histogram->sum_ns = durations->sum_ns;
	for (unsigned i = 0; i < DURATION_BUCKETS; i++) {
		uint64_t octave = UINT64_C(1) << (i / HISTOGRAM_PER_OCTAVE);

		if (durations->low.octaves & octave)
			histogram->buckets[i] = *low++;
		if (durations->high.octaves & octave)
			histogram->buckets[i] += (uint64_t)*high++ << 32;
	}
}

void durations_clear(struct durations *durations)
{
	free(durations->low.counts);
	free(durations->high.counts);
}
