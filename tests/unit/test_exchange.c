/* SPDX-License-Identifier: Apache-2.0 */
/* What exchanges are made of, and what protocol/exchange.h promises of their attributes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "protocol/dns/dns_exchange.h"
#include "protocol/http/http_exchange.h"

#define SECOND UINT64_C(1000000000)

static const struct service shop = {.name = "shop"};

/* --- attributes --- */

static struct text listing;

static void list(void *context, const struct attribute *attribute)
{
	(void)context;
	assert_int_equal(attribute->key_length, strlen(attribute->key));
	text_put(&listing, attribute->key);
	text_put(&listing, "=");
	if (attribute->type <= ATTRIBUTE_WORDS)
		text_put(&listing, attribute->text);
	else
		text_put_number(&listing, attribute->number);
	text_put(&listing, attribute->type == ATTRIBUTE_SECONDS ? "ns\n" : "\n");
}

static void assert_attributes(const struct exchange *exchange, const char *expected)
{
	text_clear(&listing);
	exchange_visit(exchange, list, NULL);
	assert_string_equal(text_string(&listing), expected);
}

static bool compose_greeting(struct text *text, const struct exchange *exchange)
{
	if (!exchange->target)
		return false;
	text_put(text, "hello, ");
	text_put(text, exchange->target);
	return true;
}

static const struct exchange_attribute rows[] = {
	EXCHANGE_SAME("always", EXCHANGE_BY_BOTH, "same"),
	EXCHANGE_TEXT("operation", EXCHANGE_BY_BOTH, operation),
	EXCHANGE_TEXT_OR_EMPTY("place", EXCHANGE_BY_BOTH, texts[7]),
	EXCHANGE_COMPOSED("greeting", EXCHANGE_BY_BOTH, compose_greeting),
	EXCHANGE_NUMBER("number", EXCHANGE_BY_BOTH, numbers[0]),
	EXCHANGE_COUNT("count", EXCHANGE_BY_BOTH, numbers[0]),
	EXCHANGE_SECONDS("wait", EXCHANGE_BY_BOTH, numbers[7]),
	EXCHANGE_END("local", EXCHANGE_BY_SERVER, local),
	EXCHANGE_END("peer", EXCHANGE_BY_CLIENT, peer),
};

static const struct exchange_protocol protocol = {
	.attributes = rows, .attribute_count = sizeof(rows) / sizeof(rows[0])};

static void test_what_is_not_known_is_left_out_and_what_is_counted_is_not(void **state)
{
	(void)state;
	assert_attributes(&(struct exchange){.protocol = &protocol, .operation = ""},
		"always=same\ncount=0\n");
	assert_attributes(&(struct exchange){.protocol = &protocol, .texts = {[7] = ""}},
		"always=same\nplace=\ncount=0\n");
}

static void test_attributes_come_in_the_order_of_the_table_and_by_role(void **state)
{
	struct exchange exchange = {
		.protocol = &protocol,
		.role = EXCHANGE_CLIENT,
		.operation = "GET",
		.target = "world",
		.local = {"10.0.0.1", 80},
		.peer = {"10.0.0.2", 50000},
		.texts = {[7] = "here"},
		.numbers = {3, [7] = 500},
	};

	(void)state;
	assert_attributes(&exchange, "always=same\noperation=GET\nplace=here\n"
				     "greeting=hello, world\nnumber=3\ncount=3\nwait=500ns\n"
				     "peer.address=10.0.0.2\npeer.port=50000\n");
	exchange.role = EXCHANGE_SERVER;
	assert_attributes(&exchange, "always=same\noperation=GET\nplace=here\n"
				     "greeting=hello, world\nnumber=3\ncount=3\nwait=500ns\n"
				     "local.address=10.0.0.1\nlocal.port=80\n");
}

/* --- identifiers --- */

static void test_identifiers_are_the_same_again_and_others_of_another_exchange(void **state)
{
	const uint64_t identity[EXCHANGE_IDENTITY] = {1, 2, 3, 4}, other[] = {1, 2, 3, 5};
	struct exchange_trace first, second;
	static const uint8_t no_parent[8];

	(void)state;
	exchange_identify(&first, identity);
	exchange_identify(&second, identity);
	assert_memory_equal(&first, &second, sizeof(first));
	assert_memory_equal(first.parent_id, no_parent, sizeof(no_parent));
	assert_int_equal(first.flags, 1);
	exchange_identify(&second, other);
	assert_memory_not_equal(first.trace_id, second.trace_id, sizeof(first.trace_id));
	assert_memory_not_equal(first.span_id, second.span_id, sizeof(first.span_id));
}

/* --- HTTP --- */

static struct record_http request_of(enum http_role role)
{
	static const char line[] = "GET /a HTTP/1.1";
	struct record_http record = {
		.record = {.type = RECORD_HTTP, .time_ns = 5 * SECOND},
		.address = {.local = {[15] = 1}, .remote = {[15] = 1}, .remote_port = 80},
		.role = (__u8)role,
		.status = 200,
		.line_length = sizeof(line) - 1,
		.request_first_ns = SECOND,
		.response_first_ns = 2 * SECOND,
		.response_last_ns = 3 * SECOND,
	};

