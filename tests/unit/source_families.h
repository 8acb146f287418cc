/* SPDX-License-Identifier: Apache-2.0 */
/* The metric families of all sources, for tests that take them by their names. */
#ifndef SONDE_TEST_SOURCE_FAMILIES_H
#define SONDE_TEST_SOURCE_FAMILIES_H

#include "telemetry/metrics/families.h"

/* One after the other; NULL: there are no more. */
const struct metric_description *source_family(size_t place);

const struct metric_description *source_family_named(const char *name); /* aborts without */

/* Registers all of them; those of the last call are what the next ones find. */
void source_families_register(struct metrics *metrics);
struct metric_family *family_named(const char *name);

#define SERIES_OF(name, ...) metrics_series(family_named(name), LABELS(__VA_ARGS__))

#endif
