/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What user/export/server/listener.h promises to a scraper when others come in crowds and take
 * their time, or when no file descriptor is left; and what it says to whom it refuses. Over real
 * connections, all from loopback, where nobody's address speaks for them. Time can be skipped.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/limit.h"
#include "export/denial.h"
#include "listener_client.h"
#include "skipped_clock.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define CROWD             (CLIENTS_MAX + 500)

#define SCRAPE "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"

static int crowd_set_up(void **state)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return listener_set_up(state);
}

static void serve_for(struct fixture *fixture, int ms)
{
	struct timespec from, now;
	struct pollfd waiting = {.fd = listener_fd(fixture->listener), .events = POLLIN};

	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		poll(&waiting, 1, 10);
		serve(fixture);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 < ms);
}

/* Each sends what `text` says, with its own number where that has a place, and reads nothing. */
static void assert_is_served_beside(struct fixture *fixture, const char *text)
{
	int *crowd = calloc(CROWD, sizeof(*crowd));
	char line[256];

	for (int i = 0; i < CROWD; i++) {
		crowd[i] = connect_to(fixture);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(line, sizeof(line), text, i);
#pragma GCC diagnostic pop
		send_text(crowd[i], line);
	}
	for (int i = 0; i < 3; i++) {
		struct buffer answer = scrape(fixture, "");

		assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
		assert_holds(body_of(&answer), "refreshed\"} ");
		buffer_free(&answer);
		assert_answer(fixture, "GET /healthz", "HTTP/1.1 200 ", "ok\n");
	}
	for (int i = 0; i < CROWD; i++)
		close(crowd[i]);
	free(crowd);
}

static void test_a_scraper_is_served_beside_a_crowd_that_are_silent(void **state)
{
	const uint64_t without_place = CROWD - CLIENTS_MAX;
	uint64_t limits = limit_count(LIMIT_CLIENTS), denials = denial_count(DENIED_GAVE_WAY);

	assert_is_served_beside(*state, "");
	assert_true(limit_count(LIMIT_CLIENTS) - limits >= without_place);
	assert_true(denial_count(DENIED_GAVE_WAY) - denials >= without_place);
}

