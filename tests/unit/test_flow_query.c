/* SPDX-License-Identifier: Apache-2.0 */
/* What can be asked of /flows and /connections, and how it is written into a URL. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "export/flows/flow_query.h"

static struct flow_query query_of(const char *path)
{
	struct flow_query query;

	assert_true(flow_query_begin(&query, path));
	return query;
}

static void assert_taken(struct flow_query *query, const char *name, const char *value)
{
	char error[FLOW_QUERY_ERROR_LEN];

	assert_true(flow_query_set(query, name, value, error));
}

static void assert_refused(
	const char *path, const char *name, const char *value, const char *reason)
{
	struct flow_query query = query_of(path), before = query;
	char error[FLOW_QUERY_ERROR_LEN];

	assert_false(flow_query_set(&query, name, value, error));
	assert_string_equal(error, reason);
	assert_memory_equal(&query, &before, sizeof(query));
}

static void assert_url(const struct flow_query *query, const char *server, const char *wanted)
{
	char url[256];

	flow_query_url(query, server, url, sizeof(url));
	assert_string_equal(url, wanted);
}

static void test_only_two_pages_are_of_flows(void **state)
{
	struct flow_query query;
	(void)state;

	assert_true(flow_query_begin(&query, "/flows"));
	assert_int_equal(query.path, FLOW_PATH_FLOWS);
	assert_true(flow_query_begin(&query, "/connections"));
	assert_int_equal(query.path, FLOW_PATH_CONNECTIONS);
	assert_int_equal(query.format, FLOW_FORMAT_JSON);
	assert_false(flow_query_begin(&query, "/"));
	assert_false(flow_query_begin(&query, "/flows/"));
	assert_false(flow_query_begin(&query, "/metrics"));
}

static void test_parameters_are_taken(void **state)
{
	struct flow_query query = query_of("/flows");
	(void)state;

	assert_taken(&query, "by", "process");
	assert_taken(&query, "sort", "rate");
	assert_int_equal(query.sort, FLOW_SORT_RATE);
	assert_taken(&query, "sort", "rtt");
	assert_taken(&query, "limit", "1000000");
	assert_taken(&query, "columns", "0");
	assert_int_equal(query.by, FLOW_BY_PROCESS);
	assert_int_equal(query.sort, FLOW_SORT_RTT);
	assert_int_equal(query.limit, 1000000);
	assert_string_equal(flow_by_name(FLOW_BY_PROCESS), "process");
	query = query_of("/connections");
	assert_taken(&query, "format", "text");
	assert_int_equal(query.format, FLOW_FORMAT_TEXT);
}

static void test_what_is_wrong_is_told_and_changes_nothing(void **state)
{
	static const char *const numbers[] = {
		"", "-1", "+1", " 1", "1x", "1000001", "1e3", "99999999999999999999"};
	(void)state;

	assert_refused("/flows", "by", "port",
		"by is one of service, peer, process, namespace, owner, pod");
	assert_refused(
		"/flows", "by", "", "by is one of service, peer, process, namespace, owner, pod");
	assert_refused("/flows", "sort", "BYTES", "sort is one of bytes, rate, retransmits, rtt");
	assert_refused("/flows", "format", "json", "there are by, sort, limit, columns");
	assert_refused("/flows", "", "", "there are by, sort, limit, columns");
	assert_refused("/connections", "by", "peer", "there are sort, format, limit, columns");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		assert_refused("/flows", "limit", numbers[i], "limit is a number up to 1000000");
}

static void test_url_has_what_is_not_the_default(void **state)
{
	struct flow_query query = query_of("/flows");
	(void)state;

	assert_url(&query, "http://127.0.0.1:9760", "http://127.0.0.1:9760/flows");
	query.by = FLOW_BY_PEER;
	query.limit = 20;
	assert_url(&query, "http://[::1]:1/", "http://[::1]:1/flows?by=peer&limit=20");
	query = query_of("/connections");
	query.format = FLOW_FORMAT_TEXT;
	query.sort = FLOW_SORT_RETRANSMITS;
	query.columns = 80;
	assert_url(&query, "http://h/sub",
		"http://h/sub/connections?sort=retransmits&format=text&columns=80");
}

static void test_url_that_is_too_long_is_cut(void **state)
{
	struct flow_query query = query_of("/flows");
	char url[16];
	(void)state;

	flow_query_url(&query, "http://a-server-with-a-name", url, sizeof(url));
	assert_string_equal(url, "http://a-server");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_two_pages_are_of_flows),
		cmocka_unit_test(test_parameters_are_taken),
		cmocka_unit_test(test_what_is_wrong_is_told_and_changes_nothing),
		cmocka_unit_test(test_url_has_what_is_not_the_default),
		cmocka_unit_test(test_url_that_is_too_long_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
