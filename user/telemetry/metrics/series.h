/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of series from inside (metrics.h is what others see): a family with its series,
 * which metrics.c finds, makes and removes (series_table.c); the services whose room they take
 * (series_budget.h); and how they are visited (metrics_visit.c).
 */
#ifndef SONDE_SERIES_H
#define SONDE_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telemetry/metrics/durations.h"
#include "telemetry/metrics/metrics.h"
#include "telemetry/metrics/series_budget.h"
#include "telemetry/metrics/series_key.h"

struct metric_series {
	struct metric_family *family;
	struct metric_service *service; /* whose room it takes; NULL: it needs none */
	struct metric_series *prev,
		*next; /* in a list of series_budget.h, or of those that have gone */
	struct metric_series *group_prev, *group_next; /* in the list of its group */
	union {
		uint64_t total; /* counter */
		double real;    /* gauge, counter that was set */
	};
	uint64_t number;  /* each new one has a higher one; UINT64_MAX: the family's overflow */
	uint64_t used_ns; /* when it changed last, as far as ticks tell */
	uint64_t created_unix_ns; /* 0: before the first tick */
	uint32_t hash;
	uint32_t holds;
	uint16_t key_length;
	bool is_overflow;
	bool is_real;
	bool is_standing;                     /* a gauge that is not 0: in the list of those */
	bool has_gone;                        /* had to give way while somebody held it */
	_Alignas(SERIES_KEY_WORD) char key[]; /* its text; behind it, in a histogram, struct
						 durations */
};

struct metric_family {
	const struct metric_description *description;
	struct metrics *metrics;
	struct metric_family *next; /* in the order of registration */

	unsigned label_count;
	bool is_per_service; /* the first label is the service, */
	unsigned group;      /* and it has room in this one */
	size_t samples;      /* of each series */

	struct metric_series **slots; /* open addressing, linear probing */
	struct metric_series **list;  /* in the order of their making; room for as many as slots */
	size_t slot_count;            /* power of two */
	size_t series_count;          /* in `list` */

	/*
	 * For series past the budget: made beforehand, so that it is there when memory is not, and
	 * in none of the lists, so that it is shown only once it was used. It is found by its key
	 * like all others: no service can have a second one with the same labels.
	 */
	struct metric_series *overflow;
	bool overflow_used;

	struct classic_bounds classic; /* histogram */
};

struct metrics {
	struct metric_family *first, **last;
	struct series_budget budget;
	struct metric_series *gone; /* no more shown, but held */
	uint64_t now_ns;            /* of the last tick */
	int64_t realtime_offset_ns;
	uint64_t begin_unix_ns; /* of the first tick */
	uint64_t made;          /* the last number */
	uint64_t overflowed;
	uint64_t removed[METRIC_REMOVALS]; /* samples */
};

/* --- series_table.c --- */

struct metric_series *series_new(
	struct metric_family *family, const struct series_key *key); /* NULL: no memory */
void series_free(struct metric_series *series);                      /* or NULL */

/* Of a family whose description is set; `overflow` is its own from here on. False: no memory. */
bool family_begin(struct metric_family *family, struct metric_series *overflow);
void family_end(struct metric_family *family); /* frees all series, not itself */

struct metric_series *family_find(const struct metric_family *family, const struct series_key *key);
bool family_add(struct metric_family *family, struct metric_series *series); /* false: no memory */
void family_take(struct metric_family *family, const struct metric_series *series);

/* Where in the family's list the first series with a higher number is; its end if there is none. */
size_t family_place_after(const struct metric_family *family, uint64_t number);

static inline struct durations *series_durations(const struct metric_series *series)
{
	return (struct durations *)(series->key + series->key_length);
}

#endif
