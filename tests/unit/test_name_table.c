/* SPDX-License-Identifier: Apache-2.0 */
/* Names by their hashes: found while they are remembered, the oldest forgotten first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kernel/process/name_table.h"

static struct process_name named(enum name_source source, const char *format, int number)
{
	struct process_name name = {.source = source};

	snprintf(name.text, sizeof(name.text), format, number);
	name.hash = name_table_hash(&name);
	return name;
}

static void test_hash_tells_names_and_sources_apart(void **state)
{
	struct process_name environment = named(NAME_ENVIRONMENT, "a", 0);
	struct process_name command = named(NAME_COMMAND, "a", 0);
	struct process_name other = named(NAME_ENVIRONMENT, "b", 0);
	(void)state;

	assert_int_not_equal(environment.hash, command.hash);
	assert_int_not_equal(environment.hash, other.hash);
	assert_true(environment.hash == 0x6882f66a391409d9); /* as worked out by other means */
	memset(other.text, 'x', sizeof(other.text)); /* no end: as much as there is room for */
	assert_int_not_equal(name_table_hash(&other), 0);
}

static void test_name_is_found_until_newer_ones_fill_the_table(void **state)
{
	struct name_table *table = name_table_new();
	struct process_name first = named(NAME_COMMAND, "first-%d", 0), name;
	(void)state;

	assert_non_null(table);
	assert_null(name_table_find(table, first.hash));
	name_table_put(table, &first);
	for (int i = 1; i < NAME_TABLE_MAX; i++) {
		name = named(NAME_ENVIRONMENT, "name-%d", i);
		name_table_put(table, &name);
	}
	assert_string_equal(name_table_find(table, first.hash)->text, "first-0");
	assert_int_equal(name_table_find(table, first.hash)->source, NAME_COMMAND);

	name_table_put(table, &first); /* again: now it is the newest */
	name = named(NAME_ENVIRONMENT, "one more", 0);
	name_table_put(table, &name);
	assert_non_null(name_table_find(table, first.hash));
	assert_non_null(name_table_find(table, name.hash));
	name = named(NAME_ENVIRONMENT, "name-%d", 1);
	assert_null(name_table_find(table, name.hash));
	name = named(NAME_ENVIRONMENT, "name-%d", 2);
	assert_non_null(name_table_find(table, name.hash));
	name_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash_tells_names_and_sources_apart),
		cmocka_unit_test(test_name_is_found_until_newer_ones_fill_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
