/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests that are open: how many, also as workloads end, and those that are so for long. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "http_requests.h"
#include "log_capture.h"

/* --- how many there are --- */

static void test_open_requests_of_a_service_are_those_of_all_its_workloads(void **state)
{
	(void)state;
	active_take(SHOP_1, HTTP_SERVER, HTTP_METHOD_GET, 3, 1);
	active_take(SHOP_2, HTTP_SERVER, HTTP_METHOD_GET, 4, 2);
	active_take(SHOP_2, HTTP_SERVER, HTTP_METHOD_OTHER, 5, 0);
	active_take(SHOP_1, HTTP_CLIENT, HTTP_METHOD_GET, 6, 6);
	active_take(BANK, HTTP_SERVER, HTTP_METHOD_GET, 7, 0);
	assert_all_series("http_server_active_requests{shop,GET,http} 7\n"
			  "http_server_active_requests{shop,_OTHER,http} 5\n"
			  "http_server_active_requests{bank,GET,http} 7\n"
			  "http_client_active_requests{shop,GET,http} 6\n"
			  "sonde_http_server_long_requests{shop,GET} 3\n"
			  "sonde_http_server_long_requests{shop,_OTHER} 0\n"
			  "sonde_http_server_long_requests{bank,GET} 0\n"
			  "sonde_http_client_long_requests{shop,GET} 6\n");
}

static void test_open_requests_fall_and_stay_at_zero(void **state)
{
	(void)state;
	active_take(SHOP_1, HTTP_SERVER, HTTP_METHOD_GET, 3, 2);
	active_take(SHOP_2, HTTP_SERVER, HTTP_METHOD_GET, 4, 4);
	active_take(SHOP_1, HTTP_SERVER, HTTP_METHOD_GET, 1, 0);
	assert_all_series("http_server_active_requests{shop,GET,http} 5\n"
			  "sonde_http_server_long_requests{shop,GET} 4\n");
	active_take(SHOP_1, HTTP_SERVER, HTTP_METHOD_GET, 0, 0);
	active_take(SHOP_2, HTTP_SERVER, HTTP_METHOD_GET, 0, 0);
	assert_all_series("http_server_active_requests{shop,GET,http} 0\n"
			  "sonde_http_server_long_requests{shop,GET} 0\n");
}

static void test_a_workload_takes_what_it_had_open_with_it(void **state)
{
	(void)state;
	active_take(SHOP_1, HTTP_CLIENT, HTTP_METHOD_QUERY, 2, 1);
	requests_end_workload(SHOP_1);
	feed_workload(SHOP_1, "bank");
	active_take(SHOP_1, HTTP_CLIENT, HTTP_METHOD_QUERY, 1, 1);
	assert_all_series("http_client_active_requests{shop,QUERY,http} 0\n"
			  "http_client_active_requests{bank,QUERY,http} 1\n"
			  "sonde_http_client_long_requests{shop,QUERY} 0\n"
			  "sonde_http_client_long_requests{bank,QUERY} 1\n");
}

static void tick(__u64 time_ns)
{
	struct record_clock clock = {.record = {.type = RECORD_CLOCK, .time_ns = time_ns}};

	feed(&clock.record, sizeof(clock));
}

static void test_series_go_some_time_after_all_workloads_of_their_service(void **state)
{
	(void)state;
	active_take(SHOP_1, HTTP_SERVER, HTTP_METHOD_GET, 2, 0);
	active_take(BANK, HTTP_SERVER, HTTP_METHOD_GET, 0, 0);
	tick(SECOND);
	requests_end_workload(SHOP_1);
	tick(5000 * SECOND);
	assert_all_series("http_server_active_requests{shop,GET,http} 0\n"
			  "http_server_active_requests{bank,GET,http} 0\n"
			  "sonde_http_server_long_requests{shop,GET} 0\n"
			  "sonde_http_server_long_requests{bank,GET} 0\n");
	requests_end_workload(SHOP_2);
	tick(5600 * SECOND);
	assert_all_series("http_server_active_requests{bank,GET,http} 0\n"
			  "sonde_http_server_long_requests{bank,GET} 0\n");
}

/* A number that is told anew may be another service from then on. */
static void test_a_service_ends_when_its_number_gets_another_name(void **state)
{
	(void)state;
	active_take(BANK, HTTP_SERVER, HTTP_METHOD_GET, 0, 0);
	tick(SECOND);
	feed_workload(BANK, "shop");
	tick(601 * SECOND);
	assert_all_series("");
}

/* Had the share moved with the budget, one series would be at -1 and the other too high. */
static void test_what_went_to_the_overflow_comes_out_of_it(void **state)
{
	struct telemetry_settings tight = requests_roomy;

	(void)state;
	tight.series_max = 0;
	assert_int_equal(telemetry_configure(fed, &tight), 0);
	active_take(SHOP_1, HTTP_SERVER, HTTP_METHOD_GET, 2, 0);
	active_take(BANK, HTTP_SERVER, HTTP_METHOD_GET, 3, 0);
	assert_all_series("http_server_active_requests{_overflow,,}overflow 5\n"
			  "sonde_http_server_long_requests{_overflow,}overflow 0\n");
	assert_int_equal(telemetry_configure(fed, &requests_roomy), 0);
	active_take(SHOP_1, HTTP_SERVER, HTTP_METHOD_GET, 1, 0);
	active_take(BANK, HTTP_SERVER, HTTP_METHOD_GET, 0, 0);
	active_take(BANK, HTTP_SERVER, HTTP_METHOD_GET, 4, 0);
	assert_all_series("http_server_active_requests{bank,GET,http} 4\n"
			  "http_server_active_requests{_overflow,,}overflow 1\n"
			  "sonde_http_server_long_requests{shop,GET} 0\n"
			  "sonde_http_server_long_requests{bank,GET} 0\n"
			  "sonde_http_server_long_requests{_overflow,}overflow 0\n");
}

