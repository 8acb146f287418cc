/* SPDX-License-Identifier: Apache-2.0 */
/* What user/telemetry/metrics/histogram.h promises, with the bounds proven by exact integer
 * arithmetic. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/bucket.h"
#include "telemetry/metrics/histogram.h"

/* --- natural numbers of up to 640 bits, least limb first --- */

#define LIMBS 20

struct big {
	uint32_t limb[LIMBS];
};

static struct big big_from(uint64_t value)
{
	return (struct big){{(uint32_t)value, (uint32_t)(value >> 32)}};
}

static struct big big_multiply(const struct big *a, const struct big *b)
{
	struct big product = {{0}};

	for (int i = 0; i < LIMBS; i++) {
		uint64_t carry = 0;
		for (int j = 0; j < LIMBS; j++) {
			uint64_t term = (uint64_t)a->limb[i] * b->limb[j];
			if (i + j >= LIMBS) {
				assert_true(term + carry == 0); /* else the number is too large */
				continue;
			}
			term += product.limb[i + j] + carry;
			product.limb[i + j] = (uint32_t)term;
			carry = term >> 32;
		}
		assert_int_equal(carry, 0);
	}
	return product;
}

static struct big big_power(uint64_t base, unsigned exponent)
{
	struct big power = big_from(1), factor = big_from(base);

	while (exponent--)
		power = big_multiply(&power, &factor);
	return power;
}

static int big_compare(const struct big *a, const struct big *b)
{
	for (int i = LIMBS - 1; i >= 0; i--) {
		if (a->limb[i] != b->limb[i])
			return a->limb[i] < b->limb[i] ? -1 : 1;
	}
	return 0;
}

/* duration_ns ≤ 2^(MIN_EXP + i/8) · 10^9, raised to the eighth power to be rid of the root. */
static bool is_within_bound(uint64_t duration_ns, int i)
{
	struct big left = big_power(duration_ns, 8), right = big_power(10, 72);
	int exponent = 8 * HISTOGRAM_MIN_EXP + i;
	struct big twos = big_power(2, (unsigned)abs(exponent));

	if (exponent < 0)
		left = big_multiply(&left, &twos);
	else
		right = big_multiply(&right, &twos);
	return big_compare(&left, &right) <= 0;
}

static void test_arithmetic_of_this_test_is_right(void **state)
{
	(void)state;
	struct big two_to_64 = big_power(2, 64), root = big_from(UINT32_MAX);

	assert_int_equal(two_to_64.limb[2], 1);
	assert_int_equal(two_to_64.limb[1], 0);
	struct big square = big_multiply(&root, &root); /* 0xfffffffe00000001 */
	assert_int_equal(square.limb[0], 1);
	assert_int_equal(square.limb[1], 0xfffffffe);
	assert_true(big_compare(&square, &two_to_64) < 0);
	assert_true(big_compare(&two_to_64, &square) > 0);
	assert_int_equal(big_compare(&root, &root), 0);
}

static void test_every_bound_is_the_largest_whole_nanosecond_within_the_real_bound(void **state)
{
	(void)state;
	for (int i = 0; i < DURATION_BOUNDS; i++) {
		assert_true(is_within_bound(histogram_bound_ns((unsigned)i), i));
		assert_false(is_within_bound(histogram_bound_ns((unsigned)i) + 1, i));
	}
}

static void test_the_probes_have_the_same_bounds_up_to_128_seconds(void **state)
{
	(void)state;
	for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++)
		assert_int_equal(histogram_bounds[i], histogram_bound_ns(i));
	assert_int_equal(histogram_bound_ns(HISTOGRAM_BOUNDS - 1), 128000000000);
}

static void test_every_boundary_and_its_neighbours_index_as_they_should(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DURATION_BOUNDS; i++) {
		uint64_t bound = histogram_bound_ns(i);

		assert_int_equal(histogram_index(bound - 1), i);
		assert_int_equal(histogram_index(bound), i);
		assert_int_equal(histogram_index(bound + 1), i + 1);
	}
}

