/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that no record tells of: their numbers (http_unread.h) say all labels but route and
 * peer, and their durations lie in the same buckets as those of requests that a record tells of.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "protocol/http1/http_unread.h"
#include "record/record_check.h"
#include "series_listing.h"
#include "telemetry/telemetry.h"

#define SECOND UINT64_C(1000000000)

/* Of the same requests, the second's are not read. */
enum { READ = 1, UNREAD };

static struct telemetry *telemetry;

/* --- what goes in --- */

static void take(const struct record *record, size_t size)
{
	assert_true(record_is_valid(record, size));
	telemetry_take(telemetry, record, size);
}

/* What the ring has room for. */
static void take_read(const struct http_unread *request, uint64_t duration_ns)
{
	static const char line[] = "GET /a HTTP/1.1";
	struct record_http record = {
		.record = {.type = RECORD_HTTP, .workload = READ, .time_ns = duration_ns},
		.role = (__u8)request->role,
		.error = (__u8)request->error,
		.status = (__u16)request->status,
		.end = request->is_timed ? HTTP_END_SEEN : HTTP_END_UNKNOWN,
		.line_length = sizeof(line) - 1,
		.response_last_ns = request->error ? 0 : duration_ns,
	};

	assert_int_equal(request->method, HTTP_METHOD_GET);
	assert_int_equal(http_duration_ns(&record), duration_ns);
	memcpy(record.line, line, record.line_length);
	take(&record.record, sizeof(record));
}

/* What becomes of it otherwise, as the probe and the sweep do it. */
static void take_unread(struct http_unread request, uint64_t duration_ns)
{
	union {
		struct record_latency of;
		char room[sizeof(struct record_latency) + sizeof(struct record_bucket)];
	} record = {.of = {.record = {.type = RECORD_HTTP_UNREAD, .workload = UNREAD},
			    .sum_ns = duration_ns,
			    .bucket_count = 1}};

	request.is_beyond = http_is_beyond(duration_ns);
	record.of.operation = http_unread_number(&request);
	record.of.buckets[0] = (struct record_bucket){histogram_bucket(duration_ns), 1};
	take(&record.of.record, sizeof(record));
}

static void take_both(const struct http_unread *request, uint64_t duration_ns)
{
	take_read(request, duration_ns);
	take_unread(*request, duration_ns);
}

static int begin(void **state)
{
	const struct telemetry_settings config = {.series_max = 10000,
		.series_per_service_max = 10000,
		.peers_per_service_max = 10,
		.routes_per_service_max = 10};
	struct record_workload service = {
		.record = {.type = RECORD_WORKLOAD, .workload = READ}, .service_name = "read"};

	(void)state;
	telemetry = telemetry_new(&config);
	assert_non_null(telemetry);
	take(&service.record, sizeof(service));
	service.record.workload = UNREAD;
	strcpy(service.service_name, "unread");
	take(&service.record, sizeof(service));
	return 0;
}

static int end(void **state)
{
	(void)state;
	telemetry_free(telemetry);
	return 0;
}

/* --- numbers --- */

static void test_each_number_says_one_combination(void **state)
{
	(void)state;
	for (__u32 number = 0; number < HTTP_UNREAD_OPERATIONS; number++) {
		const struct http_unread unread = http_unread_read(number);

		assert_in_range(unread.role, 0, HTTP_CLIENT);
		assert_in_range(unread.method, 0, HTTP_METHODS - 1);
		assert_in_range(unread.error, 0, HTTP_RESPONSE_INVALID);
		assert_true(unread.status == 0 || (unread.status >= 100 && unread.status <= 999));
		assert_int_equal(http_unread_number(&unread), number);
	}
}

static void test_there_is_no_further_number(void **state)
{
	struct record_latency record = {
		.record = {.type = RECORD_HTTP_UNREAD}, .operation = HTTP_UNREAD_OPERATIONS - 1};

	(void)state;
	assert_true(record_is_valid(&record.record, sizeof(record)));
	record.operation++;
	assert_false(record_is_valid(&record.record, sizeof(record)));
}

/* --- series --- */

#define SERVER "http_server_request_duration_seconds"
#define CLIENT "http_client_request_duration_seconds"

static void assert_series(const char *families, const char *expected)
{
	assert_string_equal(series_listing(telemetry_metrics(telemetry), families), expected);
}

