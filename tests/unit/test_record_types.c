/* SPDX-License-Identifier: Apache-2.0 */
/* The table of record types has a row for each type, and so have the documents. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record/record_check.h"
#include "record/record_types.h"

#include "document.h"

static void test_each_type_has_a_row(void **state)
{
	(void)state;
	for (unsigned type = 1; type < RECORD_TYPES; type++) {
		const struct record_layout *layout = record_layout(type);

		if (!layout)
			fail_msg("no row for type %u", type);
		assert_in_range(layout->size, sizeof(struct record), RECORD_SIZE_MAX);
		assert_in_range(layout->size + layout->tail_max, layout->size, RECORD_SIZE_MAX);
		assert_int_equal(layout->tail != NULL, layout->tail_max != 0);
		assert_in_range(layout->source, 0, SOURCES);
	}
}

static void test_what_is_no_type_has_none(void **state)
{
	(void)state;
	assert_null(record_layout(0));
	assert_null(record_layout(RECORD_TYPES));
	assert_null(record_layout(UINT16_MAX));
}

/* The rows between the headings "## Records" and "## Hooks". */
static char *documented_records(void)
{
	char *begin = strstr(document_read("docs/architecture.md"), "\n## Records\n"), *end;

	assert_non_null(begin);
	end = strstr(begin + 1, "\n## ");
	assert_non_null(end);
	*end = '\0';
	return begin;
}

static void test_the_architecture_describes_each_type(void **state)
{
	const char *text = documented_records();

	(void)state;
	for (unsigned type = 1; type < RECORD_TYPES; type++) {
		char name[64];

		snprintf(name, sizeof(name), "`%s`", record_layout(type)->name);
		if (!strstr(text, name))
			fail_msg("docs/architecture.md does not say what %s is", name);
	}
}

static bool is_a_type(const char *name, size_t length)
{
	for (unsigned type = 1; type < RECORD_TYPES; type++)
		if (strlen(record_layout(type)->name) == length &&
			!strncmp(record_layout(type)->name, name, length))
			return true;
	return false;
}

/* In the first column. */
static void test_the_architecture_describes_nothing_else(void **state)
{
	char *end, *text = documented_records();
	size_t found = 0;

	(void)state;
	while ((text = strstr(text, "\n| `"))) {
		char *column_end = strchr(text + 3, '|');

		assert_non_null(column_end);
		for (text += 3; text < column_end && (end = strchr(text + 1, '`')) < column_end;
			text = end + 1 + strcspn(end + 1, "`|")) {
			if (!is_a_type(text + 1, (size_t)(end - text - 1)))
				fail_msg("docs/architecture.md has a record%.*s`",
					(int)(end - text), text);
			found++;
		}
	}
	assert_int_equal(found, RECORD_TYPES - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_type_has_a_row),
		cmocka_unit_test(test_what_is_no_type_has_none),
		cmocka_unit_test(test_the_architecture_describes_each_type),
		cmocka_unit_test(test_the_architecture_describes_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
