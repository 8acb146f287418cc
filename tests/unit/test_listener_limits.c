/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What user/export/server/listener.h promises when somebody does not behave: clients that leave,
 * that stay or are too many, a main thread that does not come, and the end. Time can be skipped
 * (skip_seconds), so that what takes a minute is tested at once.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "listener_client.h"
#include "skipped_clock.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static void test_a_client_that_leaves_while_it_waits_disturbs_nobody(void **state)
{
	struct fixture *fixture = *state;

	close(ask(fixture, "GET /metrics", ""));
	struct buffer answer = scrape(fixture, "");
	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	buffer_free(&answer);
}

static void test_a_scrape_fails_when_the_main_thread_does_not_come(void **state)
{
	struct fixture *fixture = *state;
	int fd = ask(fixture, "GET /metrics", "");

	await_scrapes(fixture, 1);
	skip_seconds(LISTENER_WAIT_SECONDS + 1);
	struct buffer answer = receive_all(fixture, fd, IS_STUCK);
	assert_begins(answer.text, "HTTP/1.1 503 ");
	assert_string_equal(body_of(&answer), "the daemon is too busy to answer\n");
	buffer_free(&answer);

	/* When it comes at last, the next one works. */
	answer = scrape(fixture, "");
	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	buffer_free(&answer);
}

static void test_a_scrape_that_is_given_up_half_way_is_not_taken_for_whole(void **state)
{
	struct fixture *fixture = *state;

	fill(fixture, 40000);
	int fd = ask(fixture, "GET /metrics", "");

	for (int pieces = 0; pieces < 2; pieces++) {
		await_scrapes(fixture, 1);
		serve(fixture);
	}
	await_scrapes(fixture, 1);
	skip_seconds(LISTENER_WAIT_SECONDS + 1);
	struct buffer answer = receive_all(fixture, fd, IS_STUCK);
	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	assert_true(answer.length > 50000);
	assert_null(strstr(answer.text, "\r\n0\r\n")); /* the last chunk */
	buffer_free(&answer);
}

static void test_on_stop_a_scrape_that_was_begun_is_finished(void **state)
{
	struct fixture *fixture = *state;
	char *expected, *answer = calloc(1, 1 << 20);
	struct buffer text = {.text = answer};
	ssize_t length;

	fill(fixture, 2000); /* several pieces, and yet the socket takes it all */
	int fd = ask(fixture, "GET /metrics", "");
	await_scrapes(fixture, 1);
	serve(fixture);
	await_scrapes(fixture, 1);
	expected = rendered(fixture, EXPOSITION_TEXT);
	listener_stop(fixture->listener);
	fixture->listener = NULL;

	while ((length = recv(fd, answer + text.length, (1 << 20) - 1 - text.length, 0)) > 0)
		text.length += (size_t)length;
	join_chunks(&text);
	assert_true(text.length > 3 * 32768);
	assert_true(strcmp(body_of(&text), expected) == 0);
	free(expected);
	free(answer);
	close(fd);
}

static void test_on_stop_a_waiting_scrape_is_told(void **state)
{
	struct fixture *fixture = *state;
	int fd = ask(fixture, "GET /metrics", "");
	char answer[1024] = "";

	await_scrapes(fixture, 1);
	listener_stop(fixture->listener);
	fixture->listener = NULL;
	assert_true(recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL) > 0);
	assert_begins(answer, "HTTP/1.1 503 ");
	assert_holds(answer, "\r\n\r\nstopping\n");
	close(fd);
}

static void test_only_so_many_pages_of_flows_are_made_at_a_time(void **state)
{
	struct fixture *fixture = *state;
	struct buffer answer;
	int fds[LISTENER_FLOW_PAGES_MAX];

	for (int i = 0; i < LISTENER_FLOW_PAGES_MAX; i++)
		fds[i] = ask(fixture, "GET /connections", "");
	await_scrapes(fixture, LISTENER_FLOW_PAGES_MAX);
	assert_answer(
		fixture, "GET /flows", "HTTP/1.1 503 ", "too many others ask for this page\n");
	answer = scrape(fixture, ""); /* which does not count */
	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	buffer_free(&answer);
	for (int i = 0; i < LISTENER_FLOW_PAGES_MAX; i++) {
		answer = receive_all(fixture, fds[i], SERVES);
		assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
		buffer_free(&answer);
	}
	answer = receive_all(fixture, ask(fixture, "GET /flows", ""), SERVES);
	assert_begins(answer.text, "HTTP/1.1 200 OK\r\n");
	buffer_free(&answer);
}

static void test_a_head_that_is_too_long_is_refused(void **state)
{
	struct fixture *fixture = *state;
	char header[40000] = "X-Long: ";

	memset(header + strlen(header), 'x', sizeof(header) - 16);
	strcpy(header + sizeof(header) - 3, "\r\n");
	struct buffer answer = receive_all(fixture, ask(fixture, "GET /healthz", header), SERVES);
	if (answer.length) /* or the connection was reset before it could be read */
		assert_begins(answer.text, "HTTP/1.1 4");
	buffer_free(&answer);
	assert_answer(fixture, "GET /healthz", "HTTP/1.1 200 ", "ok\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LISTENER_TEST(test_a_client_that_leaves_while_it_waits_disturbs_nobody),
		LISTENER_TEST(test_a_scrape_fails_when_the_main_thread_does_not_come),
		LISTENER_TEST(test_a_scrape_that_is_given_up_half_way_is_not_taken_for_whole),
		LISTENER_TEST(test_on_stop_a_scrape_that_was_begun_is_finished),
		LISTENER_TEST(test_on_stop_a_waiting_scrape_is_told),
		LISTENER_TEST(test_only_so_many_pages_of_flows_are_made_at_a_time),
		LISTENER_TEST(test_a_head_that_is_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