static void test_a_server_has_method_status_and_error(void **state)
{
	(void)state;
	take_unread((struct http_unread){.method = HTTP_METHOD_POST, .status = 201, .is_timed = 1},
		SECOND);
	take_unread((struct http_unread){.method = HTTP_METHOD_GET, .status = 404, .is_timed = 1},
		SECOND);
	take_unread((struct http_unread){.method = HTTP_METHOD_GET, .status = 503, .is_timed = 1},
		SECOND);
	take_unread((struct http_unread){.method = HTTP_METHOD_OTHER,
			    .error = HTTP_RESET,
			    .status = 200,
			    .is_timed = 1},
		SECOND);
	take_unread((struct http_unread){.error = HTTP_TIMED_OUT, .is_timed = 1}, SECOND);
	assert_series(SERVER,
		SERVER "{unread,POST,201,_unread,} 1 1000000000\n" SERVER
		       "{unread,GET,404,_unread,} 1 1000000000\n" SERVER
		       "{unread,GET,503,_unread,503} 1 1000000000\n" SERVER
		       "{unread,_OTHER,200,_unread,connection_reset} 1 1000000000\n" SERVER
		       "{unread,_OTHER,,_unread,timeout} 1 1000000000\n");
}

static void test_a_client_has_them_too_and_no_server(void **state)
{
	(void)state;
	take_unread((struct http_unread){.role = HTTP_CLIENT,
			    .method = HTTP_METHOD_GET,
			    .status = 404,
			    .is_timed = 1},
		2 * SECOND);
	take_unread((struct http_unread){.role = HTTP_CLIENT,
			    .method = HTTP_METHOD_GET,
			    .error = HTTP_CLOSED_BY_PEER,
			    .is_timed = 1},
		SECOND);
	assert_series(CLIENT, CLIENT "{unread,GET,404,_unread,404,,} 1 2000000000\n" CLIENT
				     "{unread,GET,,_unread,closed_by_peer,,} 1 1000000000\n");
}

static void test_those_without_an_end_are_in_no_duration(void **state)
{
	(void)state;
	take_unread((struct http_unread){.role = HTTP_CLIENT, .status = 200}, SECOND);
	assert_series(SERVER, "");
	assert_series(CLIENT, "");
	assert_series("sonde_http_untimed_requests_total",
		"sonde_http_untimed_requests_total{unread} 1\n");
}

/* --- durations --- */

struct comparison {
	struct histogram histogram;
	uint64_t cumulative[METRIC_BOUNDS_MAX];
	int compared;
};

static void compare(void *context, const struct metric_view *view)
{
	struct comparison *comparison = context;
	size_t bounds = view->description->bound_count;

	if (strcmp(view->description->name, SERVER))
		return;
	if (!comparison->compared++) {
		assert_string_equal(view->values[3], "/a");
		comparison->histogram = *view->histogram;
		memcpy(comparison->cumulative, view->cumulative, bounds * sizeof(uint64_t));
		return;
	}
	assert_string_equal(view->values[3], "_unread");
	assert_memory_equal(view->histogram, &comparison->histogram, sizeof(struct histogram));
	assert_memory_equal(view->cumulative, comparison->cumulative, bounds * sizeof(uint64_t));
}

static void test_durations_lie_in_the_same_buckets(void **state)
{
	const struct http_unread request = {
		.method = HTTP_METHOD_GET, .status = 200, .is_timed = 1};
	struct comparison comparison = {0};
	uint64_t duration_ns = 1;

	(void)state;
#define AROUND(NS, TEXT)                                                                           \
	take_both(&request, NS##ULL - 1);                                                          \
	take_both(&request, NS##ULL);                                                              \
	take_both(&request, NS##ULL + 1);
	HTTP_BOUNDS_LIST(AROUND)
#undef AROUND
	for (unsigned i = 0; i < HISTOGRAM_BOUNDS - 1; i++)
		take_both(&request, histogram_bounds[i] + 1);
	for (; duration_ns < 100 * SECOND; duration_ns += duration_ns / 64 + 1)
		take_both(&request, duration_ns);
	metrics_visit(telemetry_metrics(telemetry), compare, &comparison);
	assert_int_equal(comparison.compared, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_number_says_one_combination),
		cmocka_unit_test(test_there_is_no_further_number),
		TEST(test_a_server_has_method_status_and_error),
		TEST(test_a_client_has_them_too_and_no_server),
		TEST(test_those_without_an_end_are_in_no_duration),
		TEST(test_durations_lie_in_the_same_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
