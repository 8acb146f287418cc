/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protobuf format of user/export/prometheus/exposition.h: what is decoded from it is compared
 * with the text of the same registry, line by line, and native buckets with classic ones.
 */
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
#include "export/prometheus/prometheus_metrics.pb-c.h"
#include "source_families.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define NO_LIMIT          1000000
#define MESSAGE_MAX       (131072 + 2048) /* and the series that made it too long */

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

/* --- what is written --- */

static struct buffer render(
	const struct metrics *metrics, enum exposition_format format, size_t piece, size_t *longest)
{
	struct exposition exposition;
	struct buffer whole = {0}, out = {0};
	bool more = true;

	*longest = 0;
	exposition_begin(&exposition, metrics, format);
	while (more) {
		out.length = 0;
		more = exposition_continue(&exposition, &out, piece);
		buffer_append(&whole, out.text, out.length);
		if (out.length > *longest)
			*longest = out.length;
	}
	exposition_end(&exposition);
	assert_false(out.failed || whole.failed);
	buffer_free(&out);
	return whole;
}

static struct buffer render_protobuf(const struct metrics *metrics)
{
	size_t longest;

	return render(metrics, EXPOSITION_PROTOBUF, SIZE_MAX / 2, &longest);
}

/* The next message; NULL behind the last one. To be freed. */
static Prometheus__MetricFamily *take_family(const struct buffer *bytes, size_t *at)
{
	size_t length = 0, shift = 0;
	Prometheus__MetricFamily *taken;

	if (*at == bytes->length)
		return NULL;
	do {
		assert_true(*at < bytes->length && shift < 32);
		length |= (size_t)(bytes->text[*at] & 0x7f) << shift;
		shift += 7;
	} while (bytes->text[(*at)++] & 0x80);
	assert_in_range(length, 1, MESSAGE_MAX);
	assert_true(length <= bytes->length - *at);
	taken = prometheus__metric_family__unpack(NULL, length, (const uint8_t *)bytes->text + *at);
	assert_non_null(taken);
	*at += length;
	return taken;
}

static Prometheus__MetricFamily *only_family(const struct metrics *metrics)
{
	struct buffer bytes = render_protobuf(metrics);
	size_t at = 0;
	Prometheus__MetricFamily *taken = take_family(&bytes, &at);

	assert_non_null(taken);
	assert_int_equal(at, bytes.length);
	buffer_free(&bytes);
	return taken;
}

static void free_family(Prometheus__MetricFamily *of)
{
	prometheus__metric_family__free_unpacked(of, NULL);
}

/* --- the same as the text --- */

/* Takes `expected` from the text, which must stand there. */
static void take(const char **text, const char *expected)
{
	char there[512];

	snprintf(there, sizeof(there), "%.*s", (int)strlen(expected), *text);
	assert_string_equal(there, expected);
	*text += strlen(expected);
}

static void take_value(const char **text, const char *before, const char *after, double value)
{
	char *end;

	take(text, before);
	double there = strtod(*text, &end);
	assert_true(there == value || (isnan(there) && isnan(value)));
	*text = end;
	take(text, after);
}

static void take_name(const char **text, const Prometheus__MetricFamily *of, const char *suffix,
	const Prometheus__Metric *series, const double *bound)
{
	const char *before = "{";

	take(text, of->name);
	take(text, suffix);
	for (size_t i = 0; i < series->n_label; i++, before = ",") {
		take(text, before);
		take(text, series->label[i]->name);
		take(text, "=\"");
		take(text, series->label[i]->value);
		take(text, "\"");
	}
	if (bound) {
		take(text, before);
		take_value(text, "le=\"", "\"", *bound);
	}
	if (series->n_label || bound)
		take(text, "}");
}

static void take_histogram(
	const char **text, const Prometheus__MetricFamily *of, const Prometheus__Metric *series)
{
	const Prometheus__Histogram *its = series->histogram;
	double infinity = INFINITY;

	for (size_t i = 0; i < its->n_bucket; i++) {
		take_name(text, of, "_bucket", series, &its->bucket[i]->upper_bound);
		take_value(text, " ", "\n", (double)its->bucket[i]->cumulative_count);
	}
	take_name(text, of, "_bucket", series, &infinity);
	take_value(text, " ", "\n", (double)its->sample_count);
	take_name(text, of, "_sum", series, NULL);
	take_value(text, " ", "\n", its->sample_sum);
	take_name(text, of, "_count", series, NULL);
	take_value(text, " ", "\n", (double)its->sample_count);
}

