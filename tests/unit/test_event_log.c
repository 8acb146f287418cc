/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as lines of JSON: what is in a line, and which requests are in the log. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/events/event_json.h"
#include "export/events/event_log.h"
#include "protocol/http/http_exchange.h"

#define MS     UINT64_C(1000000)
#define SECOND (1000 * MS)

static const struct service shop = {
	.name = "shop",
	.container_id = "0123456789ab",
	.pod = {.namespace = "prod", .pod = "shop-5d9c", .container = "web"},
};

static struct exchange exchange_sample(void)
{
	return (struct exchange){
		.protocol = &http_protocol,
		.service = &shop,
		.role = EXCHANGE_SERVER,
		.start_ns = 5 * SECOND,
		.duration_ns = 12345678,
		.time_to_first_byte_ns = 2 * MS,
		.has_first_byte = true,
		.is_timed = true,
		.operation = "GET",
		.target = "/orders/{id}",
		.status = "200",
		.server = {"10.0.0.1", 8080},
		.local = {"10.0.0.1", 8080},
		.peer = {"192.0.2.7", 40000},
		.texts = {[HTTP_TEXT_PATH] = "/orders/7"},
		.trace = {.trace_id = {0xab, 1}, .span_id = {0xcd, 2}},
	};
}

static char line[8192];

static const char *line_of(const struct exchange *exchange, enum event_level level)
{
	struct buffer buffer = {0};

	event_json_append(&buffer, exchange, level);
	assert_false(buffer.failed);
	assert_in_range(buffer.length, 2, sizeof(line) - 1);
	memcpy(line, buffer.text, buffer.length);
	line[buffer.length] = '\0';
	buffer_free(&buffer);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	return line;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("%s is not in %s", part, text);
}

/* --- a line --- */

static void test_usual_keys(void **state)
{
	struct exchange exchange = exchange_sample();
	const char *text = line_of(&exchange, EVENT_INFO);

	(void)state;
	assert_has(text, "{\"timestamp\":\"1970-01-01T00:00:05.012345678Z\",\"level\":\"info\","
			 "\"message\":\"GET /orders/{id} 200 in 12.345 ms\",\"service\":\"shop\","
			 "\"kind\":\"server\",\"method\":\"GET\",\"route\":\"/orders/{id}\","
			 "\"status_code\":200,\"duration_ms\":12.345,\"first_byte_ms\":2.000,"
			 "\"client_ip\":\"192.0.2.7\","
			 "\"trace_id\":\"ab010000000000000000000000000000\","
			 "\"span_id\":\"cd02000000000000\",\"container.id\":\"0123456789ab\","
			 "\"k8s.namespace.name\":\"prod\"");
	assert_has(text, "\"http.request.method\":\"GET\"");
	assert_has(text, "\"url.path\":\"/orders/7\"");
	assert_null(strstr(text, "parent_span_id"));
	assert_null(strstr(text, "\"error\""));
}

static void test_what_failed_without_a_status(void **state)
{
	struct exchange exchange = exchange_sample();
	const char *text;

	(void)state;
	exchange.status = "";
	exchange.error = "timeout";
	exchange.is_timed = exchange.has_first_byte = false;
	exchange.role = EXCHANGE_CLIENT;
	exchange.target = NULL;
	text = line_of(&exchange, EVENT_FAILED);
	assert_has(text, "\"level\":\"error\"");
	assert_has(text, "\"message\":\"GET timeout after 12.345 ms\"");
	assert_has(text, "\"kind\":\"client\"");
	assert_has(text, "\"client_ip\":\"10.0.0.1\"");
	assert_null(strstr(text, "status_code"));
	assert_null(strstr(text, "duration_ms"));
	assert_null(strstr(text, "\"route\""));
}

static void test_client_that_a_proxy_told_of(void **state)
{
	struct exchange exchange = exchange_sample();

	(void)state;
	exchange.texts[HTTP_TEXT_CLIENT] = "203.0.113.9";
	assert_has(line_of(&exchange, EVENT_INFO), "\"client_ip\":\"203.0.113.9\"");
}

/* Whoever sends a request must not write lines of their own, nor spoil this one. */
static void test_hostile_text_stays_in_its_string(void **state)
{
	struct exchange exchange = exchange_sample();
	const char *text;

	(void)state;
	exchange.target = "/\"},\n{\"level\":\"error\"\033[2J\xff";
	text = line_of(&exchange, EVENT_INFO);
	assert_has(text, "/\\\"},\\n{\\\"level\\\":\\\"error\\\"\\u001b[2J");
	assert_null(strchr(text, '\033'));
}

static struct event event_sample(void)
{
	static const struct attribute attributes[] = {
		{.key = "process.pid", .type = ATTRIBUTE_NUMBER, .number = 42},
		{.key = "process.command", .type = ATTRIBUTE_TEXT, .text = "shop \"1\""},
	};

