/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of durations that are longer than the kernel's own buckets reach: records of them
 * go in, and /metrics and its native buckets must tell how long they were.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "export/prometheus/exposition.h"
#include "export/prometheus/native_histogram.h"
#include "record/record_check.h"
#include "source_families.h"
#include "telemetry/telemetry.h"

#define SECOND UINT64_C(1000000000)
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

enum { SHOP = 1 };

static struct telemetry *telemetry;

/* --- what goes in --- */

static void take(const struct record *record, size_t size)
{
	assert_true(record_is_valid(record, size));
	telemetry_take(telemetry, record, size);
}

static void take_exit(uint64_t lifetime_ns)
{
	struct record_exit record = {
		.record = {.type = RECORD_EXIT, .workload = SHOP}, .lifetime_ns = lifetime_ns};

	take(&record.record, sizeof(record));
}

static void take_connection(uint64_t duration_ns)
{
	struct record_tcp record = {
		.record = {.type = RECORD_TCP, .workload = SHOP, .time_ns = DAY},
		.address = {.remote_port = 5432},
		.connection = 1,
		.start_ns = DAY,
		.event = TCP_OPENED,
		.direction = TCP_OUTBOUND,
		.flags = TCP_FIRST,
	};
	struct record_clock clock = {.record = {.type = RECORD_CLOCK}};

	take(&record.record, sizeof(record));
	record.event = TCP_CLOSED;
	record.reason = TCP_FIN;
	record.flags = 0;
	record.record.time_ns = clock.record.time_ns = DAY + duration_ns;
	take(&record.record, sizeof(record));
	take(&clock.record, sizeof(clock));
}

static void take_request(uint64_t duration_ns)
{
	static const char line[] = "GET /events HTTP/1.1";
	struct record_http record = {
		.record = {.type = RECORD_HTTP, .workload = SHOP, .time_ns = DAY + duration_ns},
		.role = HTTP_SERVER,
		.status = 200,
		.line_length = sizeof(line) - 1,
		.request_first_ns = DAY,
		.request_last_ns = DAY,
		.response_first_ns = DAY + duration_ns,
		.response_last_ns = DAY + duration_ns,
	};

	memcpy(record.line, line, record.line_length);
	take(&record.record, sizeof(record));
}

static void take_call(uint64_t duration_ns)
{
	union {
		struct record_latency calls;
		char room[sizeof(struct record_latency) + sizeof(struct record_bucket)];
	} record = {.calls = {.record = {.type = RECORD_SYSCALL, .workload = SHOP},
			    .operation = SYS_read,
			    .sum_ns = duration_ns,
			    .bucket_count = 1}};

	record.calls.buckets[0] =
		(struct record_bucket){.index = HISTOGRAM_BUCKETS - 1, .count = 1};
	take(&record.calls.record, sizeof(record));
}

static int begin(void **state)
{
	const struct telemetry_settings config = {.series_max = 1000,
		.series_per_service_max = 1000,
		.peers_per_service_max = 1,
		.routes_per_service_max = 1};
	struct record_workload shop = {
		.record = {.type = RECORD_WORKLOAD, .workload = SHOP}, .service_name = "shop"};

	(void)state;
	telemetry = telemetry_new(&config);
	assert_non_null(telemetry);
	take(&shop.record, sizeof(shop));
	return 0;
}

static int end(void **state)
{
	(void)state;
	telemetry_free(telemetry);
	return 0;
}

/* --- what comes out --- */

/* That /metrics has these lines, one behind the other. */
static void assert_reported(const char *lines)
{
	struct exposition exposition;
	struct buffer text = {0};

	exposition_begin(&exposition, telemetry_metrics(telemetry), EXPOSITION_TEXT);
	assert_false(exposition_continue(&exposition, &text, SIZE_MAX / 2));
	exposition_end(&exposition);
	buffer_append(&text, "", 1);
	assert_false(text.failed);
	assert_non_null(strstr(text.text, lines));
	buffer_free(&text);
}

struct only_bucket {
	const char *family;
	int32_t index;
};

static void find_bucket(void *context, const struct metric_view *view)
{
	struct only_bucket *wanted = context;
	struct native_histogram native;

	if (strcmp(view->description->name, wanted->family))
		return;
	native_histogram_make(&native, view->histogram);
	assert_int_equal(native.delta_count, 1);
	assert_int_equal(native.deltas[0], 1);
	wanted->index = native.spans[0].offset;
}

