/* SPDX-License-Identifier: Apache-2.0 */
/* Series beside a crowd of names: who has ended, or rests, or sleeps, and what no crowd can take.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "source_families.h"
#include "telemetry/metrics/series.h"

#define SECOND UINT64_C(1000000000)
#define LIMIT  8000
#define CROWD  1000
#define CALLS  20

static struct metrics *metrics;
static uint64_t now_ns;

static void pass(uint64_t ns)
{
	now_ns += ns;
	metrics_tick(metrics, now_ns, 0);
}

static int begin(void **state)
{
	(void)state;
	metrics = metrics_new(LIMIT, LIMIT);
	assert_non_null(metrics);
	metrics_set_ttl(metrics, 600 * SECOND);
	source_families_register(metrics);
	now_ns = 1000 * SECOND;
	pass(0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	metrics_free(metrics);
	return 0;
}

static void count_request(const char *service, const char *status)
{
	metric_record(
		SERIES_OF("http_server_request_duration_seconds", service, "GET", status, "/", ""),
		1000);
}

static void count_calls(const char *service)
{
	char call[16];

	for (int i = 0; i < CALLS; i++) {
		snprintf(call, sizeof(call), "call-%d", i);
		metric_record(SERIES_OF("sonde_syscall_duration_seconds", service, call), 1000);
	}
}

struct sum {
	const char *service;
	const char *family;
	uint64_t count;
};

static void add(void *context, const struct metric_view *view)
{
	struct sum *sum = context;

	if (!strcmp(view->description->name, sum->family) && !strcmp(view->values[0], sum->service))
		sum->count += view->histogram->count;
}

static uint64_t requests_of(const char *service)
{
	struct sum sum = {service, "http_server_request_duration_seconds", 0};

	metrics_visit(metrics, add, &sum);
	return sum.count;
}

/* All of them live, and are busy at once: an equal share of all room is not even one request's. */
static void test_a_crowd_of_system_calls_leaves_requests_their_part(void **state)
{
	struct metric_service *crowd[CROWD], *old, *new;
	char name[32];

	(void)state;
	old = metrics_service_begin(metrics, "old");
	count_calls("old");
	count_request("old", "200");
	for (int i = 0; i < CROWD; i++) {
		snprintf(name, sizeof(name), "crowd-%d", i);
		crowd[i] = metrics_service_begin(metrics, name);
		count_calls(name);
	}
	pass(SECOND);
	new = metrics_service_begin(metrics, "new");
	count_calls("new");
	for (int i = 0; i < 50; i++) {
		count_request("old", "500");
		count_request("new", "200");
		count_calls("crowd-7");
	}
	assert_int_equal(requests_of("old"), 51);
	assert_int_equal(requests_of("new"), 50);
	for (int i = 0; i < CROWD; i++)
		metrics_service_end(crowd[i]);
	metrics_service_end(old);
	metrics_service_end(new);
}

static void add_series(void *context, const struct metric_view *view)
{
	struct sum *sum = context;

	if (!strcmp(view->description->name, sum->family) && !view->overflow)
		sum->count++;
}

/* Each asks for four times its part, one group after the other. */
static void test_as_many_groups_as_there_may_be_have_a_part_each(void **state)
{
	static char names[METRIC_GROUPS_MAX][32];
	static struct metric_description descriptions[METRIC_GROUPS_MAX];
	struct metric_service *crowd[CROWD];
	struct metric_family *families[METRIC_GROUPS_MAX];
	const struct series_budget *budget = &metrics->budget;
	unsigned first = budget->group_count;
	char name[32];

	(void)state;
	for (int i = 0; i < CROWD; i++) {
		snprintf(name, sizeof(name), "crowd-%d", i);
		crowd[i] = metrics_service_begin(metrics, name);
		count_calls(name);
	}
	for (unsigned group = first; group < METRIC_GROUPS_MAX; group++) {
		snprintf(names[group], sizeof(names[group]), "group_%u_total", group);
		descriptions[group] = (struct metric_description){.name = names[group],
			.group = names[group],
			.help = "One of many.",
			.labels = {"service_name"},
			COUNTER("")};
		families[group] = metrics_family(metrics, &descriptions[group]);
	}
	assert_int_equal(budget->group_count, METRIC_GROUPS_MAX);
	for (unsigned group = first; group < METRIC_GROUPS_MAX; group++) {
		for (int i = 0; i < CROWD; i++) {
			snprintf(name, sizeof(name), "crowd-%d", i);
			metric_add(metrics_series(families[group], LABELS(name)), 1);
		}
	}
	for (unsigned group = first; group < METRIC_GROUPS_MAX; group++) {
		struct sum sum = {NULL, names[group], 0};

		metrics_visit(metrics, add_series, &sum);
		assert_in_range(2 * sum.count, LIMIT / METRIC_GROUPS_MAX, LIMIT);
	}
	for (int i = 0; i < CROWD; i++)
		metrics_service_end(crowd[i]);
}

