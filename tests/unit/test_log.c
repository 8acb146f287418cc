/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: both formats to the byte, any bytes in a value, the rate limit, several threads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

/* 2026-03-09 12:34:56.789 UTC, while `frozen`; else the machine's own clock. */
static bool frozen;
static long monotonic_seconds;

/* Stands before the C library's: ten seconds pass when a test says so. */
int clock_gettime(clockid_t clock, struct timespec *time)
{
	if (!frozen)
		return (int)syscall(SYS_clock_gettime, clock, time);
	time->tv_sec = clock == CLOCK_REALTIME ? 1773059696 : monotonic_seconds;
	time->tv_nsec = 789123456;
	return 0;
}

static char logged[65536];
static int standard_error, capture;

static int begin_capture(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	frozen = true;
	monotonic_seconds += 1000; /* past every window of the test before */
	fflush(stderr);
	standard_error = dup(STDERR_FILENO);
	capture = memfd_create("log", MFD_CLOEXEC);
	assert_true(standard_error >= 0 && capture >= 0);
	/* Else writes of two threads may meet at one place: a memfd does not lock its position. */
	assert_int_equal(fcntl(capture, F_SETFL, O_APPEND), 0);
	return dup2(capture, STDERR_FILENO) < 0;
}

static int end_capture(void **state)
{
	(void)state;
	dup2(standard_error, STDERR_FILENO);
	close(standard_error);
	close(capture);
	frozen = false;
	return 0;
}

/* What was logged since it was last asked for. */
static const char *take_logged(void)
{
	off_t length = lseek(capture, 0, SEEK_END);

	assert_in_range(length, 0, sizeof(logged) - 1);
	assert_int_equal(pread(capture, logged, (size_t)length, 0), length);
	logged[length] = '\0';
	assert_int_equal(ftruncate(capture, 0), 0);
	return logged;
}

