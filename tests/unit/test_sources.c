/* SPDX-License-Identifier: Apache-2.0 */
/* The list of sources is whole, and the documents know each of them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "kernel/load/programs.h"
#include "record/sources.h"

#include "document.h"

static void test_each_source_is_described(void **state)
{
	(void)state;
	for (enum source source = 0; source < SOURCES; source++) {
		if (!source_descriptions[source].label || !source_descriptions[source].name)
			fail_msg("source %d has no row", (int)source);
	}
}

static void test_what_a_key_switches_is_listed_and_has_programs(void **state)
{
	bool listed[SOURCES] = {false};

	(void)state;
	for (size_t i = 0; i < SWITCHED_SOURCES_COUNT; i++) {
		const enum source source = switched_sources[i];
		size_t programs = 0;

		assert_false(listed[source]);
		listed[source] = true;
		assert_non_null(source_descriptions[source].off);
		for (size_t j = 0; j < program_count; j++)
			programs += program_serves(&program_table[j], source);
		if (!programs)
			fail_msg("%s has no program", source_descriptions[source].name);
	}
	for (enum source source = 0; source < SOURCES; source++)
		assert_int_equal(listed[source], source_descriptions[source].key != NULL);
}

static void test_the_metrics_say_what_it_counts_and_what_switches_it(void **state)
{
	const char *text = document_read("docs/metrics.md");

	(void)state;
	for (enum source source = 0; source < SOURCES; source++) {
		const struct source_description *about = &source_descriptions[source];
		char row[128];

		if (about->key)
			snprintf(row, sizeof(row), "\n| `%s` | `%s` | ", about->label, about->key);
		else
			snprintf(row, sizeof(row), "\n| `%s` | | ", about->label);
		if (!strstr(text, row))
			fail_msg("docs/metrics.md lacks a row beginning with%s", row);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_source_is_described),
		cmocka_unit_test(test_what_a_key_switches_is_listed_and_has_programs),
		cmocka_unit_test(test_the_metrics_say_what_it_counts_and_what_switches_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
