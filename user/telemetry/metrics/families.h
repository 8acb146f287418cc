/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a table of metric families is written with: kinds, units and bounds; and how a series of
 * such a family is found. docs/metrics.md defines each family.
 *
 * A source numbers its families by an enum, and defines the labels of each beside it:
 *
 *   enum { FAMILY_FORKS, FAMILIES };
 *   #define FAMILY_FORKS_LABELS "service_name"
 *   static const struct metric_description families[FAMILIES] = {
 *           [FAMILY_FORKS] = {.name = …, .labels = {FAMILY_FORKS_LABELS}, COUNTER(""), …},
 *   };
 *   metric_add(SERIES(its_own, FAMILY_FORKS, service->name), 1);
 */
#ifndef SONDE_FAMILIES_H
#define SONDE_FAMILIES_H

#include "telemetry/metrics/metrics.h"

#define HISTOGRAM(of, count)                                                                       \
	.type = METRIC_HISTOGRAM, .unit = "seconds", .bounds = (of), .bound_count = (count)
#define COUNTER(of) .type = METRIC_COUNTER, .unit = (of)
#define GAUGE(of)   .type = METRIC_GAUGE, .unit = (of)
#define NANOSECONDS 1e-9

/* Classic bounds; families.c says what each is for. */
#define WAIT_BOUNDS 10
extern const struct metric_bound wait_bounds[WAIT_BOUNDS];

#define LIFETIME_BOUNDS 8
extern const struct metric_bound lifetime_bounds[LIFETIME_BOUNDS];

#define CALL_BOUNDS 4
extern const struct metric_bound call_bounds[CALL_BOUNDS];

#define LABELS(...) ((const char *const[]){__VA_ARGS__})

/* How many arguments there are, up to METRIC_LABELS_MAX. */
#define LABEL_COUNT(...)                                 LABEL_COUNT_PICK(__VA_ARGS__, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define LABEL_COUNT_PICK(a, b, c, d, e, f, g, h, n, ...) n
_Static_assert(METRIC_LABELS_MAX <= 8, "LABEL_COUNT counts as far");

/*
 * The series of one of `families` with these label values. A family's labels have as many: another
 * number is refused by the compiler.
 */
#define SERIES(families, family, ...)                                                              \
	((void)sizeof(struct {                                                                     \
		_Static_assert(LABEL_COUNT(__VA_ARGS__) == LABEL_COUNT(family##_LABELS),           \
			"a value for each label of the family");                                   \
		int unused;                                                                        \
	}),                                                                                        \
		metrics_series((families)[family], LABELS(__VA_ARGS__)))

#endif
