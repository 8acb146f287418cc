/* SPDX-License-Identifier: Apache-2.0 */
/* An exporter with its backend (otlp_pair.h). */
#include "otlp_pair.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "protocol/http/http_exchange.h"

#define WATCHDOG_SECONDS 120 /* for all tests of a program; they take a few seconds */

const struct backend_reply pair_ok[1] = {{.status = 200}};
const struct service pair_service = {.name = "shop", .executable = "shopd"};

void pair_prepare_tests(void)
{
	alarm(WATCHDOG_SECONDS);
	log_configure(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
}

uint64_t pair_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

void pair_prepare(struct pair *pair, const struct backend_reply *script, size_t count)
{
	pair->backend = backend_new(script, count);
	snprintf(pair->endpoint, sizeof(pair->endpoint), "http://127.0.0.1:%d",
		backend_port(pair->backend));
	pair->options = (struct otlp_options){
		.signal = &otlp_spans,
		.endpoint = pair->endpoint,
		.host_name = "node-1",
		.version = "1.2.3",
		.queue_bytes = 1 << 20,
		.interval_ns = 5 * MS,
		.timeout_ns = 20 * SECOND,
		.retry_first_ns = 1 * MS,
		.retry_most_ns = 20 * MS,
		.retry_for_ns = HOUR,
	};
}

void pair_start(struct pair *pair)
{
	char error[OTLP_ERROR_LEN];
	assert_int_equal(otlp_start(&pair->otlp, &pair->options, error), 0);
}

void pair_assert_sum_exact(const struct otlp_counters *counters)
{
	uint64_t sum = counters->exported + counters->queued;
	for (int i = 0; i < OTLP_DROPS; i++)
		sum += counters->dropped[i];
	assert_int_equal(sum, counters->offered);
}

void pair_close(struct pair *pair)
{
	struct otlp_counters last;

	otlp_stop(pair->otlp, pair_now_ns(), &last);
	pair_assert_sum_exact(&last);
	assert_int_equal(last.queued, 0);
	assert_int_equal(last.queue_bytes, 0);
	backend_free(pair->backend);
}

void pair_export(struct pair *pair, size_t spans)
{
	char path[32];
	struct exchange span = {
		.protocol = &http_protocol,
		.service = &pair_service,
		.role = EXCHANGE_SERVER,
		.operation = "GET",
		.status = "200",
		.texts = {[HTTP_TEXT_PATH] = path, [HTTP_TEXT_VERSION] = "1.1"},
		.numbers = {[HTTP_NUMBER_STATUS] = 200},
	};

	for (size_t i = 0; i < spans; i++) {
		snprintf(path, sizeof(path), "/items/%zu", i);
		otlp_export(pair->otlp, &span);
	}
}

struct otlp_counters pair_counters(struct pair *pair)
{
	struct otlp_counters counters;
	otlp_counters(pair->otlp, &counters);
	pair_assert_sum_exact(&counters);
	return counters;
}

void pair_wait_a_little(void)
{
	usleep(500);
}

struct otlp_counters pair_wait_idle(struct pair *pair)
{
	struct otlp_counters counters;
	while ((counters = pair_counters(pair)).queued)
		pair_wait_a_little();
	return counters;
}

void pair_wait_requests(struct pair *pair, size_t count)
{
	while (backend_requests(pair->backend) < count)
		pair_wait_a_little();
}
