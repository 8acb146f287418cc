/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of series (metrics.h): how they are found, made, counted and removed. Each family
 * has a hash table of its series, and a series is one allocation: a header, its label values
 * (series_key.h), and for a histogram its durations (durations.h). Once a series is there, an
 * update allocates and formats nothing. series.h has what it consists of, series_budget.c who gets
 * room.
 *
 * The main thread calls it for every record that it aggregates.
 */
#include "telemetry/metrics/metrics.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/limit.h"
#include "base/log.h"
#include "identity/reserved.h"
#include "telemetry/metrics/series.h"

#define SERVICE_LABEL  "service_name"
#define COUNTER_ENDING "_total"

/* Lines of OpenMetrics: a bucket each and +Inf, _sum, _count, _created; a counter and _created. */
#define HISTOGRAM_SAMPLES(bounds) ((bounds) + 4)
#define COUNTER_SAMPLES           2

/* --- making and removing --- */

/* NULL: no memory. */
static struct metric_series *family_make(
	struct metric_family *family, const struct series_key *key, struct metric_service *service)
{
	struct metrics *metrics = family->metrics;
	struct metric_series *series;

	series = series_new(family, key);
	if (!series || !family_add(family, series)) {
		series_free(series);
		return NULL;
	}
	series->number = ++metrics->made;
	if (metrics->begin_unix_ns)
		series->created_unix_ns = metrics->now_ns + (uint64_t)metrics->realtime_offset_ns;
	series->service = service;
	if (service)
		budget_enter(series);
	return series;
}

/* A gauge's part of the sum over all series goes to the overflow series. */
static void series_remove(struct metric_series *series, enum metric_removal reason)
{
	struct metric_family *family = series->family;
	struct metrics *metrics = family->metrics;
	struct metric_service *service = series->service;

	family_take(family, series);
	metrics->removed[reason] += family->samples;
	budget_leave(series);
	budget_tidy(service);
	if (series->is_standing) {
		family->overflow->real += series->real;
		family->overflow_used = true;
	}
	if (series->holds) {
		series->has_gone = true;
		DL_APPEND(metrics->gone, series);
	} else {
		series_free(series);
	}
}

/* --- budget --- */

static bool service_has_room(struct metric_service *service, const struct metric_family *family)
{
	while (service->samples + family->samples > service->metrics->budget.per_service_max) {
		struct metric_series *victim = budget_victim_within(service, family);

		limit_met(LIMIT_SERVICE_SERIES, service->name);
		if (!victim)
			return false;
		series_remove(victim, METRIC_REMOVED_FOR_ROOM);
	}
	return true;
}

static bool all_have_room(const struct metric_service *service, const struct metric_family *family)
{
	struct metrics *metrics = service->metrics;

	while (metrics->budget.samples + family->samples > metrics->budget.samples_max) {
		struct metric_series *victim = budget_victim(service, family);

		/* that what has ended gives way before its time is nobody's loss */
		if (!victim || victim->service->processes)
			limit_met(LIMIT_SERIES, service->name);
		if (!victim)
			return false;
		series_remove(victim, METRIC_REMOVED_FOR_ROOM);
	}
	return true;
}

/* The overflow series of one service; it counts among all series, as there can be many. */
static struct metric_series *service_overflow(
	struct metric_family *family, struct metric_service *service)
{
	const char *values[METRIC_LABELS_MAX] = {service->name};
	struct metric_series *series;
	struct series_key key;

	series_key_make(&key, values, family->label_count, true);
	series = family_find(family, &key);
	if (series || !all_have_room(service, family))
		return series;
	series = family_make(family, &key, service);
	if (series)
		series->is_overflow = true;
	return series;
}

/* A new series where there is room for it, else the service's overflow series, or NULL. */
static struct metric_series *family_admit(
	struct metric_family *family, const struct series_key *key)
{
	/* the key begins with the first value, which is the service */
	struct metric_service *service = budget_service(family->metrics, key->text);
	struct metric_series *series = NULL;

	if (!service)
		return NULL;
	service->claims++;
	if (!service_has_room(service, family))
		series = service_overflow(family, service);
	else if (all_have_room(service, family))
		series = family_make(family, key, service);
	service->claims--;
	budget_tidy(service);
	return series;
}

struct metric_series *metrics_series(struct metric_family *family, const char *const *values)
{
	struct metric_series *series;
	struct series_key key;

	series_key_make(&key, values, family->label_count, false);
	series = family_find(family, &key);
	if (series)
		return series;

	/* What is of no service is of Sonde itself: it is little, and tells of losses. */
	series = family->is_per_service ? family_admit(family, &key)
					: family_make(family, &key, NULL);
	return series ? series : family->overflow;
}

struct metric_series *metric_hold(struct metric_series *series)
{
	series->holds++;
	return series;
}

void metric_release(struct metric_series *series)
{
	if (--series->holds || !series->has_gone)
		return;
	DL_DELETE(series->family->metrics->gone, series);
	series_free(series);
}

bool metric_is_overflow(const struct metric_series *series)
{
	return series->is_overflow || series->has_gone;
}

/* --- updates --- */

/* Where an update of that series counts. */
static struct metric_series *series_counting(struct metric_series *series)
{
	struct metric_family *family = series->family;

	if (series->has_gone)
		series = family->overflow;
	if (series == family->overflow)
		family->overflow_used = true;
	if (series->is_overflow)
		family->metrics->overflowed++;
	return series;
}

void metric_add(struct metric_series *series, uint64_t amount)
{
	series = series_counting(series);
	series->total += amount;
	budget_touch(series);
}

void metric_set(struct metric_series *series, double value)
{
	series = series_counting(series);
	series->is_real = true;
	series->real = value;
	budget_touch(series);
}

