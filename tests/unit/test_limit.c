/* SPDX-License-Identifier: Apache-2.0 */
/* Limits that were met: each is told once as it begins, and counted each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limit.h"

/* What limit_met() writes on standard error when called `times` times. */
static void met_and_read(enum limit limit, const char *who, int times, char *text, size_t size)
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);

	assert_non_null(file);
	dup2(fileno(file), STDERR_FILENO);
	for (int i = 0; i < times; i++)
		limit_met(limit, who);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

static void test_a_limit_is_told_once_and_counted_each_time(void **state)
{
	char text[4096];
	(void)state;

	met_and_read(LIMIT_ROUTES, "storefront", 1000, text, sizeof(text));
	assert_int_equal(limit_count(LIMIT_ROUTES), 1000);
	assert_non_null(strstr(text, "for=storefront"));
	assert_non_null(strstr(text, "routes-per-service-limit"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
}

static void test_limits_do_not_hide_each_other(void **state)
{
	char text[4096];
	(void)state;

	met_and_read(LIMIT_PEERS, NULL, 1, text, sizeof(text));
	assert_non_null(strstr(text, "limit=peers"));
	assert_null(strstr(text, "for="));
	met_and_read(LIMIT_DNS_NAMES, "", 1, text, sizeof(text));
	assert_non_null(strstr(text, "limit=dns_names"));
	assert_int_equal(limit_count(LIMIT_WORKLOADS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_limit_is_told_once_and_counted_each_time),
		cmocka_unit_test(test_limits_do_not_hide_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
