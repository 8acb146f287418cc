/* SPDX-License-Identifier: Apache-2.0 */
/* What user/export/prometheus/exposition.h writes, as whole texts. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/prometheus/exposition.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define NO_LIMIT          1000000
#define MS                UINT64_C(1000000)

static const struct metric_bound bounds[] = {
	{5 * MS, "0.005"}, {1000 * MS, "1"}, {10000 * MS, "10"}};

static const struct metric_description requests = {
	.name = "sonde_requests_total",
	.help = "Requests.",
	.unit = "",
	.type = METRIC_COUNTER,
	.labels = {"service_name", "method"},
};
static const struct metric_description sent = {
	.name = "sonde_sent_bytes_total",
	.help = "Bytes.",
	.unit = "bytes",
	.type = METRIC_COUNTER,
	.labels = {"service_name"},
};
static const struct metric_description cpu = {
	.name = "sonde_cpu_seconds_total",
	.help = "CPU time.",
	.unit = "seconds",
	.type = METRIC_COUNTER,
	.scale = 1e-9,
};
static const struct metric_description level = {
	.name = "sonde_level",
	.help = "A \"level\" \\ with\na line break.",
	.type = METRIC_GAUGE,
	.labels = {"kind"},
};
static const struct metric_description durations = {
	.name = "sonde_duration_seconds",
	.help = "Durations.",
	.unit = "seconds",
	.type = METRIC_HISTOGRAM,
	.labels = {"service_name"},
	.bounds = bounds,
	.bound_count = ARRAY_SIZE(bounds),
};
static const struct metric_description waits = {
	.name = "sonde_wait_seconds",
	.help = "Waits.",
	.unit = "seconds",
	.type = METRIC_HISTOGRAM,
	.bounds = bounds,
	.bound_count = 1,
};

static int set_up(void **state)
{
	*state = metrics_new(NO_LIMIT, NO_LIMIT);
	return 0;
}

static int tear_down(void **state)
{
	metrics_free(*state);
	return 0;
}

static struct metric_series *series_of(
	struct metrics *metrics, const struct metric_description *description, const char *value)
{
	return metrics_series(
		metrics_family(metrics, description), (const char *const[]){value, "GET"});
}

static char *render(
	const struct metrics *metrics, enum exposition_format format, size_t piece, size_t *pieces)
{
	struct exposition exposition;
	struct buffer text = {0};
	size_t count = 1;

	exposition_begin(&exposition, metrics, format);
	while (exposition_continue(&exposition, &text, text.length + piece))
		count++;
	exposition_end(&exposition);
	assert_false(text.failed);
	buffer_append(&text, "", 1);
	if (pieces)
		*pieces = count;
	return text.text;
}

static void assert_rendered(
	const struct metrics *metrics, enum exposition_format format, const char *expected)
{
	char *text = render(metrics, format, SIZE_MAX / 2, NULL);

	assert_string_equal(text, expected);
	free(text);
}

static void test_nothing_is_an_empty_text_and_in_openmetrics_its_end(void **state)
{
	metrics_family(*state, &requests); /* no series */
	assert_rendered(*state, EXPOSITION_TEXT, "");
	assert_rendered(*state, EXPOSITION_OPENMETRICS, "# EOF\n");
}

static void test_counters_are_exact_and_lose_total_in_openmetrics_metadata(void **state)
{
	metric_add(series_of(*state, &requests, "shop"), UINT64_MAX);
	metric_add(series_of(*state, &sent, "shop"), 0);
	assert_rendered(*state, EXPOSITION_TEXT,
		"# HELP sonde_requests_total Requests.\n"
		"# TYPE sonde_requests_total counter\n"
		"sonde_requests_total{service_name=\"shop\",method=\"GET\"} 18446744073709551615\n"
		"# HELP sonde_sent_bytes_total Bytes.\n"
		"# TYPE sonde_sent_bytes_total counter\n"
		"sonde_sent_bytes_total{service_name=\"shop\"} 0\n");
	assert_rendered(*state, EXPOSITION_OPENMETRICS,
		"# HELP sonde_requests Requests.\n"
		"# TYPE sonde_requests counter\n"
		"sonde_requests_total{service_name=\"shop\",method=\"GET\"} 18446744073709551615\n"
		"# HELP sonde_sent_bytes Bytes.\n"
		"# TYPE sonde_sent_bytes counter\n"
		"# UNIT sonde_sent_bytes bytes\n"
		"sonde_sent_bytes_total{service_name=\"shop\"} 0\n"
		"# EOF\n");
}

