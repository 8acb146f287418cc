/* SPDX-License-Identifier: Apache-2.0 */
/* See series_budget.h. */
#include "telemetry/series_budget.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "telemetry/series.h"

/* --- services --- */

static struct metric_service **service_list(struct metric_service *service)
{
	struct series_budget *budget = &service->metrics->budget;

	return service->processes ? &budget->living : &budget->ended;
}

/* To the end of its list, as the last one that was used. */
static void service_use(struct metric_service *service)
{
	struct metric_service **list = service_list(service);

	service->used_ns = service->metrics->now_ns;
	DL_DELETE(*list, service);
	DL_APPEND(*list, service);
}

struct metric_service *budget_service(struct metrics *metrics, const char *name)
{
	struct series_budget *budget = &metrics->budget;
	size_t length = strlen(name);
	struct metric_service *service;

	HASH_FIND(hh, budget->services, name, length, service);
	if (service)
		return service;
	service = calloc(1, sizeof(*service) + length + 1);
	if (!service)
		return NULL;
	service->metrics = metrics;
	service->used_ns = metrics->now_ns;
	memcpy(service->name, name, length);
	HASH_ADD_KEYPTR(hh, budget->services, service->name, length, service);
	DL_APPEND(budget->ended, service);
	return service;
}

void budget_tidy(struct metric_service *service)
{
	struct series_budget *budget = &service->metrics->budget;

	if (service->samples || service->processes || service->claims)
		return;
	if (budget->largest == service)
		budget->largest = NULL;
	DL_DELETE(budget->ended, service);
	HASH_DEL(budget->services, service);
	free(service);
}

void budget_clear(struct metrics *metrics)
{
	struct metric_service *service, *next;

	HASH_ITER(hh, metrics->budget.services, service, next) {
		HASH_DEL(metrics->budget.services, service);
		free(service);
	}
}

struct metric_service *metrics_service_begin(struct metrics *metrics, const char *name)
{
	struct metric_service *service;
	struct series_key key;

	series_key_make(&key, &name, 1, false);
	service = budget_service(metrics, key.text);
	if (!service)
		return NULL;
	DL_DELETE(*service_list(service), service);
	if (!service->processes++)
		metrics->budget.living_count++;
	DL_APPEND(*service_list(service), service);
	service->used_ns = metrics->now_ns;
	return service;
}

void metrics_service_end(struct metric_service *service)
{
	if (!service)
		return;
	DL_DELETE(*service_list(service), service);
	if (!--service->processes)
		service->metrics->budget.living_count--;
	DL_APPEND(*service_list(service), service);
	service->used_ns = service->metrics->now_ns;
	budget_tidy(service);
}

/* --- accounts and lists --- */

static struct series_share *share_of(const struct metric_series *series)
{
	return &series->service->shares[series->family->description->group];
}

static struct metric_series **series_list(const struct metric_series *series)
{
	struct series_share *share = share_of(series);

	return series->is_standing ? &share->standing : &share->used;
}

void budget_enter(struct metric_series *series)
{
	struct metric_service *service = series->service;
	struct series_budget *budget = &service->metrics->budget;
	size_t samples = series->family->samples;

	budget->samples += samples;
	service->samples += samples;
	share_of(series)->samples += samples;
	if (budget->largest && budget->largest->samples < service->samples)
		budget->largest = service;
	series->used_ns = service->metrics->now_ns;
	DL_APPEND(*series_list(series), series);
	service_use(service);
}

void budget_leave(struct metric_series *series)
{
	struct metric_service *service = series->service;
	struct series_budget *budget = &service->metrics->budget;
	size_t samples = series->family->samples;

	budget->samples -= samples;
	service->samples -= samples;
	share_of(series)->samples -= samples;
	if (budget->largest == service)
		budget->largest = NULL;
	DL_DELETE(*series_list(series), series);
	series->service = NULL;
}

