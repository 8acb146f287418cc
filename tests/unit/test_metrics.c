/* SPDX-License-Identifier: Apache-2.0 */
/* What the registry of series (user/telemetry/metrics/metrics.h) promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry/metrics/metrics.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define NO_LIMIT          1000000
#define SECOND            UINT64_C(1000000000)

static const struct metric_bound half_and_ten[] = {{SECOND / 2, "0.5"}, {10 * SECOND, "10"}};
static const struct metric_bound powers_of_two[] = {
	{953, "9.5367431640625e-07"}, {SECOND / 4, "0.25"}, {SECOND, "1"}, {128 * SECOND, "128"}};

static const struct metric_description requests = {
	.name = "requests_total",
	.help = "Requests.",
	.type = METRIC_COUNTER,
	.labels = {"service_name", "method"},
};
static const struct metric_description seconds = {
	.name = "cpu_seconds_total",
	.help = "CPU time.",
	.type = METRIC_COUNTER,
	.labels = {"kind"},
	.scale = 1e-9,
};
static const struct metric_description threads = {
	.name = "threads", .help = "Threads.", .type = METRIC_GAUGE};
static const struct metric_description durations = {
	.name = "duration_seconds",
	.help = "Durations.",
	.unit = "seconds",
	.type = METRIC_HISTOGRAM,
	.labels = {"service_name"},
	.bounds = half_and_ten,
	.bound_count = ARRAY_SIZE(half_and_ten),
};
static const struct metric_description routes = {
	.name = "route_seconds",
	.help = "Durations by route.",
	.unit = "seconds",
	.type = METRIC_HISTOGRAM,
	.labels = {"service_name", "route"},
	.bounds = half_and_ten,
	.bound_count = ARRAY_SIZE(half_and_ten),
};
static const struct metric_description sweeps = {
	.name = "sweep_seconds",
	.help = "Durations that a sweep finds.",
	.unit = "seconds",
	.type = METRIC_HISTOGRAM,
	.labels = {"service_name"},
	.bounds = powers_of_two,
	.bound_count = ARRAY_SIZE(powers_of_two),
};

/* --- what a visit shows, written down line by line --- */

struct listing {
	char text[4096];
	struct histogram histogram; /* of the last series that had one */
};

static void list_series(void *context, const struct metric_view *view)
{
	struct listing *listing = context;
	char *end = listing->text + strlen(listing->text);
	size_t room = sizeof(listing->text) - strlen(listing->text);
	int length = snprintf(end, room, "%s", view->description->name);

	for (size_t i = 0; view->description->labels[i]; i++)
		length += snprintf(end + length, room - (size_t)length, " %s=%s",
			view->description->labels[i], view->values[i]);
	if (view->overflow)
		length += snprintf(end + length, room - (size_t)length, " overflow");
	if (view->histogram) {
		listing->histogram = *view->histogram;
		for (size_t i = 0; i < view->description->bound_count; i++)
			length += snprintf(end + length, room - (size_t)length, " %s:%llu",
				view->description->bounds[i].le,
				(unsigned long long)view->cumulative[i]);
		length += snprintf(end + length, room - (size_t)length, " count %llu sum %llu",
			(unsigned long long)view->histogram->count,
			(unsigned long long)view->histogram->sum_ns);
	} else if (view->is_integer) {
		length += snprintf(end + length, room - (size_t)length, " %llu",
			(unsigned long long)view->integer);
	} else {
		length += snprintf(end + length, room - (size_t)length, " %.17g", view->value);
	}
	snprintf(end + length, room - (size_t)length, "\n");
}

static void list(const struct metrics *metrics, struct listing *listing)
{
	memset(listing, 0, sizeof(*listing));
	metrics_visit(metrics, list_series, listing);
}

static void assert_listed(const struct metrics *metrics, const char *expected)
{
	struct listing listing;

	list(metrics, &listing);
	assert_string_equal(listing.text, expected);
}

static struct metric_series *series_of(
	struct metric_family *family, const char *first, const char *second)
{
	return metrics_series(family, (const char *const[]){first, second});
}

/* --- finding series --- */