void metric_change(struct metric_series *series, int64_t amount)
{
	series = series_counting(series);
	series->real += (double)amount;
	budget_touch(series);
}

void metric_record(struct metric_series *series, uint64_t duration_ns)
{
	series = series_counting(series);
	durations_record(series_durations(series), &series->family->classic, duration_ns);
	budget_touch(series);
}

void metric_merge(struct metric_series *series, const struct record_bucket *buckets, size_t count,
	uint64_t sum_ns, enum bound_side side)
{
	series = series_counting(series);
	durations_merge(
		series_durations(series), &series->family->classic, buckets, count, sum_ns, side);
	budget_touch(series);
}

/* --- time --- */

/* Removes the series of a service that has ended; a gauge that is not 0 yet stays. */
static void service_expire(struct metric_service *service)
{
	for (unsigned i = 0; i < service->metrics->budget.group_count; i++)
		while (service->shares[i].used)
			series_remove(service->shares[i].used, METRIC_REMOVED_ENDED);
}

void metrics_tick(struct metrics *metrics, uint64_t now_ns, int64_t realtime_offset_ns)
{
	struct metric_service *service = NULL, *next;

	if (now_ns > metrics->now_ns) /* a recording may be of anything */
		metrics->now_ns = now_ns;
	metrics->realtime_offset_ns = realtime_offset_ns;
	if (!metrics->begin_unix_ns)
		metrics->begin_unix_ns = metrics->now_ns + (uint64_t)realtime_offset_ns;
	for (service = budget_expired(metrics, NULL); service; service = next) {
		service->claims++;
		service_expire(service);
		service->claims--;
		next = budget_expired(metrics, service);
		budget_tidy(service);
	}
}

/* --- registration --- */

static _Noreturn void die_without_memory(void)
{
	log_error("out of memory for metrics");
	abort();
}

static size_t samples_of(const struct metric_description *description)
{
	switch (description->type) {
	case METRIC_COUNTER: return COUNTER_SAMPLES;
	case METRIC_HISTOGRAM: return HISTOGRAM_SAMPLES(description->bound_count);
	default: return 1;
	}
}

static bool is_same_group(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Its number, a new one if the group is new. */
static unsigned group_of(struct series_budget *budget, const char *name)
{
	for (unsigned group = 0; group < budget->group_count; group++)
		if (is_same_group(budget->groups[group], name))
			return group;
	assert(budget->group_count < METRIC_GROUPS_MAX);
	budget->groups[budget->group_count] = name;
	return budget->group_count++;
}

static struct metric_family *family_new(
	struct metrics *metrics, const struct metric_description *description)
{
	struct metric_family *family = calloc(1, sizeof(*family));
	const char *values[METRIC_LABELS_MAX] = {NAME_OVERFLOW};
	struct series_key key;

	if (!family)
		die_without_memory();
	family->description = description;
	family->metrics = metrics;
	family->samples = samples_of(description);
	while (description->labels[family->label_count])
		family->label_count++;
	family->is_per_service =
		family->label_count && strcmp(description->labels[0], SERVICE_LABEL) == 0;
	if (family->is_per_service)
		family->group = group_of(&metrics->budget, description->group);
	if (description->type == METRIC_HISTOGRAM)
		classic_bounds_map(&family->classic, description->bounds, description->bound_count);

	if (!family->is_per_service)
		values[0] = NULL;
	series_key_make(&key, values, family->label_count, true);
	if (!family_begin(family, series_new(family, &key)))
		die_without_memory();
	return family;
}

static bool ends_in(const char *name, size_t length, const char *ending)
{
	size_t ending_length = strlen(ending);

	return length >= ending_length &&
	       memcmp(name + length - ending_length, ending, ending_length) == 0;
}

/* What a wrong description would break is the whole exposition, or memory: found at the start. */
static void description_check(
	const struct metrics *metrics, const struct metric_description *description)
{
	const struct metric_family *family = metrics->first;
	size_t length = strlen(description->name);

	for (; family; family = family->next)
		assert(strcmp(family->description->name, description->name) != 0);
	if (description->type == METRIC_COUNTER) {
		assert(ends_in(description->name, length, COUNTER_ENDING));
		length -= strlen(COUNTER_ENDING);
	}
	assert(!description->unit || ends_in(description->name, length, description->unit));
	assert(description->bound_count <= METRIC_BOUNDS_MAX);
	for (size_t i = 1; i < description->bound_count; i++)
		assert(description->bounds[i - 1].upper_ns < description->bounds[i].upper_ns);
}

struct metric_family *metrics_family(
	struct metrics *metrics, const struct metric_description *description)
{
	description_check(metrics, description);

	struct metric_family *family = family_new(metrics, description);
	*metrics->last = family;
	metrics->last = &family->next;
	return family;
}

struct metrics *metrics_new(size_t samples_max, size_t per_service_max)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics)
		return NULL;
	metrics->last = &metrics->first;
	metrics_set_limits(metrics, samples_max, per_service_max);
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	struct metric_family *family, *next;
	struct metric_series *series, *after;

	if (!metrics)
		return;
	DL_FOREACH_SAFE(metrics->gone, series, after)
		series_free(series);
	for (family = metrics->first; family; family = next) {
		next = family->next;
		family_end(family);
		free(family);
	}
	budget_clear(metrics);
	free(metrics);
}

void metrics_set_limits(struct metrics *metrics, size_t samples_max, size_t per_service_max)
{
	metrics->budget.samples_max = samples_max;
	metrics->budget.per_service_max = per_service_max;
}

void metrics_set_ttl(struct metrics *metrics, uint64_t ttl_ns)
{
	metrics->budget.ttl_ns = ttl_ns;
}
