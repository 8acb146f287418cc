/* SPDX-License-Identifier: Apache-2.0 */
/* See series_room.h. */
#include "series_room.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "series_listing.h"

struct metrics *metrics;
uint64_t room_now_ns;

static void tick_to(uint64_t to_ns)
{
	room_now_ns = to_ns;
	metrics_tick(metrics, room_now_ns, (int64_t)EPOCH);
}

void pass(uint64_t ns)
{
	tick_to(room_now_ns + ns);
}

int series_room_begin(void **state)
{
	(void)state;
	metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	assert_non_null(metrics);
	metrics_set_ttl(metrics, TTL);
	source_families_register(metrics);
	tick_to(1000 * SECOND);
	return 0;
}

int series_room_end(void **state)
{
	(void)state;
	metrics_free(metrics);
	return 0;
}

void count_start(const char *service)
{
	metric_add(SERIES_OF("sonde_process_starts_total", service), 1);
}

void count_exit(const char *service, const char *reason)
{
	metric_add(SERIES_OF("sonde_process_exits_total", service, reason), 1);
}

void count_request(const char *service, const char *method, const char *status, const char *route)
{
	metric_record(SERIES_OF("http_server_request_duration_seconds", service, method, status,
			      route, ""),
		1000);
}

void count_refused(const char *service, int port)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", port);
	metric_add(SERIES_OF("sonde_tcp_connections_total", service, "outbound", "external", text,
			   "refused"),
		1);
}

void assert_series(const char *expected)
{
	assert_string_equal(series_listing(metrics, NULL), expected);
}

/* --- sums over what is shown --- */

size_t samples_of(const struct metric_description *description)
{
	switch (description->type) {
	case METRIC_COUNTER: return 2;
	case METRIC_HISTOGRAM: return description->bound_count + 4;
	default: return 1;
	}
}

void add_series(void *context, const struct metric_view *view)
{
	struct sums *sums = context;

	if (sums->family && strcmp(view->description->name, sums->family) != 0)
		return;
	if (sums->service && strcmp(view->values[0], sums->service) != 0)
		return;
	sums->series++;
	sums->samples += samples_of(view->description);
	sums->counted += view->histogram ? view->histogram->count : view->integer;
	if (view->description->type == METRIC_GAUGE)
		sums->gauges += view->value;
	sums->created_unix_ns = view->created_unix_ns;
}

struct sums sums_of(const char *family, const char *service)
{
	struct sums sums = {.family = family, .service = service};

	metrics_visit(metrics, add_series, &sums);
	return sums;
}

struct sums sums_of_service(const char *service)
{
	return sums_of(NULL, service);
}