static void test_equal_label_values_are_one_series_whatever_memory_they_are_in(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct metric_family *family = metrics_family(metrics, &requests);
	char shop[] = "shop", get[] = "GET";

	metric_add(series_of(family, "shop", "GET"), 2);
	assert_ptr_equal(series_of(family, shop, get), series_of(family, "shop", "GET"));
	metric_add(series_of(family, shop, get), 3);
	assert_listed(metrics, "requests_total service_name=shop method=GET 5\n");
	assert_int_equal(metrics_samples(metrics), 2);
	metrics_free(metrics);
}

static void test_values_are_not_confused_where_one_ends_and_the_next_begins(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct metric_family *family = metrics_family(metrics, &requests);

	metric_add(series_of(family, "ab", "c"), 1);
	metric_add(series_of(family, "a", "bc"), 2);
	metric_add(series_of(family, "", "abc"), 3);
	metric_add(series_of(family, "abc", NULL), 4);
	metric_add(series_of(family, "abc", ""), 5);
	assert_listed(metrics, "requests_total service_name=ab method=c 1\n"
			       "requests_total service_name=a method=bc 2\n"
			       "requests_total service_name= method=abc 3\n"
			       "requests_total service_name=abc method= 9\n");
	metrics_free(metrics);
}

static void test_thousands_of_series_are_found_again(void **state)
{
	(void)state;
	enum { SERIES = 10000 };
	static struct metric_series *made[SERIES];
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct metric_family *family = metrics_family(metrics, &requests);
	char service[32];

	for (int i = 0; i < SERIES; i++) {
		snprintf(service, sizeof(service), "service-%d", i);
		made[i] = series_of(family, service, "GET");
	}
	for (int i = 0; i < SERIES; i++) {
		snprintf(service, sizeof(service), "service-%d", i);
		assert_ptr_equal(series_of(family, service, "GET"), made[i]);
	}
	assert_int_equal(metrics_samples(metrics), 2 * SERIES);
	metrics_free(metrics);
}

static void test_values_that_are_not_utf8_are_shown_as_text_and_stay_one_series(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct metric_family *family = metrics_family(metrics, &requests);

	metric_add(series_of(family, "caf\xc3\xa9", "\xff"), 1);
	metric_add(series_of(family, "caf\xc3\xa9", "\xfe"), 1);
	assert_listed(metrics, "requests_total service_name=caf\xc3\xa9 method=? 2\n");
	metrics_free(metrics);
}

static void test_a_value_that_is_too_long_is_cut_between_characters(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct metric_family *family = metrics_family(metrics, &requests);
	char value[400], expected[600];

	memset(value, 'x', sizeof(value));
	memcpy(value + 254, "\xc3\xa9", 2); /* bytes 255 and 256 */
	value[sizeof(value) - 1] = '\0';
	metric_add(series_of(family, "shop", value), 1);
	snprintf(expected, sizeof(expected), "requests_total service_name=shop method=%.254s 1\n",
		value);
	assert_listed(metrics, expected);
	metrics_free(metrics);
}

/* --- numbers --- */

static void test_counters_are_exact_integers(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct metric_family *family = metrics_family(metrics, &requests);

	metric_add(series_of(family, "shop", "GET"), UINT64_MAX - 1);
	metric_add(series_of(family, "shop", "GET"), 1);
	assert_listed(
		metrics, "requests_total service_name=shop method=GET 18446744073709551615\n");
	metrics_free(metrics);
}

static void test_a_scaled_counter_is_shown_as_the_nearest_number(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct metric_family *family = metrics_family(metrics, &seconds);

	metric_add(metrics_series(family, (const char *const[]){"user"}), 1234567890);
	/* 1234567890 × 10^-9 would be another one: 10^-9 is not exact. */
	char expected[128];
	snprintf(expected, sizeof(expected), "cpu_seconds_total kind=user %.17g\n", 1.23456789);
	assert_listed(metrics, expected);
	metrics_free(metrics);
}

