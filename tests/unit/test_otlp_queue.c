/* SPDX-License-Identifier: Apache-2.0 */
/* What user/export/otlp/otlp_queue.h promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/otlp/otlp_queue.h"
#include "protocol/http/http_exchange.h"

#define QUEUE_BYTES (256 * 1024)

/* A span that can be told apart and checked by its number, with strings of varying length. */
struct sample {
	char path[300];
	char query[64];
	char socket_path[64];
	struct exchange span;
};

static void sample_make(struct sample *sample, const struct service *service, uint32_t number)
{
	int length = (int)(number * 7919 % 290);

	snprintf(sample->path, sizeof(sample->path), "/%0*u", length, number);
	snprintf(sample->query, sizeof(sample->query), "number=%u", number);
	snprintf(sample->socket_path, sizeof(sample->socket_path), "/run/%u.sock", number);
	sample->span = (struct exchange){
		.service = service,
		.tid = number,
		.operation = "GET",
		.local = {"10.0.0.5", 80},
		.texts = {[HTTP_TEXT_PATH] = sample->path,
			[HTTP_TEXT_QUERY] = number % 2 ? sample->query : NULL,
			[HTTP_TEXT_SOCKET_PATH] = number % 3 ? NULL : sample->socket_path,
			[HTTP_TEXT_CLIENT] = "192.0.2.7"},
	};
}

static void assert_is_sample(const struct exchange *span, const char *service, uint32_t number)
{
	struct sample expected;

	sample_make(&expected, NULL, number);
	assert_int_equal(span->tid, number);
	assert_string_equal(span->service->name, service);
	assert_string_equal(span->operation, "GET");
	assert_null(span->target);
	assert_string_equal(span->local.address, "10.0.0.5");
	for (int i = 0; i < EXCHANGE_TEXTS; i++)
		if (expected.span.texts[i])
			assert_string_equal(span->texts[i], expected.span.texts[i]);
		else
			assert_null(span->texts[i]);
}

static void release(struct otlp_queue *queue, struct otlp_batch *batch)
{
	free(batch);
	otlp_queue_freed(queue);
}

static void test_a_full_queue_stays_within_its_bytes_and_keeps_the_oldest(void **state)
{
	static const size_t sizes[] = {OTLP_QUEUE_BYTES_MIN, 100001, QUEUE_BYTES, 4 << 20};
	static const struct service service = {.name = "shop"};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct otlp_queue queue;
		struct otlp_batch *batch;
		struct sample sample;
		uint32_t added = 0, taken = 0;
		int error;

		otlp_queue_init(&queue, &otlp_spans, sizes[i]);
		for (;; added++) {
			sample_make(&sample, &service, added);
			error = otlp_queue_add(&queue, &sample.span);
			if (error)
				break;
			assert_true(queue.batches * queue.batch_bytes <= sizes[i]);
		}
		assert_int_equal(error, -ENOSPC);
		assert_true(added >= 8);
		while ((batch = otlp_queue_take(&queue, true))) {
			for (size_t j = 0; j < batch->count; j++)
				assert_is_sample(&((const struct exchange *)batch->items)[j],
					"shop", taken++);
			release(&queue, batch);
		}
		assert_int_equal(taken, added);
		assert_int_equal(queue.batches, 0);
	}
}

static void test_room_comes_back_when_a_batch_was_freed(void **state)
{
	static const struct service service = {.name = "shop"};
	struct otlp_queue queue;
	struct otlp_batch *batch;
	struct sample sample;

	(void)state;
	otlp_queue_init(&queue, &otlp_spans, QUEUE_BYTES);
	sample_make(&sample, &service, 1);
	while (otlp_queue_add(&queue, &sample.span) == 0)
		;
	batch = otlp_queue_take(&queue, false);
	assert_int_equal(otlp_queue_add(&queue, &sample.span), -ENOSPC);
	release(&queue, batch);
	assert_int_equal(otlp_queue_add(&queue, &sample.span), 0);
	otlp_queue_clear(&queue);
}

