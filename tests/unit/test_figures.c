/* SPDX-License-Identifier: Apache-2.0 */
/* What is added up by service between two looks at the registry. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/terminal/figures.h"
#include "telemetry/metrics/metrics.h"
#include "telemetry/metrics/series_budget.h"

#define SECOND 1000000000ull

static const struct metric_bound bounds[] = {{SECOND, "1"}};

static const struct metric_description descriptions[] = {
	{.name = "http_server_request_duration_seconds",
		.help = "Served.",
		.unit = "seconds",
		.type = METRIC_HISTOGRAM,
		.labels = {"service_name", "http_request_method", "http_response_status_code",
			"http_route", "error_type"},
		.bounds = bounds,
		.bound_count = 1},
	{.name = "http_client_request_duration_seconds",
		.help = "Called.",
		.unit = "seconds",
		.type = METRIC_HISTOGRAM,
		.labels = {"service_name", "http_request_method"},
		.bounds = bounds,
		.bound_count = 1},
	{.name = "sonde_tcp_open_connections",
		.help = "Open.",
		.unit = "",
		.type = METRIC_GAUGE,
		.labels = {"service_name", "direction"}},
	{.name = "sonde_tcp_sent_bytes_total",
		.help = "Sent.",
		.unit = "bytes",
		.type = METRIC_COUNTER,
		.labels = {"service_name", "direction"}},
	{.name = "sonde_tcp_received_bytes_total",
		.help = "Received.",
		.unit = "bytes",
		.type = METRIC_COUNTER,
		.labels = {"service_name", "direction"}},
	{.name = "sonde_syscall_duration_seconds",
		.help = "System calls.",
		.unit = "seconds",
		.type = METRIC_HISTOGRAM,
		.labels = {"service_name", "syscall"},
		.bounds = bounds,
		.bound_count = 1},
	{.name = "sonde_events_total",
		.help = "Events.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"source", "outcome"}},
	{.name = "sonde_process_starts_total",
		.help = "Of no interest.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"service_name"}},
};

enum { SERVED, CALLED, OPEN, SENT, RECEIVED, SYSCALLS, EVENTS, STARTS, FAMILIES };

struct world {
	struct metrics *metrics;
	struct metric_family *families[FAMILIES];
	struct figures_reader *reader;
};

static int world_make(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	world->metrics = metrics_new(10000, 10000);
	for (int i = 0; i < FAMILIES; i++)
		world->families[i] = metrics_family(world->metrics, &descriptions[i]);
	world->reader = figures_reader_new();
	*state = world;
	return 0;
}

static int world_free(void **state)
{
	struct world *world = *state;

	figures_reader_free(world->reader);
	metrics_free(world->metrics);
	free(world);
	return 0;
}

static void serve(struct world *world, const char *service, const char *status, const char *error,
	unsigned count, uint64_t duration_ns)
{
	const char *values[] = {service, "GET", status, "/", error};
	struct metric_series *series = metrics_series(world->families[SERVED], values);

	while (count--)
		metric_record(series, duration_ns);
}

static void call(struct world *world, const char *service, unsigned count)
{
	const char *values[] = {service, "GET"};
	struct metric_series *series = metrics_series(world->families[CALLED], values);

	while (count--)
		metric_record(series, SECOND / 1000);
}

static struct metric_series *series_of(
	struct world *world, int family, const char *first, const char *second)
{
	const char *values[] = {first, second};

	return metrics_series(world->families[family], values);
}

static void spend(struct world *world, const char *service, const char *syscall, uint64_t ns)
{
	metric_record(series_of(world, SYSCALLS, service, syscall), ns);
}

static void test_rates_are_growth_by_second_since_the_last_look(void **state)
{
	struct world *world = *state;
	const struct figures *figures;

	serve(world, "shop", "200", "", 1000, SECOND);
	metric_add(series_of(world, SENT, "shop", "inbound"), 5000);
	figures = figures_read(world->reader, world->metrics, 10 * SECOND);
	assert_false(figures->has_rates);

	serve(world, "shop", "200", "", 6, SECOND / 1000);
	serve(world, "shop", "503", "503", 2, SECOND / 1000);
	serve(world, "shop", "404", "", 2, SECOND / 1000);
	serve(world, "shop", "", "connection_closed", 2, SECOND / 1000);
	call(world, "shop", 8);
	metric_add(series_of(world, STARTS, "idle", NULL), 100);
	metric_add(series_of(world, SENT, "shop", "inbound"), 300);
	metric_add(series_of(world, SENT, "shop", "outbound"), 100);
	metric_add(series_of(world, RECEIVED, "shop", "inbound"), 50);
	metric_set(series_of(world, OPEN, "shop", "inbound"), 3);
	metric_set(series_of(world, OPEN, "shop", "outbound"), 4);
	figures = figures_read(world->reader, world->metrics, 12 * SECOND);
	assert_true(figures->has_rates);
	assert_int_equal(figures->service_count, 1);
	assert_string_equal(figures->services[0]->name, "shop");
	assert_true(figures->services[0]->requests == 6);
	assert_true(figures->services[0]->errors == 2);
	assert_true(figures->services[0]->calls == 4);
	assert_true(figures->services[0]->sent_bytes == 200);
	assert_true(figures->services[0]->received_bytes == 25);
	assert_true(figures->services[0]->connections == 7);

	figures = figures_read(world->reader, world->metrics, 13 * SECOND);
	assert_true(figures->services[0]->requests == 0);
	assert_true(figures->services[0]->connections == 7);
	metric_set(series_of(world, OPEN, "shop", "inbound"), 0);
	metric_set(series_of(world, OPEN, "shop", "outbound"), 0);
	figures = figures_read(world->reader, world->metrics, 14 * SECOND);
	assert_int_equal(figures->service_count, 0);
}

static void test_quantiles_are_those_of_the_interval(void **state)
{
	struct world *world = *state;
	const struct figures *figures;

	serve(world, "shop", "200", "", 1000, 10 * SECOND);
	figures_read(world->reader, world->metrics, 1 * SECOND);
	serve(world, "shop", "200", "", 90, SECOND / 1000);
	serve(world, "shop", "404", "", 10, SECOND / 10);
	figures = figures_read(world->reader, world->metrics, 2 * SECOND);
	/* Buckets are 9% wide. */
	assert_in_range(figures->services[0]->p50_ns, 910000, 1090000);
	assert_in_range(figures->services[0]->p99_ns, 91000000, 109000000);
	call(world, "shop", 1);
	figures = figures_read(world->reader, world->metrics, 3 * SECOND);
	assert_int_equal(figures->services[0]->p50_ns, 0);
}