static void test_a_histogram_has_cumulative_buckets_an_exact_sum_and_a_count(void **state)
{
	struct metric_series *series = series_of(*state, &durations, "shop");

	metric_record(series, 5 * MS);
	metric_record(series, 5 * MS + 1);
	metric_record(series, 20000 * MS);
	assert_rendered(*state, EXPOSITION_TEXT,
		"# HELP sonde_duration_seconds Durations.\n"
		"# TYPE sonde_duration_seconds histogram\n"
		"sonde_duration_seconds_bucket{service_name=\"shop\",le=\"0.005\"} 1\n"
		"sonde_duration_seconds_bucket{service_name=\"shop\",le=\"1\"} 2\n"
		"sonde_duration_seconds_bucket{service_name=\"shop\",le=\"10\"} 2\n"
		"sonde_duration_seconds_bucket{service_name=\"shop\",le=\"+Inf\"} 3\n"
		"sonde_duration_seconds_sum{service_name=\"shop\"} 20.010000001\n"
		"sonde_duration_seconds_count{service_name=\"shop\"} 3\n");
	assert_rendered(*state, EXPOSITION_OPENMETRICS,
		"# HELP sonde_duration_seconds Durations.\n"
		"# TYPE sonde_duration_seconds histogram\n"
		"# UNIT sonde_duration_seconds seconds\n"
		"sonde_duration_seconds_bucket{service_name=\"shop\",le=\"0.005\"} 1\n"
		"sonde_duration_seconds_bucket{service_name=\"shop\",le=\"1.0\"} 2\n"
		"sonde_duration_seconds_bucket{service_name=\"shop\",le=\"10.0\"} 2\n"
		"sonde_duration_seconds_bucket{service_name=\"shop\",le=\"+Inf\"} 3\n"
		"sonde_duration_seconds_sum{service_name=\"shop\"} 20.010000001\n"
		"sonde_duration_seconds_count{service_name=\"shop\"} 3\n"
		"# EOF\n");
}

#define EPOCH INT64_C(1700000000000000000)

static void test_openmetrics_tells_since_when_there_is_a_counter_or_a_histogram(void **state)
{
	metrics_tick(*state, 5 * MS, EPOCH);
	metric_add(series_of(*state, &requests, "shop"), 3);
	metric_record(series_of(*state, &waits, NULL), 1);
	metric_set(series_of(*state, &level, "x"), 1);
	metrics_tick(*state, 2000 * MS, EPOCH);
	assert_rendered(*state, EXPOSITION_OPENMETRICS,
		"# HELP sonde_requests Requests.\n"
		"# TYPE sonde_requests counter\n"
		"sonde_requests_total{service_name=\"shop\",method=\"GET\"} 3\n"
		"sonde_requests_created{service_name=\"shop\",method=\"GET\"} 1700000000.005\n"
		"# HELP sonde_wait_seconds Waits.\n"
		"# TYPE sonde_wait_seconds histogram\n"
		"# UNIT sonde_wait_seconds seconds\n"
		"sonde_wait_seconds_bucket{le=\"0.005\"} 1\n"
		"sonde_wait_seconds_bucket{le=\"+Inf\"} 1\n"
		"sonde_wait_seconds_sum 0.000000001\n"
		"sonde_wait_seconds_count 1\n"
		"sonde_wait_seconds_created 1700000000.005\n"
		"# HELP sonde_level A \\\"level\\\" \\\\ with\\na line break.\n"
		"# TYPE sonde_level gauge\n"
		"sonde_level{kind=\"x\"} 1\n"
		"# EOF\n");
}

/* It began before Sonde knew the time, so it began with Sonde, as far as anybody can tell. */
static void test_what_was_there_before_the_first_tick_began_with_it(void **state)
{
	metric_add(series_of(*state, &sent, "shop"), 3);
	metrics_tick(*state, 5 * MS, EPOCH);
	metrics_tick(*state, 7 * MS, EPOCH);
	assert_rendered(*state, EXPOSITION_OPENMETRICS,
		"# HELP sonde_sent_bytes Bytes.\n"
		"# TYPE sonde_sent_bytes counter\n"
		"# UNIT sonde_sent_bytes bytes\n"
		"sonde_sent_bytes_total{service_name=\"shop\"} 3\n"
		"sonde_sent_bytes_created{service_name=\"shop\"} 1700000000.005\n"
		"# EOF\n");
}