static void test_what_was_set_is_shown_as_it_is(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct metric_family *gauge = metrics_family(metrics, &threads);
	struct metric_family *counter = metrics_family(metrics, &seconds);

	metric_set(metrics_series(gauge, NULL), -2.5);
	metric_set(metrics_series(counter, (const char *const[]){"user"}), 0.75);
	assert_listed(metrics, "threads -2.5\ncpu_seconds_total kind=user 0.75\n");
	metrics_free(metrics);
}

static void test_a_gauge_goes_up_and_down(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct metric_series *gauge = metrics_series(metrics_family(metrics, &threads), NULL);

	metric_change(gauge, 5);
	assert_listed(metrics, "threads 5\n");
	metric_change(gauge, -3);
	assert_listed(metrics, "threads 2\n");
	metrics_free(metrics);
}

static void test_families_come_in_the_order_of_registration_and_not_without_series(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct metric_family *first = metrics_family(metrics, &requests);
	struct metric_family *last;

	metrics_family(metrics, &seconds);
	last = metrics_family(metrics, &threads);
	metric_set(metrics_series(last, NULL), 3);
	metric_add(series_of(first, "b", ""), 1);
	metric_add(series_of(first, "a", ""), 1);
	assert_listed(metrics, "requests_total service_name=b method= 1\n"
			       "requests_total service_name=a method= 1\n"
			       "threads 3\n");
	metrics_free(metrics);
}

/* --- histograms --- */

static void test_classic_buckets_are_exact_also_inside_an_exponential_one(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct metric_family *family = metrics_family(metrics, &durations);
	struct metric_series *shop = series_of(family, "shop", NULL);

	metric_record(shop, SECOND / 2 - 1);
	metric_record(shop, SECOND / 2);
	metric_record(shop, SECOND / 2 + 1);
	metric_record(shop, 10 * SECOND); /* 8.7 s … 10.4 s is one exponential bucket */
	metric_record(shop, 10 * SECOND + 1);
	metric_record(shop, 1000 * SECOND);
	metric_record(shop, 0);
	assert_listed(metrics, "duration_seconds service_name=shop 0.5:3 10:5 count 7 sum "
			       "1021500000001\n");
	metrics_free(metrics);
}

static void test_exponential_buckets_equal_those_of_a_plain_histogram(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct metric_family *family = metrics_family(metrics, &durations);
	struct histogram plain = {0};
	struct listing listing;
	uint64_t random = 42;

	for (int i = 0; i < 20000; i++) {
		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		uint64_t duration = random >> (20 + (random >> 20) % 40);

		plain.buckets[histogram_index(duration)]++;
		plain.sum_ns += duration;
		plain.count++;
		metric_record(series_of(family, "shop", NULL), duration);
	}
	list(metrics, &listing);
	assert_memory_equal(&listing.histogram, &plain, sizeof(plain));
	metrics_free(metrics);
}

static void test_a_merge_fills_classic_buckets_as_single_durations_would(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct metric_family *family = metrics_family(metrics, &sweeps);
	struct metric_series *merged = series_of(family, "merged", NULL);
	struct metric_series *recorded = series_of(family, "recorded", NULL);
	uint64_t sum_ns = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t largest = i < HISTOGRAM_BOUNDS ? histogram_bound_ns(i) : 128 * SECOND + 1;
		struct record_bucket bucket = {.index = i, .count = 1};

		metric_merge(merged, &bucket, 1, largest, BOUND_AT_END);
		metric_record(recorded, largest);
		sum_ns += largest;
	}

	char counts[128], expected[512];
	snprintf(counts, sizeof(counts),
		"9.5367431640625e-07:33 0.25:177 1:193 128:249 count 250 sum %llu",
		(unsigned long long)sum_ns);
	snprintf(expected, sizeof(expected),
		"sweep_seconds service_name=merged %s\nsweep_seconds service_name=recorded %s\n",
		counts, counts);
	assert_listed(metrics, expected);
	metrics_free(metrics);
}

