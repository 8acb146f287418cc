/* SPDX-License-Identifier: Apache-2.0 */
/* What user/export/prometheus/native_histogram.h makes of durations. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "export/prometheus/native_histogram.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND            UINT64_C(1000000000)

/* Bucket n ends at 2^(n/8) s, so this is what lies beyond the largest double, 2^1024 s. */
#define OVERFLOW_INDEX 8193

/* `buckets`: count of bucket i, up to the first that is not given. */
static struct native_histogram make(const uint64_t *buckets, size_t count)
{
	struct histogram histogram = {0};
	struct native_histogram native;

	memset(&native, 0xff, sizeof(native)); /* nothing of what was there before may be left */
	memcpy(histogram.buckets, buckets, count * sizeof(*buckets));
	native_histogram_make(&native, &histogram);
	return native;
}

#define MAKE(...)                                                                                  \
	make((const uint64_t[]){__VA_ARGS__}, ARRAY_SIZE(((const uint64_t[]){__VA_ARGS__})))

static void assert_spans(
	const struct native_histogram *native, size_t count, const struct native_span *spans)
{
	assert_int_equal(native->span_count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(native->spans[i].offset, spans[i].offset);
		assert_int_equal(native->spans[i].length, spans[i].length);
	}
}

static void assert_deltas(
	const struct native_histogram *native, size_t count, const int64_t *deltas)
{
	assert_int_equal(native->delta_count, count);
	assert_memory_equal(native->deltas, deltas, count * sizeof(*deltas));
}

#define ASSERT_SPANS(native, ...)                                                                  \
	assert_spans(&(native), ARRAY_SIZE(((const struct native_span[]){__VA_ARGS__})),           \
		(const struct native_span[]){__VA_ARGS__})
#define ASSERT_DELTAS(native, ...)                                                                 \
	assert_deltas(&(native), ARRAY_SIZE(((const int64_t[]){__VA_ARGS__})),                     \
		(const int64_t[]){__VA_ARGS__})

static void test_an_empty_histogram_has_no_buckets(void **state)
{
	struct native_histogram native = MAKE(0);
	(void)state;

	assert_int_equal(native.zero_count, 0);
	assert_int_equal(native.span_count, 0);
	assert_int_equal(native.delta_count, 0);
}

static void test_the_first_bucket_is_the_zero_bucket(void **state)
{
	struct native_histogram native = MAKE(7);
	(void)state;

	assert_int_equal(native.zero_count, 7);
	assert_int_equal(native.span_count, 0);
	assert_true(NATIVE_ZERO_THRESHOLD == 1.0 / 16777216); /* 2^-24 */
	/* Durations are whole nanoseconds, so what is in that bucket is just what is up to it. */
	assert_int_equal(histogram_index(0), 0);
	assert_int_equal(histogram_index((uint64_t)(NATIVE_ZERO_THRESHOLD * 1e9)), 0);
	assert_int_equal(histogram_index((uint64_t)(NATIVE_ZERO_THRESHOLD * 1e9) + 1), 1);
}

static void test_neighbours_are_one_span_and_told_by_their_differences(void **state)
{
	struct native_histogram native = MAKE(1, 5, 3, 3, 10);
	(void)state;

	assert_int_equal(native.zero_count, 1);
	ASSERT_SPANS(native, {-24 * 8 + 1, 4});
	ASSERT_DELTAS(native, 5, -2, 0, 7);
}

static void test_two_empty_buckets_are_told_and_three_begin_another_span(void **state)
{
	struct native_histogram two = MAKE(0, 4, 0, 0, 6), three = MAKE(0, 4, 0, 0, 0, 6, 1);
	(void)state;

	ASSERT_SPANS(two, {-191, 4});
	ASSERT_DELTAS(two, 4, -4, 0, 6);
	ASSERT_SPANS(three, {-191, 1}, {3, 2});
	ASSERT_DELTAS(three, 4, 2, -5);
}

static void test_what_is_longer_than_all_bounds_lies_before_infinity(void **state)
{
	uint64_t buckets[DURATION_BUCKETS] = {
		[DURATION_BOUNDS - 1] = 2, [DURATION_BUCKETS - 1] = 3};
	struct native_histogram native = make(buckets, DURATION_BUCKETS);
	(void)state;

	ASSERT_SPANS(native, {33 * 8, 1}, {OVERFLOW_INDEX - 33 * 8 - 1, 1});
	ASSERT_DELTAS(native, 2, 1);
	assert_true(
		isinf(ldexp(1, OVERFLOW_INDEX / 8)) && isfinite(ldexp(1, OVERFLOW_INDEX / 8 - 1)));
}

static void test_as_many_spans_as_there_can_be_have_room(void **state)
{
	uint64_t buckets[DURATION_BUCKETS] = {0};
	(void)state;

	for (size_t i = 1; i < DURATION_BOUNDS; i += NATIVE_GAP_MAX + 2)
		buckets[i] = 1;
	buckets[DURATION_BUCKETS - 1] = UINT64_C(1) << 40;
	struct native_histogram native = make(buckets, DURATION_BUCKETS);
	assert_int_equal(native.span_count, NATIVE_SPANS_MAX);
	assert_int_equal(native.delta_count, NATIVE_SPANS_MAX);
	assert_int_equal(native.deltas[native.delta_count - 1], (INT64_C(1) << 40) - 1);

	for (size_t i = 0; i < DURATION_BUCKETS; i++)
		buckets[i] = i;
	native = make(buckets, DURATION_BUCKETS);
	assert_int_equal(native.span_count, 2);
	assert_int_equal(native.delta_count, DURATION_BUCKETS - 1);
}

/* By Prometheus's definition: 2^((n-1)/8) s < duration ≤ 2^(n/8) s. */
static void assert_in_its_bucket(uint64_t duration_ns)
{
	struct histogram histogram = {0};
	struct native_histogram native;
	long double seconds = (long double)duration_ns / 1e9L;

	histogram.buckets[histogram_index(duration_ns)] = 1;
	native_histogram_make(&native, &histogram);
	ASSERT_DELTAS(native, 1);
	assert_int_equal(native.zero_count, 0);
	assert_int_equal(native.span_count, 1);
	assert_int_equal(native.spans[0].length, 1);
	if (duration_ns > (UINT64_C(1) << 33) * SECOND) {
		assert_int_equal(native.spans[0].offset, OVERFLOW_INDEX);
		return;
	}
	assert_true(exp2l((long double)(native.spans[0].offset - 1) / 8) < seconds);
	assert_true(seconds <= exp2l((long double)native.spans[0].offset / 8));
}

static void test_each_duration_is_in_the_bucket_that_prometheus_has_it_in(void **state)
{
	(void)state;
	/* Each bound inside, and the first durations past it, which any other bounds would show. */
	for (unsigned i = 1; i < DURATION_BOUNDS; i++) {
		assert_in_its_bucket(histogram_bound_ns(i));
		assert_in_its_bucket(histogram_bound_ns(i) + 1);
	}
	assert_in_its_bucket(60);
	assert_in_its_bucket(UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_histogram_has_no_buckets),
		cmocka_unit_test(test_the_first_bucket_is_the_zero_bucket),
		cmocka_unit_test(test_neighbours_are_one_span_and_told_by_their_differences),
		cmocka_unit_test(test_two_empty_buckets_are_told_and_three_begin_another_span),
		cmocka_unit_test(test_what_is_longer_than_all_bounds_lies_before_infinity),
		cmocka_unit_test(test_as_many_spans_as_there_can_be_have_room),
		cmocka_unit_test(test_each_duration_is_in_the_bucket_that_prometheus_has_it_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
