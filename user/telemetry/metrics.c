/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of series (metrics.h). Each family has a hash table of its series, and a series is
 * one allocation: a header, its label values (series_key.h), and for a histogram its durations
 * (durations.h). Once a series is there, an update allocates and formats nothing.
 *
 * The main thread calls it for every record that it aggregates, and visits it to show the series.
 */
#include "telemetry/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "identity/reserved.h"
#include "log.h"
#include "telemetry/durations.h"
#include "telemetry/series_key.h"

#define SERVICE_LABEL     "service_name"
#define COUNTER_ENDING    "_total"
#define TABLE_SLOTS_LEAST 8

/* --- series --- */

struct metric_series {
	struct metric_family *family;
	struct metric_series *next; /* in the order of their making */
	union {
		uint64_t total; /* counter */
		double real;    /* gauge, counter that was set */
	};
	uint32_t hash;
	uint16_t key_length;
	bool is_overflow;
	bool is_real;
	_Alignas(SERIES_KEY_WORD) char key[]; /* its text; behind it, in a histogram, struct
						 durations */
};

struct metric_family {
	const struct metric_description *description;
	struct metrics *metrics;
	struct metric_family *next; /* in the order of registration */

	unsigned label_count;
	bool is_per_service; /* the first label is the service */

	struct metric_series *first, **last;
	struct metric_series **slots; /* open addressing, linear probing */
	size_t slot_count;            /* power of two */
	size_t series_count;

	/*
	 * For series past the budget: made beforehand, so that it is there when memory is not, and
	 * outside the list, so that it is shown only once it was used.
	 */
	struct metric_series *overflow;
	bool overflow_used;

	struct classic_bounds classic; /* histogram */
};

struct metrics {
	struct metric_family *first, **last;
	/* Never shown: its series' totals are how many series each service has. */
	struct metric_family *services;
	size_t series_max, per_service_max;
	size_t series_count; /* that count against series_max */
	uint64_t overflowed;
};

static struct durations *series_durations(struct metric_series *series)
{
	return (struct durations *)(series->key + series->key_length);
}

static struct metric_series *series_new(struct metric_family *family, const struct series_key *key)
{
	size_t size = sizeof(struct metric_series) + key->length;

	if (family->description->type == METRIC_HISTOGRAM)
		size += durations_size(&family->classic);
	struct metric_series *series = calloc(1, size);
	if (!series)
		return NULL;
	series->family = family;
	series->hash = key->hash;
	series->key_length = (uint16_t)key->length;
	memcpy(series->key, key->text, key->length);
	return series;
}

static void series_free(struct metric_series *series)
{
	if (series->family->description->type == METRIC_HISTOGRAM)
		durations_clear(series_durations(series));
	free(series);
}

static struct metric_series **family_slot(
	const struct metric_family *family, const struct series_key *key)
{
	size_t mask = family->slot_count - 1;

	for (size_t i = key->hash & mask;; i = (i + 1) & mask) {
		const struct metric_series *series = family->slots[i];

		if (!series || (series->hash == key->hash && series->key_length == key->length &&
				       memcmp(series->key, key->text, key->length) == 0))
			return &family->slots[i];
	}
}

/* At most three quarters are used: probing stays short, and always ends. */
static bool family_has_room(struct metric_family *family)
{
	size_t old_count = family->slot_count, mask = old_count * 2 - 1;

	if ((family->series_count + 1) * 4 <= old_count * 3)
		return true;
	struct metric_series **slots = calloc(old_count * 2, sizeof(*slots));
	if (!slots)
		return false;
	for (size_t old = 0; old < old_count; old++) {
		struct metric_series *series = family->slots[old];
		if (!series)
			continue;
		size_t i = series->hash & mask;
		while (slots[i])
			i = (i + 1) & mask;
		slots[i] = series;
	}
	free(family->slots);
	family->slots = slots;
	family->slot_count = old_count * 2;
	return true;
}

/* NULL: no memory. */
static struct metric_series *family_find_or_make(
	struct metric_family *family, const struct series_key *key, bool *made)
{
	struct metric_series *series = *family_slot(family, key);

