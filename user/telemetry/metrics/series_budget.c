/* SPDX-License-Identifier: Apache-2.0 */
/* See series_budget.h. */
#include "telemetry/metrics/series_budget.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "telemetry/metrics/series.h"

/* --- services --- */

/* Somebody whose processes were not all heard of may rest, and go on all the same. */
static bool service_incarnations(const struct metric_service *service)
{
	return service->processes > service->resting || service->sleeps ||
	       (service->processes && service->used_ns - service->rested_ns > SERVICE_LAST_NS);
}

static struct metric_service **service_list(struct metric_service *service)
{
	return service_incarnations(service) ? &service->holder->living
					     : &service->metrics->budget.ended;
}

/* Takes it out of its list, before it changes. */
static void service_take_out(struct metric_service *service)
{
	struct series_holder *holder = service->holder;

	DL_DELETE(*service_list(service), service);
	if (service_incarnations(service) && !--holder->living_count)
		service->metrics->budget.holder_count--;
}

/* To the end of its list, as the last one that was used. */
static void service_put_in(struct metric_service *service)
{
	struct series_holder *holder = service->holder;

	if (service_incarnations(service) && !holder->living_count++)
		service->metrics->budget.holder_count++;
	DL_APPEND(*service_list(service), service);
}

static void service_use(struct metric_service *service)
{
	service_take_out(service);
	service->used_ns = service->metrics->now_ns;
	service_put_in(service);
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
	service->holder = budget->holders;
	service->used_ns = metrics->now_ns;
	memcpy(service->name, name, length);
	HASH_ADD_KEYPTR(hh, budget->services, service->name, length, service);
	DL_APPEND(budget->ended, service);
	return service;
}

