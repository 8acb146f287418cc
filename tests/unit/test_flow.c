/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes per second of a connection: over which time, whenever sweeps come. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "telemetry/tcp/flow.h"

#define MS UINT64_C(1000000)

static struct flow_periods periods;
static struct flow_meter meter;

/* A sweep at that time, which finds so many bytes sent, and half as many received. */
static void sweep(uint64_t ms, uint64_t bytes)
{
	if (bytes)
		flow_meter_add(&meter, &periods, bytes, bytes / 2);
	flow_periods_advance(&periods, ms * MS);
}

static void assert_rate(uint64_t sent, uint64_t received)
{
	struct flow_rate rate = flow_meter_rate(&meter, &periods);

	assert_int_equal(rate.sent_bytes, sent);
	assert_int_equal(rate.received_bytes, received);
}

static int begin(void **state)
{
	(void)state;
	periods = (struct flow_periods){0};
	meter = (struct flow_meter){0};
	return 0;
}

static void test_a_rate_is_of_the_time_between_sweeps(void **state)
{
	(void)state;
	sweep(10000, 0);
	sweep(11000, 3000);
	assert_rate(3000, 1500);
	sweep(13000, 800);
	assert_rate(400, 200);
	sweep(73000, 600); /* sweep-interval: 60s */
	assert_rate(10, 5);
}

static void test_nothing_in_the_last_interval_is_a_rate_of_0(void **state)
{
	(void)state;
	sweep(10000, 0);
	sweep(11000, 3000);
	sweep(12000, 0);
	assert_rate(0, 0);
	sweep(13000, 0);
	sweep(14000, 10); /* it goes on */
	assert_rate(10, 5);
}

static void test_what_came_before_the_first_sweep_is_in_no_rate(void **state)
{
	(void)state;
	assert_rate(0, 0);
	sweep(10000, 1000000);
	assert_rate(0, 0);
	sweep(11000, 0);
	assert_rate(0, 0);
}

/* Somebody who asks makes a sweep, which may come right after another one. */
static void test_a_sweep_that_comes_early_makes_no_spike(void **state)
{
	(void)state;
	sweep(10000, 0);
	sweep(11000, 1000);
	sweep(11001, 64); /* 1064 bytes in 1001 ms */
	assert_rate(1063, 532);
	sweep(11250, 186); /* 1250 in 1250 ms */
	assert_rate(1000, 500);
	sweep(11500, 0); /* a new period: 250 bytes in 500 ms */
	assert_rate(500, 250);
	sweep(11700, 0);
	assert_rate(358, 179); /* 250 in 700 ms, rounded up */
	sweep(12000, 0);
	assert_rate(0, 0);
}

static void test_a_single_byte_in_a_long_time_is_not_0(void **state)
{
	(void)state;
	sweep(10000, 0);
	sweep(70000, 2);
	assert_rate(1, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(test_##name, begin)
	const struct CMUnitTest tests[] = {
		TEST(a_rate_is_of_the_time_between_sweeps),
		TEST(nothing_in_the_last_interval_is_a_rate_of_0),
		TEST(what_came_before_the_first_sweep_is_in_no_rate),
		TEST(a_sweep_that_comes_early_makes_no_spike),
		TEST(a_single_byte_in_a_long_time_is_not_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
