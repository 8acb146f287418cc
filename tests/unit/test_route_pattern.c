/* SPDX-License-Identifier: Apache-2.0 */
/* Which configured routes are accepted: the one rule of configuration and telemetry. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/route_pattern.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_paths_with_names_in_braces_and_a_last_star_are_valid(void **state)
{
	static const char *const good[] = {"/", "//", "/*", "/*/", "/a", "/a/", "//a//b", "/{a}",
		"/{a}/b/*", "/{user-id}/x", "/a-b.c", "/caf%C3%A9", "/@me;v=1,2"};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		if (!route_pattern_valid(good[i]))
			fail_msg("taken for invalid: %s", good[i]);
}

static void test_what_would_never_match_as_it_reads_is_invalid(void **state)
{
	static const char *const bad[] = {"", "users", "*", "/a/*/b", "/*/*", "/a*", "/**", "/{",
		"/}", "/a}", "/{}", "/{a}b", "/b{a}", "/{a{b}}", "/{a/b}", "/{*}", "/a?b", "/a#b",
		"/{a?}", "/a b", " /a", "/a\tb", "/caf\xc3\xa9"};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (route_pattern_valid(bad[i]))
			fail_msg("taken for valid: %s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths_with_names_in_braces_and_a_last_star_are_valid),
		cmocka_unit_test(test_what_would_never_match_as_it_reads_is_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