static void take_series(
	const char **text, const Prometheus__MetricFamily *of, const Prometheus__Metric *series)
{
	assert_int_equal(!!series->counter, of->type == PROMETHEUS__METRIC_TYPE__COUNTER);
	assert_int_equal(!!series->gauge, of->type == PROMETHEUS__METRIC_TYPE__GAUGE);
	assert_int_equal(!!series->histogram, of->type == PROMETHEUS__METRIC_TYPE__HISTOGRAM);
	if (series->histogram) {
		take_histogram(text, of, series);
		return;
	}
	take_name(text, of, "", series, NULL);
	take_value(
		text, " ", "\n", series->counter ? series->counter->value : series->gauge->value);
}

static void take_metadata(const char **text, const Prometheus__MetricFamily *of)
{
	static const char *const types[] = {
		[PROMETHEUS__METRIC_TYPE__COUNTER] = " counter\n",
		[PROMETHEUS__METRIC_TYPE__GAUGE] = " gauge\n",
		[PROMETHEUS__METRIC_TYPE__HISTOGRAM] = " histogram\n",
	};

	take(text, "# HELP ");
	take(text, of->name);
	take(text, " ");
	take(text, of->help);
	take(text, "\n# TYPE ");
	take(text, of->name);
	take(text, types[of->type]);
}

/* Returns how many messages there were. */
static size_t assert_same_as_text(const struct metrics *metrics, size_t piece)
{
	size_t longest, at = 0, messages = 0;
	struct buffer bytes = render(metrics, EXPOSITION_PROTOBUF, piece, &longest);
	struct buffer page = render(metrics, EXPOSITION_TEXT, SIZE_MAX / 2, &longest);
	char name[128] = "";
	const char *text;
	Prometheus__MetricFamily *of;

	buffer_append(&page, "", 1);
	text = page.text;
	while ((of = take_family(&bytes, &at))) {
		if (strcmp(of->name, name))
			take_metadata(&text, of);
		snprintf(name, sizeof(name), "%s", of->name);
		assert_true(of->n_metric > 0);
		for (size_t i = 0; i < of->n_metric; i++)
			take_series(&text, of, of->metric[i]);
		free_family(of);
		messages++;
	}
	assert_string_equal(text, "");
	buffer_free(&bytes);
	buffer_free(&page);
	return messages;
}

/* --- native buckets --- */

/* How many durations native buckets have up to 2^exponent s, and, for INT32_MAX, in all. */
static uint64_t native_count_upto(const Prometheus__Histogram *of, int32_t exponent)
{
	uint64_t count = of->zero_count;
	size_t delta = 0;
	int32_t index = 0;
	int64_t in_bucket = 0;

	assert_int_equal(of->schema, 3);
	for (size_t i = 0; i < of->n_positive_span; i++) {
		index += of->positive_span[i]->offset;
		for (uint32_t n = 0; n < of->positive_span[i]->length; n++, index++) {
			assert_true(delta < of->n_positive_delta);
			in_bucket += of->positive_delta[delta++];
			assert_true(in_bucket >= 0);
			if (exponent == INT32_MAX || index <= 8 * exponent)
				count += (uint64_t)in_bucket;
		}
	}
	assert_int_equal(delta, of->n_positive_delta);
	return count;
}

/* Returns how many classic bounds are native ones as well. */
static size_t assert_kinds_agree(const Prometheus__Histogram *of)
{
	size_t shared = 0;

	assert_int_equal(native_count_upto(of, INT32_MAX), of->sample_count);
	for (size_t i = 0; i < of->n_bucket; i++) {
		int exponent;

		if (frexp(of->bucket[i]->upper_bound, &exponent) != 0.5)
			continue;
		assert_int_equal(
			native_count_upto(of, exponent - 1), of->bucket[i]->cumulative_count);
		shared++;
	}
	return shared;
}

/* --- a registry with something of each family --- */

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005 + 1442695040888963407;
	return *state >> 20;
}

/* 0 ns to 6 days, evenly over the powers of two; a double holds the sum of some hundred. */
static uint64_t random_duration_ns(uint64_t *state)
{
	return next_random(state) << 5 >> next_random(state) % 49;
}

