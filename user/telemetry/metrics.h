/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of series. A family is a metric name with its label names; a series is one set of
 * label values in it. Series are found by hashing their label values, so that an update costs a
 * look-up and an addition.
 *
 * Cardinality is budgeted where a family's first label is "service_name": `series_max` series in
 * all and `per_service_max` for one service. Past a limit the count goes to an overflow series of
 * the same family, whose labels are empty but for service_name = "_overflow" (or, when only the
 * service's own limit is reached, the service's name) and otel_metric_overflow="true"; so sums stay
 * true. metrics_overflowed() says how many updates went there. Families whose first label is
 * another one are of Sonde itself: they are small, tell of losses, and need no budget.
 *
 * Not thread-safe: the main thread owns it, and renders it too (export/exposition.h).
 */
#ifndef SONDE_METRICS_H
#define SONDE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telemetry/histogram.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

#define METRIC_LABELS_MAX 8
#define METRIC_BOUNDS_MAX 64 /* classic buckets: 31 powers of two and then some */

struct metric_description {
	const char *name; /* full Prometheus name; counters end in _total */
	const char *help; /* one sentence */
	const char *unit; /* "seconds", "bytes" or "" (OpenMetrics UNIT; must end the name) */
	enum metric_type type;
	const char *labels[METRIC_LABELS_MAX + 1]; /* names, NULL-terminated */
	/*
	 * METRIC_HISTOGRAM: upper bounds of the classic buckets in ascending order, in nanoseconds,
	 * with the text that `le` shows for each ("0.005"); +Inf is added. Must live for ever. A
	 * series keeps a count for each of them, exact, whatever the bounds are.
	 */
	const struct metric_bound *bounds;
	size_t bound_count; /* ≤ METRIC_BOUNDS_MAX */
	double scale; /* stored integer × scale = value shown, for counters of ns; 0 means 1 */
};

struct metric_bound {
	uint64_t upper_ns;
	const char *le;
};

struct metrics;
struct metric_family;
struct metric_series;

struct metrics *metrics_new(size_t series_max, size_t per_service_max); /* NULL: no memory */
void metrics_free(struct metrics *metrics);

/* New limits, from the next new series on. */
void metrics_set_limits(struct metrics *metrics, size_t series_max, size_t per_service_max);

/* Registers a family; `description` must outlive `metrics`. Never NULL: aborts without memory. */
struct metric_family *metrics_family(
	struct metrics *metrics, const struct metric_description *description);

/*
 * The series with these label values, made if need be; `values` has one string for each label name
 * (NULL counts as ""). Never NULL; past the budget or without memory it is the overflow series.
 * The pointer is valid until metrics_free().
 */
struct metric_series *metrics_series(struct metric_family *family, const char *const *values);

/* It stands for series that there was no room for: ask again when you count again. */
bool metric_is_overflow(const struct metric_series *series);

void metric_add(struct metric_series *series, uint64_t amount);   /* counter */
void metric_set(struct metric_series *series, double value);      /* gauge, or a counter read
								     elsewhere */
void metric_change(struct metric_series *series, int64_t amount); /* gauge, up or down */
void metric_record(
	struct metric_series *series, uint64_t duration_ns); /* histogram, one duration */

/* Histogram, a sweep's growth: classic bounds must then be powers of two in seconds. */
void metric_merge(struct metric_series *series, const struct record_bucket *buckets, size_t count,
	uint64_t sum_ns);

/* --- for exposition and the live table --- */

struct metric_view {
	const struct metric_description *description;
	const char *const *values; /* one for each label */
	int overflow;              /* 1: the overflow series */
	double value;              /* counter (scaled), gauge */
	int is_integer;            /* 1: a counter without a scale, exactly `integer` */
	uint64_t integer;
	const struct histogram *histogram; /* METRIC_HISTOGRAM; sum and count are in it */
	const uint64_t *cumulative;        /* for each classic bound, counts ≤ it */
};

/* Calls `visit` for each series, family by family in order of registration. */
void metrics_visit(const struct metrics *metrics,
	void (*visit)(void *context, const struct metric_view *view), void *context);

/* How far a visit came; zeroed, it stands before the first series. */
struct metric_cursor {
	struct metric_family *family;
	struct metric_series *series;
};

/*
 * The same in steps, between which series may be made and counted: calls `visit` for the series
 * after the cursor, or returns false when there is none.
 */
bool metrics_visit_next(const struct metrics *metrics, struct metric_cursor *cursor,
	void (*visit)(void *context, const struct metric_view *view), void *context);

size_t metrics_series_count(const struct metrics *metrics);
uint64_t metrics_overflowed(const struct metrics *metrics);

#endif