static void test_what_the_kernel_has_no_bound_for_lies_past_all_bounds(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct metric_family *family = metrics_family(metrics, &sweeps);
	const struct record_bucket longer = {HISTOGRAM_BUCKETS - 1, 2};
	struct listing listing;

	metric_merge(series_of(family, "shop", NULL), &longer, 1, 1000 * SECOND, BOUND_AT_END);
	metric_record(series_of(family, "shop", NULL), 128 * SECOND + 1);
	list(metrics, &listing);
	assert_int_equal(listing.histogram.buckets[DURATION_BUCKETS - 1], 2);
	assert_int_equal(listing.histogram.buckets[HISTOGRAM_BUCKETS - 1], 1);
	metrics_free(metrics);
}

static void test_counts_grow_past_32_bits(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct metric_family *family = metrics_family(metrics, &sweeps);
	const struct record_bucket growth[] = {{3, 1}, {100, UINT32_MAX}, {240, 7}};
	struct listing listing;

	for (int i = 0; i < 3; i++)
		metric_merge(series_of(family, "shop", NULL), growth, ARRAY_SIZE(growth), 10,
			BOUND_AT_END);
	list(metrics, &listing);
	assert_int_equal(listing.histogram.buckets[100], UINT64_C(3) * UINT32_MAX);
	assert_int_equal(listing.histogram.buckets[3], 3);
	assert_int_equal(listing.histogram.buckets[240], 21);
	assert_int_equal(listing.histogram.buckets[101], 0);
	assert_int_equal(listing.histogram.count, UINT64_C(3) * UINT32_MAX + 24);
	assert_int_equal(listing.histogram.sum_ns, 30);
	metrics_free(metrics);
}

static void test_two_thousand_histograms_cost_less_than_a_megabyte(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct metric_family *family = metrics_family(metrics, &routes);
	size_t before = mallinfo2().uordblks;
	char route[32];

	for (int i = 0; i < 2000; i++) {
		snprintf(route, sizeof(route), "/route-%d", i);
		for (int bucket = 0; bucket < 20; bucket++)
			metric_record(series_of(family, "shop", route),
				histogram_bound_ns((unsigned)(100 + bucket + i % 8)));
	}
	assert_true(mallinfo2().uordblks - before < 1000000);
	metrics_free(metrics);
}

/* --- budget --- */

static void test_past_the_limit_of_all_series_the_overflow_series_takes_the_count(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(4, NO_LIMIT);
	struct metric_family *family = metrics_family(metrics, &requests);

	metric_add(series_of(family, "a", "GET"), 1);
	metric_add(series_of(family, "b", "GET"), 10);
	metric_add(series_of(family, "c", "GET"), 100);
	metric_add(series_of(family, "d", "GET"), 1000);
	metric_add(series_of(family, "a", "GET"), 10000); /* is there, so it still counts */
	assert_listed(metrics, "requests_total service_name=a method=GET 10001\n"
			       "requests_total service_name=b method=GET 10\n"
			       "requests_total service_name=_overflow method= overflow 1100\n");
	assert_int_equal(metrics_samples(metrics), 4);
	assert_int_equal(metrics_overflowed(metrics), 2);
	metrics_free(metrics);
}

static void test_past_a_services_own_limit_its_overflow_series_keeps_its_name(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, 8);
	struct metric_family *family = metrics_family(metrics, &requests);
	struct metric_family *other = metrics_family(metrics, &durations);

	metric_add(series_of(family, "shop", "GET"), 1);
	metric_record(series_of(other, "shop", NULL), 5); /* its second one */
	metric_add(series_of(family, "shop", "PUT"), 10);
	metric_add(series_of(family, "shop", "POST"), 100);
	metric_add(series_of(family, "bank", "PUT"), 1000);
	assert_listed(metrics, "requests_total service_name=shop method=GET 1\n"
			       "requests_total service_name=shop method= overflow 110\n"
			       "requests_total service_name=bank method=PUT 1000\n"
			       "duration_seconds service_name=shop 0.5:1 10:1 count 1 sum 5\n");
	assert_int_equal(metrics_overflowed(metrics), 2);
	metrics_free(metrics);
}

static void test_an_overflow_series_is_not_the_series_with_the_same_labels(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, 2);
	struct metric_family *family = metrics_family(metrics, &requests);

	metric_add(series_of(family, "shop", ""), 1);
	metric_add(series_of(family, "shop", "GET"), 10);
	assert_listed(metrics, "requests_total service_name=shop method= 1\n"
			       "requests_total service_name=shop method= overflow 10\n");
	metrics_free(metrics);
}

