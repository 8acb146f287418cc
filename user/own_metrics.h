/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sonde's figures of itself: its process, its probes in the kernel, and its exports. They are read
 * where they arise, at each scrape. Main thread.
 */
#ifndef SONDE_OWN_METRICS_H
#define SONDE_OWN_METRICS_H

#include <stddef.h>

struct metrics;
struct probes;
struct kubernetes;
struct otlp_counters;
struct line_log_counters;
struct event_log_counters;
struct own_metrics;

/* NULL: no memory. Its families live as long as `metrics`. */
struct own_metrics *own_metrics_new(struct metrics *metrics);
void own_metrics_free(struct own_metrics *own);

/* Where figures are read; NULL is what there is not. */
struct own_sources {
	const struct probes *probes;
	const struct kubernetes *kubernetes;
	size_t unnamed_containers;         /* of pods that are not known */
	const struct otlp_counters *spans; /* of the exporters */
	const struct otlp_counters *flows;
	const struct event_log_counters *events;
	const struct line_log_counters *flow_log;
};

void own_metrics_update(struct own_metrics *own, const struct own_sources *sources);

#endif
