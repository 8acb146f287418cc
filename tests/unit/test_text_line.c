/* SPDX-License-Identifier: Apache-2.0 */
/* Columns keep their width, whatever stands in them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text_line.h"

static void expect_figure(const char *figure, unsigned columns, const char *wanted)
{
	size_t size;
	char *text = NULL;
	struct text_line line = {open_memstream(&text, &size), columns};

	assert_non_null(line.out);
	text_line_put_figure(&line, figure);
	assert_int_equal(fclose(line.out), 0);
	assert_string_equal(text, wanted);
	free(text);
}

static void test_figures_stand_at_the_right_side(void **state)
{
	(void)state;
	expect_figure("12", 80, "    12");
	expect_figure("1.25M", 80, " 1.25M");
	expect_figure("", 80, "      ");
}

static void test_figures_are_left_out_where_the_screen_ends(void **state)
{
	(void)state;
	expect_figure("12", FIGURE_COLUMNS - 1, "");
	expect_figure("12", FIGURE_COLUMNS, "    12");
}

/* Such as the age of a connection that a recording has begin before all time. */
static void test_figures_that_are_too_long_are_cut(void **state)
{
	(void)state;
	expect_figure("123456", UINT_MAX, "123456");
	expect_figure("213503d", UINT_MAX, "21350…");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_figures_stand_at_the_right_side),
		cmocka_unit_test(test_figures_are_left_out_where_the_screen_ends),
		cmocka_unit_test(test_figures_that_are_too_long_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
