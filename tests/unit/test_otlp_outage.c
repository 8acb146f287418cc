/* SPDX-License-Identifier: Apache-2.0 */
/* What user/export/otlp/otlp.h promises while the backend is away, and of the stop. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "export/otlp/otlp.h"
#include "otlp_pair.h"
#include "protocol/http/http_exchange.h"

/* --- a backend that is away --- */

static void test_export_recovers_when_the_backend_comes(void **state)
{
	struct pair pair;
	struct otlp_counters counters;

	(void)state;
	pair_prepare(&pair, pair_ok, 1);
	pair_start(&pair);
	pair_export(&pair, 3);
	while (pair_counters(&pair).retries < 3)
		pair_wait_a_little();
	backend_start(pair.backend);
	counters = pair_wait_idle(&pair);
	assert_int_equal(counters.exported, 3);
	assert_int_equal(backend_spans(pair.backend), 3);
	pair_close(&pair);
}

static void test_a_request_that_hangs_is_cut_off_and_tried_again(void **state)
{
	static const struct backend_reply script[] = {{.act = BACKEND_HANG}, {.status = 200}};
	struct pair pair;
	struct otlp_counters counters;

	(void)state;
	pair_prepare(&pair, script, 2);
	pair.options.timeout_ns = 300 * MS;
	backend_start(pair.backend);
	pair_start(&pair);
	pair_export(&pair, 2);
	counters = pair_wait_idle(&pair);
	assert_int_equal(counters.exported, 2);
	assert_true(counters.requests_failed >= 1);
	pair_close(&pair);
}

static void test_the_queue_is_bounded_and_drops_what_comes_last(void **state)
{
	struct pair pair;
	struct otlp_counters counters;
	uint64_t dropped;

	(void)state;
	pair_prepare(&pair, pair_ok, 1);
	pair.options.queue_bytes = 64 << 10;
	pair_start(&pair);
	pair_export(&pair, 20000);
	counters = pair_counters(&pair);
	dropped = counters.dropped[OTLP_DROP_QUEUE_FULL];
	assert_int_equal(counters.offered, 20000);
	assert_int_equal(counters.exported, 0);
	assert_true(dropped > 19000);
	assert_true(counters.queued > 100);
	assert_true(counters.queue_bytes <= 64 << 10);

	/* what had found room arrives */
	backend_start(pair.backend);
	counters = pair_wait_idle(&pair);
	assert_int_equal(counters.exported, 20000 - dropped);
	assert_int_equal(backend_spans(pair.backend), 20000 - dropped);
	assert_int_equal(counters.queue_bytes, 0);

	/* and there is room again */
	pair_export(&pair, 10);
	assert_int_equal(pair_wait_idle(&pair).exported, 20010 - dropped);
	pair_close(&pair);
}

static void test_a_span_larger_than_a_batch_is_dropped_alone(void **state)
{
	struct pair pair;
	struct otlp_counters counters;
	char path[4096];
	struct exchange span = {.protocol = &http_protocol,
		.service = &pair_service,
		.operation = "GET",
		.texts = {[HTTP_TEXT_PATH] = path}};

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	pair_prepare(&pair, pair_ok, 1);
	pair.options.queue_bytes = OTLP_QUEUE_BYTES_MIN;
	backend_start(pair.backend);
	pair_start(&pair);
	otlp_export(pair.otlp, &span);
	otlp_export(pair.otlp, &span);
	pair_export(&pair, 1);
	otlp_export(pair.otlp, &span);
	counters = pair_wait_idle(&pair);
	assert_int_equal(counters.dropped[OTLP_DROP_QUEUE_FULL], 3);
	assert_int_equal(counters.exported, 1);
	pair_close(&pair);
}

static void test_a_batch_is_given_up_when_it_is_too_old(void **state)
{
	static const struct backend_reply script[] = {{.status = 503}};
	struct pair pair;
	struct otlp_counters counters;

	(void)state;
	pair_prepare(&pair, script, 1);
	pair.options.retry_for_ns = 50 * MS;
	backend_start(pair.backend);
	pair_start(&pair);
	pair_export(&pair, 4);
	counters = pair_wait_idle(&pair);
	assert_int_equal(counters.dropped[OTLP_DROP_RETRIES_EXHAUSTED], 4);
	assert_true(counters.requests_failed >= 1);
	pair_close(&pair);
}

/* --- stop --- */

static void test_stop_sends_what_is_queued(void **state)
{
	struct pair pair;
	struct otlp_counters last;

	(void)state;
	pair_prepare(&pair, pair_ok, 1);
	pair.options.interval_ns = HOUR;
	backend_start(pair.backend);
	pair_start(&pair);
	pair_export(&pair, 700); /* two full batches, a third one begun */
	otlp_stop(pair.otlp, pair_now_ns() + HOUR, &last);
	pair_assert_sum_exact(&last);
	assert_int_equal(last.exported, 700);
	assert_int_equal(backend_spans(pair.backend), 700);
	backend_free(pair.backend);
}

