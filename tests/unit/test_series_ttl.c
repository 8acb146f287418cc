/* SPDX-License-Identifier: Apache-2.0 */
/* When series go: some time after the last use and the last process; and with which start time they
 * come back (user/telemetry/metrics/series_budget.h). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "series_room.h"

static void test_series_go_some_time_after_the_last_process(void **state)
{
	(void)state;
	struct metric_service *first = metrics_service_begin(metrics, "job");
	struct metric_service *second = metrics_service_begin(metrics, "job");

	count_start("job");
	metrics_service_end(first);
	pass(2 * TTL);
	assert_series("sonde_process_starts_total{job} 1\n"); /* one process lives */
	metrics_service_end(second);
	pass(TTL - SECOND);
	assert_series("sonde_process_starts_total{job} 1\n");
	pass(SECOND);
	assert_series("");
	assert_int_equal(metrics_samples(metrics), 0);
	assert_int_equal(metrics_removed(metrics, METRIC_REMOVED_ENDED), COUNTER_SAMPLES);
	assert_int_equal(metrics_removed(metrics, METRIC_REMOVED_FOR_ROOM), 0);
}

static void test_a_change_after_the_end_begins_the_time_anew(void **state)
{
	(void)state;
	metrics_service_end(metrics_service_begin(metrics, "job"));
	count_start("job");
	pass(TTL - SECOND);
	count_exit("job", "success");
	pass(TTL - SECOND);
	assert_int_equal(sums_of_service("job").series, 2);
	pass(SECOND);
	assert_series("");
}

static void test_a_service_that_lives_keeps_what_it_does_not_use(void **state)
{
	(void)state;
	struct metric_service *service = metrics_service_begin(metrics, "shop");

	count_exit("shop", "error");
	for (int i = 0; i < 100; i++) {
		pass(MINUTE);
		count_start("shop");
	}
	assert_series("sonde_process_starts_total{shop} 100\n"
		      "sonde_process_exits_total{shop,error} 1\n");
	metrics_service_end(service);
}

static void test_without_a_time_series_stay(void **state)
{
	(void)state;
	metrics_set_ttl(metrics, 0);
	count_start("job");
	pass(1000 * TTL);
	assert_series("sonde_process_starts_total{job} 1\n");
	metrics_set_ttl(metrics, TTL); /* as by SIGHUP */
	pass(SECOND);
	assert_series("");
}

static void test_a_gauge_that_is_not_0_stays(void **state)
{
	(void)state;
	struct metric_series *open = metric_hold(
		SERIES_OF("sonde_tcp_open_connections", "job", "outbound", "external", "80"));

	metric_change(open, 2);
	count_start("job");
	pass(100 * TTL);
	assert_series("sonde_tcp_open_connections{job,outbound,external,80} 2\n");
	metric_change(open, -2);
	pass(TTL - SECOND);
	assert_series("sonde_tcp_open_connections{job,outbound,external,80} 0\n");
	pass(SECOND);
	assert_series("");
	metric_release(open);
}

static void test_a_counter_that_comes_back_begins_anew_with_a_start_time(void **state)
{
	(void)state;
	count_start("job");
	count_start("job");
	assert_int_equal(sums_of_service("job").created_unix_ns, EPOCH + room_now_ns);
	pass(TTL);
	assert_series("");
	pass(SECOND);
	count_start("job");
	assert_series("sonde_process_starts_total{job} 1\n");
	assert_int_equal(sums_of_service("job").created_unix_ns, EPOCH + room_now_ns);
	pass(MINUTE);
	count_start("job");
	assert_int_equal(sums_of_service("job").created_unix_ns, EPOCH + room_now_ns - MINUTE);
}

static void test_a_histogram_has_a_start_time_and_a_gauge_has_none(void **state)
{
	(void)state;
	count_request("shop", "GET", "200", "/");
	assert_int_equal(sums_of_service("shop").created_unix_ns, EPOCH + room_now_ns);
	metric_change(SERIES_OF("sonde_http_server_long_requests", "shop", "GET"), 1);
	assert_int_equal(sums_of("sonde_http_server_long_requests", "shop").created_unix_ns, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, series_room_begin, series_room_end)
	const struct CMUnitTest tests[] = {
		TEST(series_go_some_time_after_the_last_process),
		TEST(a_change_after_the_end_begins_the_time_anew),
		TEST(a_service_that_lives_keeps_what_it_does_not_use),
		TEST(without_a_time_series_stay),
		TEST(a_gauge_that_is_not_0_stays),
		TEST(a_counter_that_comes_back_begins_anew_with_a_start_time),
		TEST(a_histogram_has_a_start_time_and_a_gauge_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
