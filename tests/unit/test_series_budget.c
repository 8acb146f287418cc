/* SPDX-License-Identifier: Apache-2.0 */
/* Who has room for series, and who gives way: within a service, and between services
 * (user/telemetry/metrics/series_budget.h). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>

#include "base/limit.h"
#include "series_room.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define HTTP              18 /* samples of a series: 14 bounds, and 4 */

/* --- room within a service --- */

static void test_the_least_recently_used_gives_way_after_a_minute(void **state)
{
	(void)state;
	struct metric_service *service = metrics_service_begin(metrics, "shop");

	metrics_set_limits(metrics, NO_LIMIT, 2 * COUNTER_SAMPLES);
	count_exit("shop", "success");
	count_exit("shop", "error");
	pass(MINUTE - SECOND);
	count_exit("shop", "success");
	count_exit("shop", "signal"); /* the others were used within a minute */
	assert_series("sonde_process_exits_total{shop,success} 2\n"
		      "sonde_process_exits_total{shop,error} 1\n"
		      "sonde_process_exits_total{shop,}overflow 1\n");
	pass(SECOND);
	metrics_set_limits(metrics, NO_LIMIT, 3 * COUNTER_SAMPLES); /* with the overflow series */
	count_exit("shop", "signal");
	assert_series("sonde_process_exits_total{shop,success} 2\n"
		      "sonde_process_exits_total{shop,}overflow 1\n"
		      "sonde_process_exits_total{shop,signal} 1\n");
	assert_int_equal(metrics_removed(metrics, METRIC_REMOVED_FOR_ROOM), COUNTER_SAMPLES);
	metrics_service_end(service);
}

/* Or each count would be lost with the series that it made. */
static void test_what_is_used_more_than_there_is_room_for_does_not_turn_over(void **state)
{
	enum { ROOM = 10, USED = 30, ROUNDS = 50 };

	(void)state;
	metrics_set_limits(metrics, NO_LIMIT, ROOM * COUNTER_SAMPLES);
	for (int round = 0; round < ROUNDS; round++) {
		for (int port = 0; port < USED; port++)
			count_refused("shop", port);
		pass(SECOND);
	}
	assert_int_equal(sums_of_service("shop").counted, ROUNDS * USED);
	assert_int_equal(sums_of_service("shop").series, ROOM + 1);
	assert_int_equal(metrics_removed(metrics, METRIC_REMOVED_FOR_ROOM), 0);
}

static void test_thousands_of_ports_leave_http_its_room(void **state)
{
	static const char *const routes[] = {"/", "/cart", "/checkout", "/orders/{id}", "/login"};
	static const char *const statuses[] = {"200", "302", "404", "500"};
	enum { LIMIT = 5000 };

	(void)state;
	metrics_set_limits(metrics, 4 * LIMIT, LIMIT);
	for (int port = 1; port <= 3000; port++) {
		count_refused("shop", port);
		if (port % 10 == 0)
			pass(SECOND / 10);
	}
	assert_in_range(sums_of_service("shop").samples, LIMIT - HTTP, LIMIT + COUNTER_SAMPLES);
	for (int i = 0; i < 10; i++)
		for (size_t route = 0; route < ARRAY_SIZE(routes); route++)
			for (size_t status = 0; status < ARRAY_SIZE(statuses); status++) {
				count_request("shop", "GET", statuses[status], routes[route]);
				count_refused("shop", 4000 + i);
			}
	struct sums http = sums_of("http_server_request_duration_seconds", "shop");
	assert_int_equal(http.series, ARRAY_SIZE(routes) * ARRAY_SIZE(statuses));
	assert_int_equal(http.counted, 10 * ARRAY_SIZE(routes) * ARRAY_SIZE(statuses));
	assert_true(limit_count(LIMIT_SERVICE_SERIES) > 0);
}

/*
 * A dozen daemons that wake up now and then, a few connections: what a machine has on which nothing
 * happens. What is not of services is some 60 samples more.
 */
static void test_a_quiet_machine_has_less_than_two_thousand_samples(void **state)
{
	static const char *const of_flow[] = {"sonde_tcp_open_connections",
		"sonde_tcp_sent_bytes_total", "sonde_tcp_received_bytes_total",
		"sonde_tcp_connect_duration_seconds", "sonde_tcp_connection_duration_seconds",
		"sonde_tcp_rtt_seconds"};
	char name[32], call[32];

	(void)state;
	for (int i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "daemon-%d", i);
		for (int n = 0; n < 14; n++) {
			snprintf(call, sizeof(call), "call-%d", n);
			SERIES_OF("sonde_syscall_duration_seconds", name, call);
		}
		SERIES_OF("sonde_syscall_errors_total", name, "read", "EAGAIN");
		SERIES_OF("sonde_syscall_errors_total", name, "openat", "ENOENT");
		count_start(name);
		count_exit(name, "success");
		SERIES_OF("sonde_process_lifetime_seconds", name);
		SERIES_OF("sonde_process_exited_cpu_seconds_total", name, "user");
		SERIES_OF("sonde_process_exited_cpu_seconds_total", name, "system");
	}
	for (int i = 0; i < 5; i++)
		for (size_t n = 0; n < ARRAY_SIZE(of_flow); n++) {
			snprintf(name, sizeof(name), "daemon-%d", i);
			SERIES_OF(of_flow[n], name, "outbound", "external", "443");
		}
	assert_in_range(metrics_samples(metrics), 1000, 2000 - 60);
}

