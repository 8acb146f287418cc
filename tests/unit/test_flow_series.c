/* SPDX-License-Identifier: Apache-2.0 */
/* Labels that connections share, and the series they stand for. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "telemetry/tcp/flow_series.h"

static struct metrics *metrics;
static struct metric_family *families[TCP_FAMILIES];
static struct flow_labels *all;

static int begin(void **state)
{
	(void)state;
	metrics = metrics_new(4, 4);
	assert_non_null(metrics);
	for (int i = 0; i < TCP_FAMILIES; i++)
		families[i] = metrics_family(metrics, &tcp_families[i]);
	return 0;
}

static int end(void **state)
{
	(void)state;
	assert_null(all);
	metrics_free(metrics);
	return 0;
}

static struct metric_series *sent_series(struct flow_labels *labels)
{
	return flow_labels_series(labels, families, FAMILY_TCP_SENT);
}

static void test_the_same_values_are_the_same_labels(void **state)
{
	struct flow_labels *labels = flow_labels_keep(&all, "shop", TCP_INBOUND, "lab", "80");
	struct flow_labels *others[] = {
		flow_labels_keep(&all, "bank", TCP_INBOUND, "lab", "80"),
		flow_labels_keep(&all, "shop", TCP_OUTBOUND, "lab", "80"),
		flow_labels_keep(&all, "shop", TCP_INBOUND, "", "80"),
		flow_labels_keep(&all, "shop", TCP_INBOUND, "lab", "8080"),
		flow_labels_keep(&all, "shop", TCP_UNKNOWN, "lab", ""),
	};

	(void)state;
	assert_string_equal(labels->values[FLOW_SERVICE], "shop");
	assert_string_equal(labels->values[FLOW_DIRECTION], "inbound");
	assert_string_equal(labels->values[FLOW_PEER], "lab");
	assert_string_equal(labels->values[FLOW_PORT], "80");
	assert_string_equal(others[4]->values[FLOW_PORT], "");
	assert_true(flow_labels_are(labels, "shop", TCP_INBOUND, "lab", "80"));
	assert_ptr_equal(flow_labels_keep(&all, "shop", TCP_INBOUND, "lab", "80"), labels);
	flow_labels_release(&all, labels);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		assert_ptr_not_equal(others[i], labels);
		assert_false(flow_labels_are(others[i], "shop", TCP_INBOUND, "lab", "80"));
		flow_labels_release(&all, others[i]);
	}
	assert_int_equal(HASH_COUNT(all), 1);
	flow_labels_release(&all, labels);
	flow_labels_release(&all, NULL);
}

static void test_series_are_those_of_the_registry(void **state)
{
	struct flow_labels *labels = flow_labels_keep(&all, "shop", TCP_INBOUND, "lab", "80");
	struct metric_series *sent = sent_series(labels);

	(void)state;
	assert_ptr_equal(SERIES(families, FAMILY_TCP_SENT, "shop", "inbound", "lab", "80"), sent);
	assert_ptr_equal(SERIES(families, FAMILY_TCP_RTT, "shop", "inbound", "lab", "80"),
		flow_labels_series(labels, families, FAMILY_TCP_RTT));
	assert_ptr_equal(sent_series(labels), sent);
	flow_labels_release(&all, labels);
	labels = flow_labels_keep(&all, "shop", TCP_INBOUND, "lab", "80");
	assert_ptr_equal(sent_series(labels), sent);
	flow_labels_release(&all, labels);
}

static void test_a_series_of_its_own_follows_when_there_is_room(void **state)
{
	struct flow_labels *labels = flow_labels_keep(&all, "shop", TCP_INBOUND, "lab", "80");
	(void)state;

	SERIES(families, FAMILY_TCP_SENT, "bank", "inbound", "lab", "80");
	SERIES(families, FAMILY_TCP_SENT, "mail", "inbound", "lab", "80");
	assert_true(metric_is_overflow(sent_series(labels)));
	metrics_set_limits(metrics, 6, 6);
	assert_false(metric_is_overflow(sent_series(labels)));
	assert_ptr_equal(SERIES(families, FAMILY_TCP_SENT, "shop", "inbound", "lab", "80"),
		sent_series(labels));
	flow_labels_release(&all, labels);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(the_same_values_are_the_same_labels),
		TEST(series_are_those_of_the_registry),
		TEST(a_series_of_its_own_follows_when_there_is_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