static void test_overflow_of_a_histogram_keeps_its_durations(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(0, NO_LIMIT);
	struct metric_family *family = metrics_family(metrics, &durations);

	metric_record(series_of(family, "a", NULL), SECOND);
	metric_record(series_of(family, "b", NULL), 20 * SECOND);
	assert_listed(metrics, "duration_seconds service_name=_overflow overflow 0.5:0 10:1 "
			       "count 2 sum 21000000000\n");
	metrics_free(metrics);
}

static void test_families_without_a_service_need_no_budget(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(0, 0);
	struct metric_family *family = metrics_family(metrics, &seconds);
	struct metric_family *unlabelled = metrics_family(metrics, &threads);

	metric_add(metrics_series(family, (const char *const[]){"user"}), 1);
	metric_add(metrics_series(family, (const char *const[]){"system"}), 1);
	metric_set(metrics_series(unlabelled, NULL), 4);
	assert_listed(metrics, "cpu_seconds_total kind=user 1.0000000000000001e-09\n"
			       "cpu_seconds_total kind=system 1.0000000000000001e-09\n"
			       "threads 4\n");
	assert_int_equal(metrics_samples(metrics), 0);
	assert_int_equal(metrics_overflowed(metrics), 0);
	metrics_free(metrics);
}

static void test_new_limits_hold_from_the_next_new_series_on(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(2, NO_LIMIT);
	struct metric_family *family = metrics_family(metrics, &requests);

	metric_add(series_of(family, "a", "GET"), 1);
	metric_add(series_of(family, "b", "GET"), 10);
	metrics_set_limits(metrics, 4, NO_LIMIT);
	metric_add(series_of(family, "b", "GET"), 100);
	metrics_set_limits(metrics, 0, NO_LIMIT);
	metric_add(series_of(family, "a", "GET"), 1000);
	assert_listed(metrics, "requests_total service_name=a method=GET 1001\n"
			       "requests_total service_name=b method=GET 100\n"
			       "requests_total service_name=_overflow method= overflow 10\n");
	metrics_free(metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_equal_label_values_are_one_series_whatever_memory_they_are_in),
		cmocka_unit_test(test_values_are_not_confused_where_one_ends_and_the_next_begins),
		cmocka_unit_test(test_thousands_of_series_are_found_again),
		cmocka_unit_test(
			test_values_that_are_not_utf8_are_shown_as_text_and_stay_one_series),
		cmocka_unit_test(test_a_value_that_is_too_long_is_cut_between_characters),
		cmocka_unit_test(test_counters_are_exact_integers),
		cmocka_unit_test(test_a_scaled_counter_is_shown_as_the_nearest_number),
		cmocka_unit_test(test_what_was_set_is_shown_as_it_is),
		cmocka_unit_test(test_a_gauge_goes_up_and_down),
		cmocka_unit_test(
			test_families_come_in_the_order_of_registration_and_not_without_series),
		cmocka_unit_test(test_classic_buckets_are_exact_also_inside_an_exponential_one),
		cmocka_unit_test(test_exponential_buckets_equal_those_of_a_plain_histogram),
		cmocka_unit_test(test_a_merge_fills_classic_buckets_as_single_durations_would),
		cmocka_unit_test(test_what_the_kernel_has_no_bound_for_lies_past_all_bounds),
		cmocka_unit_test(test_counts_grow_past_32_bits),
		cmocka_unit_test(test_two_thousand_histograms_cost_less_than_a_megabyte),
		cmocka_unit_test(
			test_past_the_limit_of_all_series_the_overflow_series_takes_the_count),
		cmocka_unit_test(test_past_a_services_own_limit_its_overflow_series_keeps_its_name),
		cmocka_unit_test(test_an_overflow_series_is_not_the_series_with_the_same_labels),
		cmocka_unit_test(test_overflow_of_a_histogram_keeps_its_durations),
		cmocka_unit_test(test_families_without_a_service_need_no_budget),
		cmocka_unit_test(test_new_limits_hold_from_the_next_new_series_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
