/* SPDX-License-Identifier: Apache-2.0 */
/* What user/export/otlp/otlp.h promises of deliveries, and of the answers to them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "export/otlp/otlp.h"
#include "otlp_pair.h"

/* --- delivery --- */

static void test_spans_arrive_as_the_protocol_wants_them(void **state)
{
	struct pair pair;
	struct otlp_counters counters;
	const char *head;

	(void)state;
	pair_open(&pair, pair_ok);
	pair_export(&pair, 3);
	counters = pair_wait_idle(&pair);
	assert_int_equal(counters.exported, 3);
	assert_int_equal(counters.requests_failed, 0);
	assert_int_equal(counters.retries, 0);
	assert_int_equal(backend_spans(pair.backend), 3);

	head = backend_request(pair.backend, 0)->head;
	assert_ptr_equal(strstr(head, "POST /v1/traces HTTP/1.1\r\n"), head);
	assert_non_null(strstr(head, "\r\nContent-Type: application/x-protobuf\r\n"));
	assert_non_null(strstr(head, "\r\nUser-Agent: OTel-OTLP-Exporter-Sonde/1.2.3\r\n"));
	assert_null(strstr(head, "Expect:"));
	pair_close(&pair);
}

static void test_a_full_batch_does_not_wait_for_the_interval(void **state)
{
	struct pair pair;

	(void)state;
	pair_prepare(&pair, pair_ok, 1);
	pair.options.interval_ns = HOUR;
	backend_start(pair.backend);
	pair_start(&pair);
	pair_export(&pair, 1000);
	while (pair_counters(&pair).exported == 0)
		pair_wait_a_little();
	pair_close(&pair);
}

static void test_one_connection_serves_all_requests(void **state)
{
	struct pair pair;

	(void)state;
	pair_open(&pair, pair_ok);
	for (int i = 0; i < 10; i++) {
		pair_export(&pair, 1);
		pair_wait_idle(&pair);
	}
	assert_int_equal(backend_requests(pair.backend), 10);
	assert_int_equal(backend_connections(pair.backend), 1);
	pair_close(&pair);
}

struct watch {
	struct otlp *otlp;
	_Atomic bool done;
	bool exact;
};

static void *watch_counters(void *context)
{
	struct watch *watch = context;

	watch->exact = true;
	while (!atomic_load(&watch->done)) {
		struct otlp_counters counters;
		uint64_t sum;

		otlp_counters(watch->otlp, &counters);
		sum = counters.exported + counters.queued;
		for (int i = 0; i < OTLP_DROPS; i++)
			sum += counters.dropped[i];
		watch->exact &= sum == counters.offered;
	}
	return NULL;
}

static void test_the_sum_is_exact_at_any_time(void **state)
{
	static const struct backend_reply script[] = {{.status = 200}, {.status = 503},
		{.status = 400}, {.act = BACKEND_HANG_UP}, {.status = 200}};
	struct pair pair;
	struct watch watch = {0};
	pthread_t thread;
	struct otlp_counters counters;

	(void)state;
	pair_prepare(&pair, script, 5);
	pair.options.queue_bytes = 128 << 10;
	backend_start(pair.backend);
	pair_start(&pair);
	watch.otlp = pair.otlp;
	pthread_create(&thread, NULL, watch_counters, &watch);
	pair_export(&pair, 50000);
	counters = pair_wait_idle(&pair);
	atomic_store(&watch.done, true);
	pthread_join(thread, NULL);
	assert_true(watch.exact);
	assert_int_equal(counters.offered, 50000);
	assert_int_equal(counters.exported, backend_spans(pair.backend));
	pair_close(&pair);
}

/* --- answers --- */

static void test_unavailable_backends_are_tried_again(void **state)
{
	static const struct backend_reply scripts[][2] = {
		{{.status = 429}, {.status = 200}},
		{{.status = 502}, {.status = 200}},
		{{.status = 503}, {.status = 200}},
		{{.status = 504}, {.status = 200}},
		{{.act = BACKEND_HANG_UP}, {.status = 200}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		struct pair pair;
		struct otlp_counters counters;

		pair_open(&pair, scripts[i]);
		pair_export(&pair, 1);
		counters = pair_wait_idle(&pair);
		assert_int_equal(counters.exported, 1);
		assert_int_equal(counters.requests_ok, 1);
		assert_int_equal(counters.requests_failed, 1);
		assert_int_equal(counters.retries, 1);
		assert_int_equal(backend_request(pair.backend, 0)->spans, 1);
		assert_int_equal(backend_request(pair.backend, 1)->spans, 1);
		pair_close(&pair);
	}
}

static void test_other_answers_reject_the_spans_for_good(void **state)
{
	static const int statuses[] = {301, 307, 400, 401, 404, 408, 413, 500, 501};

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		const struct backend_reply script[] = {
			{.status = statuses[i], .header = "Location: /elsewhere"}};
		struct pair pair;
		struct otlp_counters counters;

		pair_open(&pair, script);
		pair_export(&pair, 1);
		counters = pair_wait_idle(&pair);
		assert_int_equal(counters.dropped[OTLP_DROP_REJECTED], 1);
		assert_int_equal(counters.requests_failed, 1);
		assert_int_equal(backend_requests(pair.backend), 1);
		pair_close(&pair);
	}
}

