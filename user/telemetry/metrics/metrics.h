/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of series. A family is a metric name with its label names; a series is one set of
 * label values in it. Series are found by hashing their label values, so that an update costs a
 * look-up and an addition.
 *
 * Room is budgeted where a family's first label is "service_name": `samples_max` samples in all and
 * `per_service_max` for one service, counted as a back-end counts them, which is by lines of
 * OpenMetrics. When there is no more, the least recently used series of who has most give way
 * (series_budget.h). Where nothing may give way, the count goes to an overflow series of the same
 * family, whose labels are empty but for service_name = "_overflow" (or, when only the service's
 * own limit is reached, the service's name) and otel_metric_overflow="true"; so sums stay true.
 * metrics_overflowed() says how many updates went there. Families whose first label is another one
 * are of Sonde itself: they are small, tell of losses, need no budget, and never lose a series.
 *
 * Series of a service whose last process has ended go some time after that, and after their last
 * change. A counter that comes back begins at 0 again, with a new start time. Time is that of
 * records, so a replay does the same.
 *
 * Not thread-safe: the main thread owns it, and renders it too (export/prometheus/exposition.h).
 */
#ifndef SONDE_METRICS_H
#define SONDE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telemetry/metrics/histogram.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

#define METRIC_LABELS_MAX 8
#define METRIC_GROUPS_MAX 16 /* of families that have services */
#define METRIC_BOUNDS_MAX 64 /* classic buckets: 31 powers of two and then some */

struct metric_description {
	const char *name; /* full Prometheus name; counters end in _total */
	const char *help; /* one sentence */
	const char *unit; /* "seconds", "bytes" or "" (OpenMetrics UNIT; must end the name) */
	enum metric_type type;
	const char *labels[METRIC_LABELS_MAX + 1]; /* names, NULL-terminated */
	/*
	 * Families of one group share room within a service. What a service serves by HTTP, say,
	 * cannot be pushed out by the peers of its connections, nor by the servers that it calls.
	 * NULL is a group, too.
	 */
	const char *group;
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
struct metric_service;

struct metrics *metrics_new(size_t samples_max, size_t per_service_max); /* NULL: no memory */
void metrics_free(struct metrics *metrics); /* after it nothing that was held may be released */

/* New limits, from the next new series on. */
void metrics_set_limits(struct metrics *metrics, size_t samples_max, size_t per_service_max);

/* How long series are kept of what has ended; 0, as at first: until room is short. */
void metrics_set_ttl(struct metrics *metrics, uint64_t ttl_ns);

/*
 * Time goes on: what is counted from here on is counted after `now_ns` (CLOCK_MONOTONIC), to which
 * the wall clock stands by that offset. Series that were kept for long enough are removed.
 */
void metrics_tick(struct metrics *metrics, uint64_t now_ns, int64_t realtime_offset_ns);

/*
 * A service has a process, or several; it lives until each of these had its end. The first returns
 * NULL without memory, which the second takes for nothing.
 */
struct metric_service *metrics_service_begin(struct metrics *metrics, const char *name);
void metrics_service_end(struct metric_service *service);

/* After a begin: whose room it takes (struct record_workload). The first that lives decides. */
void metrics_service_set_holder(struct metric_service *service, unsigned holder);

/* The same as another's, which may be NULL. */
void metrics_service_inherit_holder(
	struct metric_service *service, const struct metric_service *other);

/* The same as the end, but that a process may live that did nothing for long: the service has not
 * ended. */
void metrics_service_sleep(struct metric_service *service);

/*
 * No process of one begin is known to live, though its end was not told yet, or one lives again:
 * the service gives way before others when none of its begins has one. NULL is taken for nothing.
 */
void metrics_service_rest(struct metric_service *service, bool rests);

/* Registers a family; `description` must outlive `metrics`. Never NULL: aborts without memory. */
struct metric_family *metrics_family(
	struct metrics *metrics, const struct metric_description *description);

/*
 * The series with these label values, made if need be; `values` has one string for each label name
 * (NULL counts as ""). Never NULL; past the budget or without memory it is the overflow series.
 * The pointer is valid until the next call of this function or of metrics_tick(), as these remove
 * series; for longer where it is held, and for ever in a family that is not of services.
 */
struct metric_series *metrics_series(struct metric_family *family, const char *const *values);

/*
 * Between these two the pointer, which the first returns, stays valid. A held series may have to
 * give way all the same: then it stands for the overflow series, which also takes over what a gauge
 * was.
 */
struct metric_series *metric_hold(struct metric_series *series);
void metric_release(struct metric_series *series);

/* It stands for series that there is no room for: ask again when you count again. */
bool metric_is_overflow(const struct metric_series *series);

void metric_add(struct metric_series *series, uint64_t amount);   /* counter */
void metric_set(struct metric_series *series, double value);      /* gauge, or a counter read
								     elsewhere */
void metric_change(struct metric_series *series, int64_t amount); /* gauge, up or down */
void metric_record(
	struct metric_series *series, uint64_t duration_ns); /* histogram, one duration */

/* How the durations of a sweep's growth lie to a classic bound that is in the same bucket. */
enum bound_side {
	BOUND_AT_END, /* each bound is a power of two in seconds, so it ends its bucket */
	BOUND_ABOVE,  /* none of them is longer than the bound */
	BOUND_BELOW   /* all of them are */
};

/* Histogram, a sweep's growth. */
void metric_merge(struct metric_series *series, const struct record_bucket *buckets, size_t count,
	uint64_t sum_ns, enum bound_side side);

/* --- for exposition and the live table --- */

struct metric_view {
	const struct metric_description *description;
	const char *const *values; /* one for each label */
	const char *parts;         /* of the service, behind its name; "": none (service.h) */
	int overflow;              /* 1: the overflow series */
	double value;              /* counter (scaled), gauge */
	int is_integer;            /* 1: a counter without a scale, exactly `integer` */
	uint64_t integer;
	const struct histogram *histogram; /* METRIC_HISTOGRAM; sum and count are in it */
	const uint64_t *cumulative;        /* for each classic bound, counts ≤ it */
	/* counter, histogram: when it began to count from 0; 0: not known */
	uint64_t created_unix_ns;
	uint64_t number;  /* each new series has a higher one; UINT64_MAX: the overflow series */
	uint64_t idle_ns; /* since when it has not changed; 0 in a family that is not of services */
};

/* Calls `visit` for each series, family by family in order of registration. */
void metrics_visit(const struct metrics *metrics,
	void (*visit)(void *context, const struct metric_view *view), void *context);

/* How far a visit came; zeroed, it stands before the first series. Nothing is held by it. */
struct metric_cursor {
	struct metric_family *family;
	uint64_t number; /* of the last series, 0: none yet of this family */
};

/*
 * The same in steps, between which series may be made, counted and removed: calls `visit` for the
 * series after the cursor, or returns false when there is none.
 */
bool metrics_visit_next(const struct metrics *metrics, struct metric_cursor *cursor,
	void (*visit)(void *context, const struct metric_view *view), void *context);

/* Calls `visit` for each service that has series: since when none of them has changed. */
void metrics_visit_services(const struct metrics *metrics,
	void (*visit)(void *context, const char *name, uint64_t idle_ns), void *context);

/* Samples of series that are kept and take part in the budget. */
size_t metrics_samples(const struct metrics *metrics);

uint64_t metrics_overflowed(const struct metrics *metrics); /* updates */

/* Samples of series that were removed. */
enum metric_removal { METRIC_REMOVED_ENDED, METRIC_REMOVED_FOR_ROOM, METRIC_REMOVALS };
uint64_t metrics_removed(const struct metrics *metrics, enum metric_removal reason);

#endif
