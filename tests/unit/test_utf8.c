/* SPDX-License-Identifier: Apache-2.0 */
/* Which text reaches terminals, logs and labels, and as what (user/base/utf8.h, user/base/json.h).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static const char *copied(const char *text)
{
	static char copy[256];

	size_t length = utf8_copy(copy, sizeof(copy), text, strlen(text));
	assert_int_equal(length, strlen(copy));
	return copy;
}

static void test_what_hides_or_turns_text_around_is_not_shown(void **state)
{
	(void)state;
	static const uint32_t hidden[] = {0, 0x1b, 0x7f, 0x85, 0x9b, 0xa0, 0xad, 0x34f, 0x61c,
		0x115f, 0x180e, 0x200b, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e,
		0x2060, 0x2066, 0x2069, 0x3000, 0x3164, 0xd800, 0xe000, 0xf8ff, 0xfe0f, 0xfeff,
		0xfff9, 0xfffe, 0xffff, 0x1d173, 0x1fffe, 0xe0001, 0xe0041, 0xe01ef, 0xf0000,
		0x10ffff, 0x378, 0x2fe0};
	static const uint32_t shown[] = {' ', '~', 0xa1, 0xe9, 0x3a9, 0x416, 0x5d0, 0x627, 0x915,
		0x4e2d, 0xd55c, 0xfffd, 0x1f600};

	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		if (utf8_is_shown(hidden[i]))
			fail_msg("U+%04X is shown", (unsigned)hidden[i]);
	for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
		if (!utf8_is_shown(shown[i]))
			fail_msg("U+%04X is not shown", (unsigned)shown[i]);
}

static void test_a_copy_holds_what_is_shown_alone(void **state)
{
	(void)state;
	assert_string_equal(copied("a\xe2\x80\xae"
				   "fdp.exe"),
		"a?fdp.exe");
	assert_string_equal(copied("\x1b[2J\xc2\x9b\xff\xc3"), "?[2J???");
	assert_string_equal(copied("caf\xc3\xa9 \xe4\xb8\xad"), "caf\xc3\xa9 \xe4\xb8\xad");
	assert_string_equal(copied("e\xcc\x81\xcc\x82\xcc\x83\xcc\x84\xcc\x85\xcc\x86"
				   "e\xcc\x81"),
		"e\xcc\x81\xcc\x82\xcc\x83\xcc\x84??e\xcc\x81");
}

/* Of each character there is: JSON for it is shown, holds no mark, and is what it was. */
static void test_json_of_any_character_can_be_shown_and_read_back(void **state)
{
	(void)state;
	for (uint32_t code = 1; code < 0x110000; code++) {
		char text[5] = "", escaped[JSON_ESCAPED_LEN];
		uint32_t seen, high, low;
		size_t step;

		if (code >= 0xd800 && code < 0xe000)
			continue;
		if (code < 0x80)
			snprintf(text, sizeof(text), "%c", (int)code);
		else if (code < 0x800)
			snprintf(text, sizeof(text), "%c%c", 0xc0 | (int)(code >> 6),
				0x80 | (int)(code & 0x3f));
		else if (code < 0x10000)
			snprintf(text, sizeof(text), "%c%c%c", 0xe0 | (int)(code >> 12),
				0x80 | (int)(code >> 6 & 0x3f), 0x80 | (int)(code & 0x3f));
		else
			snprintf(text, sizeof(text), "%c%c%c%c", 0xf0 | (int)(code >> 18),
				0x80 | (int)(code >> 12 & 0x3f), 0x80 | (int)(code >> 6 & 0x3f),
				0x80 | (int)(code & 0x3f));
		assert_int_equal(json_escape(text, strlen(text), escaped), strlen(text));
		assert_true(strlen(escaped) < JSON_ESCAPED_LEN);
		if (escaped[0] != '\\') {
			step = utf8_decode(escaped, strlen(escaped), &seen);
			assert_int_equal(step, strlen(escaped));
			assert_int_equal(seen, code);
			assert_true(utf8_is_shown(code) && !utf8_is_mark(code));
		} else if (sscanf(escaped, "\\u%4x\\u%4x", &high, &low) == 2) {
			assert_int_equal(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), code);
		} else if (escaped[1] == 'u') {
			assert_int_equal(strtoul(escaped + 2, NULL, 16), code);
		} else {
			assert_int_equal(escaped[1] == 'n' ? '\n' : escaped[1], code);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_hides_or_turns_text_around_is_not_shown),
		cmocka_unit_test(test_a_copy_holds_what_is_shown_alone),
		cmocka_unit_test(test_json_of_any_character_can_be_shown_and_read_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
