/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of who has room for series: a registry of the families of all sources, whose clock a
 * test moves; what is counted in it, and sums over what it shows.
 */
#ifndef SONDE_TEST_SERIES_ROOM_H
#define SONDE_TEST_SERIES_ROOM_H

#include <stddef.h>
#include <stdint.h>

#include "source_families.h"
#include "telemetry/metrics/series_budget.h"

#define NO_LIMIT 1000000
#define SECOND   UINT64_C(1000000000)
#define MINUTE   (60 * SECOND)
#define TTL      (10 * MINUTE)
#define EPOCH    UINT64_C(1700000000000000000) /* wall clock at monotonic 0 */

#define COUNTER_SAMPLES 2 /* of a series: a counter and its _created */

extern struct metrics *metrics;
extern uint64_t room_now_ns;

/* Around each test. */
int series_room_begin(void **state);
int series_room_end(void **state);

void pass(uint64_t ns); /* time goes on by so much */

void count_start(const char *service);
void count_exit(const char *service, const char *reason);
void count_request(const char *service, const char *method, const char *status, const char *route);

/* 1 connection that was refused; a counter. */
void count_refused(const char *service, int port);

/* All that is shown, as series_listing.h has it. */
void assert_series(const char *expected);

/* --- sums over what is shown --- */

struct sums {
	const char *family, *service; /* NULL: all */
	size_t series, samples;
	uint64_t counted; /* totals of counters, counts of histograms */
	double gauges;
	uint64_t created_unix_ns; /* of the last one */
};

size_t samples_of(const struct metric_description *description);

/* Takes a view, for the sums that are its context. */
void add_series(void *context, const struct metric_view *view);

struct sums sums_of(const char *family, const char *service);
struct sums sums_of_service(const char *service);

#endif
