/* SPDX-License-Identifier: Apache-2.0 */
/* The registry as others see it (metrics.h): its series one after the other, and its sums. */
#include <math.h>
#include <string.h>

#include "identity/service.h"
#include "telemetry/metrics/series.h"

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

/* What was set, was counted elsewhere, since whenever. */
static uint64_t series_created(const struct metric_series *series)
{
	if (series->is_real || series->family->description->type == METRIC_GAUGE)
		return 0;
	return series->created_unix_ns ?: series->family->metrics->begin_unix_ns;
}

static void series_visit(const struct metric_series *series,
	void (*visit)(void *context, const struct metric_view *view), void *context)
{
	const struct metric_description *description = series->family->description;
	const char *values[METRIC_LABELS_MAX];
	struct histogram histogram;
	uint64_t cumulative[METRIC_BOUNDS_MAX], sum = 0;
	struct metric_view view = {
		.description = description,
		.values = values,
		.overflow = series->is_overflow,
		.created_unix_ns = series_created(series),
		.number = series->number,
		.idle_ns = series->service ? series->family->metrics->now_ns - series->used_ns : 0,
	};
	bool has_labels = series->family->label_count;
	const char *value = has_labels ? series->key : ""; /* without labels nothing stands there */
	char name[SERVICE_NAME_LEN];

	view.parts = service_key_name(name, value);
	for (unsigned i = 0; i < series->family->label_count; i++) {
		values[i] = value;
		value += strlen(value) + 1;
	}
	values[0] = name;
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

static const struct metric_series *series_after(const struct metric_family *family, uint64_t number)
{
	size_t place = family_place_after(family, number);

	if (place < family->series_count)
		return family->list[place];
	return family->overflow_used && number != family->overflow->number ? family->overflow
									   : NULL;
}

bool metrics_visit_next(const struct metrics *metrics, struct metric_cursor *cursor,
	void (*visit)(void *context, const struct metric_view *view), void *context)
{
	struct metric_family *family = cursor->family ? cursor->family : metrics->first;
	uint64_t number = cursor->number;

	for (; family; family = family->next, number = 0) {
		const struct metric_series *series = series_after(family, number);

		if (!series)
			continue;
		*cursor = (struct metric_cursor){family, series->number};
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

void metrics_visit_services(const struct metrics *metrics,
	void (*visit)(void *context, const char *name, uint64_t idle_ns), void *context)
{
	const struct metric_service *service = metrics->budget.services;
	char name[SERVICE_NAME_LEN];

	for (; service; service = service->hh.next) {
		if (!service->samples)
			continue;
		service_key_name(name, service->name);
		visit(context, name, metrics->now_ns - service->used_ns);
	}
}

size_t metrics_samples(const struct metrics *metrics)
{
	return metrics->budget.samples;
}

uint64_t metrics_overflowed(const struct metrics *metrics)
{
	return metrics->overflowed;
}

uint64_t metrics_removed(const struct metrics *metrics, enum metric_removal reason)
{
	return metrics->removed[reason];
}
