/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of HTTP requests: series, spans and routes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/limit.h"
#include "http_requests.h"
#include "log_capture.h"
#include "series_listing.h"
#include "telemetry/http/route.h"

/* --- times --- */

static void test_a_served_request_has_each_time_that_is_known(void **state)
{
	struct request request = request_of(HTTP_SERVER, "GET /a?b HTTP/1.1");

	(void)state;
	request.http.queue_ns = 30 * MICROSECOND;
	request.http.setup_ns = 400 * MICROSECOND;
	request_take(&request);
	assert_all_series("http_server_request_duration_seconds{shop,GET,200,/a,} 1 20000000\n"
			  "sonde_http_server_time_to_first_byte_seconds{shop,GET,/a} 1 15000000\n"
			  "sonde_http_server_queue_duration_seconds{shop} 1 30000\n"
			  "sonde_http_server_accept_duration_seconds{shop} 1 400000\n");
	assert_int_equal(request_spans.count, 1);
	assert_int_equal(request_spans.span.time_to_first_byte_ns, 15 * MILLISECOND);
	assert_int_equal(span_number(HTTP_NUMBER_QUEUE_NS), 30 * MICROSECOND);
	assert_int_equal(span_number(HTTP_NUMBER_SETUP_NS), 400 * MICROSECOND);
	assert_null(span_text(HTTP_TEXT_SOCKET_PATH));
}

static void test_a_made_request_has_each_time_that_is_known(void **state)
{
	struct request request = request_of(HTTP_CLIENT, "GET /a HTTP/1.1");

	(void)state;
	request.http.setup_ns = 500 * MICROSECOND;
	request_take(&request);
	assert_all_series(
		"http_client_request_duration_seconds{shop,GET,200,/a,,10.0.0.2,50000} 1 20000000\n"
		"sonde_http_client_time_to_first_byte_seconds{shop,GET,10.0.0.2,50000} 1 15000000\n"
		"sonde_http_client_connect_duration_seconds{shop,10.0.0.2,50000} 1 500000\n");
	assert_int_equal(span_number(HTTP_NUMBER_SETUP_NS), 500 * MICROSECOND);
}

static void allow_hosts(uint64_t count)
{
	struct telemetry_settings config = requests_roomy;

	config.peers_per_service_max = count;
	assert_int_equal(telemetry_configure(fed, &config), 0);
}

static bool is_truncated; /* the line of the next request */

static void assert_server(const char *line, const char *host, const char *address, const char *port)
{
	struct request request = request_to(line, host);
	char expected[512];

	assert_int_equal(feed_end(NULL), 0);
	assert_int_equal(requests_begin(NULL), 0);
	allow_hosts(10);
	if (is_truncated)
		request.http.flags |= HTTP_LINE_TRUNCATED;
	request_take(&request);
	snprintf(expected, sizeof(expected),
		"http_client_request_duration_seconds{shop,GET,200,/a,,%s,%s} 1 20000000\n"
		"sonde_http_client_time_to_first_byte_seconds{shop,GET,%s,%s} 1 15000000\n%s",
		address, port, address, port,
		is_truncated ? "sonde_http_truncated_requests_total{shop} 1\n" : "");
	assert_all_series(expected);
	assert_string_equal(request_spans.span.server.address, address);
	assert_string_equal(request_spans.span.peer.address, "10.0.0.2");
}

static void test_the_server_is_the_host_that_is_asked(void **state)
{
	(void)state;
	assert_server("GET /a HTTP/1.1", "Shop.Example", "shop.example", "50000");
	assert_server("GET /a HTTP/1.1", "shop.example:81", "shop.example", "81");
	assert_server("GET /a HTTP/1.1", "[2001:DB8:0::1]:82", "2001:db8::1", "82");
	assert_server(
		"GET http://target.example/a HTTP/1.1", "x.example", "target.example", "50000");
	assert_server("GET /a HTTP/1.1", "", "10.0.0.2", "50000");
	is_truncated = true;
	assert_server("GET /a", "shop.example", "shop.example", "50000");
	assert_server("GET http://target.example/a", "x.example", "target.example", "50000");
	is_truncated = false;
	assert_server("GET /a HTTP/1.1", "a..b", "10.0.0.2", "50000");
	assert_server("GET http://u:p@[::g]/a HTTP/1.1", "x.example", "10.0.0.2", "50000");
}