static void test_the_open_batch_is_taken_only_when_asked_for(void **state)
{
	static const struct service service = {.name = "shop"};
	struct otlp_queue queue;
	struct otlp_batch *batch;
	struct sample sample;

	(void)state;
	otlp_queue_init(&queue, &otlp_spans, QUEUE_BYTES);
	assert_null(otlp_queue_take(&queue, true));
	sample_make(&sample, &service, 1);
	assert_int_equal(otlp_queue_add(&queue, &sample.span), 0);
	assert_null(otlp_queue_take(&queue, false));
	batch = otlp_queue_take(&queue, true);
	assert_int_equal(batch->count, 1);
	release(&queue, batch);
	assert_null(otlp_queue_take(&queue, true));
}

static void test_clear_says_how_many_spans_it_freed(void **state)
{
	static const struct service service = {.name = "shop"};
	struct otlp_queue queue;
	struct sample sample;

	(void)state;
	otlp_queue_init(&queue, &otlp_spans, QUEUE_BYTES);
	for (uint32_t i = 0; i < 200; i++) {
		sample_make(&sample, &service, i);
		assert_int_equal(otlp_queue_add(&queue, &sample.span), 0);
	}
	assert_true(queue.batches > 1);
	assert_int_equal(otlp_queue_clear(&queue), 200);
	assert_int_equal(queue.batches, 0);
	assert_int_equal(otlp_queue_clear(&queue), 0);
}

static void test_spans_of_a_service_share_one_copy_of_it(void **state)
{
	static const struct service services[2] = {{.name = "shop"}, {.name = "bank"}};
	struct otlp_queue queue;
	struct otlp_batch *batch;
	struct sample sample;

	(void)state;
	otlp_queue_init(&queue, &otlp_spans, QUEUE_BYTES);
	for (uint32_t i = 0; i < 20; i++) {
		sample_make(&sample, &services[i % 2], i);
		assert_int_equal(otlp_queue_add(&queue, &sample.span), 0);
	}
	batch = otlp_queue_take(&queue, true);
	assert_int_equal(batch->count, 20);
	const struct exchange *spans = (const struct exchange *)batch->items;
	for (uint32_t i = 0; i < 20; i++) {
		assert_is_sample(&spans[i], services[i % 2].name, i);
		assert_ptr_equal(spans[i].service, spans[i % 2].service);
	}
	release(&queue, batch);
}

/* A workload's number ended, and its place in memory went to another service. */
static void test_another_service_at_the_same_address_is_told_apart(void **state)
{
	struct service service = {.name = "shop"};
	struct otlp_queue queue;
	struct otlp_batch *batch;
	struct sample sample;

	(void)state;
	otlp_queue_init(&queue, &otlp_spans, QUEUE_BYTES);
	sample_make(&sample, &service, 0);
	assert_int_equal(otlp_queue_add(&queue, &sample.span), 0);
	service = (struct service){.name = "bank"};
	sample_make(&sample, &service, 1);
	assert_int_equal(otlp_queue_add(&queue, &sample.span), 0);
	service = (struct service){.name = "gone"};

	batch = otlp_queue_take(&queue, true);
	assert_is_sample(&((const struct exchange *)batch->items)[0], "shop", 0);
	assert_is_sample(&((const struct exchange *)batch->items)[1], "bank", 1);
	release(&queue, batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_queue_stays_within_its_bytes_and_keeps_the_oldest),
		cmocka_unit_test(test_room_comes_back_when_a_batch_was_freed),
		cmocka_unit_test(test_the_open_batch_is_taken_only_when_asked_for),
		cmocka_unit_test(test_clear_says_how_many_spans_it_freed),
		cmocka_unit_test(test_spans_of_a_service_share_one_copy_of_it),
		cmocka_unit_test(test_another_service_at_the_same_address_is_told_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