static void fill_series(struct metric_series *series, enum metric_type type, uint64_t *random)
{
	switch (type) {
	case METRIC_COUNTER: metric_add(series, next_random(random)); break;
	case METRIC_GAUGE: metric_set(series, (double)next_random(random) / 1024); break;
	case METRIC_HISTOGRAM:
		for (uint64_t n = next_random(random) % 200; n; n--)
			metric_record(series, random_duration_ns(random));
		break;
	}
}

static void fill_family(struct metrics *metrics, const struct metric_description *description,
	int count, uint64_t *random)
{
	struct metric_family *family = metrics_family(metrics, description);
	char service[32];

	for (int i = 0; i < count; i++) {
		const char *values[METRIC_LABELS_MAX] = {service, i % 3 ? "x" : "", "GET", "y"};

		snprintf(service, sizeof(service), "service-%d", i);
		fill_series(metrics_series(family, values), description->type, random);
	}
}

/* Those of all sources. Returns how many. */
static size_t fill_families(struct metrics *metrics, int count, uint64_t *random)
{
	size_t families = 0;

	for (; source_family(families); families++)
		fill_family(metrics, source_family(families), count, random);
	return families;
}

static void test_all_families_are_the_same_as_in_the_text(void **state)
{
	uint64_t random = 1;
	size_t families = fill_families(*state, 5, &random);

	assert_int_equal(assert_same_as_text(*state, SIZE_MAX / 2), families);
}

static void test_native_and_classic_buckets_agree_where_they_share_a_bound(void **state)
{
	size_t at = 0, shared = 0, histograms = 0;
	uint64_t random = 2;
	Prometheus__MetricFamily *of;

	fill_families(*state, 20, &random);
	struct buffer bytes = render_protobuf(*state);
	while ((of = take_family(&bytes, &at))) {
		for (size_t i = 0; i < of->n_metric; i++) {
			if (!of->metric[i]->histogram)
				continue;
			shared += assert_kinds_agree(of->metric[i]->histogram);
			histograms++;
		}
		free_family(of);
	}
	assert_true(histograms >= 200);
	assert_true(shared >= 3 * histograms); /* 0.25, 0.5 and 1 s are among the bounds of HTTP */
	buffer_free(&bytes);
}

/* --- special cases --- */

static const struct metric_bound one_second = {UINT64_C(1000000000), "1"};
static const struct metric_description waits = {
	.name = "sonde_wait_seconds",
	.help = "A \"wait\" \\ with\na line break.",
	.unit = "seconds",
	.type = METRIC_HISTOGRAM,
	.labels = {"service_name"},
	.bounds = &one_second,
	.bound_count = 1,
};
static const struct metric_description level = {
	.name = "sonde_level",
	.help = "Level.",
	.type = METRIC_GAUGE,
};
static const struct metric_description requests = {
	.name = "sonde_requests_total",
	.help = "Requests.",
	.type = METRIC_COUNTER,
	.labels = {"service_name"},
};

static void test_nothing_is_no_message(void **state)
{
	metrics_family(*state, &waits); /* no series */
	struct buffer bytes = render_protobuf(*state);
	assert_int_equal(bytes.length, 0);
	buffer_free(&bytes);
}

static void test_text_is_told_as_it_is_and_units_where_there_are_any(void **state)
{
	metric_record(
		metrics_series(metrics_family(*state, &waits), (const char *[]){"a\"b\\\n"}), 1);
	Prometheus__MetricFamily *of = only_family(*state);
	assert_string_equal(of->help, waits.help);
	assert_string_equal(of->unit, "seconds");
	assert_int_equal(of->metric[0]->n_label, 1);
	assert_string_equal(of->metric[0]->label[0]->value, "a\"b\\?"); /* as the registry has it */
	free_family(of);
}

static void test_an_empty_histogram_is_a_native_one(void **state)
{
	metrics_series(metrics_family(*state, &waits), (const char *[]){"idle"});
	Prometheus__MetricFamily *of = only_family(*state);
	const Prometheus__Histogram *its = of->metric[0]->histogram;

	assert_int_equal(its->sample_count, 0);
	assert_int_equal(its->n_bucket, 1);
	assert_true(its->zero_threshold == 1.0 / 16777216); /* by which Prometheus knows it */
	assert_int_equal(its->schema, 3);
	free_family(of);
}