void budget_touch(struct metric_series *series)
{
	struct metric_service *service = series->service;
	bool is_standing;

	if (!service)
		return;
	is_standing = series->family->description->type == METRIC_GAUGE && series->real != 0;
	if (series->used_ns == service->metrics->now_ns && series->is_standing == is_standing)
		return;
	DL_DELETE(*series_list(series), series);
	series->is_standing = is_standing;
	series->used_ns = service->metrics->now_ns;
	DL_APPEND(*series_list(series), series);
	if (service->used_ns != series->used_ns)
		service_use(service);
}

/* --- who gives way --- */

static struct metric_series *if_idle(struct metric_series *series)
{
	if (!series || series->service->metrics->now_ns - series->used_ns < SERIES_IDLE_NS)
		return NULL;
	return series;
}

static const struct series_share *share_largest(const struct metric_service *service)
{
	const struct series_share *largest = &service->shares[0];

	for (int i = 1; i < METRIC_GROUPS_MAX; i++)
		if (service->shares[i].samples > largest->samples)
			largest = &service->shares[i];
	return largest;
}

static struct metric_series *share_least_used(const struct series_share *share)
{
	return share->used ? share->used : share->standing;
}

struct metric_series *budget_victim_within(
	const struct metric_service *service, const struct metric_family *family)
{
	const struct series_share *own = &service->shares[family->description->group];
	const struct series_share *largest = share_largest(service);

	/* less, not as much, or two of the same size would take it from each other for ever */
	if (own->samples + family->samples < largest->samples)
		return share_least_used(largest);
	return if_idle(own->used);
}

/* Gauges that are not 0 left out. */
static struct metric_series *service_least_used(const struct metric_service *service)
{
	struct metric_series *least = NULL;

	for (int i = 0; i < METRIC_GROUPS_MAX; i++) {
		struct metric_series *series = service->shares[i].used;

		if (series && (!least || series->used_ns < least->used_ns))
			least = series;
	}
	return least;
}

static const struct metric_service *service_largest(struct series_budget *budget)
{
	struct metric_service *service = budget->services;

	if (budget->largest)
		return budget->largest;
	budget->largest = service;
	for (; service; service = service->hh.next)
		if (service->samples > budget->largest->samples)
			budget->largest = service;
	return budget->largest;
}

/* Of the first service in the list that was not used since then and has more samples than that. */
static struct metric_series *victim_unused(const struct metric_service *list,
	const struct metric_service *claimant, uint64_t idle_ns, size_t samples)
{
	for (; list && list->metrics->now_ns - list->used_ns >= idle_ns; list = list->next) {
		struct metric_series *series = NULL;

		if (list != claimant && list->samples > samples)
			series = service_least_used(list);
		if (series)
			return series;
	}
	return NULL;
}

/* What a service can rely on, even when it does nothing: half of an equal share. */
static size_t guaranteed(const struct series_budget *budget)
{
	return budget->living_count ? budget->samples_max / 2 / budget->living_count : 0;
}

struct metric_series *budget_victim(
	const struct metric_service *claimant, const struct metric_family *family)
{
	struct metrics *metrics = family->metrics;
	struct series_budget *budget = &metrics->budget;
	const struct metric_service *largest;
	struct metric_series *series = NULL;

	if (budget->used_up_ns != metrics->now_ns)
		series = victim_unused(budget->ended, claimant, 1, 0)
				 ?: victim_unused(budget->living, claimant, SERVICE_IDLE_NS,
					    guaranteed(budget));
	if (series)
		return series;
	budget->used_up_ns = metrics->now_ns; /* only time makes others idle */
	largest = service_largest(budget);
	if (claimant->samples + family->samples >= largest->samples)
		return budget_victim_within(claimant, family);
	series = if_idle(service_least_used(largest));
	return series ? series : share_least_used(share_largest(largest));
}

struct metric_service *budget_expired(
	const struct metrics *metrics, const struct metric_service *after)
{
	const struct series_budget *budget = &metrics->budget;
	struct metric_service *service = after ? after->next : budget->ended;

	if (!service || !budget->ttl_ns || metrics->now_ns - service->used_ns < budget->ttl_ns)
		return NULL;
	return service;
}