void budget_tidy(struct metric_service *service)
{
	struct series_budget *budget = &service->metrics->budget;

	if (service->samples || service->processes || service->sleeps || service->claims)
		return;
	if (service->holder->largest == service)
		service->holder->largest = NULL;
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

/* Changes how many processes are known of, of how many none lives, and whether another may. */
static void service_count(struct metric_service *service, int processes, int resting, bool sleeps)
{
	service_take_out(service);
	service->processes += (size_t)processes;
	service->resting += (size_t)resting;
	service->sleeps = sleeps;
	service->used_ns = service->metrics->now_ns;
	if (resting)
		service->rested_ns = service->used_ns;
	service_put_in(service);
}

struct metric_service *metrics_service_begin(struct metrics *metrics, const char *name)
{
	struct metric_service *service;
	struct series_key key;

	series_key_make(&key, &name, 1, false);
	service = budget_service(metrics, key.text);
	if (service)
		service_count(service, 1, 0, false);
	return service;
}

void metrics_service_set_holder(struct metric_service *service, unsigned number)
{
	struct series_holder *holder;

	if (!service || service->processes > 1)
		return;
	holder = &service->metrics->budget.holders[number % HOLDERS_MAX];
	service_take_out(service);
	service->holder->largest = holder->largest = NULL;
	service->holder->samples -= service->samples;
	holder->samples += service->samples;
	service->holder = holder;
	service_put_in(service);
}

void metrics_service_inherit_holder(
	struct metric_service *service, const struct metric_service *other)
{
	if (service && other)
		metrics_service_set_holder(
			service, (unsigned)(other->holder - other->metrics->budget.holders));
}

void metrics_service_rest(struct metric_service *service, bool rests)
{
	if (service)
		service_count(service, 0, rests ? 1 : -1, service->sleeps);
}

void metrics_service_sleep(struct metric_service *service)
{
	if (service)
		service_count(service, -1, 0, true);
}

void metrics_service_end(struct metric_service *service)
{
	if (!service)
		return;
	service_count(service, -1, 0, service->sleeps);
	budget_tidy(service);
}

/* --- accounts and lists --- */

static struct series_share *share_of(const struct metric_series *series)
{
	return &series->service->shares[series->family->group];
}

static struct metric_series **series_list(const struct metric_series *series)
{
	struct series_share *share = share_of(series);

	return series->is_standing ? &share->standing : &share->used;
}

static void lists_add(struct metric_series *series)
{
	struct series_budget *budget = &series->service->metrics->budget;

	DL_APPEND(*series_list(series), series);
	if (!series->is_standing)
		DL_APPEND2(
			budget->group_used[series->family->group], series, group_prev, group_next);
}

static void lists_remove(struct metric_series *series)
{
	struct series_budget *budget = &series->service->metrics->budget;

	DL_DELETE(*series_list(series), series);
	if (!series->is_standing)
		DL_DELETE2(
			budget->group_used[series->family->group], series, group_prev, group_next);
}

void budget_enter(struct metric_series *series)
{
	struct metric_service *service = series->service;
	struct series_budget *budget = &service->metrics->budget;
	size_t samples = series->family->samples;

	budget->samples += samples;
	budget->group_samples[series->family->group] += samples;
	service->samples += samples;
	service->holder->samples += samples;
	share_of(series)->samples += samples;
	if (service->holder->largest && service->holder->largest->samples < service->samples)
		service->holder->largest = service;
	series->used_ns = service->metrics->now_ns;
	lists_add(series);
	service_use(service);
}

void budget_leave(struct metric_series *series)
{
	struct metric_service *service = series->service;
	struct series_budget *budget = &service->metrics->budget;
	size_t samples = series->family->samples;

	budget->samples -= samples;
	budget->group_samples[series->family->group] -= samples;
	service->samples -= samples;
	service->holder->samples -= samples;
	share_of(series)->samples -= samples;
	if (service->holder->largest == service)
		service->holder->largest = NULL;
	lists_remove(series);
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
	lists_remove(series);
	series->is_standing = is_standing;
	series->used_ns = service->metrics->now_ns;
	lists_add(series);
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

/* Whose room is short: that of one service, or that of all. */
enum scope { WITHIN_SERVICE, AMONG_ALL };

/* What a group of families has for itself, in samples of all. */
static size_t group_part(const struct series_budget *budget)
{
	return budget->samples_max /
	       (budget->group_count > GROUPS_LEAST ? budget->group_count : GROUPS_LEAST);
}

/*
 * Whether what a service has of a group may go. Among all, nobody who lives gives anything of a
 * group that takes no more than the part of all room that no other group can take.
 */
static bool group_gives_way(const struct metric_service *service, unsigned group, enum scope scope)
{
	const struct series_budget *budget = &service->metrics->budget;

	return scope == WITHIN_SERVICE || !service_incarnations(service) ||
	       budget->group_samples[group] > group_part(budget);
}

/* NULL: none may give way. */
static const struct series_share *share_largest(
	const struct metric_service *service, enum scope scope)
{
	const unsigned groups = service->metrics->budget.group_count;
	const struct series_share *largest = NULL;

	for (unsigned i = 0; i < groups; i++)
		if (group_gives_way(service, i, scope) &&
			(!largest || service->shares[i].samples > largest->samples))
			largest = &service->shares[i];
	return largest;
}

static struct metric_series *share_least_used(const struct series_share *share)
{
	return share->used ? share->used : share->standing;
}

static struct metric_series *victim_within(
	const struct metric_service *service, const struct metric_family *family, enum scope scope)
{
	const struct series_share *own = &service->shares[family->group];
	const struct series_share *largest = share_largest(service, scope);

	/* less, not as much, or two of the same size would take it from each other for ever */
	if (largest && own->samples + family->samples < largest->samples)
		return share_least_used(largest);
	return if_idle(own->used);
}

struct metric_series *budget_victim_within(
	const struct metric_service *service, const struct metric_family *family)
{
	return victim_within(service, family, WITHIN_SERVICE);
}

/* Gauges that are not 0 left out. */
static struct metric_series *service_least_used(const struct metric_service *service)
{
	const unsigned groups = service->metrics->budget.group_count;
	struct metric_series *least = NULL;

	for (unsigned i = 0; i < groups; i++) {
		struct metric_series *series = service->shares[i].used;

		if (series && (!least || series->used_ns < least->used_ns) &&
			group_gives_way(service, i, AMONG_ALL))
			least = series;
	}
	return least;
}

/* What who has most gives. */
static struct metric_series *service_gives(const struct metric_service *service)
{
	const struct series_share *share = share_largest(service, AMONG_ALL);
	struct metric_series *series = if_idle(service_least_used(service));

	return series || !share ? series : share_least_used(share);
}

static const struct metric_service *service_largest(
	struct series_budget *budget, struct series_holder *holder)
{
	struct metric_service *service = budget->services;

	if (holder->largest)
		return holder->largest;
	for (; service; service = service->hh.next)
		if (service->holder == holder &&
			(!holder->largest || service->samples > holder->largest->samples))
			holder->largest = service;
	return holder->largest;
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

/* An equal share of a holder who has somebody who lives. */
static size_t holder_part(const struct series_budget *budget)
{
	return budget->samples_max / (budget->holder_count ?: 1);
}

/* What a service can rely on, even when it does nothing: half of an equal share. */
static size_t guaranteed(const struct series_budget *budget, const struct series_holder *holder)
{
	return holder->living_count ? holder_part(budget) / 2 / holder->living_count : 0;
}

/* Who is to give room: the holder that has most, or the claimant's own if no other has more. */
static struct series_holder *holder_giving(
	struct series_budget *budget, struct series_holder *own, size_t samples)
{
	struct series_holder *most = own;

	for (size_t i = 0; i < HOLDERS_MAX; i++)
		if (budget->holders[i].samples > most->samples)
			most = &budget->holders[i];
	return own->samples + samples < most->samples ? most : own;
}

/* The least recently used series of the group that has most, of whatever service of a holder. */
static struct metric_series *victim_of_groups(const struct series_budget *budget,
	const struct series_holder *holder, const struct metric_family *family)
{
	const size_t part = group_part(budget);
	struct metric_series *series;
	unsigned most = 0;

	for (unsigned i = 1; i < budget->group_count; i++)
		if (budget->group_samples[i] > budget->group_samples[most])
			most = i;
	if (budget->group_samples[family->group] > part || budget->group_samples[most] <= part)
		return NULL;
	for (series = budget->group_used[most]; series && series->service->holder != holder;)
		series = series->group_next;
	return series;
}

/* Nobody who lives loses anything to who has ended: what that leaves is little and comes late. */
static struct metric_series *victim_of_ended(const struct metric_service *claimant)
{
	return victim_unused(claimant->metrics->budget.ended, claimant,
		service_incarnations(claimant) ? 0 : 1, 0);
}

struct metric_series *budget_victim(
	const struct metric_service *claimant, const struct metric_family *family)
{
	struct metrics *metrics = family->metrics;
	struct series_budget *budget = &metrics->budget;
	struct metric_series *series = victim_of_ended(claimant);
	struct series_holder *holder;
	const struct metric_service *largest;

	if (series)
		return series;
	holder = holder_giving(budget, claimant->holder, family->samples);
	if (service_incarnations(claimant) && holder->used_up_ns != metrics->now_ns)
		series = victim_unused(
			holder->living, claimant, SERVICE_IDLE_NS, guaranteed(budget, holder));
	if (series)
		return series;
	if (service_incarnations(claimant))
		holder->used_up_ns = metrics->now_ns; /* only time makes others idle */
	largest = service_largest(budget, holder);
	if (!service_incarnations(claimant) && service_incarnations(largest))
		return victim_within(claimant, family, AMONG_ALL);
	if (holder == claimant->holder && claimant->samples + family->samples >= largest->samples)
		return victim_within(claimant, family, AMONG_ALL)
			       ?: victim_of_groups(budget, holder, family);
	return service_gives(largest) ?: victim_of_groups(budget, holder, family);
}

/* Nobody tells the end of a process that sleeps: it counts as ended when nothing is heard of it. */
static void sleepers_end(
	const struct series_budget *budget, struct series_holder *holder, uint64_t now_ns)
{
	struct metric_service *service, *next;

	for (service = holder->living; service && now_ns - service->used_ns >= budget->ttl_ns;
		service = next) {
		next = service->next;
		if (service->sleeps)
			service_count(service, 0, 0, false);
	}
}

struct metric_service *budget_expired(struct metrics *metrics, const struct metric_service *after)
{
	struct series_budget *budget = &metrics->budget;
	struct metric_service *service = after ? after->next : NULL;

	if (!budget->ttl_ns)
		return NULL;
	if (!after) {
		for (size_t i = 0; i < HOLDERS_MAX; i++)
			sleepers_end(budget, &budget->holders[i], metrics->now_ns);
		service = budget->ended;
	}
	while (service &&
		(service->processes || metrics->now_ns - service->used_ns < budget->ttl_ns))
		service = service->next; /* who only rests keeps what it has */
	return service;
}
