/* SPDX-License-Identifier: Apache-2.0 */
/* See gauge_share.h. */
#include "telemetry/metrics/gauge_share.h"

/* The series is held while the share has a part in it. */
static void change_to(struct gauge_share *share, uint64_t value)
{
	metric_change(share->series, (int64_t)(value - share->value));
	if (!share->value && value)
		metric_hold(share->series);
	else if (share->value && !value)
		metric_release(share->series);
	share->value = value;
}

void gauge_share_set(struct gauge_share *share, struct metric_family *family,
	const char *const *labels, uint64_t value)
{
	if (!share->value)
		share->series = metrics_series(family, labels);
	change_to(share, value);
}

void gauge_share_end(struct gauge_share *share)
{
	if (share->value)
		change_to(share, 0);
}