static void test_a_histogram_without_labels_has_only_its_bound(void **state)
{
	metric_record(series_of(*state, &waits, NULL), 2000 * MS);
	assert_rendered(*state, EXPOSITION_TEXT,
		"# HELP sonde_wait_seconds Waits.\n"
		"# TYPE sonde_wait_seconds histogram\n"
		"sonde_wait_seconds_bucket{le=\"0.005\"} 0\n"
		"sonde_wait_seconds_bucket{le=\"+Inf\"} 1\n"
		"sonde_wait_seconds_sum 2\n"
		"sonde_wait_seconds_count 1\n");
}

static void test_help_and_labels_are_escaped_as_each_format_wants(void **state)
{
	metric_set(series_of(*state, &level, "a\"b\\c"), 1);
	assert_rendered(*state, EXPOSITION_TEXT,
		"# HELP sonde_level A \"level\" \\\\ with\\na line break.\n"
		"# TYPE sonde_level gauge\n"
		"sonde_level{kind=\"a\\\"b\\\\c\"} 1\n");
	assert_rendered(*state, EXPOSITION_OPENMETRICS,
		"# HELP sonde_level A \\\"level\\\" \\\\ with\\na line break.\n"
		"# TYPE sonde_level gauge\n"
		"sonde_level{kind=\"a\\\"b\\\\c\"} 1\n"
		"# EOF\n");
}

static void test_bytes_that_are_no_text_are_exposed_as_text(void **state)
{
	metric_set(series_of(*state, &level, "\xc3\xa9\n\xff\xed\xa0\x80"), 1);
	assert_rendered(*state, EXPOSITION_TEXT,
		"# HELP sonde_level A \"level\" \\\\ with\\na line break.\n"
		"# TYPE sonde_level gauge\n"
		"sonde_level{kind=\"\xc3\xa9?????\"} 1\n");
}

static void test_labels_with_empty_values_are_left_out(void **state)
{
	metric_add(series_of(*state, &requests, ""), 1);
	metric_set(series_of(*state, &level, ""), 2);
	assert_rendered(*state, EXPOSITION_TEXT,
		"# HELP sonde_requests_total Requests.\n"
		"# TYPE sonde_requests_total counter\n"
		"sonde_requests_total{method=\"GET\"} 1\n"
		"# HELP sonde_level A \"level\" \\\\ with\\na line break.\n"
		"# TYPE sonde_level gauge\n"
		"sonde_level 2\n");
}

static void test_numbers_are_the_shortest_that_read_back_the_same(void **state)
{
	static const struct {
		double value;
		const char *text;
	} numbers[] = {
		{0, "0"},
		{-3, "-3"},
		{0.1, "0.1"},
		{0.1 + 0.2, "0.30000000000000004"},
		{1.0 / 3, "0.3333333333333333"},
		{-2.5e-9, "-2.5e-09"},
		{1763873467.25, "1763873467.25"},
		{9007199254740992.0, "9007199254740992"},
		{1e300, "1e+300"},
		{INFINITY, "+Inf"},
		{-INFINITY, "-Inf"},
		{NAN, "NaN"},
	};
	struct metric_series *series = series_of(*state, &level, "x");
	char expected[256];

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		metric_set(series, numbers[i].value);
		snprintf(expected, sizeof(expected),
			"# HELP sonde_level A \"level\" \\\\ with\\na line break.\n"
			"# TYPE sonde_level gauge\n"
			"sonde_level{kind=\"x\"} %s\n",
			numbers[i].text);
		assert_rendered(*state, EXPOSITION_TEXT, expected);
	}
}

static void test_a_scaled_counter_is_as_short_as_its_nanoseconds(void **state)
{
	metric_add(metrics_series(metrics_family(*state, &cpu), NULL), 1234567890);
	assert_rendered(*state, EXPOSITION_TEXT,
		"# HELP sonde_cpu_seconds_total CPU time.\n"
		"# TYPE sonde_cpu_seconds_total counter\n"
		"sonde_cpu_seconds_total 1.23456789\n");
}