	return (struct event){
		.name = "process.exit",
		.message = "process crashed",
		.service = &shop,
		.time_ns = 7 * SECOND,
		.has_failed = true,
		.attributes = attributes,
		.attribute_count = 2,
	};
}

static void test_what_happened_to_a_process(void **state)
{
	struct event event = event_sample();
	struct buffer buffer = {0};

	(void)state;
	event_json_append_event(&buffer, &event, EVENT_FAILED);
	assert_false(buffer.failed);
	buffer_append(&buffer, "", 1);
	assert_string_equal(buffer.text,
		"{\"timestamp\":\"1970-01-01T00:00:07.000000000Z\",\"level\":\"error\","
		"\"message\":\"process crashed\",\"service\":\"shop\",\"kind\":\"process.exit\","
		"\"container.id\":\"0123456789ab\",\"k8s.namespace.name\":\"prod\","
		"\"k8s.pod.name\":\"shop-5d9c\",\"k8s.container.name\":\"web\","
		"\"process.pid\":42,\"process.command\":\"shop \\\"1\\\"\"}\n");
	buffer_free(&buffer);
}

/* --- which --- */

static struct event_log *log_open(char path[64], uint64_t rate, uint64_t slow_ns)
{
	const struct event_log_settings settings = {rate, slow_ns};
	char error[LINE_LOG_ERROR_LEN];
	struct event_log *log;

	strcpy(path, "/tmp/sonde-events-XXXXXX");
	close(mkstemp(path));
	assert_int_equal(event_log_open(&log, path, &settings, error), 0);
	return log;
}

static unsigned lines_of(const char *path, const char *with)
{
	FILE *file = fopen(path, "r");
	unsigned count = 0;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		count += strstr(line, with) != NULL;
	fclose(file);
	return count;
}

static void take(struct event_log *log, uint64_t start_ns, uint64_t duration_ns, const char *error)
{
	struct exchange exchange = exchange_sample();

	exchange.start_ns = start_ns;
	exchange.duration_ns = duration_ns;
	exchange.error = error;
	event_log_take_exchange(log, &exchange);
}

static void test_rate_leaves_out_what_neither_failed_nor_was_slow(void **state)
{
	char path[64];
	struct event_log *log = log_open(path, 10, SECOND);
	struct event_log_counters counters;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) /* a thousand in a second */
		take(log, 100 * SECOND + i * MS, MS, NULL);
	for (unsigned i = 0; i < 100; i++)
		take(log, 100 * SECOND + i * MS, MS, "500");
	for (unsigned i = 0; i < 50; i++)
		take(log, 99 * SECOND + i * MS, SECOND, NULL);
	event_log_flush(log);
	counters = event_log_counters(log);
	assert_int_equal(lines_of(path, "\"level\":\"error\""), 100);
	assert_int_equal(lines_of(path, "\"level\":\"warn\""), 50);
	/* a second's worth at once, and what grew meanwhile */
	assert_in_range(lines_of(path, "\"level\":\"info\""), 19, 20);
	assert_int_equal(counters.lines.written + counters.left_out, 1150);
	assert_int_equal(counters.lines.dropped, 0);
	assert_int_equal(lines_of(path, "timestamp"), counters.lines.written);
	event_log_close(log);
	unlink(path);
}

static void test_rate_is_of_each_service_and_may_be_none(void **state)
{
	char path[64];
	static const struct service busy = {.name = "busy"};
	struct exchange other = exchange_sample();
	struct event ended = event_sample(), crashed = event_sample();
	struct event_log *log = log_open(path, 0, 0);

	(void)state;
	ended.has_failed = false;
	take(log, SECOND, 100 * SECOND, NULL);
	take(log, SECOND, MS, "500");
	event_log_take_event(log, &ended); /* it has not failed, and there is no rate */
	event_log_take_event(log, &crashed);
	event_log_configure(log, &(struct event_log_settings){1, 0});
	take(log, 200 * SECOND, MS, NULL);
	take(log, 200 * SECOND, MS, NULL);
	take(log, 100 * SECOND, MS, NULL); /* late, and brings nothing */
	other.service = &busy;
	other.start_ns = 200 * SECOND;
	event_log_take_exchange(log, &other); /* has its own */
	event_log_close(log);
	assert_int_equal(lines_of(path, "\"service\":\"busy\""), 1);
	assert_int_equal(lines_of(path, "\"level\":\"error\""), 2);
	assert_int_equal(lines_of(path, "\"level\":\"info\""), 2);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usual_keys),
		cmocka_unit_test(test_what_failed_without_a_status),
		cmocka_unit_test(test_what_happened_to_a_process),
		cmocka_unit_test(test_client_that_a_proxy_told_of),
		cmocka_unit_test(test_hostile_text_stays_in_its_string),
		cmocka_unit_test(test_rate_leaves_out_what_neither_failed_nor_was_slow),
		cmocka_unit_test(test_rate_is_of_each_service_and_may_be_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
