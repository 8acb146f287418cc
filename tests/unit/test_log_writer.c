/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines while nobody reads standard error: nothing waits, nothing is lost without a count. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_writer.h"

#define LINES       100000
#define REPORTS_MAX 20
#define LINE_LEN    12 /* "line 000000\n" */
#define TOLD        "log lines were dropped, as nobody read standard error  lines="
#define SECOND      1000000000ULL
#define SILENCE     SECOND /* a thread of a busy machine is silent for some tenths of it */

static int standard_error, reader;

static uint64_t in(uint64_t ns)
{
	return clock_monotonic_ns() + ns;
}

static void begin(const int ends[2])
{
	standard_error = dup(STDERR_FILENO);
	assert_true(standard_error >= 0);
	reader = ends[0];
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	assert_int_equal(log_writer_begin(NULL), 0);
}

static int begin_pipe(void **state)
{
	int ends[2];
	(void)state;

	assert_int_equal(pipe(ends), 0);
	begin(ends);
	return 0;
}

static int begin_socket(void **state)
{
	int ends[2];
	(void)state;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	begin(ends);
	return 0;
}

static int end(void **state)
{
	(void)state;
	log_writer_end(in(SECOND));
	dup2(standard_error, STDERR_FILENO);
	close(standard_error);
	close(reader);
	return 0;
}

static void put_lines(int count)
{
	char line[LINE_LEN + 1];

	for (int i = 0; i < count; i++) {
		snprintf(line, sizeof(line), "line %06d\n", i);
		log_writer_put(line, LINE_LEN);
	}
}

/* All that comes before a silence. */
static char *read_all(size_t *length)
{
	char *text = malloc(1 << 20);
	uint64_t silent_ns = in(SILENCE);

	assert_non_null(text);
	*length = 0;
	assert_int_equal(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	while (clock_monotonic_ns() < silent_ns) {
		ssize_t got = read(reader, text + *length, (1 << 20) - *length - 1);

		if (got > 0) {
			*length += (size_t)got;
			silent_ns = in(SILENCE);
		} else {
			usleep(1000);
		}
	}
	text[*length] = '\0';
	return text;
}

static uint64_t count(const char *text, const char *what)
{
	uint64_t found = 0;

	for (; (text = strstr(text, what)); text += strlen(what))
		found++;
	return found;
}

static void test_lines_come_in_order_and_whole(void **state)
{
	char expected[LINE_LEN + 1];
	size_t length;
	(void)state;

	put_lines(1000);
	char *text = read_all(&length);
	assert_int_equal(length, 1000 * LINE_LEN);
	for (int i = 0; i < 1000; i++) {
		snprintf(expected, sizeof(expected), "line %06d\n", i);
		assert_memory_equal(text + i * LINE_LEN, expected, LINE_LEN);
	}
	free(text);
}

static void test_full_pipe_stops_nobody_and_the_log_says_what_it_cost(void **state)
{
	uint64_t before = log_lines_dropped(), dropped, told = 0;
	size_t length;
	(void)state;

	put_lines(LINES); /* a line that waits would wait for ever: the test's time limit */
	dropped = log_lines_dropped() - before;
	assert_true(dropped > 0);
	char *text = read_all(&length);
	/* a line that says how many were dropped may be dropped as well while lines pour in */
	assert_in_range(count(text, "line 0"), LINES - dropped, LINES - dropped + REPORTS_MAX);
	for (const char *at = text; (at = strstr(at, TOLD)); at += strlen(TOLD))
		told += strtoull(at + strlen(TOLD), NULL, 10);
	assert_int_equal(told, dropped);
	assert_int_equal(log_lines_dropped() - before, dropped);
	free(text);
	put_lines(1); /* and it goes on */
	text = read_all(&length);
	assert_string_equal(text, "line 000000\n");
	free(text);
}

static void test_others_who_share_standard_error_find_it_as_it_was(void **state)
{
	int flags = fcntl(STDERR_FILENO, F_GETFL);
	size_t length;
	(void)state;

	assert_int_equal(flags & O_NONBLOCK, 0);
	put_lines(LINES);
	assert_int_equal(fcntl(STDERR_FILENO, F_GETFL), flags);
	free(read_all(&length));
}

static void test_end_writes_what_waits(void **state)
{
	size_t length;
	(void)state;

	put_lines(2000); /* 24 KB: the pipe has room */
	log_writer_end(in(10 * SECOND));
	char *text = read_all(&length);
	assert_int_equal(count(text, "line 0"), 2000);
	free(text);
	log_writer_put("direct\n", 7); /* after the end a line is written by who logs */
	text = read_all(&length);
	assert_string_equal(text, "direct\n");
	free(text);
}

/* The last of all, as its thread stays where it is. */
static void test_end_gives_up_on_a_pipe_that_nobody_reads(void **state)
{
	uint64_t began;
	(void)state;

	put_lines(LINES);
	began = clock_monotonic_ns();
	log_writer_end(in(3600 * SECOND));
	dup2(standard_error, STDERR_FILENO);
	assert_true(clock_monotonic_ns() - began >= LOG_STALL_NS);
}

static void test_reader_that_has_gone_costs_lines_and_nothing_else(void **state)
{
	uint64_t before = log_lines_dropped(), until = in(20 * SECOND);
	(void)state;

	close(reader);
	put_lines(100);
	while (log_lines_dropped() - before < 100 && clock_monotonic_ns() < until)
		usleep(1000); /* as log_writer_end() waits for no thread that has no turn */
	log_writer_end(in(10 * SECOND));
	assert_int_equal(log_lines_dropped() - before, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_lines_come_in_order_and_whole, begin_pipe, end),
		cmocka_unit_test_setup_teardown(
			test_full_pipe_stops_nobody_and_the_log_says_what_it_cost, begin_pipe, end),
		cmocka_unit_test_setup_teardown(test_end_writes_what_waits, begin_pipe, end),
		cmocka_unit_test_setup_teardown(
			test_reader_that_has_gone_costs_lines_and_nothing_else, begin_socket, end),
		cmocka_unit_test_setup_teardown(
			test_others_who_share_standard_error_find_it_as_it_was, begin_socket, end),
		cmocka_unit_test_setup_teardown(
			test_end_gives_up_on_a_pipe_that_nobody_reads, begin_pipe, NULL),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