static void test_overflow_series_carry_the_label_of_opentelemetry(void **state)
{
	struct metric_family *family;

	metrics_set_limits(*state, 6, 2);
	family = metrics_family(*state, &requests);
	metric_add(metrics_series(family, (const char *const[]){"shop", "GET"}), 1);
	metric_add(metrics_series(family, (const char *const[]){"shop", "PUT"}), 2);
	metric_add(metrics_series(family, (const char *const[]){"bank", "GET"}), 3);
	metric_add(metrics_series(family, (const char *const[]){"bank", "PUT"}), 4);
	assert_rendered(*state, EXPOSITION_TEXT,
		"# HELP sonde_requests_total Requests.\n"
		"# TYPE sonde_requests_total counter\n"
		"sonde_requests_total{service_name=\"shop\",method=\"GET\"} 1\n"
		"sonde_requests_total{service_name=\"shop\",otel_metric_overflow=\"true\"} 2\n"
		"sonde_requests_total{service_name=\"bank\",method=\"GET\"} 3\n"
		"sonde_requests_total{service_name=\"_overflow\",otel_metric_overflow=\"true\"} "
		"4\n");
}

static void test_pieces_put_together_are_the_whole_text(void **state)
{
	struct metric_family *family = metrics_family(*state, &durations);
	char service[32];
	size_t pieces;

	for (int i = 0; i < 100; i++) {
		snprintf(service, sizeof(service), "service-%d", i);
		metric_record(metrics_series(family, (const char *const[]){service}), 7 * MS);
	}
	metric_set(series_of(*state, &level, "x"), 1);

	char *whole = render(*state, EXPOSITION_OPENMETRICS, SIZE_MAX / 2, NULL);
	char *parts = render(*state, EXPOSITION_OPENMETRICS, 1000, &pieces);
	assert_string_equal(parts, whole);
	assert_in_range(pieces, 30, 60);
	free(whole);
	free(parts);
}

static void test_series_made_between_pieces_are_in_the_text_once(void **state)
{
	struct metric_family *family = metrics_family(*state, &requests);
	struct exposition exposition;
	struct buffer text = {0};

	metric_add(metrics_series(family, (const char *const[]){"shop", "GET"}), 1);
	exposition_begin(&exposition, *state, EXPOSITION_TEXT);
	assert_true(exposition_continue(&exposition, &text, 1));
	metric_add(metrics_series(family, (const char *const[]){"shop", "PUT"}), 2);
	assert_false(exposition_continue(&exposition, &text, SIZE_MAX));
	exposition_end(&exposition);
	buffer_append(&text, "", 1);
	assert_string_equal(text.text,
		"# HELP sonde_requests_total Requests.\n"
		"# TYPE sonde_requests_total counter\n"
		"sonde_requests_total{service_name=\"shop\",method=\"GET\"} 1\n"
		"sonde_requests_total{service_name=\"shop\",method=\"PUT\"} 2\n");
	buffer_free(&text);
}

static void test_content_types_are_those_of_the_specifications(void **state)
{
	(void)state;
	assert_string_equal(exposition_content_type(EXPOSITION_TEXT),
		"text/plain; version=0.0.4; charset=utf-8");
	assert_string_equal(exposition_content_type(EXPOSITION_OPENMETRICS),
		"application/openmetrics-text; version=1.0.0; charset=utf-8");
	assert_string_equal(exposition_content_type(EXPOSITION_PROTOBUF),
		"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
		"encoding=delimited");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_is_an_empty_text_and_in_openmetrics_its_end),
		TEST(test_counters_are_exact_and_lose_total_in_openmetrics_metadata),
		TEST(test_a_histogram_has_cumulative_buckets_an_exact_sum_and_a_count),
		TEST(test_openmetrics_tells_since_when_there_is_a_counter_or_a_histogram),
		TEST(test_what_was_there_before_the_first_tick_began_with_it),
		TEST(test_a_histogram_without_labels_has_only_its_bound),
		TEST(test_help_and_labels_are_escaped_as_each_format_wants),
		TEST(test_bytes_that_are_no_text_are_exposed_as_text),
		TEST(test_labels_with_empty_values_are_left_out),
		TEST(test_numbers_are_the_shortest_that_read_back_the_same),
		TEST(test_a_scaled_counter_is_as_short_as_its_nanoseconds),
		TEST(test_overflow_series_carry_the_label_of_opentelemetry),
		TEST(test_pieces_put_together_are_the_whole_text),
		TEST(test_series_made_between_pieces_are_in_the_text_once),
		TEST(test_content_types_are_those_of_the_specifications),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