static uint64_t calls_of(const char *service)
{
	struct sum sum = {service, "sonde_syscall_duration_seconds", 0};

	metrics_visit(metrics, add, &sum);
	return sum.count;
}

/* The crowd's holder has more than an equal share, so nobody else's is touched, idle or not. */
static void test_a_crowd_of_names_takes_nothing_from_another_holder(void **state)
{
	struct metric_service *crowd[CROWD], *quiet, *busy;
	char name[32];

	(void)state;
	quiet = metrics_service_begin(metrics, "quiet");
	busy = metrics_service_begin(metrics, "busy");
	metrics_service_set_holder(quiet, 7);
	metrics_service_set_holder(busy, 7);
	count_request("quiet", "200");
	for (int round = 0; round < 40; round++) {
		count_calls("busy");
		count_request("busy", "200");
		for (int i = 0; i < CROWD; i++) {
			if (round == 0) {
				snprintf(name, sizeof(name), "crowd-%d", i);
				crowd[i] = metrics_service_begin(metrics, name);
				metrics_service_set_holder(crowd[i], 1 + (unsigned)i % 3);
			}
			snprintf(name, sizeof(name), "crowd-%d", i);
			count_calls(name);
			count_request(name, "200");
		}
		pass(SECOND);
	}
	assert_int_equal(requests_of("quiet"), 1);
	assert_int_equal(requests_of("busy"), 40);
	assert_int_equal(calls_of("busy"), 40 * CALLS);
	for (int i = 0; i < CROWD; i++)
		metrics_service_end(crowd[i]);
	metrics_service_end(quiet);
	metrics_service_end(busy);
}

/* Its number is in use until later, but its last process is known to have ended. */
static void test_who_rests_takes_nothing_from_who_lives(void **state)
{
	struct metric_service *shop = metrics_service_begin(metrics, "shop"), *jobs[CROWD];
	char name[32];

	(void)state;
	count_calls("shop");
	count_request("shop", "200");
	for (int i = 0; i < CROWD; i++) {
		snprintf(name, sizeof(name), "job-%d", i);
		jobs[i] = metrics_service_begin(metrics, name);
		metrics_service_rest(jobs[i], true);
		count_calls(name); /* its figures come after its end */
		count_request(name, "200");
		if (i % 100 == 0)
			pass(SECOND);
	}
	assert_int_equal(requests_of("shop"), 1);
	assert_int_equal(metrics_samples(metrics) <= LIMIT, 1);
	for (int i = 0; i < CROWD; i++) {
		metrics_service_rest(jobs[i], false);
		metrics_service_end(jobs[i]);
	}
	metrics_service_end(shop);
}

/* More processes than were heard of: what goes on long after the last known end is alive. */
static void test_who_goes_on_does_not_rest(void **state)
{
	struct metric_service *shop = metrics_service_begin(metrics, "shop");

	(void)state;
	count_request("shop", "200");
	metrics_service_rest(shop, true);
	assert_int_equal(metrics->budget.holders[0].living_count, 0);
	pass(SECOND);
	count_request("shop", "200");
	assert_int_equal(metrics->budget.holders[0].living_count, 0);
	pass(5 * SECOND);
	count_request("shop", "200");
	assert_int_equal(metrics->budget.holders[0].living_count, 1);
	pass(3600 * SECOND);
	assert_int_equal(requests_of("shop"), 3);
	metrics_service_rest(shop, false);
	metrics_service_end(shop);
}

static void test_who_sleeps_keeps_its_series_until_nothing_is_heard_of_it(void **state)
{
	struct metric_service *shop = metrics_service_begin(metrics, "shop");

	(void)state;
	count_request("shop", "200");
	metrics_service_sleep(shop);
	assert_int_equal(metrics->budget.holders[0].living_count, 1);
	pass(500 * SECOND);
	assert_int_equal(requests_of("shop"), 1);
	shop = metrics_service_begin(metrics, "shop"); /* it did something */
	pass(3600 * SECOND);
	assert_int_equal(requests_of("shop"), 1);
	metrics_service_sleep(shop);
	for (int i = 0; i < 3; i++)
		pass(601 * SECOND);
	assert_int_equal(requests_of("shop"), 0);
	assert_int_equal(metrics->budget.holders[0].living_count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_a_crowd_of_names_takes_nothing_from_another_holder),
		TEST(test_a_crowd_of_system_calls_leaves_requests_their_part),
		TEST(test_as_many_groups_as_there_may_be_have_a_part_each),
		TEST(test_who_rests_takes_nothing_from_who_lives),
		TEST(test_who_goes_on_does_not_rest),
		TEST(test_who_sleeps_keeps_its_series_until_nothing_is_heard_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