/* --- room between services --- */

static void test_who_has_most_gives_way_to_who_has_less(void **state)
{
	struct metric_service *services[3];
	enum { LIMIT = 300 };

	(void)state;
	metrics_set_limits(metrics, LIMIT * COUNTER_SAMPLES, LIMIT * COUNTER_SAMPLES);
	services[0] = metrics_service_begin(metrics, "a");
	for (int i = 0; i < 2 * LIMIT; i++)
		count_refused("a", i);
	assert_int_equal(sums_of_service("a").samples, LIMIT * COUNTER_SAMPLES);
	for (int s = 1; s < 3; s++) {
		const char *name = s == 1 ? "b" : "c";

		services[s] = metrics_service_begin(metrics, name);
		for (int i = 0; i < 2 * LIMIT; i++)
			count_refused(name, i);
	}
	/* each has a third, and who wants more has an overflow of its own or that of all */
	assert_in_range(sums_of_service("a").samples,
		LIMIT * COUNTER_SAMPLES / 3 - 2 * COUNTER_SAMPLES, LIMIT);
	assert_in_range(sums_of_service("b").samples,
		LIMIT * COUNTER_SAMPLES / 3 - 2 * COUNTER_SAMPLES, LIMIT);
	assert_in_range(sums_of_service("c").samples,
		LIMIT * COUNTER_SAMPLES / 3 - 2 * COUNTER_SAMPLES, LIMIT);
	assert_true(metrics_samples(metrics) <= LIMIT * COUNTER_SAMPLES);
	for (int s = 0; s < 3; s++)
		metrics_service_end(services[s]);
}

/* What came first of a service would have its share for good otherwise. */
static void test_in_a_share_of_all_http_has_its_part_beside_system_calls(void **state)
{
	enum { SERVICES = 50, LIMIT = SERVICES * 160, CALLS = 40 };
	struct metric_service *services[SERVICES];
	char name[32], call[32], route[32];

	(void)state;
	metrics_set_limits(metrics, LIMIT, NO_LIMIT);
	for (int i = 0; i < SERVICES; i++) {
		snprintf(name, sizeof(name), "service-%d", i);
		services[i] = metrics_service_begin(metrics, name);
		for (int n = 0; n < CALLS; n++) {
			snprintf(call, sizeof(call), "call-%d", n);
			metric_record(
				SERIES_OF("sonde_syscall_duration_seconds", name, call), 1000);
		}
	}
	assert_int_equal(metrics_samples(metrics), LIMIT);
	for (int n = 0; n < 100; n++) {
		snprintf(route, sizeof(route), "/%d", n % 4);
		count_request("service-7", "GET", "200", route);
	}
	struct sums http = sums_of("http_server_request_duration_seconds", "service-7");
	assert_int_equal(http.series, 4);
	assert_int_equal(http.counted, 100);
	for (int i = 0; i < SERVICES; i++) {
		snprintf(name, sizeof(name), "service-%d", i);
		assert_in_range(sums_of_service(name).samples, 160 - 2 * HTTP, 160 + 2 * HTTP);
		metrics_service_end(services[i]);
	}
}

static void test_a_small_service_keeps_its_own_beside_a_large_one(void **state)
{
	(void)state;
	struct metric_service *cron = metrics_service_begin(metrics, "cron");
	struct metric_service *large = metrics_service_begin(metrics, "large");

	metrics_set_limits(metrics, 100 * COUNTER_SAMPLES, 100 * COUNTER_SAMPLES);
	count_start("cron");
	count_exit("cron", "success");
	for (int i = 0; i < 5000; i++) {
		count_refused("large", i);
		if (i % 100 == 0)
			pass(60 * SECOND);
	}
	assert_int_equal(sums_of_service("cron").counted, 2);
	assert_int_equal(sums_of_service("large").samples, 98 * COUNTER_SAMPLES);
	metrics_service_end(cron);
	metrics_service_end(large);
}

static void test_what_has_ended_gives_way_before_its_time(void **state)
{
	(void)state;
	struct metric_service *job = metrics_service_begin(metrics, "job");
	struct metric_service *shop = metrics_service_begin(metrics, "shop");
	uint64_t met = limit_count(LIMIT_SERIES);

	metrics_set_limits(metrics, 4 * COUNTER_SAMPLES, NO_LIMIT);
	count_start("job");
	count_start("shop");
	count_exit("shop", "success");
	count_exit("shop", "error");
	metrics_service_end(job);
	pass(SECOND);
	count_exit("shop", "signal"); /* though the shop has more */
	assert_series("sonde_process_starts_total{shop} 1\n"
		      "sonde_process_exits_total{shop,success} 1\n"
		      "sonde_process_exits_total{shop,error} 1\n"
		      "sonde_process_exits_total{shop,signal} 1\n");
	assert_int_equal(limit_count(LIMIT_SERIES), met);
	metrics_service_end(shop);
}

