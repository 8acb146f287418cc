/* SPDX-License-Identifier: Apache-2.0 */
/* What user/export/server/negotiation.h makes of the heads that clients send. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "export/server/negotiation.h"

static void assert_text(const char *accept)
{
	assert_int_equal(negotiate_format(accept), EXPOSITION_TEXT);
}

static void assert_openmetrics(const char *accept)
{
	assert_int_equal(negotiate_format(accept), EXPOSITION_OPENMETRICS);
}

static void assert_protobuf(const char *accept)
{
	assert_int_equal(negotiate_format(accept), EXPOSITION_PROTOBUF);
}

#define PROTOBUF                                                                                   \
	"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"                 \
	"encoding=delimited"

static void test_prometheus_gets_what_it_prefers(void **state)
{
	(void)state;
	/* 2.42, 3.x; then both with native histograms */
	assert_openmetrics("application/openmetrics-text;version=1.0.0,application/"
			   "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,"
			   "*/*;q=0.1");
	assert_openmetrics("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
			   "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;"
			   "version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;"
			   "q=0.2,*/*;q=0.1");
	assert_protobuf(PROTOBUF ",application/openmetrics-text;version=1.0.0;q=0.8,application/"
				 "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;"
				 "q=0.5,*/*;q=0.1");
	assert_protobuf(PROTOBUF ";q=0.6,application/openmetrics-text;version=1.0.0;"
				 "escaping=allow-utf-8;q=0.5,application/openmetrics-text;version="
				 "0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
				 "text/plain;version=0.0.4;q=0.2,*/*;q=0.1");
}

static void test_who_does_not_ask_gets_text(void **state)
{
	(void)state;
	assert_text(NULL);
	assert_text("");
	assert_text("*/*"); /* curl */
	assert_text("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
	assert_text("image/png");
	assert_text(" , ;;=,\"");
}

static void test_the_higher_weight_wins_in_any_order(void **state)
{
	(void)state;
	assert_text("text/plain;q=0.9, application/openmetrics-text;q=0.8");
	assert_openmetrics("text/plain;q=0.8, application/openmetrics-text;q=0.9");
	assert_openmetrics("application/openmetrics-text;q=0.002,text/plain;q=0.001");
	assert_text("application/openmetrics-text;q=0, */*;q=0.1");
	assert_text("application/openmetrics-text;q=0");
	assert_openmetrics("application/openmetrics-text;q=0.9," PROTOBUF ";q=0.8");
	assert_protobuf("text/plain;q=0.7,application/openmetrics-text;q=0.8," PROTOBUF ";q=0.9");
	assert_text(PROTOBUF ";q=0,text/plain;q=0.1");
}

static void test_of_equal_weights_the_one_that_is_named_wins_and_then_text(void **state)
{
	(void)state;
	assert_protobuf(PROTOBUF ", */*");
	assert_text(PROTOBUF ", text/plain");
	assert_openmetrics(PROTOBUF ", application/openmetrics-text");
	assert_text("application/openmetrics-text, text/plain");
	assert_openmetrics("application/openmetrics-text, */*");
	assert_openmetrics("application/*");
}

static void test_only_version_1_0_0_of_openmetrics_is_ours(void **state)
{
	(void)state;
	assert_openmetrics("application/openmetrics-text; version=\"1.0.0\"; q=1");
	assert_text("application/openmetrics-text;version=0.0.1");
	assert_text("application/openmetrics-text;version=2.0.0,*/*;q=0.1");
}

static void test_only_delimited_metric_families_are_our_protobuf(void **state)
{
	(void)state;
	assert_protobuf("application/vnd.google.protobuf; encoding=\"delimited\"; "
			"proto=\"io.prometheus.client.MetricFamily\"");
	assert_protobuf("application/vnd.google.protobuf"); /* of any kind */
	assert_text("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
		    "encoding=text");
	assert_text("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
		    "encoding=compact-text,text/plain;q=0.1");
	assert_text("application/vnd.google.protobuf;proto=io.prometheus.write.v2.Request");
}

static void test_names_are_taken_in_any_case(void **state)
{
	(void)state;
	assert_openmetrics("Application/OpenMetrics-Text; Version=1.0.0; Q=0.9");
	assert_true(negotiate_gzip("GZip"));
}

static void test_gzip_is_for_whom_allows_it(void **state)
{
	(void)state;
	assert_true(negotiate_gzip("gzip"));
	assert_true(negotiate_gzip("deflate, gzip;q=0.5, br"));
	assert_true(negotiate_gzip("*"));
	assert_true(negotiate_gzip("gzip;q=0.001"));
	assert_false(negotiate_gzip(NULL));
	assert_false(negotiate_gzip(""));
	assert_false(negotiate_gzip("identity"));
	assert_false(negotiate_gzip("gzip;q=0"));
	assert_false(negotiate_gzip("gzip;q=0.000, *"));
	assert_false(negotiate_gzip("*;q=0"));
	assert_false(negotiate_gzip("gzipped"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prometheus_gets_what_it_prefers),
		cmocka_unit_test(test_who_does_not_ask_gets_text),
		cmocka_unit_test(test_the_higher_weight_wins_in_any_order),
		cmocka_unit_test(test_of_equal_weights_the_one_that_is_named_wins_and_then_text),
		cmocka_unit_test(test_only_version_1_0_0_of_openmetrics_is_ours),
		cmocka_unit_test(test_only_delimited_metric_families_are_our_protobuf),
		cmocka_unit_test(test_names_are_taken_in_any_case),
		cmocka_unit_test(test_gzip_is_for_whom_allows_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