static void test_gauges_may_be_anything(void **state)
{
	static const double values[] = {0, -2.5, 1e300, INFINITY, -INFINITY, NAN};
	struct metric_series *series = metrics_series(metrics_family(*state, &level), NULL);

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		metric_set(series, values[i]);
		assert_int_equal(assert_same_as_text(*state, SIZE_MAX / 2), 1);
	}
}

static void assert_created(const struct metrics *metrics, int64_t seconds, int32_t nanos)
{
	Prometheus__MetricFamily *of = only_family(metrics);
	const Prometheus__Metric *series = of->metric[0];
	const Prometheus__Timestamp *created = series->counter
						       ? series->counter->created_timestamp
						       : series->histogram->created_timestamp;

	assert_non_null(created);
	assert_int_equal(created->seconds, seconds);
	assert_int_equal(created->nanos, nanos);
	free_family(of);
}

static void test_a_counter_tells_since_when_it_is_there(void **state)
{
	metrics_tick(*state, 5, 1700000000000000000);
	metric_add(metrics_series(metrics_family(*state, &requests), (const char *const[]){"shop"}),
		1);
	assert_created(*state, 1700000000, 5);
}

static void test_a_histogram_tells_since_when_it_is_there(void **state)
{
	metrics_tick(*state, 2000000007, 1700000000000000000);
	metric_record(
		metrics_series(metrics_family(*state, &waits), (const char *const[]){"x"}), 1);
	assert_created(*state, 1700000002, 7);
}

static void test_overflow_series_carry_the_label_of_opentelemetry(void **state)
{
	struct metric_family *family;

	metrics_set_limits(*state, 2, 2);
	family = metrics_family(*state, &requests);
	metric_add(metrics_series(family, (const char *const[]){"shop"}), 1);
	metric_add(metrics_series(family, (const char *const[]){"bank"}), 2);
	assert_int_equal(assert_same_as_text(*state, SIZE_MAX / 2), 1);
	struct buffer bytes = render_protobuf(*state);
	assert_non_null(memmem(bytes.text, bytes.length, "otel_metric_overflow", 20));
	buffer_free(&bytes);
}

static void test_pieces_put_together_are_the_whole(void **state)
{
	static const size_t pieces[] = {1, 1000, 32768};
	uint64_t random = 3;

	fill_family(*state, source_family_named("sonde_syscall_duration_seconds"), 100, &random);
	fill_family(*state, source_family_named("sonde_syscall_errors_total"), 100, &random);
	struct buffer whole = render_protobuf(*state);
	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		size_t longest;
		struct buffer parts = render(*state, EXPOSITION_PROTOBUF, pieces[i], &longest);

		assert_int_equal(parts.length, whole.length);
		assert_memory_equal(parts.text, whole.text, whole.length);
		buffer_free(&parts);
	}
	buffer_free(&whole);
}

static void test_a_long_family_is_told_in_messages_of_bounded_length(void **state)
{
	size_t longest, whole;
	uint64_t random = 4;

	fill_family(*state, source_family_named("sonde_syscall_duration_seconds"), 4000, &random);
	fill_family(*state, source_family_named("sonde_syscall_errors_total"), 10, &random);
	struct buffer bytes = render(*state, EXPOSITION_PROTOBUF, 32768, &longest);
	whole = bytes.length;
	buffer_free(&bytes);
	assert_true(whole > 4 * MESSAGE_MAX && longest < 32768 + MESSAGE_MAX);
	assert_in_range(
		assert_same_as_text(*state, 32768), whole / MESSAGE_MAX + 1, whole / 131072 + 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_families_are_the_same_as_in_the_text),
		TEST(test_native_and_classic_buckets_agree_where_they_share_a_bound),
		TEST(test_nothing_is_no_message),
		TEST(test_text_is_told_as_it_is_and_units_where_there_are_any),
		TEST(test_an_empty_histogram_is_a_native_one),
		TEST(test_gauges_may_be_anything),
		TEST(test_a_counter_tells_since_when_it_is_there),
		TEST(test_a_histogram_tells_since_when_it_is_there),
		TEST(test_overflow_series_carry_the_label_of_opentelemetry),
		TEST(test_pieces_put_together_are_the_whole),
		TEST(test_a_long_family_is_told_in_messages_of_bounded_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
