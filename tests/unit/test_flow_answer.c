/* SPDX-License-Identifier: Apache-2.0 */
/* What `sonde flows` and `sonde connections` take for Sonde's answer
 * (user/export/flows/flow_answer.h).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "export/flows/flow_answer.h"
#include "export/flows/flow_json.h"
#include "flow_sample.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static bool is_text(const char *line)
{
	return flow_answer_line_is_text(line, strlen(line));
}

static bool is_json(const char *line)
{
	return flow_answer_line_is_json(line, strlen(line));
}

static void test_lines_for_people_hold_nothing_that_a_terminal_obeys(void **state)
{
	(void)state;
	static const char *const bad[] = {"\x1b[2J", "a\rb", "a\tb", "\x7f",
		"\xc2\x9b"
		"31m",
		"\xe2\x80\xae"
		"txt.exe",
		"a\xe2\x80\x8b"
		"b",
		"\xef\xbb\xbf", "\xe2\x80\xa8", "\xee\x80\x80", "\xff", "\xc3", "\xed\xa0\x80",
		"\xf3\xa0\x81\x81", "a\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81"};

	assert_true(is_text(""));
	assert_true(is_text("PEER    CONNS  caf\xc3\xa9  \xe2\x80\xa6  \xe4\xb8\xad"));
	assert_true(is_text("a\xcc\x81\xcc\x81\xcc\x81\xcc\x81"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (is_text(bad[i]))
			fail_msg("number %zu is taken", i);
	assert_false(flow_answer_line_is_text("a\0b", 3));
}

static void test_what_sonde_says_of_a_flow_is_json_for_it(void **state)
{
	struct flow_sample sample;
	struct buffer line = {0};
	(void)state;

	flow_sample_make(&sample);
	strcpy(sample.flow.comm, "\x1b\"\\\xe2\x80\xae\xff"
				 "a");
	flow_json_append(&line, &sample.view);
	assert_int_equal(line.text[line.length - 1], '\n');
	assert_true(flow_answer_line_is_json(line.text, line.length - 1));
	for (size_t length = 0; length < line.length - 1; length++)
		assert_false(flow_answer_line_is_json(line.text, length));
	buffer_free(&line);
}

static void test_other_json_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "{", "}", "[]", "null", "1", "\"a\"", "{a:1}",
		"{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1}}", "{\"a\":1} ",
		"{\"a\":{\"b\":1}}", "{\"a\":[1]}", "{\"a\":null}", "{\"a\":\"b}",
		"{\"a\":\"\x1b[2J\"}", "{\"a\":\"b\\\"}", "<html>"};

	assert_true(is_json("{\"a\":1,\"b\":\"c\\\"}\",\"d\":true,\"e\":-1.5e-3}"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (is_json(bad[i]))
			fail_msg("%s is taken", bad[i]);
}

/* Of this answer in pieces of `piece` bytes: is it taken, and what of it? */
static bool takes(const char *text, size_t piece, bool is_json_wanted, const char *kept)
{
	struct flow_answer answer = {.is_json = is_json_wanted};
	size_t length = strlen(text);
	bool taken = true;

	for (size_t at = 0; at < length && taken; at += piece)
		taken = flow_answer_take(
			&answer, text + at, length - at < piece ? length - at : piece);
	taken = flow_answer_end(&answer) && taken;
	assert_int_equal(answer.text.length, strlen(kept));
	if (answer.text.length)
		assert_memory_equal(answer.text.text, kept, answer.text.length);
	buffer_free(&answer.text);
	return taken;
}

static void test_lines_come_in_any_pieces_and_bad_ones_are_not_kept(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 20; piece++) {
		assert_true(takes("1 connection\nPEER\n", piece, false, "1 connection\nPEER\n"));
		assert_true(takes("", piece, false, ""));
		assert_false(takes("good\nbad\x1b[31m\ngood\n", piece, false, "good\n"));
		assert_false(takes("good\nno end", piece, false, "good\n"));
		assert_true(takes("{\"a\":1}\n{\"a\":2}\n", piece, true, "{\"a\":1}\n{\"a\":2}\n"));
		assert_false(takes("{\"a\":1}\n<html>\n", piece, true, "{\"a\":1}\n"));
	}
}

static void test_no_more_is_kept_than_sonde_could_say(void **state)
{
	struct flow_answer answer = {0};
	static char bytes[FLOW_ANSWER_LINE_MAX];
	(void)state;

	memset(bytes, 'a', sizeof(bytes));
	assert_true(flow_answer_take(&answer, bytes, sizeof(bytes)));
	assert_false(flow_answer_take(&answer, "a", 1));
	assert_false(flow_answer_end(&answer));

	FILE *nowhere = fopen("/dev/null", "w");
	answer = (struct flow_answer){.out = nowhere};
	bytes[sizeof(bytes) - 1] = '\n';
	for (size_t i = 0; i < FLOW_ANSWER_BYTES_MAX / sizeof(bytes); i++)
		assert_true(flow_answer_take(&answer, bytes, sizeof(bytes)));
	assert_false(flow_answer_take(&answer, bytes, sizeof(bytes)));
	flow_answer_end(&answer);
	fclose(nowhere);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_for_people_hold_nothing_that_a_terminal_obeys),
		cmocka_unit_test(test_what_sonde_says_of_a_flow_is_json_for_it),
		cmocka_unit_test(test_other_json_is_refused),
		cmocka_unit_test(test_lines_come_in_any_pieces_and_bad_ones_are_not_kept),
		cmocka_unit_test(test_no_more_is_kept_than_sonde_could_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