/* Where the only duration of a family is, with Prometheus's index: up to 2^(index/8) s. */
static int32_t native_bucket(const char *family)
{
	struct only_bucket wanted = {.family = family};

	metrics_visit(telemetry_metrics(telemetry), find_bucket, &wanted);
	return wanted.index;
}

#define LIFETIME "sonde_process_lifetime_seconds"

static void test_a_process_of_hours_lived_for_hours(void **state)
{
	(void)state;
	take_exit(3 * HOUR);
	assert_int_equal(native_bucket(LIFETIME), (int)ceil(8 * log2(3 * 3600)));
	assert_reported(LIFETIME "_bucket{service_name=\"shop\",le=\"1024.0\"} 0\n" LIFETIME
				 "_bucket{service_name=\"shop\",le=\"16384.0\"} 1\n");
	assert_reported(LIFETIME "_bucket{service_name=\"shop\",le=\"262144.0\"} 1\n" LIFETIME
				 "_bucket{service_name=\"shop\",le=\"+Inf\"} 1\n" LIFETIME
				 "_sum{service_name=\"shop\"} 10800\n");
}

#define CONNECTION "sonde_tcp_connection_duration_seconds"
#define CONNECTION_LABELS                                                                          \
	"service_name=\"shop\",direction=\"outbound\",peer=\"external\",port=\"5432\""

static void test_a_connection_of_days_lasted_for_days(void **state)
{
	(void)state;
	take_connection(2 * DAY);
	assert_int_equal(native_bucket(CONNECTION), (int)ceil(8 * log2(2 * 86400)));
	assert_reported(CONNECTION "_bucket{" CONNECTION_LABELS ",le=\"16384.0\"} 0\n" CONNECTION
				   "_bucket{" CONNECTION_LABELS ",le=\"262144.0\"} 1\n");
}

static void test_a_request_of_minutes_has_its_native_bucket(void **state)
{
	(void)state;
	take_request(300 * SECOND);
	assert_int_equal(
		native_bucket("http_server_request_duration_seconds"), (int)ceil(8 * log2(300)));
}

static void test_of_a_system_call_no_more_is_known_than_that_it_was_longer(void **state)
{
	(void)state;
	take_call(HOUR);
	assert_true(isinf(exp2(native_bucket("sonde_syscall_duration_seconds") / 8.0)));
	assert_reported(
		"le=\"4.0\"} 0\n"
		"sonde_syscall_duration_seconds_bucket{service_name=\"shop\",syscall=\"read\","
		"le=\"+Inf\"} 1\n"
		"sonde_syscall_duration_seconds_sum{service_name=\"shop\",syscall=\"read\"} "
		"3600\n");
}

/* As of a record whose clock went wrong. */
static void test_a_duration_beyond_all_sense_is_past_all_bounds(void **state)
{
	(void)state;
	take_exit(UINT64_MAX);
	assert_true(isinf(exp2(native_bucket(LIFETIME) / 8.0)));
	assert_reported(LIFETIME "_bucket{service_name=\"shop\",le=\"262144.0\"} 0\n" LIFETIME
				 "_bucket{service_name=\"shop\",le=\"+Inf\"} 1\n");
}

/* --- bounds --- */

static void test_each_classic_bound_is_what_its_text_says(void **state)
{
	(void)state;
	for (size_t place = 0; source_family(place); place++) {
		const struct metric_description *description = source_family(place);

		for (size_t b = 0; b < description->bound_count; b++) {
			long double told = strtold(description->bounds[b].le, NULL) * 1e9L;
			long double cut = told - (long double)description->bounds[b].upper_ns;

			assert_true(cut > -1e-6L && cut < 1 - 1e-6L); /* whole nanoseconds */
		}
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_process_of_hours_lived_for_hours),
		TEST(test_a_connection_of_days_lasted_for_days),
		TEST(test_a_request_of_minutes_has_its_native_bucket),
		TEST(test_of_a_system_call_no_more_is_known_than_that_it_was_longer),
		TEST(test_a_duration_beyond_all_sense_is_past_all_bounds),
		cmocka_unit_test(test_each_classic_bound_is_what_its_text_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