static void test_a_partial_success_counts_what_was_refused(void **state)
{
	/* partial_success { rejected_spans: 2 error_message: "bad" } */
	static const char body[] = "\x0a\x07\x08\x02\x12\x03"
				   "bad";
	static const struct backend_reply script[] = {
		{.status = 200, .body = body, .body_size = sizeof(body) - 1}};
	struct pair pair;
	struct otlp_counters last;

	(void)state;
	pair_prepare(&pair, script, 1);
	pair.options.interval_ns = HOUR; /* all five in one request, which the stop sends */
	backend_start(pair.backend);
	pair_start(&pair);
	pair_export(&pair, 5);
	otlp_stop(pair.otlp, pair_now_ns() + HOUR, &last);
	pair_assert_sum_exact(&last);
	assert_int_equal(last.exported, 3);
	assert_int_equal(last.dropped[OTLP_DROP_REJECTED], 2);
	assert_int_equal(last.requests_ok, 1);
	assert_int_equal(backend_requests(pair.backend), 1);
	backend_free(pair.backend);
}

static void test_a_partial_success_cannot_refuse_more_than_was_sent(void **state)
{
	static const char body[] = "\x0a\x03\x08\xff\x7f"; /* rejected_spans: 16383 */
	static const char negative[] = "\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
	static const struct backend_reply script[] = {
		{.status = 200, .body = body, .body_size = sizeof(body) - 1},
		{.status = 200, .body = negative, .body_size = sizeof(negative) - 1},
	};
	struct pair pair;
	struct otlp_counters counters;

	(void)state;
	pair_open(&pair, script);
	pair_export(&pair, 1);
	counters = pair_wait_idle(&pair);
	assert_int_equal(counters.dropped[OTLP_DROP_REJECTED], 1);
	pair_export(&pair, 1);
	counters = pair_wait_idle(&pair);
	assert_int_equal(counters.exported, 1);
	pair_close(&pair);
}

static void test_an_answer_of_any_size_or_content_is_survived(void **state)
{
	static char large[1 << 20];
	static const struct backend_reply script[] = {
		{.status = 200, .body = large, .body_size = sizeof(large)},
		{.status = 400, .body = large, .body_size = sizeof(large)},
		{.status = 200, .body = "<html>", .body_size = 6},
		{.status = 200},
	};
	struct pair pair;
	struct otlp_counters counters;

	(void)state;
	memset(large, 0xff, sizeof(large));
	pair_open(&pair, script);
	for (int i = 0; i < 4; i++) {
		pair_export(&pair, 1);
		counters = pair_wait_idle(&pair);
	}
	assert_int_equal(counters.exported, 3);
	assert_int_equal(counters.dropped[OTLP_DROP_REJECTED], 1);
	assert_int_equal(backend_connections(pair.backend), 1);
	pair_close(&pair);
}

/* The lower bound holds on a machine of any speed. */
static void test_retry_after_in_seconds_is_honoured(void **state)
{
	static const struct backend_reply script[] = {
		{.status = 503, .header = "Retry-After: 1"}, {.status = 200}};
	struct pair pair;
	uint64_t waited_ns;

	(void)state;
	pair_open(&pair, script);
	pair_export(&pair, 1);
	assert_int_equal(pair_wait_idle(&pair).exported, 1);
	waited_ns = backend_request(pair.backend, 1)->time_ns -
		    backend_request(pair.backend, 0)->time_ns;
	assert_true(waited_ns >= SECOND);
	pair_close(&pair);
}

static void test_retry_after_as_a_date_is_honoured(void **state)
{
	char header[64];
	struct backend_reply script[] = {{.status = 429, .header = header}, {.status = 200}};
	time_t date = time(NULL) + 3;
	struct tm utc;
	struct pair pair;

	(void)state;
	strftime(header, sizeof(header), "Retry-After: %a, %d %b %Y %H:%M:%S GMT",
		gmtime_r(&date, &utc));
	pair_open(&pair, script);
	pair_export(&pair, 1);
	assert_int_equal(pair_wait_idle(&pair).exported, 1);
	/* whole seconds are told, so it may be one early */
	assert_true(time(NULL) >= date - 1);
	pair_close(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spans_arrive_as_the_protocol_wants_them),
		cmocka_unit_test(test_a_full_batch_does_not_wait_for_the_interval),
		cmocka_unit_test(test_one_connection_serves_all_requests),
		cmocka_unit_test(test_the_sum_is_exact_at_any_time),
		cmocka_unit_test(test_unavailable_backends_are_tried_again),
		cmocka_unit_test(test_other_answers_reject_the_spans_for_good),
		cmocka_unit_test(test_a_partial_success_counts_what_was_refused),
		cmocka_unit_test(test_a_partial_success_cannot_refuse_more_than_was_sent),
		cmocka_unit_test(test_an_answer_of_any_size_or_content_is_survived),
		cmocka_unit_test(test_retry_after_in_seconds_is_honoured),
		cmocka_unit_test(test_retry_after_as_a_date_is_honoured),
	};

	pair_prepare_tests();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