static void test_a_service_has_so_many_hosts(void **state)
{
	static const char *const hosts[] = {"one.example", "two.example"};

	(void)state;
	allow_hosts(1);
	for (int i = 0; i < 2; i++) {
		struct request request = request_to("GET /a HTTP/1.1", hosts[i]);

		request_take(&request);
	}
	assert_all_series(
		"http_client_request_duration_seconds{shop,GET,200,/a,,one.example,50000} 1 "
		"20000000\n"
		"http_client_request_duration_seconds{shop,GET,200,/a,,10.0.0.2,50000} 1 20000000\n"
		"sonde_http_client_time_to_first_byte_seconds{shop,GET,one.example,50000} 1 "
		"15000000\n"
		"sonde_http_client_time_to_first_byte_seconds{shop,GET,10.0.0.2,50000} 1 "
		"15000000\n");
}

static void test_the_client_is_whom_a_proxy_names(void **state)
{
	struct request request = request_of(HTTP_SERVER, "GET /a HTTP/1.1");
	struct http_origin origin = {.port = 40001};

	(void)state;
	request_set_address(origin.address, 9);
	request.http.flags |= HTTP_PROXIED;
	request_put_behind_line(&request, &origin, sizeof(origin));
	request_take(&request);
	assert_string_equal(span_text(HTTP_TEXT_CLIENT), "10.0.0.9");
	assert_int_equal(span_number(HTTP_NUMBER_CLIENT_PORT), 40001);
	assert_string_equal(request_spans.span.peer.address, "10.0.0.2");
}

static void test_a_request_whose_end_nobody_saw_counts_apart(void **state)
{
	struct request request = request_of(HTTP_SERVER, "GET /a HTTP/1.1");

	(void)state;
	request.http.end = HTTP_END_UNKNOWN;
	request_take(&request);
	assert_all_series("sonde_http_server_time_to_first_byte_seconds{shop,GET,/a} 1 15000000\n"
			  "sonde_http_untimed_requests_total{shop} 1\n");
	assert_string_equal(span_text(HTTP_TEXT_END), "unknown");
}

