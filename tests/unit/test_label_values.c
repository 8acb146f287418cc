/* SPDX-License-Identifier: Apache-2.0 */
/* Places for values of a label: bounded, for the frequent ones, given back, fair. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "telemetry/metrics/label_values.h"

#define SECOND UINT64_C(1000000000)
#define TOTAL  8000

static struct label_values *values;
static uint64_t now_ns;

static int begin(void **state)
{
	(void)state;
	now_ns = 100 * SECOND;
	values = label_values_new(TOTAL);
	assert_non_null(values);
	return 0;
}

static int end(void **state)
{
	(void)state;
	label_values_free(values);
	return 0;
}

static bool admit(const char *owner, const char *value, size_t most)
{
	return label_values_admit(values, owner, value, most, 1, now_ns);
}

/* How many of the values `first` … get a place when each is met once. */
static unsigned admitted(const char *owner, unsigned first, unsigned count, size_t most)
{
	unsigned places = 0;

	for (unsigned i = first; i < first + count; i++) {
		char value[16];

		snprintf(value, sizeof(value), "%u", i);
		places += admit(owner, value, most);
	}
	return places;
}

static void test_an_owner_has_so_many_places_and_keeps_them(void **state)
{
	(void)state;
	assert_int_equal(admitted("shop", 0, 3000, 16), 16);
	assert_int_equal(admitted("shop", 0, 16, 16), 16);
	assert_int_equal(admitted("bank", 0, 16, 16), 16);
}

static void test_what_is_met_often_gets_a_place_of_what_was_met_once(void **state)
{
	(void)state;
	admitted("shop", 0, 3000, 16);
	assert_false(admit("shop", "db", 16));
	assert_false(admit("shop", "db", 16));
	assert_true(admit("shop", "db", 16));
	assert_int_equal(admitted("shop", 0, 16, 16), 15); /* what is left of the first ones */
	admitted("shop", 5000, 3000, 16);
	assert_true(admit("shop", "db", 16));
}

static void test_what_is_met_often_is_found_between_others(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		admitted("shop", 10 * i, 10, 16);
		if (i >= 10)
			assert_int_equal(admit("shop", "db", 16), i >= 12);
	}
}

/* Each change of a place has to double its uses: the worst that a hostile owner can do. */
static void test_changes_of_places_are_few_however_values_are_repeated(void **state)
{
	unsigned changes = 0;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		char value[16];
		bool has_place = false;

		snprintf(value, sizeof(value), "%u", i);
		for (unsigned use = 0; use <= i / 16 && use < 300 && !has_place; use++)
			has_place = admit("shop", value, 16);
		changes += has_place;
	}
	assert_in_range(changes, 16, 16 * 9);
}

static void test_what_is_used_once_a_minute_does_not_keep_out_what_is_used_often(void **state)
{
	(void)state;
	for (int minutes = 0; minutes < 300; minutes++) {
		assert_int_equal(admitted("shop", 0, 16, 16), 16);
		now_ns += 50 * SECOND;
	}
	for (int i = 0; i < 10; i++)
		admit("shop", "db", 16);
	assert_true(admit("shop", "db", 16));
}

static void test_a_use_may_be_worth_more(void **state)
{
	(void)state;
	admitted("shop", 0, 16, 16);
	assert_true(label_values_admit(values, "shop", "db", 16, 8, now_ns));
	assert_false(admit("shop", "cache", 16));
	assert_true(admit("shop", "cache", 17)); /* as another kind of value may have more */
}

static void test_a_place_is_given_back(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++)
		admit("shop", "db", 1);
	now_ns += 7 * LABEL_VALUES_HALF_NS;
	assert_false(admit("shop", "cache", 1)); /* one use against the last one of 255 */
	now_ns += LABEL_VALUES_HALF_NS + SECOND;
	assert_true(admit("shop", "cache", 1));
	assert_false(admit("shop", "db", 1));
}

static void test_a_new_owner_gets_its_share_of_a_full_table(void **state)
{
	char owner[16];

	(void)state;
	for (unsigned i = 0; i < 90; i++) {
		snprintf(owner, sizeof(owner), "crowd%u", i);
		admitted(owner, 0, 100, 100);
	}
	assert_in_range(admitted("shop", 0, 100, 100), TOTAL / 92, TOTAL / 90);
	assert_in_range(admitted("shop", 0, TOTAL / 92, 100), TOTAL / 92, TOTAL / 92);
	for (unsigned i = 0; i < 90; i++) { /* which does not cost a neighbour its own */
		snprintf(owner, sizeof(owner), "crowd%u", i);
		assert_in_range(admitted(owner, 0, 100, 100), TOTAL / 92, 100);
	}
	assert_int_equal(admitted("shop", 0, TOTAL / 92, 100), TOTAL / 92);
}

static void test_owners_that_are_gone_leave_their_room(void **state)
{
	char owner[16];

	(void)state;
	for (unsigned i = 0; i < 80; i++) {
		snprintf(owner, sizeof(owner), "old%u", i);
		assert_int_equal(admitted(owner, 0, 100, 100), 100);
	}
	now_ns += LABEL_VALUES_OWNER_NS + SECOND;
	for (unsigned i = 0; i < 80; i++) {
		snprintf(owner, sizeof(owner), "new%u", i);
		assert_int_equal(admitted(owner, 0, 100, 100), 100);
	}
}

static void test_any_number_of_owners_is_served(void **state)
{
	char owner[16];

	(void)state;
	for (unsigned i = 0; i < 3 * LABEL_VALUES_OWNERS_MAX; i++) {
		snprintf(owner, sizeof(owner), "job%u", i);
		assert_int_equal(admitted(owner, 0, 3, 3), 3);
	}
	assert_int_equal(admitted("shop", 0, 3, 3), 3);
}

static void test_what_is_told_late_is_a_use_too(void **state)
{
	(void)state;
	admit("shop", "db", 1);
	now_ns -= 5 * SECOND;
	assert_true(admit("shop", "db", 1));
	assert_false(admit("shop", "cache", 1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(an_owner_has_so_many_places_and_keeps_them),
		TEST(what_is_met_often_gets_a_place_of_what_was_met_once),
		TEST(what_is_met_often_is_found_between_others),
		TEST(changes_of_places_are_few_however_values_are_repeated),
		TEST(what_is_used_once_a_minute_does_not_keep_out_what_is_used_often),
		TEST(a_use_may_be_worth_more),
		TEST(a_place_is_given_back),
		TEST(a_new_owner_gets_its_share_of_a_full_table),
		TEST(owners_that_are_gone_leave_their_room),
		TEST(any_number_of_owners_is_served),
		TEST(what_is_told_late_is_a_use_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
