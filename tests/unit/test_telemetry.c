/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of HTTP records and of figures that workloads share: series, spans, log lines. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/address.h"
#include "base/limit.h"
#include "base/log.h"
#include "protocol/http/http_exchange.h"
#include "record/record_check.h"
#include "series_listing.h"
#include "telemetry/http/route.h"
#include "telemetry/telemetry.h"

#define MICROSECOND UINT64_C(1000)
#define MILLISECOND UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)

/* Numbers of workloads; two of them are one service. */
enum { SHOP_1 = 1, SHOP_2, BANK };

static struct telemetry *telemetry;

/* --- what comes out --- */

static struct {
	size_t count;
	struct exchange span; /* the last, with its strings kept here */
	char strings[EXCHANGE_STRINGS][HTTP_LINE_LEN + 1];
} spans;

static void keep_span(void *context, const struct exchange *span)
{
	(void)context;
	spans.count++;
	spans.span = *span;
	for (size_t i = 0; i < EXCHANGE_STRINGS; i++) {
		const char **string = (const char **)((char *)&spans.span + exchange_strings[i]);

		if (*string)
			*string = strcpy(spans.strings[i], *string);
	}
}

static const char *span_text(enum http_text place)
{
	return spans.span.texts[place];
}

static uint64_t span_number(enum http_number place)
{
	return spans.span.numbers[place];
}

/* All series that there are. */
static void assert_series(const char *expected)
{
	assert_string_equal(series_listing(telemetry_metrics(telemetry), NULL), expected);
}

static int standard_error, capture;

