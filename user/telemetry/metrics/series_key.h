/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The label values of a series as one text that can be hashed and compared: one behind the other,
 * each ended by NUL, cut and forced to UTF-8 as they will be shown, so that two values that would
 * look alike are one series. Filled up with zeros to whole words. For the registry (metrics.c).
 */
#ifndef SONDE_SERIES_KEY_H
#define SONDE_SERIES_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "telemetry/metrics/metrics.h"

#define LABEL_VALUE_MAX  255 /* bytes; longer ones are cut, so that a series has a largest size */
#define SERIES_KEY_WORD  sizeof(uint64_t)
#define SERIES_PARTS_MAX 11 /* of the first value: the name, and SERVICE_LABELS_MAX */
#define SERIES_KEY_MAX                                                                             \
	((METRIC_LABELS_MAX + SERIES_PARTS_MAX) * (LABEL_VALUE_MAX + 1) + SERIES_KEY_WORD)

struct series_key {
	uint32_t hash;
	uint32_t length; /* whole words */
	_Alignas(SERIES_KEY_WORD) char text[SERIES_KEY_MAX];
};

/*
 * `values` has `count` strings, NULL counts as "". The first one, which is the service, may have
 * parts (SERVICE_PART), each of which is cut as a value is. An overflow series never equals another
 * one whose values happen to be the same.
 */
void series_key_make(
	struct series_key *key, const char *const *values, unsigned count, bool is_overflow);

#endif