	*made = false;
	if (series || !family_has_room(family))
		return series;
	series = series_new(family, key);
	if (!series)
		return NULL;
	*family_slot(family, key) = series;
	family->series_count++;
	*family->last = series;
	family->last = &series->next;
	*made = true;
	return series;
}

/* --- budget --- */

/* Counts the overflow of one service among all series: there can be as many as services. */
static struct metric_series *service_overflow(struct metric_family *family, const char *service)
{
	const char *values[METRIC_LABELS_MAX] = {service};
	struct series_key key;
	bool made;

	series_key_make(&key, values, family->label_count, true);
	struct metric_series *series = family_find_or_make(family, &key, &made);
	if (made) {
		series->is_overflow = true;
		family->metrics->series_count++;
	}
	return series;
}

/* A new series where the budget has room for it, else the overflow series. NULL: no memory. */
static struct metric_series *family_admit(
	struct metric_family *family, const struct series_key *key)
{
	struct metrics *metrics = family->metrics;
	const char *name = key->text; /* which begins with the first value, the service */
	struct metric_series *service;
	struct series_key service_key;
	bool made;

	if (metrics->series_count >= metrics->series_max)
		return NULL;
	series_key_make(&service_key, &name, 1, false);
	service = family_find_or_make(metrics->services, &service_key, &made);
	if (!service)
		return NULL;
	if (service->total >= metrics->per_service_max)
		return service_overflow(family, name);

	struct metric_series *series = family_find_or_make(family, key, &made);
	if (made) {
		metrics->series_count++;
		service->total++;
	}
	return series;
}

struct metric_series *metrics_series(struct metric_family *family, const char *const *values)
{
	struct metric_series *series;
	struct series_key key;
	bool made;

	series_key_make(&key, values, family->label_count, false);
	series = *family_slot(family, &key);
	if (series)
		return series;

	/* What is of no service is of Sonde itself: it is little, and tells of losses. */
	series = family->is_per_service ? family_admit(family, &key)
					: family_find_or_make(family, &key, &made);
	if (series)
		return series;
	family->overflow_used = true;
	return family->overflow;
}

bool metric_is_overflow(const struct metric_series *series)
{
	return series->is_overflow;
}

/* --- updates --- */

static void series_count_overflow(const struct metric_series *series)
{
	if (series->is_overflow)
		series->family->metrics->overflowed++;
}

void metric_add(struct metric_series *series, uint64_t amount)
{
	series_count_overflow(series);
	series->total += amount;
}

void metric_set(struct metric_series *series, double value)
{
	series_count_overflow(series);
	series->is_real = true;
	series->real = value;
}

void metric_change(struct metric_series *series, int64_t amount)
{
	series_count_overflow(series);
	series->real += (double)amount;
}

void metric_record(struct metric_series *series, uint64_t duration_ns)
{
	series_count_overflow(series);
	durations_record(series_durations(series), &series->family->classic, duration_ns);
}

void metric_merge(struct metric_series *series, const struct record_bucket *buckets, size_t count,
	uint64_t sum_ns)
{
	series_count_overflow(series);
	durations_merge(series_durations(series), &series->family->classic, buckets, count, sum_ns);
}

/* --- registration --- */

static _Noreturn void die_without_memory(void)
{
	log_error("out of memory for metrics");
	abort();
}

static struct metric_family *family_new(
	struct metrics *metrics, const struct metric_description *description)
{
	struct metric_family *family = calloc(1, sizeof(*family));
	struct metric_series **slots = calloc(TABLE_SLOTS_LEAST, sizeof(*slots));
	const char *values[METRIC_LABELS_MAX] = {NAME_OVERFLOW};
	struct series_key key;

	if (!family || !slots)
		die_without_memory();
	family->description = description;
	family->metrics = metrics;
	while (description->labels[family->label_count])
		family->label_count++;
	family->is_per_service =
		family->label_count && strcmp(description->labels[0], SERVICE_LABEL) == 0;
	family->last = &family->first;
	family->slots = slots;
	family->slot_count = TABLE_SLOTS_LEAST;
	if (description->type == METRIC_HISTOGRAM)
		classic_bounds_map(&family->classic, description->bounds, description->bound_count);