static void test_the_servers_that_are_asked_most_have_names_and_the_rest_share_one(void **state)
{
	struct request request = request_of(HTTP_CLIENT, "GET /a HTTP/1.1");
	const char *listing;
	unsigned lines = 0;

	(void)state;
	for (__u16 i = 0; i < 3000; i++) {
		request.http.address.remote_port = (__u16)(1000 + i);
		request_take(&request);
	}
	for (int i = 0; i < 4; i++) {
		request.http.address.remote_port = 5000;
		request_take(&request);
	}
	listing = series_listing(telemetry_metrics(fed), "http_client_request_duration_seconds");
	for (const char *at = listing; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_int_equal(lines, 102);
	assert_non_null(strstr(listing, "{shop,GET,200,/a,,10.0.0.2,1001} 1 "));
	assert_non_null(strstr(listing, "{shop,GET,200,/a,,10.0.0.2,5000} 2 "));
	assert_non_null(strstr(listing, "{shop,GET,200,/a,,_other,} 2902 "));
	assert_int_equal(request_spans.span.peer.port, 5000);
	assert_true(limit_count(LIMIT_SERVERS) >= 2902);
}

static void test_times_that_are_not_known_are_not_counted(void **state)
{
	struct request request = request_of(HTTP_SERVER, "GET /a HTTP/1.1");

	(void)state;
	request.http.status = 0;
	request.http.error = HTTP_RESET;
	request.http.response_first_ns = request.http.response_last_ns = 0;
	request_take(&request);
	assert_all_series("http_server_request_duration_seconds{shop,GET,,/a,connection_reset}"
			  " 1 4000000000\n");
	assert_int_equal(request_spans.span.time_to_first_byte_ns, 0);
}

static void test_a_request_line_that_was_cut_is_counted(void **state)
{
	struct request request = request_of(HTTP_SERVER, "GET /a");

	(void)state;
	request.http.flags = HTTP_LINE_TRUNCATED;
	request_take(&request);
	request_take(&request);
	assert_all_series("http_server_request_duration_seconds{shop,GET,200,/a,} 2 40000000\n"
			  "sonde_http_server_time_to_first_byte_seconds{shop,GET,/a} 2 30000000\n"
			  "sonde_http_truncated_requests_total{shop} 2\n");
}

/* --- Unix sockets --- */

static void test_a_unix_client_names_the_socket_it_was_connected_to(void **state)
{
	struct request request = request_of(HTTP_CLIENT, "GET /a HTTP/1.1");

	(void)state;
	request_put_on_unix_socket(&request, "/run/app.sock", 13);
	request_take(&request);
	assert_all_series(
		"http_client_request_duration_seconds{shop,GET,200,/a,,/run/app.sock,} 1 20000000\n"
		"sonde_http_client_time_to_first_byte_seconds{shop,GET,/run/app.sock,} 1 "
		"15000000\n");
	assert_string_equal(span_text(HTTP_TEXT_SOCKET_PATH), "/run/app.sock");
	assert_string_equal(span_text(HTTP_TEXT_PATH), "/a");
	assert_null(request_spans.span.peer.address);
	assert_null(request_spans.span.local.address);
}

static void test_a_unix_server_has_its_path_on_the_span(void **state)
{
	struct request request = request_of(HTTP_SERVER, "GET /a HTTP/1.1");

	(void)state;
	request_put_on_unix_socket(&request, "/run/app.sock", 13);
	request_take(&request);
	assert_all_series("http_server_request_duration_seconds{shop,GET,200,/a,} 1 20000000\n"
			  "sonde_http_server_time_to_first_byte_seconds{shop,GET,/a} 1 15000000\n");
	assert_string_equal(span_text(HTTP_TEXT_SOCKET_PATH), "/run/app.sock");
}

static void assert_shown_as(const char *path, size_t length, const char *expected)
{
	struct request request = request_of(HTTP_CLIENT, "GET /a HTTP/1.1");

	request_put_on_unix_socket(&request, path, length);
	request_take(&request);
	assert_string_equal(span_text(HTTP_TEXT_SOCKET_PATH), expected);
}

static void test_any_path_of_a_unix_socket_becomes_safe_text(void **state)
{
	char longest[UNIX_PATH_LEN + 1];

	(void)state;
	memset(longest, 'p', UNIX_PATH_LEN);
	longest[UNIX_PATH_LEN] = '\0';
	assert_shown_as("", 0, "");
	assert_shown_as("\0", 1, "@");
	assert_shown_as("\0name", 5, "@name");
	assert_shown_as("\0a\0b", 4, "@a@b");
	assert_shown_as("/run/x\0", 7, "/run/x");
	assert_shown_as("/run/caf\xc3\xa9", 10, "/run/caf\xc3\xa9");
	assert_shown_as("/r\n\x1b\xff\xc2\x9b", 7, "/r????");
	assert_shown_as(longest, UNIX_PATH_LEN, longest);
	longest[0] = '\0';
	assert_shown_as(longest, UNIX_PATH_LEN, memcpy(longest, "@", 1));
}

/* --- routes --- */

static void test_a_route_that_is_folded_is_told_and_counted(void **state)
{
	static const char *const lines[] = {"GET /a HTTP/1.1", "GET /b HTTP/1.1"};
	struct telemetry_settings tight = requests_roomy;
	struct request request;
	uint64_t met = limit_count(LIMIT_ROUTES);

	(void)state;
	tight.routes_per_service_max = 2;
	assert_int_equal(telemetry_configure(fed, &tight), 0);
	capture_log();
	for (int i = 0; i < 6; i++) {
		request = request_of(HTTP_CLIENT, lines[i % 2]);
		request_take(&request);
	}
	assert_string_equal(captured_log(), "");
	request = request_of(HTTP_CLIENT, "GET /c HTTP/1.1");
	capture_log();
	request_take(&request);
	request_take(&request);
	assert_non_null(strstr(captured_log(), "\"limit\":\"routes\",\"for\":\"shop\""));
	assert_int_equal(limit_count(LIMIT_ROUTES), met + 2);
	assert_string_equal(request_spans.span.target, ROUTE_FOLDED);
}

static void test_a_path_that_is_not_found_teaches_nothing(void **state)
{
	struct request request = request_of(HTTP_SERVER, "GET /users/17 HTTP/1.1");

	(void)state;
	request.http.status = 404;
	request_take(&request);
	assert_string_equal(request_spans.span.target, ROUTE_FOLDED);
	request.http.status = 200;
	request_take(&request);
	assert_string_equal(request_spans.span.target, "/users/{id}");
	request.http.status = 404;
	request_take(&request);
	assert_string_equal(request_spans.span.target, "/users/{id}");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, requests_begin, feed_end)
	const struct CMUnitTest tests[] = {
		TEST(a_served_request_has_each_time_that_is_known),
		TEST(a_made_request_has_each_time_that_is_known),
		TEST(the_server_is_the_host_that_is_asked),
		TEST(a_service_has_so_many_hosts),
		TEST(the_client_is_whom_a_proxy_names),
		TEST(a_request_whose_end_nobody_saw_counts_apart),
		TEST(the_servers_that_are_asked_most_have_names_and_the_rest_share_one),
		TEST(times_that_are_not_known_are_not_counted),
		TEST(a_request_line_that_was_cut_is_counted),
		TEST(a_unix_client_names_the_socket_it_was_connected_to),
		TEST(a_unix_server_has_its_path_on_the_span),
		TEST(any_path_of_a_unix_socket_becomes_safe_text),
		TEST(a_route_that_is_folded_is_told_and_counted),
		TEST(a_path_that_is_not_found_teaches_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
