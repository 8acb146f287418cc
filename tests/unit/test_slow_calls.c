/* SPDX-License-Identifier: Apache-2.0 */
/* The log of slow system calls: one line a minute for each service and call. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "telemetry/syscall/slow_calls.h"

#define SECOND UINT64_C(1000000000)

static struct slow_calls *calls;
static int standard_error, capture;

static int begin(void **state)
{
	(void)state;
	log_configure(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	standard_error = dup(STDERR_FILENO);
	capture = memfd_create("log", MFD_CLOEXEC);
	dup2(capture, STDERR_FILENO);
	calls = slow_calls_new();
	return calls ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	slow_calls_free(calls);
	dup2(standard_error, STDERR_FILENO);
	close(standard_error);
	close(capture);
	return 0;
}

/* What was logged since the last look, without the times. */
static const char *logged(void)
{
	static char text[1 << 17], lines[1 << 17];
	ssize_t length = pread(capture, text, sizeof(text) - 1, 0);
	char *at = lines;

	assert_true(length >= 0);
	text[length] = '\0';
	lines[0] = '\0';
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		at += sprintf(at, "%s\n", strstr(line, "\"message\""));
	assert_int_equal(ftruncate(capture, 0), 0);
	assert_int_equal(lseek(capture, 0, SEEK_SET), 0);
	return lines;
}

static void take(const char *service, const char *syscall, uint32_t pid, uint64_t time_ns,
	uint64_t duration_ns)
{
	struct record_slow_syscall record = {
		.record = {.type = RECORD_SLOW_SYSCALL, .time_ns = time_ns},
		.tgid = pid,
		.tid = pid + 1,
		.result = 4096,
		.duration_ns = duration_ns,
		.comm = "worker",
	};

	slow_calls_take(calls, &record, service, syscall);
}

#define LINE(service, syscall, count, worst, pid, tid)                                             \
	"\"message\":\"slow system calls\",\"service_name\":\"" service                            \
	"\",\"syscall\":\"" syscall "\",\"count\":" count ",\"worst_seconds\":" worst              \
	",\"pid\":" pid ",\"tid\":" tid ",\"command\":\"worker\",\"result\":4096}\n"

static void test_a_minute_of_slow_calls_is_one_line(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 59; i++) {
		take("shop", "fsync", 100 + i, (10 + i) * SECOND,
			i == 17 ? SECOND * 3 / 2 : SECOND / 2);
		slow_calls_tick(calls, (10 + i) * SECOND);
	}
	assert_string_equal(logged(), "");
	slow_calls_tick(calls, 70 * SECOND);
	assert_string_equal(logged(), LINE("shop", "fsync", "59", "1.5", "117", "118"));
	slow_calls_tick(calls, 200 * SECOND);
	assert_string_equal(logged(), "");
	take("shop", "fsync", 7, 201 * SECOND, SECOND / 2);
	slow_calls_tick(calls, 261 * SECOND);
	assert_string_equal(logged(), LINE("shop", "fsync", "1", "0.5", "7", "8"));
}

static void test_each_service_and_call_has_its_own_line(void **state)
{
	(void)state;
	take("shop", "read", 1, SECOND, SECOND / 2);
	take("shop", "fsync", 2, 2 * SECOND, SECOND / 2);
	take("bank", "read", 3, 3 * SECOND, SECOND / 2);
	take("shop", "read", 4, 4 * SECOND, SECOND / 4);
	slow_calls_tick(calls, 61 * SECOND);
	assert_string_equal(logged(), LINE("shop", "read", "2", "0.5", "1", "2"));
	slow_calls_tick(calls, 62 * SECOND);
	assert_string_equal(logged(), LINE("shop", "fsync", "1", "0.5", "2", "3"));
	slow_calls_tick(calls, 63 * SECOND);
	assert_string_equal(logged(), LINE("bank", "read", "1", "0.5", "3", "4"));
}

/* As the log would leave out more. None is lost, and what waits goes on counting. */
static void test_lines_that_are_due_are_written_one_a_second(void **state)
{
	(void)state;
	take("a", "read", 1, SECOND, SECOND / 2);
	take("b", "read", 1, SECOND, SECOND / 2);
	take("c", "read", 1, SECOND, SECOND / 2);
	slow_calls_tick(calls, 61 * SECOND);
	slow_calls_tick(calls, 61 * SECOND + SECOND / 2);
	assert_string_equal(logged(), LINE("a", "read", "1", "0.5", "1", "2"));
	take("c", "read", 1, 62 * SECOND, SECOND / 2);
	slow_calls_tick(calls, 62 * SECOND);
	assert_string_equal(logged(), LINE("b", "read", "1", "0.5", "1", "2"));
	slow_calls_tick(calls, 63 * SECOND);
	assert_string_equal(logged(), LINE("c", "read", "2", "0.5", "1", "2"));
}

/* Services without end: the oldest line is written when there is no room. */
static void test_there_is_room_for_so_many_lines(void **state)
{
	char service[16];

	(void)state;
	for (int i = 0; i < SLOW_CALLS_MAX; i++) {
		snprintf(service, sizeof(service), "job-%d", i);
		take(service, "read", 1, SECOND, SECOND / 2);
	}
	assert_string_equal(logged(), "");
	take("one-more", "read", 1, SECOND, SECOND / 2);
	assert_string_equal(logged(), LINE("job-0", "read", "1", "0.5", "1", "2"));
	take("job-255", "read", 1, SECOND, SECOND / 2);
	assert_string_equal(logged(), "");
}

static void test_what_is_left_is_written_at_the_end(void **state)
{
	(void)state;
	take("late", "read", 1, SECOND, SECOND / 2);
	slow_calls_free(calls);
	calls = slow_calls_new();
	assert_non_null(calls);
	assert_non_null(strstr(logged(), "late"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_minute_of_slow_calls_is_one_line),
		TEST(test_each_service_and_call_has_its_own_line),
		TEST(test_lines_that_are_due_are_written_one_a_second),
		TEST(test_what_is_left_is_written_at_the_end),
		TEST(test_there_is_room_for_so_many_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
