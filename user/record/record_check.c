/* SPDX-License-Identifier: Apache-2.0 */
/* What makes bytes a record (record_check.h); recording.c asks it on the way in and out. */
#include "record/record_check.h"

#include "record/record_types.h"

_Static_assert(RECORD_SIZE_MAX >= sizeof(struct record_latency) +
					  HISTOGRAM_BUCKETS * sizeof(struct record_bucket) + 8,
	"the largest is record_workload");

size_t record_size(const struct record *record, size_t size)
{
	const struct record_layout *layout =
		size < sizeof(*record) ? NULL : record_layout(record->type);
	size_t tail;

	if (!layout || size < layout->size)
		return 0;
	tail = layout->tail ? layout->tail(record) : 0;
	return tail > layout->tail_max || size - layout->size < tail ? 0 : layout->size + tail;
}

bool record_is_valid(const struct record *record, size_t size)
{
	const struct record_layout *layout;

	if (record_size(record, size) == 0 || record->workload >= WORKLOADS_MAX)
		return false;
	layout = record_layout(record->type);
	return !layout->is_valid || layout->is_valid(record);
}

bool record_loss(const struct record *record, size_t size, struct record_events *loss)
{
	const struct record_layout *layout =
		size < sizeof(*record) ? NULL : record_layout(record->type);

	if (!layout || layout->source == SOURCES)
		return false;
	*loss = (struct record_events){
		.record = {.type = RECORD_EVENTS, .time_ns = record->time_ns},
		.source = (__u16)layout->source,
		.outcome = OUTCOME_INVALID,
		.count = 1,
	};
	return true;
}