static void test_service_that_appears_later_counts_from_nothing(void **state)
{
	struct world *world = *state;
	const struct figures *figures;

	figures_read(world->reader, world->metrics, 1 * SECOND);
	serve(world, "late", "200", "", 5, SECOND / 1000);
	figures = figures_read(world->reader, world->metrics, 2 * SECOND);
	assert_true(figures->services[0]->requests == 5);
}

static void test_busiest_syscalls_are_ranked_without_those_that_wait(void **state)
{
	struct world *world = *state;
	const struct figures_service *service;

	spend(world, "shop", "read", 50 * SECOND);
	figures_read(world->reader, world->metrics, 1 * SECOND);
	spend(world, "shop", "epoll_pwait", 90 * SECOND);
	spend(world, "shop", "futex", 90 * SECOND);
	spend(world, "shop", "read", SECOND / 10);
	spend(world, "shop", "write", SECOND / 10 * 3);
	spend(world, "shop", "openat", SECOND / 10 * 5);
	spend(world, "shop", "close", SECOND / 10 * 1);
	service = figures_read(world->reader, world->metrics, 3 * SECOND)->services[0];
	assert_string_equal(service->busiest[0].name, "openat");
	assert_string_equal(service->busiest[1].name, "write");
	assert_string_equal(service->busiest[2].name, "read");
	assert_true(service->busiest[0].share == 0.5);
	assert_true(service->syscall_seconds == 0.5);

	assert_int_equal(figures_read(world->reader, world->metrics, 4 * SECOND)->service_count, 0);
}