	memcpy(record.line, line, sizeof(line) - 1);
	return record;
}

static void test_an_error_depends_on_the_side(void **state)
{
	static const struct {
		enum http_role role;
		__u16 status;
		enum http_error end;
		const char *error;
	} cases[] = {
		{HTTP_SERVER, 399, HTTP_OK, NULL},
		{HTTP_SERVER, 404, HTTP_OK, NULL},
		{HTTP_SERVER, 500, HTTP_OK, "500"},
		{HTTP_SERVER, 200, HTTP_CLOSED_BY_PEER, "closed_by_peer"},
		{HTTP_CLIENT, 399, HTTP_OK, NULL},
		{HTTP_CLIENT, 404, HTTP_OK, "404"},
		{HTTP_CLIENT, 503, HTTP_RESET, "connection_reset"},
		{HTTP_CLIENT, 0, HTTP_OK, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct record_http record = request_of(cases[i].role);
		struct http_exchange http;

		record.status = cases[i].status;
		record.error = (__u8)cases[i].end;
		assert_int_equal(http_exchange_read(&http, &record, &shop), 0);
		if (cases[i].error)
			assert_string_equal(http.exchange.error, cases[i].error);
		else
			assert_null(http.exchange.error);
	}
}

static void test_a_request_without_an_end_lasted_until_that_was_known(void **state)
{
	struct record_http record = request_of(HTTP_SERVER);
	struct http_exchange http;

	(void)state;
	assert_int_equal(http_exchange_read(&http, &record, &shop), 0);
	assert_int_equal(http.exchange.duration_ns, 2 * SECOND);
	assert_int_equal(http.exchange.time_to_first_byte_ns, SECOND);
	record.error = HTTP_TIMED_OUT;
	assert_int_equal(http_exchange_read(&http, &record, &shop), 0);
	assert_int_equal(http.exchange.duration_ns, 4 * SECOND);
}

static void test_a_trace_goes_on_from_what_the_head_says(void **state)
{
	struct record_http record = request_of(HTTP_SERVER);
	struct http_exchange http;
	struct exchange_trace root;

	(void)state;
	assert_int_equal(http_exchange_read(&http, &record, &shop), 0);
	exchange_describe(&http.exchange, 7);
	root = http.exchange.trace;
	assert_int_equal(exchange_start_unix_ns(&http.exchange), SECOND + 7);
	assert_int_equal(exchange_end_unix_ns(&http.exchange), 3 * SECOND + 7);

	record.flags |= HTTP_TRACED;
	memcpy(record.line + record.line_length,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", TRACEPARENT_LEN);
	assert_int_equal(http_exchange_read(&http, &record, &shop), 0);
	exchange_describe(&http.exchange, 7);
	assert_int_equal(http.exchange.trace.trace_id[0], 0x4b);
	assert_int_equal(http.exchange.trace.parent_id[1], 0xf0);
	assert_int_equal(http.exchange.trace.flags, 0);
	assert_memory_equal(http.exchange.trace.span_id, root.span_id, sizeof(root.span_id));
}

/* --- DNS --- */

static void test_a_lookup_failed_without_an_answer_or_with_a_code(void **state)
{
	static const struct dns_question question = {.type = DNS_TYPE_A, .name = "a.example"};
	struct dns_message answer = {.code = 3};
	struct dns_lookup lookup = {.question = &question, .end_ns = SECOND};
	struct dns_exchange dns;

	(void)state;
	dns_exchange_read(&dns, &lookup, &shop);
	assert_string_equal(dns.exchange.error, "timeout");
	assert_false(dns.exchange.is_timed);
	lookup.is_unreachable = true;
	dns_exchange_read(&dns, &lookup, &shop);
	assert_string_equal(dns.exchange.error, "unreachable");
	lookup.answer = &answer;
	dns_exchange_read(&dns, &lookup, &shop);
	assert_string_equal(dns.exchange.error, "NXDOMAIN");
	assert_true(dns.exchange.is_timed);
	answer.code = DNS_NOERROR;
	dns_exchange_read(&dns, &lookup, &shop);
	assert_null(dns.exchange.error);
	assert_string_equal(dns.exchange.status, "NOERROR");
	assert_string_equal(dns.exchange.operation, "A");
	assert_string_equal(dns.exchange.target, "a.example");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_not_known_is_left_out_and_what_is_counted_is_not),
		cmocka_unit_test(test_attributes_come_in_the_order_of_the_table_and_by_role),
		cmocka_unit_test(
			test_identifiers_are_the_same_again_and_others_of_another_exchange),
		cmocka_unit_test(test_an_error_depends_on_the_side),
		cmocka_unit_test(test_a_request_without_an_end_lasted_until_that_was_known),
		cmocka_unit_test(test_a_trace_goes_on_from_what_the_head_says),
		cmocka_unit_test(test_a_lookup_failed_without_an_answer_or_with_a_code),
	};

	return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
