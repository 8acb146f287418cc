/* SPDX-License-Identifier: Apache-2.0 */
/* See native_histogram.h; "Native Histograms" of Prometheus's documentation defines the indexes. */
#include "export/prometheus/native_histogram.h"

#include <float.h>

_Static_assert(
	HISTOGRAM_PER_OCTAVE == 1 << NATIVE_SCHEMA, "the buckets inside are the native ones");

/* Bucket n ends at 2^(n/8) s. What no double holds, beyond 2^DBL_MAX_EXP, is in the one behind. */
#define OVERFLOW_INDEX (DBL_MAX_EXP * HISTOGRAM_PER_OCTAVE + 1)

static int32_t native_index(unsigned bucket)
{
	return bucket < DURATION_BOUNDS ? (int32_t)bucket + HISTOGRAM_MIN_EXP * HISTOGRAM_PER_OCTAVE
					: OVERFLOW_INDEX;
}

void native_histogram_make(struct native_histogram *native, const struct histogram *histogram)
{
	struct native_span *span = NULL;
	uint64_t before = 0;
	int32_t next = 0; /* the bucket behind the last one that was told */

	native->zero_count = histogram->buckets[0];
	native->span_count = native->delta_count = 0;
	for (unsigned i = 1; i < DURATION_BUCKETS; i++) {
		uint64_t count = histogram->buckets[i];
		int32_t gap = native_index(i) - next;

		if (!count)
			continue;
		if (!span || gap > NATIVE_GAP_MAX) {
			span = &native->spans[native->span_count++];
			*span = (struct native_span){.offset = gap};
			gap = 0;
		}
		for (; gap; gap--, before = 0) {
			native->deltas[native->delta_count++] = -(int64_t)before;
			span->length++;
		}
		native->deltas[native->delta_count++] = (int64_t)(count - before);
		span->length++;
		before = count;
		next = native_index(i) + 1;
	}
}