static void test_services_stand_in_order_of_activity(void **state)
{
	static const char *const order[] = {"web", "proxy", "copy", "disk", "a-idle", "b-idle"};
	struct world *world = *state;
	const struct figures *figures;

	figures_read(world->reader, world->metrics, 1 * SECOND);
	metric_set(series_of(world, OPEN, "b-idle", ""), 1);
	metric_set(series_of(world, OPEN, "a-idle", ""), 1);
	spend(world, "disk", "fsync", 1000);
	metric_add(series_of(world, SENT, "copy", ""), 1);
	call(world, "proxy", 1);
	serve(world, "web", "200", "", 2, 1000);
	figures = figures_read(world->reader, world->metrics, 2 * SECOND);
	assert_int_equal(figures->service_count, 6);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(figures->services[i]->name, order[i]);
	assert_true(figures->total.requests == 2);
	assert_true(figures->total.connections == 2);
}

static void test_too_many_services_are_added_up_as_others(void **state)
{
	struct world *world = *state;
	const struct figures *figures;
	double requests = 0;

	figures_read(world->reader, world->metrics, 1 * SECOND);
	for (int i = 0; i < FIGURES_SERVICES_MAX + 50; i++) {
		char name[32];

		snprintf(name, sizeof(name), "service-%d", i);
		serve(world, name, "200", "", 1, 1000);
	}
	figures = figures_read(world->reader, world->metrics, 2 * SECOND);
	assert_int_equal(figures->service_count, FIGURES_SERVICES_MAX + 1);
	assert_string_equal(figures->services[0]->name, "(others)");
	assert_true(figures->services[0]->requests == 50);
	for (size_t i = 0; i < figures->service_count; i++)
		requests += figures->services[i]->requests;
	assert_true(requests == FIGURES_SERVICES_MAX + 50);
}

static const struct figures_service *shown(const struct figures *figures, const char *name)
{
	for (size_t i = 0; i < figures->service_count; i++)
		if (strcmp(figures->services[i]->name, name) == 0)
			return figures->services[i];
	return NULL;
}

static void name_of(char name[32], int i)
{
	snprintf(name, 32, "service-%d", i);
}

/* All places are taken, each service has served 1,000 requests, and does nothing any more. */
static void fill_and_wait(struct world *world)
{
	char name[32];

	metrics_tick(world->metrics, SECOND, 0);
	figures_read(world->reader, world->metrics, SECOND);
	for (int i = 0; i < FIGURES_SERVICES_MAX; i++) {
		name_of(name, i);
		serve(world, name, "200", "", 1000, SECOND / 1000);
		spend(world, name, "read", SECOND);
	}
	assert_int_equal(figures_read(world->reader, world->metrics, 2 * SECOND)->service_count,
		FIGURES_SERVICES_MAX);
	metrics_tick(world->metrics, SECOND + FIGURES_IDLE_NS, 0);
}

static void test_services_that_do_nothing_for_a_minute_give_way(void **state)
{
	struct world *world = *state;
	const struct figures *figures;

	fill_and_wait(world);
	serve(world, "late", "200", "", 5, SECOND / 1000);
	figures = figures_read(world->reader, world->metrics, 3 * SECOND);
	assert_int_equal(figures->service_count, 1);
	assert_string_equal(figures->services[0]->name, "late");
	assert_true(figures->services[0]->requests == 5);
	assert_true(figures->total.requests == 5);
	assert_true(figures->total.syscall_seconds == 0);
}