static void test_stop_without_any_span_returns(void **state)
{
	struct pair pair;
	struct otlp_counters last;

	(void)state;
	pair_open(&pair, pair_ok);
	otlp_stop(pair.otlp, pair_now_ns() + HOUR, &last);
	assert_int_equal(last.offered, 0);
	assert_int_equal(backend_connections(pair.backend), 0);
	backend_free(pair.backend);
}

static void test_stop_wakes_a_long_wait_for_one_more_try(void **state)
{
	static const struct backend_reply script[] = {
		{.status = 503, .header = "Retry-After: 3000"}, {.status = 200}};
	struct pair pair;
	struct otlp_counters last;

	(void)state;
	pair_open(&pair, script);
	pair_export(&pair, 1);
	pair_wait_requests(&pair, 1);
	otlp_stop(pair.otlp, pair_now_ns() + HOUR, &last);
	pair_assert_sum_exact(&last);
	assert_int_equal(last.exported, 1);
	backend_free(pair.backend);
}

static void test_stop_gives_up_when_the_next_try_would_come_too_late(void **state)
{
	static const struct backend_reply script[] = {
		{.status = 503, .header = "Retry-After: 3600"}};
	struct pair pair;
	struct otlp_counters last;

	(void)state;
	pair_open(&pair, script);
	pair_export(&pair, 1);
	pair_wait_requests(&pair, 1);
	otlp_stop(pair.otlp, pair_now_ns() + HOUR - SECOND, &last);
	pair_assert_sum_exact(&last);
	assert_int_equal(last.dropped[OTLP_DROP_SHUTDOWN], 1);
	assert_int_equal(backend_requests(pair.backend), 2);
	backend_free(pair.backend);
}

/* Stops soon, with `spans` that cannot be sent by then. */
static void assert_stop_drops(struct pair *pair, uint64_t spans)
{
	struct otlp_counters last;

	otlp_stop(pair->otlp, pair_now_ns() + 100 * MS, &last);
	pair_assert_sum_exact(&last);
	assert_int_equal(last.dropped[OTLP_DROP_SHUTDOWN], spans);
	backend_free(pair->backend);
}

static void test_stop_cuts_off_a_request_that_hangs(void **state)
{
	static const struct backend_reply script[] = {{.act = BACKEND_HANG}};
	struct pair pair;

	(void)state;
	pair_prepare(&pair, script, 1);
	pair.options.timeout_ns = HOUR;
	backend_start(pair.backend);
	pair_start(&pair);
	pair_export(&pair, 1000); /* several batches */
	pair_wait_requests(&pair, 1);
	assert_stop_drops(&pair, 1000);
}

static void test_stop_ends_with_a_backend_that_is_away(void **state)
{
	struct pair pair;

	(void)state;
	pair_prepare(&pair, pair_ok, 1);
	pair_start(&pair);
	pair_export(&pair, 1000);
	while (pair_counters(&pair).requests_failed == 0)
		pair_wait_a_little();
	assert_stop_drops(&pair, 1000);
}

static void test_stop_with_a_deadline_in_the_past_drops_the_queue(void **state)
{
	struct pair pair;
	struct otlp_counters last;

	(void)state;
	pair_prepare(&pair, pair_ok, 1);
	pair.options.interval_ns = HOUR;
	backend_start(pair.backend);
	pair_start(&pair);
	pair_export(&pair, 3);
	otlp_stop(pair.otlp, 0, &last);
	assert_int_equal(last.dropped[OTLP_DROP_SHUTDOWN], 3);
	backend_free(pair.backend);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_export_recovers_when_the_backend_comes),
		cmocka_unit_test(test_a_request_that_hangs_is_cut_off_and_tried_again),
		cmocka_unit_test(test_the_queue_is_bounded_and_drops_what_comes_last),
		cmocka_unit_test(test_a_span_larger_than_a_batch_is_dropped_alone),
		cmocka_unit_test(test_a_batch_is_given_up_when_it_is_too_old),
		cmocka_unit_test(test_stop_sends_what_is_queued),
		cmocka_unit_test(test_stop_without_any_span_returns),
		cmocka_unit_test(test_stop_wakes_a_long_wait_for_one_more_try),
		cmocka_unit_test(test_stop_gives_up_when_the_next_try_would_come_too_late),
		cmocka_unit_test(test_stop_cuts_off_a_request_that_hangs),
		cmocka_unit_test(test_stop_ends_with_a_backend_that_is_away),
		cmocka_unit_test(test_stop_with_a_deadline_in_the_past_drops_the_queue),
	};

	pair_prepare_tests();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
