/* SPDX-License-Identifier: Apache-2.0 */
/* What user/export/server/listener.h promises to clients that behave. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "listener_client.h"

/* --- scrapes --- */

static void test_a_scrape_is_the_registry_as_text_after_a_refresh(void **state)
{
	struct fixture *fixture = *state;
	struct buffer answer = scrape(fixture, "");

	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	assert_holds(answer.text, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	assert_string_equal(body_of(&answer), "# HELP requests_total Requests.\n"
					      "# TYPE requests_total counter\n"
					      "requests_total{service_name=\"refreshed\"} 1\n");
	assert_int_equal(fixture->refreshed, 1);
	buffer_free(&answer);
}

static void test_openmetrics_comes_to_whom_asks_for_it(void **state)
{
	struct buffer answer = scrape(*state, OPENMETRICS_ACCEPT);

	assert_holds(answer.text, "\r\nContent-Type: application/openmetrics-text; version=1.0.0; "
				  "charset=utf-8\r\n");
	assert_holds(answer.text, "\r\nVary: Accept, Accept-Encoding\r\n");
	assert_string_equal(body_of(&answer), "# HELP requests Requests.\n"
					      "# TYPE requests counter\n"
					      "requests_total{service_name=\"refreshed\"} 1\n"
					      "# EOF\n");
	buffer_free(&answer);
}

static char *gunzip(const char *from, size_t length, size_t size)
{
	char *text = malloc(size + 1);
	z_stream stream = {.next_in = (Bytef *)(uintptr_t)from,
		.avail_in = (uInt)length,
		.next_out = (Bytef *)text,
		.avail_out = (uInt)size};

	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.avail_in, 0);
	text[stream.total_out] = '\0';
	inflateEnd(&stream);
	return text;
}

static void test_gzip_holds_the_same_text(void **state)
{
	struct fixture *fixture = *state;
	struct buffer answer = scrape(fixture, "Accept-Encoding: gzip\r\n");
	size_t head = (size_t)(body_of(&answer) - answer.text);
	char *expected = rendered(fixture, EXPOSITION_TEXT);
	char *text = gunzip(answer.text + head, answer.length - head, strlen(expected));

	assert_holds(answer.text, "\r\nContent-Encoding: gzip\r\n");
	assert_string_equal(text, expected);
	free(text);
	free(expected);
	buffer_free(&answer);
}

static void test_protobuf_comes_to_whom_prefers_it_plain_and_gzipped(void **state)
{
	struct fixture *fixture = *state;

	fill(fixture, 5000); /* of one family, so that there are pieces with nothing in them */
	struct buffer plain = scrape(fixture, PROTOBUF_ACCEPT);
	size_t head = (size_t)(body_of(&plain) - plain.text);
	struct buffer expected = rendered_bytes(fixture, EXPOSITION_PROTOBUF);
	assert_holds(plain.text, "\r\nContent-Type: application/vnd.google.protobuf; "
				 "proto=io.prometheus.client.MetricFamily; encoding=delimited\r\n");
	assert_int_equal(plain.length - head, expected.length);
	assert_memory_equal(plain.text + head, expected.text, expected.length);
	buffer_free(&plain);
	buffer_free(&expected);

	struct buffer gzipped = scrape(fixture, "Accept-Encoding: gzip\r\n" PROTOBUF_ACCEPT);
	head = (size_t)(body_of(&gzipped) - gzipped.text);
	expected = rendered_bytes(fixture, EXPOSITION_PROTOBUF);
	char *bytes = gunzip(gzipped.text + head, gzipped.length - head, expected.length);
	assert_memory_equal(bytes, expected.text, expected.length);
	free(bytes);
	buffer_free(&gzipped);
	buffer_free(&expected);
}

static void test_megabytes_arrive_whole_plain_and_gzipped(void **state)
{
	struct fixture *fixture = *state;

	fill(fixture, 40000);
	struct buffer plain = scrape(fixture, OPENMETRICS_ACCEPT);
	char *expected = rendered(fixture, EXPOSITION_OPENMETRICS);
	assert_true(strlen(expected) > 2000000);
	assert_true(strcmp(body_of(&plain), expected) == 0);
	free(expected);

	struct buffer gzipped = scrape(fixture, "Accept-Encoding: gzip\r\n" OPENMETRICS_ACCEPT);
	size_t head = (size_t)(body_of(&gzipped) - gzipped.text);
	expected = rendered(fixture, EXPOSITION_OPENMETRICS);
	char *text = gunzip(gzipped.text + head, gzipped.length - head, strlen(expected));
	assert_true(gzipped.length < plain.length / 5);
	assert_true(strcmp(text, expected) == 0);
	assert_int_equal(fixture->refreshed, 2);
	free(text);
	free(expected);
	buffer_free(&plain);
	buffer_free(&gzipped);
}

static void test_a_client_of_http_1_0_gets_the_text_without_chunks(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_to(fixture);

	fill(fixture, 2000);
	send_text(fd, "GET /metrics HTTP/1.0\r\n\r\n");
	struct buffer answer = receive_all(fixture, fd, SERVES);
	char *expected = rendered(fixture, EXPOSITION_TEXT);
	assert_true(strcmp(body_of(&answer), expected) == 0);
	free(expected);
	buffer_free(&answer);
}

static void test_scrapes_that_wait_together_are_answered_after_one_refresh(void **state)
{
	struct fixture *fixture = *state;
	int plain = ask(fixture, "GET /metrics", "");
	int other = ask(fixture, "GET /metrics", OPENMETRICS_ACCEPT);

	await_scrapes(fixture, 2);
	struct buffer first = receive_all(fixture, plain, SERVES);
	struct buffer second = receive_all(fixture, other, SERVES);
	join_chunks(&first);
	join_chunks(&second);
	assert_holds(first.text, "refreshed\"} 1\n");
	assert_holds(second.text, "refreshed\"} 1\n# EOF\n");
	assert_int_equal(fixture->refreshed, 1);
	buffer_free(&first);
	buffer_free(&second);
}