static void capture_log(void)
{
	log_configure(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	fflush(stderr);
	standard_error = dup(STDERR_FILENO);
	capture = memfd_create("log", MFD_CLOEXEC);
	assert_true(standard_error >= 0 && capture >= 0);
	assert_true(dup2(capture, STDERR_FILENO) >= 0);
}

/* From "message" on: when it was is no matter here. "" when nothing was logged. */
static const char *captured_log(void)
{
	static char text[4096];
	const char *message;
	ssize_t length = pread(capture, text, sizeof(text) - 1, 0);

	dup2(standard_error, STDERR_FILENO);
	close(standard_error);
	close(capture);
	assert_true(length >= 0);
	text[length] = '\0';
	message = strstr(text, "\"level\"");
	return message ? message : "";
}

/* --- what goes in --- */

static void take(const struct record *record, size_t size)
{
	assert_true(record_is_valid(record, size));
	telemetry_take(telemetry, record, size);
}

static void announce(__u32 workload, const char *service)
{
	struct record_workload record = {.record = {.type = RECORD_WORKLOAD, .workload = workload}};

	strcpy(record.service_name, service);
	take(&record.record, sizeof(record));
}

static void end_workload(__u32 workload)
{
	struct record record = {.type = RECORD_WORKLOAD_END, .workload = workload};

	take(&record, sizeof(record));
}

/* A record with a path behind its line, for which the struct alone has no room. */
struct request {
	struct record_http http;
	char room[UNIX_PATH_LEN];
};

static void set_address(__u8 to[16], __u8 last)
{
	memcpy(to, (const __u8[16]){[10] = 0xff, 0xff, 10, 0, 0, last}, 16);
}

/* 20 ms long, its first byte of a response after 15 ms. */
static struct request request_of(enum http_role role, const char *line)
{
	struct request request = {
		.http = {
			.record = {.type = RECORD_HTTP, .workload = SHOP_1, .time_ns = 5 * SECOND},
			.address = {.local_port = 8080, .remote_port = 50000},
			.connection = 77,
			.tgid = 4321,
			.tid = 4323,
			.role = (__u8)role,
			.status = 200,
			.line_length = (__u16)strlen(line),
			.request_first_ns = SECOND,
			.request_last_ns = SECOND + MILLISECOND,
			.response_first_ns = SECOND + 15 * MILLISECOND,
			.response_last_ns = SECOND + 20 * MILLISECOND,
		}};

	set_address(request.http.address.local, 1);
	set_address(request.http.address.remote, 2);
	memcpy(request.http.line, line, strlen(line));
	return request;
}

static void put_on_unix_socket(struct request *request, const char *path, size_t length)
{
	request->http.flags |= HTTP_UNIX;
	request->http.path_length = (__u8)length;
	memset(&request->http.address, 0, sizeof(request->http.address));
	memcpy((char *)request + offsetof(struct record_http, line) + request->http.line_length,
		path, length);
}

static void put_behind_line(struct request *request, const void *bytes, size_t length)
{
	memcpy((char *)request + offsetof(struct record_http, line) + request->http.line_length +
			request->http.host_length,
		bytes, length);
}

static struct request request_to(const char *line, const char *host)
{
	struct request request = request_of(HTTP_CLIENT, line);

	put_behind_line(&request, host, strlen(host));
	request.http.host_length = (__u8)strlen(host);
	return request;
}

/* As it travels: in memory of exactly its size, so that the sanitizer sees each byte too many. */
static void take_request(const struct request *request)
{
	size_t size = record_size(&request->http.record, sizeof(*request));
	struct record *record = malloc(size);

	assert_non_null(record);
	memcpy(record, request, size);
	take(record, size);
	free(record);
}

static void take_active(__u32 workload, enum http_role role, enum http_method method, __u32 active,
	__u32 long_active)
{
	struct record_http_active record = {
		.record = {.type = RECORD_HTTP_ACTIVE, .workload = workload},
		.role = (__u8)role,
		.method = (__u8)method,
		.active = active,
		.long_active = long_active,
	};

	take(&record.record, sizeof(record));
}

static const struct telemetry_settings roomy = {
	.series_max = 100000,
	.series_per_service_max = 100000,
	.series_ttl_ns = 600 * SECOND,
	.routes_per_service_max = 10,
};

static int begin(void **state)
{
	(void)state;
	memset(&spans, 0, sizeof(spans));
	telemetry = telemetry_new(&roomy);
	assert_non_null(telemetry);
	telemetry_set_spans(telemetry, keep_span, NULL);
	announce(SHOP_1, "shop");
	announce(SHOP_2, "shop");
	announce(BANK, "bank");
	return 0;
}

static int end(void **state)
{
	(void)state;
	telemetry_free(telemetry);
	return 0;
}

/* --- times --- */

static void test_a_served_request_has_each_time_that_is_known(void **state)
{
	struct request request = request_of(HTTP_SERVER, "GET /a?b HTTP/1.1");

	(void)state;
	request.http.queue_ns = 30 * MICROSECOND;
	request.http.setup_ns = 400 * MICROSECOND;
	take_request(&request);
	assert_series("http_server_request_duration_seconds{shop,GET,200,/a,} 1 20000000\n"
		      "sonde_http_server_time_to_first_byte_seconds{shop,GET,/a} 1 15000000\n"
		      "sonde_http_server_queue_duration_seconds{shop} 1 30000\n"
		      "sonde_http_server_accept_duration_seconds{shop} 1 400000\n");
	assert_int_equal(spans.count, 1);
	assert_int_equal(spans.span.time_to_first_byte_ns, 15 * MILLISECOND);
	assert_int_equal(span_number(HTTP_NUMBER_QUEUE_NS), 30 * MICROSECOND);
	assert_int_equal(span_number(HTTP_NUMBER_SETUP_NS), 400 * MICROSECOND);
	assert_null(span_text(HTTP_TEXT_SOCKET_PATH));
}

static void test_a_made_request_has_each_time_that_is_known(void **state)
{
	struct request request = request_of(HTTP_CLIENT, "GET /a HTTP/1.1");

	(void)state;
	request.http.setup_ns = 500 * MICROSECOND;
	take_request(&request);
	assert_series(
		"http_client_request_duration_seconds{shop,GET,200,/a,,10.0.0.2,50000} 1 20000000\n"
		"sonde_http_client_time_to_first_byte_seconds{shop,GET,10.0.0.2,50000} 1 15000000\n"
		"sonde_http_client_connect_duration_seconds{shop,10.0.0.2,50000} 1 500000\n");
	assert_int_equal(span_number(HTTP_NUMBER_SETUP_NS), 500 * MICROSECOND);
}

static void allow_hosts(uint64_t count)
{
	struct telemetry_settings config = roomy;

	config.peers_per_service_max = count;
	assert_int_equal(telemetry_configure(telemetry, &config), 0);
}

static bool is_truncated; /* the line of the next request */

static void assert_server(const char *line, const char *host, const char *address, const char *port)
{
	struct request request = request_to(line, host);
	char expected[512];

	assert_int_equal(end(NULL), 0);
	assert_int_equal(begin(NULL), 0);
	allow_hosts(10);
	if (is_truncated)
		request.http.flags |= HTTP_LINE_TRUNCATED;
	take_request(&request);
	snprintf(expected, sizeof(expected),
		"http_client_request_duration_seconds{shop,GET,200,/a,,%s,%s} 1 20000000\n"
		"sonde_http_client_time_to_first_byte_seconds{shop,GET,%s,%s} 1 15000000\n%s",
		address, port, address, port,
		is_truncated ? "sonde_http_truncated_requests_total{shop} 1\n" : "");
	assert_series(expected);
	assert_string_equal(spans.span.server.address, address);
	assert_string_equal(spans.span.peer.address, "10.0.0.2");
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

		take_request(&request);
	}
	assert_series(
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
	set_address(origin.address, 9);
	request.http.flags |= HTTP_PROXIED;
	put_behind_line(&request, &origin, sizeof(origin));
	take_request(&request);
	assert_string_equal(span_text(HTTP_TEXT_CLIENT), "10.0.0.9");
	assert_int_equal(span_number(HTTP_NUMBER_CLIENT_PORT), 40001);
	assert_string_equal(spans.span.peer.address, "10.0.0.2");
}

static void test_a_request_whose_end_nobody_saw_counts_apart(void **state)
{
	struct request request = request_of(HTTP_SERVER, "GET /a HTTP/1.1");

	(void)state;
	request.http.end = HTTP_END_UNKNOWN;
	take_request(&request);
	assert_series("sonde_http_server_time_to_first_byte_seconds{shop,GET,/a} 1 15000000\n"
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
		take_request(&request);
	}
	for (int i = 0; i < 4; i++) {
		request.http.address.remote_port = 5000;
		take_request(&request);
	}
	listing = series_listing(
		telemetry_metrics(telemetry), "http_client_request_duration_seconds");
	for (const char *at = listing; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	assert_int_equal(lines, 102);
	assert_non_null(strstr(listing, "{shop,GET,200,/a,,10.0.0.2,1001} 1 "));
	assert_non_null(strstr(listing, "{shop,GET,200,/a,,10.0.0.2,5000} 2 "));
	assert_non_null(strstr(listing, "{shop,GET,200,/a,,_other,} 2902 "));
	assert_int_equal(spans.span.peer.port, 5000);
	assert_true(limit_count(LIMIT_SERVERS) >= 2902);
}

static void test_times_that_are_not_known_are_not_counted(void **state)
{
	struct request request = request_of(HTTP_SERVER, "GET /a HTTP/1.1");

	(void)state;
	request.http.status = 0;
	request.http.error = HTTP_RESET;
	request.http.response_first_ns = request.http.response_last_ns = 0;
	take_request(&request);
	assert_series("http_server_request_duration_seconds{shop,GET,,/a,connection_reset}"
		      " 1 4000000000\n");
	assert_int_equal(spans.span.time_to_first_byte_ns, 0);
}

static void test_a_request_line_that_was_cut_is_counted(void **state)
{
	struct request request = request_of(HTTP_SERVER, "GET /a");

	(void)state;
	request.http.flags = HTTP_LINE_TRUNCATED;
	take_request(&request);
	take_request(&request);
	assert_series("http_server_request_duration_seconds{shop,GET,200,/a,} 2 40000000\n"
		      "sonde_http_server_time_to_first_byte_seconds{shop,GET,/a} 2 30000000\n"
		      "sonde_http_truncated_requests_total{shop} 2\n");
}

/* --- Unix sockets --- */

static void test_a_unix_client_names_the_socket_it_was_connected_to(void **state)
{
	struct request request = request_of(HTTP_CLIENT, "GET /a HTTP/1.1");

	(void)state;
	put_on_unix_socket(&request, "/run/app.sock", 13);
	take_request(&request);
	assert_series(
		"http_client_request_duration_seconds{shop,GET,200,/a,,/run/app.sock,} 1 20000000\n"
		"sonde_http_client_time_to_first_byte_seconds{shop,GET,/run/app.sock,} 1 "
		"15000000\n");
	assert_string_equal(span_text(HTTP_TEXT_SOCKET_PATH), "/run/app.sock");
	assert_string_equal(span_text(HTTP_TEXT_PATH), "/a");
	assert_null(spans.span.peer.address);
	assert_null(spans.span.local.address);
}

static void test_a_unix_server_has_its_path_on_the_span(void **state)
{
	struct request request = request_of(HTTP_SERVER, "GET /a HTTP/1.1");

	(void)state;
	put_on_unix_socket(&request, "/run/app.sock", 13);
	take_request(&request);
	assert_series("http_server_request_duration_seconds{shop,GET,200,/a,} 1 20000000\n"
		      "sonde_http_server_time_to_first_byte_seconds{shop,GET,/a} 1 15000000\n");
	assert_string_equal(span_text(HTTP_TEXT_SOCKET_PATH), "/run/app.sock");
}

static void assert_shown_as(const char *path, size_t length, const char *expected)
{
	struct request request = request_of(HTTP_CLIENT, "GET /a HTTP/1.1");

	put_on_unix_socket(&request, path, length);
	take_request(&request);
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

/* --- requests that are open --- */

static void test_open_requests_of_a_service_are_those_of_all_its_workloads(void **state)
{
	(void)state;
	take_active(SHOP_1, HTTP_SERVER, HTTP_METHOD_GET, 3, 1);
	take_active(SHOP_2, HTTP_SERVER, HTTP_METHOD_GET, 4, 2);
	take_active(SHOP_2, HTTP_SERVER, HTTP_METHOD_OTHER, 5, 0);
	take_active(SHOP_1, HTTP_CLIENT, HTTP_METHOD_GET, 6, 6);
	take_active(BANK, HTTP_SERVER, HTTP_METHOD_GET, 7, 0);
	assert_series("http_server_active_requests{shop,GET,http} 7\n"
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
	take_active(SHOP_1, HTTP_SERVER, HTTP_METHOD_GET, 3, 2);
	take_active(SHOP_2, HTTP_SERVER, HTTP_METHOD_GET, 4, 4);
	take_active(SHOP_1, HTTP_SERVER, HTTP_METHOD_GET, 1, 0);
	assert_series("http_server_active_requests{shop,GET,http} 5\n"
		      "sonde_http_server_long_requests{shop,GET} 4\n");
	take_active(SHOP_1, HTTP_SERVER, HTTP_METHOD_GET, 0, 0);
	take_active(SHOP_2, HTTP_SERVER, HTTP_METHOD_GET, 0, 0);
	assert_series("http_server_active_requests{shop,GET,http} 0\n"
		      "sonde_http_server_long_requests{shop,GET} 0\n");
}

static void test_a_workload_takes_what_it_had_open_with_it(void **state)
{
	(void)state;
	take_active(SHOP_1, HTTP_CLIENT, HTTP_METHOD_QUERY, 2, 1);
	end_workload(SHOP_1);
	announce(SHOP_1, "bank");
	take_active(SHOP_1, HTTP_CLIENT, HTTP_METHOD_QUERY, 1, 1);
	assert_series("http_client_active_requests{shop,QUERY,http} 0\n"
		      "http_client_active_requests{bank,QUERY,http} 1\n"
		      "sonde_http_client_long_requests{shop,QUERY} 0\n"
		      "sonde_http_client_long_requests{bank,QUERY} 1\n");
}

static void tick(__u64 time_ns)
{
	struct record_clock clock = {.record = {.type = RECORD_CLOCK, .time_ns = time_ns}};

	take(&clock.record, sizeof(clock));
}

static void test_series_go_some_time_after_all_workloads_of_their_service(void **state)
{
	(void)state;
	take_active(SHOP_1, HTTP_SERVER, HTTP_METHOD_GET, 2, 0);
	take_active(BANK, HTTP_SERVER, HTTP_METHOD_GET, 0, 0);
	tick(SECOND);
	end_workload(SHOP_1);
	tick(5000 * SECOND);
	assert_series("http_server_active_requests{shop,GET,http} 0\n"
		      "http_server_active_requests{bank,GET,http} 0\n"
		      "sonde_http_server_long_requests{shop,GET} 0\n"
		      "sonde_http_server_long_requests{bank,GET} 0\n");
	end_workload(SHOP_2);
	tick(5600 * SECOND);
	assert_series("http_server_active_requests{bank,GET,http} 0\n"
		      "sonde_http_server_long_requests{bank,GET} 0\n");
}

/* A number that is told anew may be another service from then on. */
static void test_a_service_ends_when_its_number_gets_another_name(void **state)
{
	(void)state;
	take_active(BANK, HTTP_SERVER, HTTP_METHOD_GET, 0, 0);
	tick(SECOND);
	announce(BANK, "shop");
	tick(601 * SECOND);
	assert_series("");
}

/* Had the share moved with the budget, one series would be at -1 and the other too high. */
static void test_what_went_to_the_overflow_comes_out_of_it(void **state)
{
	struct telemetry_settings tight = roomy;

	(void)state;
	tight.series_max = 0;
	assert_int_equal(telemetry_configure(telemetry, &tight), 0);
	take_active(SHOP_1, HTTP_SERVER, HTTP_METHOD_GET, 2, 0);
	take_active(BANK, HTTP_SERVER, HTTP_METHOD_GET, 3, 0);
	assert_series("http_server_active_requests{_overflow,,}overflow 5\n"
		      "sonde_http_server_long_requests{_overflow,}overflow 0\n");
	assert_int_equal(telemetry_configure(telemetry, &roomy), 0);
	take_active(SHOP_1, HTTP_SERVER, HTTP_METHOD_GET, 1, 0);
	take_active(BANK, HTTP_SERVER, HTTP_METHOD_GET, 0, 0);
	take_active(BANK, HTTP_SERVER, HTTP_METHOD_GET, 4, 0);
	assert_series("http_server_active_requests{bank,GET,http} 4\n"
		      "http_server_active_requests{_overflow,,}overflow 1\n"
		      "sonde_http_server_long_requests{shop,GET} 0\n"
		      "sonde_http_server_long_requests{bank,GET} 0\n"
		      "sonde_http_server_long_requests{_overflow,}overflow 0\n");
}

/* --- routes --- */

static void test_a_route_that_is_folded_is_told_and_counted(void **state)
{
	static const char *const lines[] = {"GET /a HTTP/1.1", "GET /b HTTP/1.1"};
	struct telemetry_settings tight = roomy;
	struct request request;
	uint64_t met = limit_count(LIMIT_ROUTES);

	(void)state;
	tight.routes_per_service_max = 2;
	assert_int_equal(telemetry_configure(telemetry, &tight), 0);
	capture_log();
	for (int i = 0; i < 6; i++) {
		request = request_of(HTTP_CLIENT, lines[i % 2]);
		take_request(&request);
	}
	assert_string_equal(captured_log(), "");
	request = request_of(HTTP_CLIENT, "GET /c HTTP/1.1");
	capture_log();
	take_request(&request);
	take_request(&request);
	assert_non_null(strstr(captured_log(), "\"limit\":\"routes\",\"for\":\"shop\""));
	assert_int_equal(limit_count(LIMIT_ROUTES), met + 2);
	assert_string_equal(spans.span.target, ROUTE_FOLDED);
}

static void test_a_path_that_is_not_found_teaches_nothing(void **state)
{
	struct request request = request_of(HTTP_SERVER, "GET /users/17 HTTP/1.1");

	(void)state;
	request.http.status = 404;
	take_request(&request);
	assert_string_equal(spans.span.target, ROUTE_FOLDED);
	request.http.status = 200;
	take_request(&request);
	assert_string_equal(spans.span.target, "/users/{id}");
	request.http.status = 404;
	take_request(&request);
	assert_string_equal(spans.span.target, "/users/{id}");
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
	take_request(request);
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
	assert_series("");
	assert_int_equal(spans.count, 0);
}

static void test_the_end_of_such_a_request_counts_once(void **state)
{
	struct request request = open_request(HTTP_SERVER, "GET /a HTTP/1.1");

	(void)state;
	capture_log();
	take_request(&request);
	captured_log();
	request = request_of(HTTP_SERVER, "GET /a HTTP/1.1");
	take_request(&request);
	assert_series("http_server_request_duration_seconds{shop,GET,200,/a,} 1 20000000\n"
		      "sonde_http_server_time_to_first_byte_seconds{shop,GET,/a} 1 15000000\n");
	assert_int_equal(spans.count, 1);
}

static void test_its_log_line_names_route_method_and_peer_as_far_as_known(void **state)
{
	struct request known = request_of(HTTP_CLIENT, "BREW /pots/17 HTTP/1.1");
	struct request request = open_request(HTTP_CLIENT, "BREW /pots/17 HTTP/1.1");

	(void)state;
	take_request(&known);
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
	put_on_unix_socket(&request, "\0proxy", 6);
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
	assert_series("");
	request.http.flags = 0;
	take_request(&request);
	assert_series("sonde_events_total{http,line_invalid} 1\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_served_request_has_each_time_that_is_known),
		TEST(test_a_made_request_has_each_time_that_is_known),
		TEST(test_the_servers_that_are_asked_most_have_names_and_the_rest_share_one),
		TEST(test_times_that_are_not_known_are_not_counted),
		TEST(test_a_request_line_that_was_cut_is_counted),
		TEST(test_a_unix_client_names_the_socket_it_was_connected_to),
		TEST(test_a_unix_server_has_its_path_on_the_span),
		TEST(test_the_server_is_the_host_that_is_asked),
		TEST(test_a_service_has_so_many_hosts),
		TEST(test_the_client_is_whom_a_proxy_names),
		TEST(test_a_request_whose_end_nobody_saw_counts_apart),
		TEST(test_any_path_of_a_unix_socket_becomes_safe_text),
		TEST(test_open_requests_of_a_service_are_those_of_all_its_workloads),
		TEST(test_open_requests_fall_and_stay_at_zero),
		TEST(test_a_workload_takes_what_it_had_open_with_it),
		TEST(test_series_go_some_time_after_all_workloads_of_their_service),
		TEST(test_a_service_ends_when_its_number_gets_another_name),
		TEST(test_what_went_to_the_overflow_comes_out_of_it),
		TEST(test_a_route_that_is_folded_is_told_and_counted),
		TEST(test_a_path_that_is_not_found_teaches_nothing),
		TEST(test_a_request_open_for_long_is_logged_and_nothing_else),
		TEST(test_the_end_of_such_a_request_counts_once),
		TEST(test_its_log_line_names_route_method_and_peer_as_far_as_known),
		TEST(test_its_log_line_has_the_path_of_a_unix_socket),
		TEST(test_an_open_request_of_no_valid_line_is_left_for_its_end),
	};

	return cmocka_run_group_tests_name("telemetry", tests, NULL, NULL);
}