static size_t count_lines(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

static void test_text_line_has_time_level_message_and_fields(void **state)
{
	(void)state;
	log_configure(LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	log_warn("export failed", log_str("endpoint", "http://127.0.0.1:4318"),
		log_int("status", 503), log_real("after", 1.5), log_str("why", "no answer"));
	assert_string_equal(take_logged(),
		"12:34:56.789 warn  export failed  endpoint=http://127.0.0.1:4318 status=503 "
		"after=1.5 why=\"no answer\"\n");
}

static void test_text_line_without_fields_ends_with_its_message(void **state)
{
	(void)state;
	log_configure(LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	log_error("one");
	log_debug("two");
	assert_string_equal(take_logged(), "12:34:56.789 error one\n12:34:56.789 debug two\n");
}

static void test_text_values_are_quoted_where_they_would_mislead(void **state)
{
	(void)state;
	log_configure(LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	log_info("m", log_str("a", ""), log_str("b", NULL), log_str("c", "x=y"),
		log_str("d", "say \"hi\""), log_str("e", "\033[31m\n"), log_str("f", "a\\b"));
	assert_string_equal(take_logged(),
		"12:34:56.789 info  m  a=\"\" b=\"\" c=\"x=y\" d=\"say \\\"hi\\\"\" "
		"e=\"\\u001b[31m\\n\" f=\"a\\\\b\"\n");
}

static void test_json_line_is_one_object(void **state)
{
	(void)state;
	log_configure(LOG_FORMAT_JSON, LOG_LEVEL_DEBUG);
	log_info("started", log_str("listen", "127.0.0.1:9760"), log_int("least", INT64_MIN),
		log_real("ratio", 0.25), log_real("none", (double)NAN));
	assert_string_equal(take_logged(),
		"{\"timestamp\":\"2026-03-09T12:34:56.789Z\",\"level\":\"info\","
		"\"message\":\"started\",\"listen\":\"127.0.0.1:9760\","
		"\"least\":-9223372036854775808,\"ratio\":0.25,\"none\":null}\n");
}

static void assert_json_value(const char *value, const char *escaped)
{
	char expected[256];

	/* Each under a message of its own would cost rate limit; time heals that. */
	monotonic_seconds += LOG_WINDOW_SECONDS;
	log_info("value", log_str("v", value));
	snprintf(expected, sizeof(expected),
		"{\"timestamp\":\"2026-03-09T12:34:56.789Z\",\"level\":\"info\","
		"\"message\":\"value\",\"v\":\"%s\"}\n",
		escaped);
	assert_string_equal(take_logged(), expected);
}

static void test_json_escapes_quotes_backslashes_and_control_characters(void **state)
{
	(void)state;
	log_configure(LOG_FORMAT_JSON, LOG_LEVEL_DEBUG);
	assert_json_value("\"\\/", "\\\"\\\\/");
	assert_json_value("\n\t\r\x01\x1f\x7f", "\\n\\u0009\\u000d\\u0001\\u001f\\u007f");
	assert_json_value("\xc2\x9b", "\\u009b"); /* a control sequence to a terminal */
}

static void test_json_keeps_valid_utf8_and_replaces_the_rest(void **state)
{
	(void)state;
	log_configure(LOG_FORMAT_JSON, LOG_LEVEL_DEBUG);
	assert_json_value("käse €  😀", "käse €  😀");
	assert_json_value("a\xffz", "a\xef\xbf\xbdz");
	assert_json_value("cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd");
	assert_json_value("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"); /* longer than need be */
	assert_json_value("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* surrogate */
}

static void test_lines_below_the_level_are_left_out(void **state)
{
	(void)state;
	log_configure(LOG_FORMAT_TEXT, LOG_LEVEL_WARN);
	log_debug("debug");
	log_info("info");
	log_warn("warn");
	log_error("error");
	assert_string_equal(take_logged(), "12:34:56.789 warn  warn\n12:34:56.789 error error\n");
}

static void test_message_is_let_through_a_burst_of_times_then_counted(void **state)
{
	(void)state;
	log_configure(LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	for (int i = 0; i < LOG_BURST + 7; i++)
		log_warn("often", log_int("i", i));
	assert_int_equal(count_lines(take_logged()), LOG_BURST);

	log_warn("seldom");
	assert_int_equal(count_lines(take_logged()), 1);

	monotonic_seconds += LOG_WINDOW_SECONDS - 1;
	log_warn("often");
	assert_string_equal(take_logged(), "");

	monotonic_seconds += 1;
	log_warn("often", log_int("i", 1));
	log_warn("often");
	assert_string_equal(take_logged(),
		"12:34:56.789 warn  often  i=1 left_out=8\n12:34:56.789 warn  often\n");
}

static void test_json_tells_what_was_left_out(void **state)
{
	(void)state;
	log_configure(LOG_FORMAT_JSON, LOG_LEVEL_DEBUG);
	for (int i = 0; i < LOG_BURST + 1; i++)
		log_warn("again");
	take_logged();
	monotonic_seconds += LOG_WINDOW_SECONDS;
	log_warn("again");
	assert_non_null(strstr(take_logged(), "\"message\":\"again\",\"left_out\":1}\n"));
}

static void test_same_text_at_another_address_is_the_same_message(void **state)
{
	static const char one[] = "twin", other[] = "twin";

	(void)state;
	log_configure(LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	for (int i = 0; i < LOG_BURST; i++)
		log_warn(i % 2 ? one : other);
	take_logged();
	log_warn(one);
	log_warn(other);
	assert_string_equal(take_logged(), "");
}

static void test_long_value_is_cut_between_characters_and_its_neighbours_stay(void **state)
{
	char value[8000];

	(void)state;
	log_configure(LOG_FORMAT_JSON, LOG_LEVEL_DEBUG);
	for (size_t i = 0; i + 3 < sizeof(value); i += 3)
		memcpy(value + i, "€", 4);
	log_info("long", log_str("v", value), log_int("after", 7));

	const char *line = take_logged();
	assert_true(strlen(line) <= 4096);
	assert_non_null(strstr(line, "€€…\",\"after\":7}\n"));
	assert_null(strstr(line, "\xef\xbf\xbd"));
}

static void test_line_never_exceeds_what_a_pipe_takes_at_once(void **state)
{
	char value[1100];

	(void)state;
	for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
		log_configure((enum log_format)format, LOG_LEVEL_DEBUG);
		memset(value, 'x', sizeof(value));
		/* Every length once, so that the end of the line falls everywhere in a field. */
		for (size_t length = 0; length < sizeof(value); length++) {
			value[length] = '\0';
			monotonic_seconds += LOG_WINDOW_SECONDS;
			log_info("full", log_str("a", value), log_str("b", value),
				log_str("c", value), log_str("d", value), log_str("e", value),
				log_int("f", INT64_MIN));
			value[length] = '\x01';

			const char *line = take_logged();
			assert_in_range(strlen(line), 1, 4096);
			assert_int_equal(count_lines(line), 1);
			assert_int_equal(line[strlen(line) - 1], '\n');
			if (format == LOG_FORMAT_JSON)
				assert_int_equal(line[strlen(line) - 2], '}');
		}
	}
}

static void *log_many(void *argument)
{
	static const char *const messages[] = {"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"};

	(void)argument;
	for (int i = 0; i < 1000; i++)
		log_info(messages[i % 8], log_str("v", "0123456789 0123456789"));
	return NULL;
}

static void test_threads_share_the_limit_and_never_mix_their_lines(void **state)
{
	pthread_t threads[4];
	size_t lines = 0;

	(void)state;
	log_configure(LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_many, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);

	take_logged();
	for (char *line = strtok(logged, "\n"); line; line = strtok(NULL, "\n"), lines++) {
		assert_int_equal(strncmp(line, "12:34:56.789 info  m", 20), 0);
		assert_string_equal(line + 21, "  v=\"0123456789 0123456789\"");
	}
	assert_int_equal(lines, 8 * LOG_BURST);
}

static void test_more_messages_than_places_are_still_limited(void **state)
{
	static char messages[300][32];
	size_t lines = 0;

	(void)state;
	log_configure(LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	for (int i = 0; i < 300; i++) {
		snprintf(messages[i], sizeof(messages[i]), "message %d", i);
		log_info(messages[i]);
	}
	lines = count_lines(take_logged());
	assert_in_range(lines, 100, 200);

	/* All that have no place of their own share one, which counts them. */
	monotonic_seconds += LOG_WINDOW_SECONDS;
	log_info(messages[299]);
	char expected[64];
	snprintf(expected, sizeof(expected), "12:34:56.789 info  message 299  left_out=%zu\n",
		300 - lines);
	assert_string_equal(take_logged(), expected);
}

static void test_errno_survives_logging(void **state)
{
	(void)state;
	log_configure(LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	close(STDERR_FILENO);
	errno = ENOENT;
	log_info("to nobody");
	assert_int_equal(errno, ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_capture, end_capture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_text_line_has_time_level_message_and_fields),
		TEST(test_text_line_without_fields_ends_with_its_message),
		TEST(test_text_values_are_quoted_where_they_would_mislead),
		TEST(test_json_line_is_one_object),
		TEST(test_json_escapes_quotes_backslashes_and_control_characters),
		TEST(test_json_keeps_valid_utf8_and_replaces_the_rest),
		TEST(test_lines_below_the_level_are_left_out),
		TEST(test_message_is_let_through_a_burst_of_times_then_counted),
		TEST(test_json_tells_what_was_left_out),
		TEST(test_same_text_at_another_address_is_the_same_message),
		TEST(test_long_value_is_cut_between_characters_and_its_neighbours_stay),
		TEST(test_line_never_exceeds_what_a_pipe_takes_at_once),
		TEST(test_threads_share_the_limit_and_never_mix_their_lines),
		TEST(test_errno_survives_logging),
		/* Last: it uses up the places. */
		TEST(test_more_messages_than_places_are_still_limited),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