static void test_a_scraper_is_served_beside_a_crowd_half_requests(void **state)
{
	assert_is_served_beside(*state, "GET /%d HTTP/1.1\r\nHost: localhost\r\nX: ");
	assert_is_served_beside(*state, "G");
	assert_is_served_beside(
		*state, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n%d");
}

static void test_a_scraper_is_served_beside_a_crowd_that_never_read(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before = denial_count(DENIED_SLOW_READER);

	fill(fixture, 20000);
	assert_is_served_beside(fixture, SCRAPE);
	assert_true(denial_count(DENIED_SLOW_READER) > before);
	assert_is_served_beside(fixture,
		"GET /metrics?%d HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
	assert_is_served_beside(fixture, "GET /path/%d HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

static void test_a_scraper_is_served_beside_a_crowd_that_are_refused_and_stay(void **state)
{
	assert_is_served_beside(*state, "GET /%d HTTP/1.1\r\nHost: evil.example\r\n\r\n");
	assert_is_served_beside(*state, "\x16\x03\x01");
}

/* --- deadlines --- */

static void assert_ends(int fd)
{
	struct pollfd end = {.fd = fd, .events = POLLIN};
	char bytes[4096];
	ssize_t length;

	do {
		assert_int_equal(poll(&end, 1, PATIENCE_MS), 1);
		length = recv(fd, bytes, sizeof(bytes), 0);
	} while (length > 0);
	close(fd);
}

static void test_a_client_that_sends_a_byte_now_and_then_is_told_and_cut_off(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before = denial_count(DENIED_SLOW_HEAD);
	int fd = connect_to(fixture);

	for (int i = 0; i < CLIENTS_HEAD_MS / 1000 + 1; i++) {
		send_text(fd, i ? "T" : "GE");
		usleep(50000); /* for the listener to see the byte before time goes on */
		skip_seconds(1);
	}
	struct buffer answer = receive_all(fixture, fd, IS_STUCK);
	assert_begins(answer.text, "HTTP/1.1 408 ");
	assert_int_equal(denial_count(DENIED_SLOW_HEAD) - before, 1);
	buffer_free(&answer);
}

static void test_a_client_that_says_nothing_is_cut_off(void **state)
{
	int fd = connect_to(*state);

	usleep(50000);
	skip_seconds(CLIENTS_SILENT_MS / 1000 + 1);
	assert_ends(fd);
}

static void test_a_body_that_does_not_come_is_not_waited_for(void **state)
{
	struct fixture *fixture = *state;
	int fd = ask(fixture, "GET /metrics", "Content-Length: 10\r\n");

	send_text(fd, "hello");
	usleep(50000);
	skip_seconds(CLIENTS_TAKE_MS / 1000 + 1);
	assert_ends(fd);
}

static void test_a_client_that_does_not_read_is_cut_off(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before = denial_count(DENIED_SLOW_READER);
	int fd = connect_to(fixture);

	fill(fixture, 40000);
	send_text(fd, SCRAPE);
	serve_for(fixture, 300);
	assert_int_equal(denial_count(DENIED_SLOW_READER), before); /* nobody needs its place */
	skip_seconds(CLIENTS_TAKE_MS / 1000 + 1);
	serve_for(fixture, 300);
	assert_int_equal(denial_count(DENIED_SLOW_READER) - before, 1);
	assert_ends(fd);
}

/* --- descriptors --- */

static rlim_t limit_descriptors(rlim_t most)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	rlim_t before = limit.rlim_cur;
	limit.rlim_cur = most;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return before;
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static void test_without_a_descriptor_it_waits_and_does_not_spin(void **state)
{
	struct fixture *fixture = *state;
	uint64_t limits = limit_count(LIMIT_DESCRIPTORS);
	int fd = dup(0);

	close(fd);
	rlim_t before = limit_descriptors((rlim_t)fd + 1); /* one more, the client's */
	fd = ask(fixture, "GET /healthz", "");
	struct pollfd waiting = {.fd = fd, .events = POLLIN};
	double cpu = cpu_seconds();
	assert_int_equal(poll(&waiting, 1, 1500), 0);
	cpu = cpu_seconds() - cpu;
	limit_descriptors(before);
	struct buffer answer = receive_all(fixture, fd, IS_STUCK);
	assert_begins(answer.text, "HTTP/1.1 200 ");
	buffer_free(&answer);
	assert_true(limit_count(LIMIT_DESCRIPTORS) > limits);
	assert_true(limit_count(LIMIT_DESCRIPTORS) - limits < 20); /* a few times a second */
	assert_true(cpu < 0.5);
}

static void test_with_few_descriptors_who_is_silent_gives_way(void **state)
{
	struct fixture *fixture = *state;
	int clients[20];
	uint64_t limits = limit_count(LIMIT_DESCRIPTORS), gone = ARRAY_SIZE(clients) - 3;

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		clients[i] = socket(AF_INET, SOCK_STREAM, 0);
	int asking = socket(AF_INET, SOCK_STREAM, 0), fd = dup(0);
	close(fd);
	rlim_t before = limit_descriptors((rlim_t)fd + 3); /* for three connections */
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		connect_socket(fixture, clients[i]);
	/* whoever comes after the one that asks could take its place before it has asked */
	for (int i = 0; i < 10000 && limit_count(LIMIT_DESCRIPTORS) - limits < gone; i++)
		usleep(1000);
	assert_true(limit_count(LIMIT_DESCRIPTORS) - limits >= gone);
	connect_socket(fixture, asking);
	send_text(asking, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
	struct buffer answer = receive_all(fixture, asking, IS_STUCK);
	limit_descriptors(before);
	assert_begins(answer.text, "HTTP/1.1 200 ");
	buffer_free(&answer);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		close(clients[i]);
}

/* --- what is refused --- */

/* A refusal is a whole answer, and the connection ends in order. */
static void assert_refused(struct fixture *fixture, const char *request, const char *status,
	const char *text, enum denial denial)
{
	uint64_t before = denial_count(denial);
	int fd = connect_to(fixture);

	send_text(fd, request);
	struct buffer answer = receive_all(fixture, fd, IS_STUCK);
	assert_begins(answer.text, status);
	assert_holds(answer.text, "\r\nX-Content-Type-Options: nosniff\r\n");
	assert_holds(answer.text, "\r\nConnection: close\r\n");
	assert_string_equal(body_of(&answer), text);
	assert_int_equal(
		strtoul(strstr(answer.text, "Content-Length: ") + 16, NULL, 10), strlen(text));
	assert_int_equal(denial_count(denial) - before, 1);
	buffer_free(&answer);
}

static void test_refusals_are_whole_answers_that_are_counted(void **state)
{
	assert_refused(*state, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "HTTP/1.1 403 ",
		"this name in the header Host is not known here; allowed-hosts adds names\n",
		DENIED_HOST);
	assert_refused(*state,
		"GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n\r\n",
		"HTTP/1.1 403 ", "a page of another site asks\n", DENIED_CROSS_SITE);
	assert_refused(*state, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ",
		"the header Host is missing\n", DENIED_MALFORMED);
	assert_refused(*state,
		"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
		"Content-Length: 5\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n",
		"HTTP/1.1 400 ", "Transfer-Encoding comes with Content-Length, or in HTTP/1.0\n",
		DENIED_MALFORMED);
	assert_refused(*state,
		"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n",
		"HTTP/1.1 413 ", "the body is too long\n", DENIED_TOO_LONG);
}

static void test_flows_behind_a_proxy_are_refused_and_metrics_are_not(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before = denial_count(DENIED_NOT_LOCAL);
	struct buffer answer = receive_all(fixture,
		ask(fixture, "GET /connections", "X-Forwarded-For: 127.0.0.1\r\n"), IS_STUCK);

	assert_begins(answer.text, "HTTP/1.1 403 ");
	buffer_free(&answer);
	answer = receive_all(fixture, ask(fixture, "GET /%66lows", "Via: 1.1 a\r\n"), IS_STUCK);
	assert_begins(answer.text, "HTTP/1.1 403 ");
	buffer_free(&answer);
	assert_int_equal(denial_count(DENIED_NOT_LOCAL) - before, 2);
	answer = scrape(fixture, "X-Forwarded-For: 192.0.2.1\r\n");
	assert_begins(answer.text, "HTTP/1.1 200 ");
	buffer_free(&answer);
}

static void test_each_answer_tells_browsers_to_be_careful(void **state)
{
	static const char *const lines[] = {"GET /", "GET /metrics", "GET /flows", "GET /nothing",
		"GET /healthz", "HEAD /metrics", "POST /"};
	static const char *const headers[] = {"\r\nX-Content-Type-Options: nosniff\r\n",
		"\r\nContent-Security-Policy: default-src 'none'; ", "; frame-ancestors 'none'\r\n",
		"\r\nCross-Origin-Resource-Policy: same-origin\r\n",
		"\r\nCache-Control: no-store\r\n", "\r\nReferrer-Policy: no-referrer\r\n"};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct buffer answer = receive_all(*state, ask(*state, lines[i], ""), SERVES);

		for (size_t j = 0; j < ARRAY_SIZE(headers); j++)
			assert_holds(answer.text, headers[j]);
		assert_null(strstr(answer.text, "Access-Control-"));
		buffer_free(&answer);
	}
}

static void test_a_head_as_long_as_may_be_is_answered(void **state)
{
	struct fixture *fixture = *state;
	char headers[REQUEST_HEAD_MAX] = "", line[128];

	for (int i = 0; i < 90; i++) {
		snprintf(line, sizeof(line), "X-A-Header-%d: %070d\r\n", i, i);
		strcat(headers, line);
	}
	struct buffer answer = scrape(fixture, headers);
	assert_begins(answer.text, "HTTP/1.1 200 ");
	buffer_free(&answer);
}

/* --- one refresh for many --- */

static void test_new_scrapes_wait_until_a_refresh_is_due(void **state)
{
	struct fixture *fixture = *state;
	struct scrape_source source = {.metrics = fixture->metrics, .flows = fixture->flows};
	int fd = ask(fixture, "GET /metrics", "");

	await_scrapes(fixture, 1);
	listener_serve(fixture->listener, &source, NULL, NULL);
	struct pollfd waiting = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&waiting, 1, 200), 0);
	serve(fixture);
	struct buffer answer = receive_all(fixture, fd, SERVES);
	assert_holds(answer.text, "refreshed\"} 1\n");
	assert_int_equal(fixture->refreshed, 1);
	buffer_free(&answer);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, crowd_set_up, listener_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_scraper_is_served_beside_a_crowd_that_are_silent),
		TEST(test_a_scraper_is_served_beside_a_crowd_half_requests),
		TEST(test_a_scraper_is_served_beside_a_crowd_that_never_read),
		TEST(test_a_scraper_is_served_beside_a_crowd_that_are_refused_and_stay),
		TEST(test_a_client_that_sends_a_byte_now_and_then_is_told_and_cut_off),
		TEST(test_a_client_that_says_nothing_is_cut_off),
		TEST(test_a_body_that_does_not_come_is_not_waited_for),
		TEST(test_a_client_that_does_not_read_is_cut_off),
		TEST(test_without_a_descriptor_it_waits_and_does_not_spin),
		TEST(test_with_few_descriptors_who_is_silent_gives_way),
		TEST(test_refusals_are_whole_answers_that_are_counted),
		TEST(test_flows_behind_a_proxy_are_refused_and_metrics_are_not),
		TEST(test_each_answer_tells_browsers_to_be_careful),
		TEST(test_a_head_as_long_as_may_be_is_answered),
		TEST(test_new_scrapes_wait_until_a_refresh_is_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
