/* SPDX-License-Identifier: Apache-2.0 */
/* Series that somebody holds and that give way: parts in them stay in the sums, and so do all
 * accounts, in any order of things (user/telemetry/metrics/series_budget.h). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "series_room.h"

/* --- what is held --- */

static void test_a_held_gauge_that_gives_way_stays_in_the_sum(void **state)
{
	(void)state;
	struct metric_series *open[3];

	metrics_set_limits(metrics, 3, 3); /* a gauge is one sample */
	for (int i = 0; i < 3; i++) {
		char port[16];

		snprintf(port, sizeof(port), "%d", i);
		open[i] = metric_hold(
			SERIES_OF("sonde_tcp_open_connections", "a", "outbound", "external", port));
		metric_change(open[i], 10 + i);
	}
	metric_change(
		SERIES_OF("sonde_tcp_open_connections", "b", "outbound", "external", "80"), 1);
	assert_series("sonde_tcp_open_connections{a,outbound,external,1} 11\n"
		      "sonde_tcp_open_connections{a,outbound,external,2} 12\n"
		      "sonde_tcp_open_connections{b,outbound,external,80} 1\n"
		      "sonde_tcp_open_connections{_overflow,,,}overflow 10\n");
	assert_true(metric_is_overflow(open[0]));
	assert_false(metric_is_overflow(open[1]));
	metric_change(open[0], -4);
	assert_int_equal(sums_of(NULL, "_overflow").gauges, 6);
	metric_change(open[0], -6);
	for (int i = 0; i < 3; i++)
		metric_release(open[i]);
	assert_int_equal(sums_of(NULL, NULL).gauges, 24);
}

static void test_what_is_held_counts_on_after_it_went(void **state)
{
	(void)state;
	struct metric_series *held = metric_hold(
		SERIES_OF("sonde_tcp_sent_bytes_total", "job", "outbound", "external", "80"));

	metric_add(held, 5);
	pass(TTL);
	assert_series("");
	assert_true(metric_is_overflow(held));
	metric_add(held, 7);
	assert_series("sonde_tcp_sent_bytes_total{_overflow,,,}overflow 7\n");
	metric_release(held);
}

/* --- anything in any order --- */

#define ANY_SERVICES 12
#define ANY_HELD     64

static uint64_t any_state;

static uint32_t any(uint32_t below)
{
	any_state = any_state * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(any_state >> 33) % below;
}

static const char *any_service(void)
{
	static const char *const names[ANY_SERVICES] = {
		"a", "b", "c", "d", "e", "f", "g", "_other", "_overflow", "kernel", "", "a\xff"};

	return names[any(ANY_SERVICES)];
}

static struct metric_series *any_series(const char *family)
{
	char text[16], other[16];

	snprintf(text, sizeof(text), "%u", any(30));
	snprintf(other, sizeof(other), "%u", any(3));
	return SERIES_OF(family, any_service(), text, other, "", "", "", "");
}

static void test_any_order_of_things_keeps_accounts_and_sums_true(void **state)
{
	struct metric_service *living[32] = {0};
	struct metric_series *held[ANY_HELD] = {0};
	int64_t parts[ANY_HELD] = {0};
	struct metric_cursor cursor = {0};
	struct sums looked = {0};

	(void)state;
	metrics_set_limits(metrics, 400, 100);
	for (int i = 0; i < 200000; i++) {
		uint32_t place = any(ANY_HELD);

		switch (any(10)) {
		case 0:
		case 1:
		case 2: metric_add(any_series("sonde_syscall_errors_total"), 1); break;
		case 3:
			metric_record(
				any_series("http_server_request_duration_seconds"), any(1000000));
			break;
		case 4: /* a part in a gauge that is held */
			if (!held[place])
				held[place] = metric_hold(any_series("sonde_tcp_open_connections"));
			metric_change(held[place], 1);
			parts[place]++;
			break;
		case 5: /* and given back */
			if (!held[place])
				break;
			metric_change(held[place], -parts[place]);
			metric_release(held[place]);
			held[place] = NULL;
			parts[place] = 0;
			break;
		case 6: pass(any(4) * any(30) * SECOND); break;
		case 7:
			metrics_service_end(living[place % 32]);
			living[place % 32] = NULL;
			if (any(2))
				living[place % 32] = metrics_service_begin(metrics, any_service());
			break;
		case 8: /* a step of a scrape that goes on all the time */
			if (!metrics_visit_next(metrics, &cursor, add_series, &looked))
				cursor = (struct metric_cursor){0};
			break;
		case 9:
			if (any(1000))
				break;
			metrics_set_limits(metrics, 100 + any(600), 20 + any(300));
			break;
		}
		if (i % 256 == 0) {
			struct sums sums = sums_of(NULL, NULL);
			double expected = 0;
			size_t samples = 0;

			for (int h = 0; h < ANY_HELD; h++)
				expected += (double)parts[h];
			assert_true(sums.gauges == expected);
			/* the overflow of all needs no room */
			for (size_t of = 0; source_family(of); of++)
				if (sums_of(source_family(of)->name, "_overflow").series)
					samples += samples_of(source_family(of));
			assert_in_range(sums.samples, metrics_samples(metrics),
				metrics_samples(metrics) + samples);
		}
	}
	for (int h = 0; h < ANY_HELD; h++)
		if (held[h])
			metric_release(held[h]);
	for (int s = 0; s < 32; s++)
		metrics_service_end(living[s]);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, series_room_begin, series_room_end)
	const struct CMUnitTest tests[] = {
		TEST(a_held_gauge_that_gives_way_stays_in_the_sum),
		TEST(what_is_held_counts_on_after_it_went),
		TEST(any_order_of_things_keeps_accounts_and_sums_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
