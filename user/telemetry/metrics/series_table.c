/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The series of a family: a hash table by label values, and a list in the order of their making.
 * Part of metrics.c (series.h).
 */
#include <stdlib.h>
#include <string.h>

#include "telemetry/metrics/series.h"

#define SLOTS_LEAST 8

struct metric_series *series_new(struct metric_family *family, const struct series_key *key)
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

void series_free(struct metric_series *series)
{
	if (!series)
		return;
	if (series->family->description->type == METRIC_HISTOGRAM)
		durations_clear(series_durations(series));
	free(series);
}

struct metric_series *family_find(const struct metric_family *family, const struct series_key *key)
{
	size_t mask = family->slot_count - 1;

	for (size_t i = key->hash & mask;; i = (i + 1) & mask) {
		struct metric_series *series = family->slots[i];

		if (!series || (series->hash == key->hash && series->key_length == key->length &&
				       memcmp(series->key, key->text, key->length) == 0))
			return series;
	}
}

/* To the first free slot; there is one. */
static void slots_put(struct metric_series **slots, size_t mask, struct metric_series *series)
{
	size_t i = series->hash & mask;

	while (slots[i])
		i = (i + 1) & mask;
	slots[i] = series;
}

/* At most three quarters are used: probing stays short, and always ends. */
static bool family_has_room(struct metric_family *family)
{
	size_t count = family->slot_count * 2;

	/* the overflow series has a slot, too */
	if ((family->series_count + 2) * 4 <= family->slot_count * 3)
		return true;
	struct metric_series **slots = calloc(count, sizeof(*slots));
	struct metric_series **list = realloc(family->list, count * sizeof(*list));
	if (list)
		family->list = list;
	if (!slots || !list) {
		free(slots);
		return false;
	}
	for (size_t old = 0; old < family->slot_count; old++)
		if (family->slots[old])
			slots_put(slots, count - 1, family->slots[old]);
	free(family->slots);
	family->slots = slots;
	family->slot_count = count;
	return true;
}

bool family_add(struct metric_family *family, struct metric_series *series)
{
	if (!family_has_room(family))
		return false;
	slots_put(family->slots, family->slot_count - 1, series);
	family->list[family->series_count++] = series;
	return true;
}

/*
 * Empties its slot: those behind it that were put there because theirs was taken move up, so that
 * a search still ends at the first free slot.
 */
static void slots_take(struct metric_family *family, const struct metric_series *series)
{
	size_t mask = family->slot_count - 1, hole = series->hash & mask, i;

	while (family->slots[hole] != series)
		hole = (hole + 1) & mask;
	for (i = (hole + 1) & mask; family->slots[i]; i = (i + 1) & mask) {
		size_t home = family->slots[i]->hash & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		family->slots[hole] = family->slots[i];
		hole = i;
	}
	family->slots[hole] = NULL;
}

size_t family_place_after(const struct metric_family *family, uint64_t number)
{
	size_t low = 0, high = family->series_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (family->list[middle]->number > number)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

void family_take(struct metric_family *family, const struct metric_series *series)
{
	size_t place = family_place_after(family, series->number - 1);

	slots_take(family, series);
	memmove(family->list + place, family->list + place + 1,
		(--family->series_count - place) * sizeof(*family->list));
}

bool family_begin(struct metric_family *family, struct metric_series *overflow)
{
	family->slots = calloc(SLOTS_LEAST, sizeof(*family->slots));
	family->list = calloc(SLOTS_LEAST, sizeof(*family->list));
	family->slot_count = SLOTS_LEAST;
	if (!family->slots || !family->list || !overflow)
		return false;
	overflow->is_overflow = true;
	overflow->number = UINT64_MAX;
	family->overflow = overflow;
	slots_put(family->slots, SLOTS_LEAST - 1, overflow);
	return true;
}

void family_end(struct metric_family *family)
{
	for (size_t i = 0; i < family->series_count; i++)
		series_free(family->list[i]);
	series_free(family->overflow);
	free(family->slots);
	free(family->list);
}