static void test_extremes_fall_in_the_first_and_last_bucket(void **state)
{
	(void)state;
	assert_int_equal(histogram_index(0), 0);
	assert_int_equal(histogram_index(1), 0);
	assert_int_equal(histogram_index(UINT64_MAX), DURATION_BUCKETS - 1);
	assert_int_equal(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

static unsigned index_by_search(uint64_t duration_ns, unsigned bounds)
{
	unsigned i = 0;

	while (i < bounds && duration_ns > histogram_bound_ns(i))
		i++;
	return i;
}

static void assert_indexed(uint64_t duration_ns)
{
	assert_int_equal(
		histogram_index(duration_ns), index_by_search(duration_ns, DURATION_BOUNDS));
	assert_int_equal(
		histogram_bucket(duration_ns), index_by_search(duration_ns, HISTOGRAM_BOUNDS));
}

static void test_index_equals_a_plain_search_for_any_duration(void **state)
{
	(void)state;
	for (uint64_t duration = 0; duration < 20000; duration++)
		assert_indexed(duration);

	uint64_t random = 88172645463325252ULL; /* xorshift64 */
	for (int i = 0; i < 200000; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		assert_indexed(random >> (random % 64));
	}
}

static void add(struct histogram *histogram, unsigned index, uint64_t count)
{
	histogram->buckets[index] += count;
	histogram->count += count;
}

static int compare_durations(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

static void test_quantiles_are_within_a_bucket_of_the_sorted_values(void **state)
{
	(void)state;
	enum { VALUES = 5000 };
	static uint64_t values[VALUES];
	struct histogram histogram = {0};
	uint64_t random = 1;

	for (int i = 0; i < VALUES; i++) {
		random = random * 6364136223846793005ULL + 1442695040888963407ULL;
		values[i] = (random >> 40)
			    << (random >> 59); /* 0 ns … 1 year, more of the short ones */
		add(&histogram, histogram_index(values[i]), 1);
	}
	qsort(values, VALUES, sizeof(values[0]), compare_durations);

	const double quantiles[] = {0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1};
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
		uint64_t exact = values[(size_t)(quantiles[i] * VALUES + 0.5) - 1];
		double ratio = (double)histogram_quantile(&histogram, quantiles[i]) / (double)exact;

		assert_true(ratio > 1 / 1.0906 && ratio < 1.0906); /* 2^(1/8) */
	}
}

static void test_quantile_interpolates_geometrically_within_its_bucket(void **state)
{
	(void)state;
	struct histogram histogram = {0};

	/* 2^(-1/8) s < d ≤ 1 s: halfway in the logarithm is 2^(-1/16) s. */
	add(&histogram, -HISTOGRAM_MIN_EXP * 8, 100);
	assert_in_range(histogram_quantile(&histogram, 0.5), 957603280, 957603281);
	assert_int_equal(histogram_quantile(&histogram, 1), 1000000000);
	assert_in_range(histogram_quantile(&histogram, 0), 917004043, 917004044);
}

static void test_quantile_of_nothing_is_zero_and_beyond_all_bounds_the_last_one(void **state)
{
	(void)state;
	struct histogram histogram = {0};

	assert_int_equal(histogram_quantile(&histogram, 0.5), 0);
	add(&histogram, histogram_index(UINT64_MAX), 1);
	assert_int_equal(histogram_quantile(&histogram, 0.5), (UINT64_C(1) << 33) * 1000000000);
}

static void test_quantile_in_the_first_bucket_begins_at_zero(void **state)
{
	(void)state;
	struct histogram histogram = {0};

	add(&histogram, 0, 2);
	assert_int_equal(histogram_quantile(&histogram, 0), 0);
	assert_int_equal(histogram_quantile(&histogram, 0.5), histogram_bound_ns(0) / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arithmetic_of_this_test_is_right),
		cmocka_unit_test(
			test_every_bound_is_the_largest_whole_nanosecond_within_the_real_bound),
		cmocka_unit_test(test_the_probes_have_the_same_bounds_up_to_128_seconds),
		cmocka_unit_test(test_every_boundary_and_its_neighbours_index_as_they_should),
		cmocka_unit_test(test_extremes_fall_in_the_first_and_last_bucket),
		cmocka_unit_test(test_index_equals_a_plain_search_for_any_duration),
		cmocka_unit_test(test_quantiles_are_within_a_bucket_of_the_sorted_values),
		cmocka_unit_test(test_quantile_interpolates_geometrically_within_its_bucket),
		cmocka_unit_test(
			test_quantile_of_nothing_is_zero_and_beyond_all_bounds_the_last_one),
		cmocka_unit_test(test_quantile_in_the_first_bucket_begins_at_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
