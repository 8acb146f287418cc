/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one workload has put into a gauge of its service. Several workloads may be one service, so
 * each of them raises and lowers the gauge by how its own figure changed: no sum over workloads is
 * ever made. A share stays with its series until it is 0, also past the budget or a rename, so that
 * whatever was put in comes out of the same place. Zeroed, it is empty. Part of telemetry.c.
 */
#ifndef SONDE_GAUGE_SHARE_H
#define SONDE_GAUGE_SHARE_H

#include <stdint.h>

#include "telemetry/metrics/metrics.h"

struct gauge_share {
	struct metric_series *series; /* while value is not 0 */
	uint64_t value;
};

/* The figure is now `value`; `labels` are those of the series, as for metrics_series(). */
void gauge_share_set(struct gauge_share *share, struct metric_family *family,
	const char *const *labels, uint64_t value);

/* The workload has ended. */
void gauge_share_end(struct gauge_share *share);

#endif