static void test_a_connection_is_for_one_request(void **state)
{
	struct fixture *fixture = *state;
	int fd = connect_to(fixture);

	send_text(fd, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
		      "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
	struct buffer answer = receive_all(fixture, fd, SERVES);
	assert_holds(answer.text, "\r\nConnection: close\r\n");
	assert_holds(answer.text, "refreshed\"} 1\n");
	assert_null(strstr(strstr(answer.text, "HTTP/1.1 ") + 1, "HTTP/1.1 "));
	assert_int_equal(fixture->refreshed, 1);
	buffer_free(&answer);
}

static void test_head_is_answered_like_get_without_a_body(void **state)
{
	struct buffer answer = receive_all(*state, ask(*state, "HEAD /metrics", ""), SERVES);

	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	assert_holds(answer.text, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	assert_null(strstr(answer.text, "\r\nContent-Length: "));
	assert_string_equal(body_of(&answer), "");
	buffer_free(&answer);
}

/* --- pages of flows --- */

static void test_flows_are_served_to_loopback_clients(void **state)
{
	struct buffer answer = receive_all(*state, ask(*state, "GET /flows?by=peer", ""), SERVES);

	join_chunks(&answer);
	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	assert_holds(answer.text, "\r\nContent-Type: text/plain; charset=utf-8\r\n");
	assert_begins(body_of(&answer), "0 connections\nPEER ");
	buffer_free(&answer);
	answer = receive_all(*state, ask(*state, "GET /connections", ""), SERVES);
	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	assert_holds(answer.text, "\r\nContent-Type: application/x-ndjson\r\n");
	buffer_free(&answer);
}

static void test_a_wrong_parameter_of_flows_is_refused(void **state)
{
	assert_answer(*state, "GET /flows?by=port", "HTTP/1.1 400 ",
		"by is one of service, peer, process, namespace, owner, pod\n");
	assert_answer(*state, "GET /connections?limit", "HTTP/1.1 400 ",
		"limit is a number up to 1000000\n");
}

/* --- other pages --- */

static void test_the_landing_page_has_the_version_and_links(void **state)
{
	struct buffer answer = receive_all(*state, ask(*state, "GET /", ""), SERVES);

	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	assert_holds(answer.text, "\r\nContent-Type: text/html; charset=utf-8\r\n");
	assert_holds(answer.text, "<h1>Sonde 1.2.3</h1>");
	assert_holds(answer.text, "<a href=\"/metrics\">");
	assert_holds(answer.text, "</html>\n");
	buffer_free(&answer);
}

static void test_readiness_and_health_are_what_they_were_set_to(void **state)
{
	struct fixture *fixture = *state;

	assert_answer(fixture, "GET /readyz", "HTTP/1.1 503 ", "starting\n");
	assert_answer(fixture, "GET /healthz", "HTTP/1.1 200 ", "ok\n");
	listener_set_ready(fixture->listener, true, "");
	listener_set_healthy(fixture->listener, false, "the kernel is gone");
	assert_answer(fixture, "GET /readyz", "HTTP/1.1 200 ", "ok\n");
	assert_answer(fixture, "GET /healthz", "HTTP/1.1 503 ", "the kernel is gone\n");
}

static void test_an_unknown_path_is_not_found(void **state)
{
	assert_answer(
		*state, "GET /metrics/", "HTTP/1.1 404 ", "not found; / says what there is\n");
}

static void test_only_get_and_head_are_allowed(void **state)
{
	struct buffer answer = receive_all(
		*state, ask(*state, "POST /metrics", "Content-Length: 5\r\n\r\nhello"), SERVES);

	assert_begins(answer.text, "HTTP/1.1 405 ");
	assert_holds(answer.text, "\r\nAllow: GET, HEAD\r\n");
	buffer_free(&answer);
}

static void test_a_body_that_comes_with_a_get_is_ignored(void **state)
{
	struct fixture *fixture = *state;
	int fd = ask(fixture, "GET /healthz", "Content-Length: 5\r\n");

	send_text(fd, "hello");
	struct buffer answer = receive_all(fixture, fd, SERVES);
	assert_begins(answer.text, "HTTP/1.1 200 ");
	buffer_free(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTENER_TEST(test_a_scrape_is_the_registry_as_text_after_a_refresh),
		LISTENER_TEST(test_openmetrics_comes_to_whom_asks_for_it),
		LISTENER_TEST(test_gzip_holds_the_same_text),
		LISTENER_TEST(test_protobuf_comes_to_whom_prefers_it_plain_and_gzipped),
		LISTENER_TEST(test_megabytes_arrive_whole_plain_and_gzipped),
		LISTENER_TEST(test_a_client_of_http_1_0_gets_the_text_without_chunks),
		LISTENER_TEST(test_scrapes_that_wait_together_are_answered_after_one_refresh),
		LISTENER_TEST(test_a_connection_is_for_one_request),
		LISTENER_TEST(test_head_is_answered_like_get_without_a_body),
		LISTENER_TEST(test_flows_are_served_to_loopback_clients),
		LISTENER_TEST(test_a_wrong_parameter_of_flows_is_refused),
		LISTENER_TEST(test_the_landing_page_has_the_version_and_links),
		LISTENER_TEST(test_readiness_and_health_are_what_they_were_set_to),
		LISTENER_TEST(test_an_unknown_path_is_not_found),
		LISTENER_TEST(test_only_get_and_head_are_allowed),
		LISTENER_TEST(test_a_body_that_comes_with_a_get_is_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
