/* SPDX-License-Identifier: Apache-2.0 */
/* See source_families.h. */
#include "source_families.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry/telemetry_source.h"

#define PLACES 256

static struct metric_family *registered[PLACES];

const struct metric_description *source_family(size_t place)
{
	for (int i = 0; i < SWITCHED_SOURCES_COUNT; i++) {
		if (place < telemetry_sources[i]->family_count)
			return &telemetry_sources[i]->families[place];
		place -= telemetry_sources[i]->family_count;
	}
	return NULL;
}

static size_t place_of(const char *name)
{
	for (size_t place = 0; source_family(place); place++)
		if (!strcmp(source_family(place)->name, name))
			return place;
	fprintf(stderr, "no source has a family %s\n", name);
	abort();
}

const struct metric_description *source_family_named(const char *name)
{
	return source_family(place_of(name));
}

void source_families_register(struct metrics *metrics)
{
	for (size_t place = 0; source_family(place); place++)
		registered[place] = metrics_family(metrics, source_family(place));
}

struct metric_family *family_named(const char *name)
{
	return registered[place_of(name)];
}
