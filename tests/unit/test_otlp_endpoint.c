/* SPDX-License-Identifier: Apache-2.0 */
/* Where user/export/otlp/otlp_http.h sends to, with which headers, and what it refuses to start
 * with. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/otlp/otlp.h"
#include "flow_sample.h"
#include "otlp_pair.h"

static void test_the_traces_path_is_appended_once(void **state)
{
	static const struct {
		const char *path, *expected;
	} cases[] = {
		{"", "POST /v1/traces "},
		{"/", "POST /v1/traces "},
		{"/v1/traces", "POST /v1/traces "},
		{"/v1/traces/", "POST /v1/traces "},
		{"/otlp", "POST /otlp/v1/traces "},
		{"/otlp/", "POST /otlp/v1/traces "},
		{"/v1/logs", "POST /v1/traces "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct pair pair;
		const char *head;

		pair_prepare(&pair, pair_ok, 1);
		strcat(pair.endpoint, cases[i].path);
		backend_start(pair.backend);
		pair_start(&pair);
		pair_export(&pair, 1);
		pair_wait_idle(&pair);
		head = backend_request(pair.backend, 0)->head;
		assert_ptr_equal(strstr(head, cases[i].expected), head);
		pair_close(&pair);
	}
}

static void test_flow_records_go_to_the_path_of_logs(void **state)
{
	static const char *const paths[] = {"", "/", "/v1/traces", "/v1/logs/"};
	struct flow_sample sample;

	(void)state;
	flow_sample_make(&sample);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct pair pair;
		const char *head;

		pair_prepare(&pair, pair_ok, 1);
		strcat(pair.endpoint, paths[i]);
		pair.options.signal = &otlp_flows;
		backend_start(pair.backend);
		pair_start(&pair);
		otlp_export(pair.otlp, &(struct otlp_flow){sample.view, sample.flow});
		pair_wait_idle(&pair);
		assert_int_equal(pair_counters(&pair).exported, 1);
		head = backend_request(pair.backend, 0)->head;
		assert_ptr_equal(strstr(head, "POST /v1/logs "), head);
		pair_close(&pair);
	}
}

static void test_an_exact_endpoint_is_used_as_it_is(void **state)
{
	static const struct {
		const char *path, *expected;
	} cases[] = {
		{"", "POST / "},
		{"/", "POST / "},
		{"/v1/traces/", "POST /v1/traces/ "},
		{"/insert/opentelemetry?db=x", "POST /insert/opentelemetry?db=x "},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char exact[256];
		struct pair pair;
		const char *head;

		pair_prepare(&pair, pair_ok, 1);
		snprintf(exact, sizeof(exact), "%s%s", pair.endpoint, cases[i].path);
		pair.options.endpoint = "http://127.0.0.1:1/the/one/for/all";
		pair.options.exact_endpoint = exact;
		backend_start(pair.backend);
		pair_start(&pair);
		pair_export(&pair, 1);
		pair_wait_idle(&pair);
		head = backend_request(pair.backend, 0)->head;
		assert_ptr_equal(strstr(head, cases[i].expected), head);
		pair_close(&pair);
	}
}

static void test_bodies_are_gzipped_where_that_is_asked_for(void **state)
{
	struct pair pair;

	(void)state;
	for (int compressed = 0; compressed < 2; compressed++) {
		const char *head;

		pair_prepare(&pair, pair_ok, 1);
		pair.options.compressed = compressed;
		backend_start(pair.backend);
		pair_start(&pair);
		pair_export(&pair, 3);
		assert_int_equal(pair_wait_idle(&pair).exported, 3);
		assert_int_equal(backend_spans(pair.backend), 3);
		head = backend_request(pair.backend, 0)->head;
		assert_int_equal(strstr(head, "Content-Encoding: gzip") != NULL, compressed);
		pair_close(&pair);
	}
}

static void test_an_endpoint_that_is_no_url_is_an_error_that_names_it(void **state)
{
	static const char *const endpoints[] = {
		"localhost:4318", "collector", "ftp://localhost", "http://", "http://a b/", "/v1"};

	(void)state;
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(*endpoints); i++) {
		struct otlp_options options = {.signal = &otlp_spans,
			.endpoint = endpoints[i],
			.version = "1",
			.queue_bytes = 1 << 20};
		struct otlp *otlp;
		char error[OTLP_ERROR_LEN] = "";

		assert_true(otlp_start(&otlp, &options, error) < 0);
		assert_non_null(strstr(error, "otlp-endpoint"));
		assert_non_null(strstr(error, endpoints[i]));
	}
}

static void test_a_queue_that_holds_nothing_is_an_error(void **state)
{
	struct otlp_options options = {.signal = &otlp_spans,
		.endpoint = "http://127.0.0.1:1",
		.version = "1",
		.queue_bytes = OTLP_QUEUE_BYTES_MIN - 1};
	struct otlp *otlp;
	char error[OTLP_ERROR_LEN] = "";

	(void)state;
	assert_true(otlp_start(&otlp, &options, error) < 0);
	assert_non_null(strstr(error, "otlp-queue-size"));
}

static void test_headers_of_the_environment_are_sent_decoded(void **state)
{
	struct pair pair;
	const char *head;

	(void)state;
	setenv("OTEL_EXPORTER_OTLP_HEADERS",
		"api-key=se%20cret%3D%3D, x-tenant = a=b ,,x-none=", 1);
	pair_open(&pair, pair_ok);
	unsetenv("OTEL_EXPORTER_OTLP_HEADERS");
	pair_export(&pair, 1);
	pair_wait_idle(&pair);
	head = backend_request(pair.backend, 0)->head;
	assert_non_null(strstr(head, "\r\napi-key: se cret==\r\n"));
	assert_non_null(strstr(head, "\r\nx-tenant: a=b"));
	assert_non_null(strstr(head, "\r\nx-none:\r\n"));
	pair_close(&pair);
}

static void test_headers_of_the_signal_win(void **state)
{
	struct pair pair;
	const char *head;

	(void)state;
	setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-all=1", 1);
	setenv("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x-logs=1", 1);
	setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "x-traces=1", 1);
	pair_open(&pair, pair_ok);
	unsetenv("OTEL_EXPORTER_OTLP_HEADERS");
	unsetenv("OTEL_EXPORTER_OTLP_LOGS_HEADERS");
	unsetenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS");
	pair_export(&pair, 1);
	pair_wait_idle(&pair);
	head = backend_request(pair.backend, 0)->head;
	assert_non_null(strstr(head, "\r\nx-traces: 1\r\n"));
	assert_null(strstr(head, "x-all"));
	assert_null(strstr(head, "x-logs"));
	pair_close(&pair);
}

static void test_bad_headers_are_an_error_that_keeps_the_secret(void **state)
{
	static const char *const bad[] = {"a=1,hunter2", "a=1,=hunter2", "a=1,b c=hunter2",
		"a=1,b=hunter2%0d%0aEvil: 1", "a=1,b=hunter2%00"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct otlp_options options = {.signal = &otlp_spans,
			.endpoint = "http://127.0.0.1:1",
			.version = "1",
			.queue_bytes = 1 << 20};
		struct otlp *otlp;
		char error[OTLP_ERROR_LEN] = "";

		setenv("OTEL_EXPORTER_OTLP_HEADERS", bad[i], 1);
		assert_true(otlp_start(&otlp, &options, error) < 0);
		unsetenv("OTEL_EXPORTER_OTLP_HEADERS");
		assert_non_null(strstr(error, "OTEL_EXPORTER_OTLP_HEADERS: item 2"));
		assert_null(strstr(error, "hunter2"));
	}
}

static void test_loopback_does_not_go_through_a_proxy(void **state)
{
	struct pair pair;

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	pair_open(&pair, pair_ok);
	pair_export(&pair, 1);
	assert_int_equal(pair_wait_idle(&pair).requests_failed, 0);
	unsetenv("http_proxy");
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_traces_path_is_appended_once),
		cmocka_unit_test(test_flow_records_go_to_the_path_of_logs),
		cmocka_unit_test(test_an_exact_endpoint_is_used_as_it_is),
		cmocka_unit_test(test_bodies_are_gzipped_where_that_is_asked_for),
		cmocka_unit_test(test_an_endpoint_that_is_no_url_is_an_error_that_names_it),
		cmocka_unit_test(test_a_queue_that_holds_nothing_is_an_error),
		cmocka_unit_test(test_headers_of_the_environment_are_sent_decoded),
		cmocka_unit_test(test_headers_of_the_signal_win),
		cmocka_unit_test(test_bad_headers_are_an_error_that_keeps_the_secret),
		cmocka_unit_test(test_loopback_does_not_go_through_a_proxy),
	};

	pair_prepare_tests();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
