/* SPDX-License-Identifier: Apache-2.0 */
/* The table of hooks in docs/architecture.md is that of the code. Where it is not, what it should
 * be is printed, to be put there. */
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

static char table[32 * 1024];
static size_t table_length;

__attribute__((format(printf, 1, 2))) static void append(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	table_length += (size_t)vsnprintf(
		table + table_length, sizeof(table) - table_length, format, arguments);
	va_end(arguments);
	assert_true(table_length < sizeof(table));
}

/* What its row waits for, after the backends that it belongs to. */
static void append_when(const struct program *program)
{
	static const char *const whens[] = {
		[WHEN_TABLES] = "with tables",
		[WHEN_FORGETS] = "with tables, or where sockets are listed",
		[WHEN_THERE] = "where the kernel has it",
	};
	const char *between = "";

	for (enum http_hooks backend = HTTP_TRACEPOINTS; backend < HTTP_HOOKS; backend++)
		if (program->backends >> backend & 1) {
			append("%s%s", between, program_backend_name(backend));
			between = ", ";
		}
	if (*between && (program->when || program->unless))
		append("; ");
	if (program->when)
		append("%s", whens[program->when]);
	if (program->unless)
		append("without `%s`", program->unless);
}

static void append_row(const struct program *program)
{
	char hook[PROGRAM_HOOK_LEN];

	program_hook(program, hook);
	append("| `%s` | `%s`", program->name, hook);
	if (program->since)
		append(" (%s)", program->since);
	append(" | ");
	append_when(program);
	if (program->backends || program->when)
		append(" ");
	append("| %s |\n", program->without    ? program->without
			   : program->backends ? "the next backend is used"
					       : source_descriptions[program->source].off);
}

static void test_the_architecture_has_the_row_of_each_program(void **state)
{
	(void)state;
	append("\n\n| program | hook | when | without it |\n|---|---|---|---|\n");
	for (size_t i = 0; i < program_count; i++)
		append_row(&program_table[i]);
	append("\n");
	if (!strstr(document_read("docs/architecture.md"), table)) {
		fputs(table, stdout);
		fail_msg("docs/architecture.md has not the table of hooks above");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_architecture_has_the_row_of_each_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