/* --- requests that are open for long --- */

static struct request open_request(enum http_role role, const char *line)
{
	struct request request = request_of(role, line);

	request.http.flags = HTTP_OPEN;
	request.http.status = 0;
	request.http.response_first_ns = request.http.response_last_ns = 0;
	request.http.record.time_ns = request.http.request_first_ns + 30 * SECOND + SECOND / 2;
	return request;
}

static void assert_logs(const struct request *request, const char *expected)
{
	capture_log();
	request_take(request);
	assert_string_equal(captured_log(), expected);
}

static void test_a_request_open_for_long_is_logged_and_nothing_else(void **state)
{
	struct request request = open_request(HTTP_SERVER, "GET /a?token=secret HTTP/1.1");

	(void)state;
	assert_logs(&request,
		"\"level\":\"warn\",\"message\":\"request open for a long time\","
		"\"service_name\":\"shop\",\"role\":\"server\",\"method\":\"GET\",\"path\":\"/a\","
		"\"route\":\"/*\",\"peer\":\"10.0.0.2:50000\",\"pid\":4321,\"tid\":4323,"
		"\"connection\":77,\"age_seconds\":30.5}\n");
	assert_all_series("");
	assert_int_equal(request_spans.count, 0);
}

static void test_the_end_of_such_a_request_counts_once(void **state)
{
	struct request request = open_request(HTTP_SERVER, "GET /a HTTP/1.1");

	(void)state;
	capture_log();
	request_take(&request);
	captured_log();
	request = request_of(HTTP_SERVER, "GET /a HTTP/1.1");
	request_take(&request);
	assert_all_series("http_server_request_duration_seconds{shop,GET,200,/a,} 1 20000000\n"
			  "sonde_http_server_time_to_first_byte_seconds{shop,GET,/a} 1 15000000\n");
	assert_int_equal(request_spans.count, 1);
}

static void test_its_log_line_names_route_method_and_peer_as_far_as_known(void **state)
{
	struct request known = request_of(HTTP_CLIENT, "BREW /pots/17 HTTP/1.1");
	struct request request = open_request(HTTP_CLIENT, "BREW /pots/17 HTTP/1.1");

	(void)state;
	request_take(&known);
	memset(request.http.address.remote, 0, 15);
	request.http.address.remote[15] = 1;
	assert_logs(&request,
		"\"level\":\"warn\",\"message\":\"request open for a long time\","
		"\"service_name\":\"shop\",\"role\":\"client\",\"method\":\"BREW\","
		"\"path\":\"/pots/17\",\"route\":\"/pots/{id}\",\"peer\":\"[::1]:50000\","
		"\"pid\":4321,\"tid\":4323,\"connection\":77,\"age_seconds\":30.5}\n");
}

static void test_its_log_line_has_the_path_of_a_unix_socket(void **state)
{
	struct request request = open_request(HTTP_CLIENT, "CONNECT h:443 HTTP/1.1");

	(void)state;
	request_put_on_unix_socket(&request, "\0proxy", 6);
	assert_logs(&request,
		"\"level\":\"warn\",\"message\":\"request open for a long time\","
		"\"service_name\":\"shop\",\"role\":\"client\",\"method\":\"CONNECT\",\"path\":"
		"\"\","
		"\"route\":\"\",\"peer\":\"@proxy\",\"pid\":4321,\"tid\":4323,\"connection\":77,"
		"\"age_seconds\":30.5}\n");
}

static void test_an_open_request_of_no_valid_line_is_left_for_its_end(void **state)
{
	struct request request = open_request(HTTP_SERVER, "GET /\x01 HTTP/1.1");

	(void)state;
	assert_logs(&request, "");
	assert_all_series("");
	request.http.flags = 0;
	request_take(&request);
	assert_all_series("sonde_events_total{http,line_invalid} 1\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, requests_begin, feed_end)
	const struct CMUnitTest tests[] = {
		TEST(open_requests_of_a_service_are_those_of_all_its_workloads),
		TEST(open_requests_fall_and_stay_at_zero),
		TEST(a_workload_takes_what_it_had_open_with_it),
		TEST(series_go_some_time_after_all_workloads_of_their_service),
		TEST(a_service_ends_when_its_number_gets_another_name),
		TEST(what_went_to_the_overflow_comes_out_of_it),
		TEST(a_request_open_for_long_is_logged_and_nothing_else),
		TEST(the_end_of_such_a_request_counts_once),
		TEST(its_log_line_names_route_method_and_peer_as_far_as_known),
		TEST(its_log_line_has_the_path_of_a_unix_socket),
		TEST(an_open_request_of_no_valid_line_is_left_for_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