static void test_who_lives_and_does_nothing_gives_way_down_to_what_is_guaranteed(void **state)
{
	enum { SLEEPERS = 100, EACH = 10, LIMIT = SLEEPERS * EACH * COUNTER_SAMPLES };
	struct metric_service *sleepers[SLEEPERS], *shop;
	char name[32], route[32];

	(void)state;
	metrics_set_limits(metrics, LIMIT, LIMIT);
	for (int i = 0; i < SLEEPERS; i++) {
		snprintf(name, sizeof(name), "sleeper-%d", i);
		sleepers[i] = metrics_service_begin(metrics, name);
		for (int port = 0; port < EACH; port++)
			count_refused(name, port);
	}
	pass(SERVICE_IDLE_NS);
	shop = metrics_service_begin(metrics, "shop");
	for (int i = 0; i < LIMIT; i++) {
		snprintf(route, sizeof(route), "/%d", i % 50);
		count_request("shop", "GET", "200", route);
	}
	assert_int_equal(sums_of_service("shop").series, 50);
	assert_int_equal(sums_of_service("shop").counted, LIMIT);
	for (int i = 0; i < SLEEPERS; i++) {
		snprintf(name, sizeof(name), "sleeper-%d", i);
		assert_in_range(sums_of_service(name).samples,
			LIMIT / 2 / (SLEEPERS + 1) - COUNTER_SAMPLES, EACH * COUNTER_SAMPLES);
		metrics_service_end(sleepers[i]);
	}
	metrics_service_end(shop);
}

/* 10,000 of one second each in an hour, of which each has 21 series. */
static void run_jobs(int first, int count)
{
	static const char *const calls[] = {"execve", "brk", "mmap", "openat", "read", "close",
		"write", "fstat", "munmap", "mprotect", "exit_group", "access", "pread64",
		"arch_prctl", "set_tid_address", "rseq"};

	for (int i = first; i < first + count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "job-%d", i);
		struct metric_service *job = metrics_service_begin(metrics, name);
		count_start(name);
		for (size_t call = 0; call < ARRAY_SIZE(calls); call++)
			metric_record(
				SERIES_OF("sonde_syscall_duration_seconds", name, calls[call]),
				1000);
		pass(360 * SECOND / 1000);
		count_exit(name, "success");
		metric_record(SERIES_OF("sonde_process_lifetime_seconds", name), SECOND);
		metric_add(SERIES_OF("sonde_process_exited_cpu_seconds_total", name, "user"), 1000);
		metric_add(
			SERIES_OF("sonde_process_exited_cpu_seconds_total", name, "system"), 1000);
		metrics_service_end(job);
	}
}

static void test_an_hour_of_jobs_leaves_a_new_service_whole_and_memory_flat(void **state)
{
	static const char *const methods[] = {"GET", "POST"}, *const statuses[] = {"200", "500"};
	struct metric_service *old, *new;
	size_t before;
	char route[32];

	(void)state;
	metrics_set_limits(metrics, 20000, 5000);
	old = metrics_service_begin(metrics, "old");
	count_request("old", "GET", "200", "/");
	run_jobs(0, 2000);
	before = mallinfo2().uordblks;
	run_jobs(2000, 8000);
	assert_in_range(mallinfo2().uordblks, before * 9 / 10, before * 11 / 10);
	assert_in_range(metrics_samples(metrics), 15000, 20000);

	count_request("old", "GET", "500", "/"); /* its first one of this kind */
	new = metrics_service_begin(metrics, "new");
	for (int n = 0; n < 3; n++) {
		for (int i = 0; i < 20 * 2 * 2; i++) {
			snprintf(route, sizeof(route), "/route/%d", i / 4);
			count_request("new", methods[i % 2], statuses[i / 2 % 2], route);
		}
		run_jobs(10000 + 100 * n, 100); /* which go on */
	}
	assert_int_equal(sums_of_service("new").series, 80);
	assert_int_equal(sums_of_service("new").counted, 240);
	assert_int_equal(sums_of_service("old").series, 2);
	assert_int_equal(sums_of_service("old").counted, 2);
	assert_int_equal(sums_of_service("_overflow").series, 0);
	metrics_service_end(old);
	metrics_service_end(new);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, series_room_begin, series_room_end)
	const struct CMUnitTest tests[] = {
		TEST(the_least_recently_used_gives_way_after_a_minute),
		TEST(what_is_used_more_than_there_is_room_for_does_not_turn_over),
		TEST(thousands_of_ports_leave_http_its_room),
		TEST(a_quiet_machine_has_less_than_two_thousand_samples),
		TEST(who_has_most_gives_way_to_who_has_less),
		TEST(in_a_share_of_all_http_has_its_part_beside_system_calls),
		TEST(a_small_service_keeps_its_own_beside_a_large_one),
		TEST(what_has_ended_gives_way_before_its_time),
		TEST(who_lives_and_does_nothing_gives_way_down_to_what_is_guaranteed),
		TEST(an_hour_of_jobs_leaves_a_new_service_whole_and_memory_flat),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