static void test_who_gave_way_comes_back_without_its_past(void **state)
{
	struct world *world = *state;
	const struct figures *figures;
	char name[32];

	fill_and_wait(world);
	figures_read(world->reader, world->metrics, 3 * SECOND);
	for (int i = 0; i < FIGURES_SERVICES_MAX; i++) { /* some of whom gave way */
		name_of(name, i);
		serve(world, name, "200", "", 1, SECOND / 1000);
	}
	figures = figures_read(world->reader, world->metrics, 4 * SECOND);
	assert_true(figures->total.requests == FIGURES_SERVICES_MAX);
	for (int i = 0; i < FIGURES_SERVICES_MAX; i++) {
		name_of(name, i);
		serve(world, name, "200", "", 2, SECOND / 10);
	}
	figures = figures_read(world->reader, world->metrics, 5 * SECOND);
	assert_null(shown(figures, "(others)"));
	for (int i = 0; i < FIGURES_SERVICES_MAX; i++) {
		name_of(name, i);
		assert_non_null(shown(figures, name));
		assert_true(shown(figures, name)->requests == 2);
		assert_in_range(shown(figures, name)->p50_ns, 91000000, 109000000);
	}
}

static void test_series_that_go_are_no_growth(void **state)
{
	struct world *world = *state;
	const struct figures_service *service;

	metrics_tick(world->metrics, SECOND, 0);
	metrics_set_limits(world->metrics, 10000, 10); /* two histograms */
	serve(world, "shop", "200", "", 1000, SECOND / 1000);
	spend(world, "shop", "read", 10 * SECOND);
	figures_read(world->reader, world->metrics, SECOND);
	metrics_tick(world->metrics, SECOND + SERIES_IDLE_NS, 0);
	spend(world, "shop", "write", SECOND);
	assert_int_equal(metrics_removed(world->metrics, METRIC_REMOVED_FOR_ROOM), 5);
	service = shown(figures_read(world->reader, world->metrics, 2 * SECOND), "shop");
	assert_non_null(service);
	assert_true(service->requests == 0);
	assert_int_equal(service->p99_ns, 0);
	assert_true(service->syscall_seconds == 1);
}

static void test_every_loss_since_the_start_is_counted(void **state)
{
	struct world *world = *state;
	const struct figures *figures;

	metric_add(series_of(world, EVENTS, "http", "delivered"), 1000);
	figures = figures_read(world->reader, world->metrics, 1 * SECOND);
	assert_true(figures->lost_events == 0);
	metric_add(series_of(world, EVENTS, "http", "ring_full"), 3);
	metric_add(series_of(world, EVENTS, "tcp", "table_full"), 20);
	for (int i = 0; i < 2; i++) {
		figures = figures_read(world->reader, world->metrics, (uint64_t)(i + 2) * SECOND);
		assert_true(figures->lost_events == 23);
		assert_int_equal(figures->loss_count, 2);
		assert_string_equal(figures->losses[0].source, "tcp");
		assert_string_equal(figures->losses[1].outcome, "ring_full");
	}
	for (int i = 0; i < 2 * FIGURES_LOSSES_MAX; i++) {
		char source[16];

		snprintf(source, sizeof(source), "s%d", i);
		metric_add(series_of(world, EVENTS, source, "ring_full"), 1);
	}
	figures = figures_read(world->reader, world->metrics, 9 * SECOND);
	assert_true(figures->lost_events == 23 + 2 * FIGURES_LOSSES_MAX);
	assert_int_equal(figures->loss_count, FIGURES_LOSSES_MAX);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WORLD(test_rates_are_growth_by_second_since_the_last_look),
		WITH_WORLD(test_quantiles_are_those_of_the_interval),
		WITH_WORLD(test_service_that_appears_later_counts_from_nothing),
		WITH_WORLD(test_busiest_syscalls_are_ranked_without_those_that_wait),
		WITH_WORLD(test_services_stand_in_order_of_activity),
		WITH_WORLD(test_too_many_services_are_added_up_as_others),
		WITH_WORLD(test_services_that_do_nothing_for_a_minute_give_way),
		WITH_WORLD(test_who_gave_way_comes_back_without_its_past),
		WITH_WORLD(test_series_that_go_are_no_growth),
		WITH_WORLD(test_every_loss_since_the_start_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