	if (!family->is_per_service)
		values[0] = NULL;
	series_key_make(&key, values, family->label_count, true);
	family->overflow = series_new(family, &key);
	if (!family->overflow)
		die_without_memory();
	family->overflow->is_overflow = true;
	return family;
}

static void family_free(struct metric_family *family)
{
	struct metric_series *series, *next;

	for (series = family->first; series; series = next) {
		next = series->next;
		series_free(series);
	}
	series_free(family->overflow);
	free(family->slots);
	free(family);
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

struct metrics *metrics_new(size_t series_max, size_t per_service_max)
{
	static const struct metric_description services = {
		.name = "services", .labels = {SERVICE_LABEL}};
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (!metrics)
		return NULL;
	metrics->last = &metrics->first;
	metrics->services = family_new(metrics, &services);
	metrics_set_limits(metrics, series_max, per_service_max);
	return metrics;
}

void metrics_free(struct metrics *metrics)
{
	struct metric_family *family, *next;

	if (!metrics)
		return;
	for (family = metrics->first; family; family = next) {
		next = family->next;
		family_free(family);
	}
	family_free(metrics->services);
	free(metrics);
}

void metrics_set_limits(struct metrics *metrics, size_t series_max, size_t per_service_max)
{
	metrics->series_max = series_max;
	metrics->per_service_max = per_service_max;
}

/* --- for exposition and the live table --- */

static void view_set_number(struct metric_view *view, const struct metric_series *series)
{
	double scale = view->description->scale;

	view->is_integer = !series->is_real && view->description->type == METRIC_COUNTER &&
			   (scale == 0 || scale == 1);
	view->integer = view->is_integer ? series->total : 0;
	if (series->is_real || view->description->type == METRIC_GAUGE)
		view->value = series->real;
	else if (scale > 0 && scale < 1) /* 10^-9 is no binary number, but 10^9 is one */
		view->value = (double)series->total / rint(1 / scale);
	else
		view->value = (double)series->total * (scale == 0 ? 1 : scale);
}

static void series_visit(struct metric_series *series,
	void (*visit)(void *context, const struct metric_view *view), void *context)
{
	const struct metric_description *description = series->family->description;
	const char *values[METRIC_LABELS_MAX];
	struct histogram histogram;
	uint64_t cumulative[METRIC_BOUNDS_MAX], sum = 0;
	struct metric_view view = {
		.description = description, .values = values, .overflow = series->is_overflow};
	const char *value = series->key;

	for (unsigned i = 0; i < series->family->label_count; i++) {
		values[i] = value;
		value += strlen(value) + 1;
	}
	if (description->type == METRIC_HISTOGRAM) {
		const struct durations *durations = series_durations(series);

		durations_expand(durations, &histogram);
		for (size_t i = 0; i < description->bound_count; i++)
			cumulative[i] = sum += durations->classic[i];
		view.histogram = &histogram;
		view.cumulative = cumulative;
	} else {
		view_set_number(&view, series);
	}
	visit(context, &view);
}

static struct metric_series *series_after(
	const struct metric_family *family, const struct metric_series *series)
{
	struct metric_series *next = series ? series->next : family->first;

	if (!next && family->overflow_used && series != family->overflow)
		next = family->overflow;
	return next;
}

bool metrics_visit_next(const struct metrics *metrics, struct metric_cursor *cursor,
	void (*visit)(void *context, const struct metric_view *view), void *context)
{
	struct metric_family *family = cursor->family ? cursor->family : metrics->first;
	struct metric_series *series = cursor->series;

	for (; family; family = family->next, series = NULL) {
		series = series_after(family, series);
		if (!series)
			continue;
		*cursor = (struct metric_cursor){family, series};
		series_visit(series, visit, context);
		return true;
	}
	return false;
}

void metrics_visit(const struct metrics *metrics,
	void (*visit)(void *context, const struct metric_view *view), void *context)
{
	struct metric_cursor cursor = {0};

	while (metrics_visit_next(metrics, &cursor, visit, context))
		;
}

size_t metrics_series_count(const struct metrics *metrics)
{
	return metrics->series_count;
}

uint64_t metrics_overflowed(const struct metrics *metrics)
{
	return metrics->overflowed;
}
