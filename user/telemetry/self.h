/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Sonde says about its own process: the standard process_* metrics, by the names that every
 * Prometheus client library uses, and sonde_build_info. For the main thread: registered once,
 * updated before each scrape.
 */
#ifndef SONDE_SELF_H
#define SONDE_SELF_H

#include "telemetry/metrics/metrics.h"

struct self {
	struct metric_series *cpu_seconds;
	struct metric_series *resident_bytes;
	struct metric_series *virtual_bytes;
	struct metric_series *open_fds;
	struct metric_series *max_fds;
	struct metric_series *threads;
};

/* `kernel` is the release of the one that runs (uname -r). */
void self_register(struct self *self, struct metrics *metrics, const char *version,
	const char *revision, const char *kernel);

/* Reads them anew; what /proc does not tell stays as it was. */
void self_update(struct self *self);

#endif
