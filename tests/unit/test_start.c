/* SPDX-License-Identifier: Apache-2.0 */
/* The start: names in environments, files below /proc within bounds, and who watches over it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/startup.h"
#include "core/table.h"
#include "kernel/process/proc_read.h"
#include "kernel/process/process_names.h"

/* --- names --- */

static struct otel_resource resource;

#define FOUND(bytes, name) process_name_find(bytes, sizeof(bytes) - 1, name, &resource)

static void test_name_is_found_wherever_it_stands(void **state)
{
	char name[SERVICE_NAME_LEN];
	(void)state;

	assert_true(FOUND("OTEL_SERVICE_NAME=a\0", name));
	assert_string_equal(name, "a");
	assert_true(FOUND("A=OTEL_SERVICE_NAME=no\0\0OTEL_SERVICE_NAME=b c\0Z=\0", name));
	assert_string_equal(name, "b c");
	assert_false(FOUND("OTEL_SERVICE_NAME=\0", name)); /* as if it were not there */
	assert_false(FOUND("XOTEL_SERVICE_NAME=a\0otel_service_name=b\0", name));
	assert_false(FOUND("", name));
}

static void test_name_that_is_cut_by_the_bound_is_none(void **state)
{
	char name[SERVICE_NAME_LEN];
	(void)state;

	assert_false(FOUND("OTEL_SERVICE_NAME=cut", name));
	assert_false(FOUND("OTEL_SERVICE_NAM", name));
}

static void test_long_name_is_cut_to_its_room(void **state)
{
	char name[SERVICE_NAME_LEN], environment[2 * SERVICE_NAME_LEN + 32];
	size_t size = (size_t)snprintf(environment, sizeof(environment), "OTEL_SERVICE_NAME=%0*d",
			      2 * SERVICE_NAME_LEN, 7) +
		      1;
	(void)state;

	assert_true(process_name_find(environment, size, name, &resource));
	assert_int_equal(strlen(name), SERVICE_NAME_LEN - 1);
}

static void test_as_many_entries_are_looked_at_as_by_the_probes(void **state)
{
	static const char last[] = "OTEL_SERVICE_NAME=last";
	char environment[ENVIRONMENT_ENTRIES + sizeof(last)] = {0}, name[SERVICE_NAME_LEN];
	(void)state;

	memcpy(environment + ENVIRONMENT_ENTRIES - 1, last, sizeof(last));
	assert_true(process_name_find(environment, sizeof(environment), name, &resource));
	memset(environment, 0, sizeof(environment));
	memcpy(environment + ENVIRONMENT_ENTRIES, last, sizeof(last));
	assert_false(process_name_find(environment, sizeof(environment), name, &resource));
}

/* What OpenTelemetry's SDKs make of the variable. */
static void assert_resource(const char *value, const char *name, const char *parts)
{
	char environment[16384], found[NAME_LEN], complete[NAME_LEN];
	int size = snprintf(environment, sizeof(environment),
		"PATH=/bin%cOTEL_RESOURCE_ATTRIBUTES=%s%cHOME=/", 0, value, 0);

	process_name_find(environment, (size_t)size + 1, found, &resource);
	assert_string_equal(found, name);
	assert_int_equal(process_name_complete(found, &resource), *name || *parts);
	snprintf(complete, sizeof(complete), "%s%s", name, parts);
	assert_string_equal(found, complete);
}

static void test_resource_attributes_name_a_service(void **state)
{
	char value[RESOURCE_PIECES * NAME_LEN + 64];
	(void)state;

	assert_resource("service.name=shop", "shop", "");
	assert_resource("host.name=a,service.name=shop,service.namespace=eu,service.version=1.2",
		"shop",
		"\x1f"
		"eu\x1f"
		"1.2");
	assert_resource("service.version=1.2", "",
		"\x1f\x1f"
		"1.2");
	assert_resource(" service.name = shop%20floor, service.namespace=e%2Cu", "shop floor",
		"\x1f"
		"e,u\x1f");
	assert_resource("service.name=a,service.name=b=c", "b=c", "");
	assert_resource("service.name=a,service.name=", "", "");
	assert_resource("service.names=a,service.nam=b,xservice.name=c,service.name", "", "");
	assert_resource("service.name=%zz%4,service.version=%00%1f", "?z", "\x1f\x1f??");
	assert_resource("", "", "");
	/* what is behind the bound is not looked at, and what is too long is cut */
	snprintf(value, sizeof(value), "a=%0*d,service.name=shop", 1000, 1);
	assert_resource(value, "shop", "");
	snprintf(value, sizeof(value), "a=%0*d,service.name=shop", RESOURCE_PIECES * NAME_LEN, 1);
	assert_resource(value, "", "");
	snprintf(value, sizeof(value), "service.namespace=%0*d", RESOURCE_PART_LEN + 9, 1);
	assert_resource(value, "",
		"\x1f"
		"000000000000000000000000000000000000000000000000"
		"00000000000000000000000000000000000000000000000\x1f");
}

static void test_name_of_its_own_wins_and_keeps_the_other_attributes(void **state)
{
	char name[NAME_LEN];
	(void)state;

	assert_true(FOUND("OTEL_RESOURCE_ATTRIBUTES=service.name=no,service.version=7\0"
			  "OTEL_SERVICE_NAME=yes\0OTEL_SERVICE_NAME=second\0"
			  "OTEL_RESOURCE_ATTRIBUTES=service.version=8\0",
		name));
	assert_true(process_name_complete(name, &resource));
	assert_string_equal(name, "yes\x1f\x1f"
				  "7");
	/* both parts, or none */
	memset(name, 'x', NAME_LEN - 1);
	name[RESOURCE_ROOM + 1] = '\0';
	process_name_complete(name, &resource);
	assert_int_equal(strlen(name), RESOURCE_ROOM + 1);
	name[RESOURCE_ROOM - 1] = '\0';
	process_name_complete(name, &resource);
	assert_int_equal(strlen(name), RESOURCE_ROOM + 2);
}

/* --- files --- */

static void test_file_is_read_up_to_the_room(void **state)
{
	char path[] = "/tmp/sonde-test-XXXXXX", bytes[PROC_READ_MAX];
	static char written[2 * PROC_READ_MAX];
	int file = mkstemp(path);
	(void)state;

	memset(written, 'x', sizeof(written));
	assert_int_equal(write(file, written, sizeof(written)), sizeof(written));
	assert_int_equal(proc_read(path, bytes, 10), 10);
	assert_memory_equal(bytes, written, 10);
	assert_int_equal(proc_read(path, bytes, sizeof(bytes)), PROC_READ_MAX);
	assert_memory_equal(bytes, written, PROC_READ_MAX);
	assert_int_equal(ftruncate(file, 0), 0);
	assert_int_equal(proc_read(path, bytes, sizeof(bytes)), 0);
	close(file);
	unlink(path);
	assert_int_equal(proc_read(path, bytes, sizeof(bytes)), -ENOENT);
	proc_read_end();
	assert_true(proc_read("/proc/self/stat", bytes, sizeof(bytes)) > 10);
	proc_read_end();
}

/* --- the watcher --- */

static void test_start_that_takes_long_is_told_and_a_signal_is_noticed(void **state)
{
	FILE *log = tmpfile();
	int saved = dup(STDERR_FILENO);
	char text[4096];
	sigset_t signals;
	(void)state;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	dup2(fileno(log), STDERR_FILENO);
	assert_int_equal(startup_begin(), 0);
	startup_phase("waiting for the test");
	usleep((STARTUP_QUIET_NS + 500000000ULL) / 1000);
	assert_false(startup_is_stopped());
	kill(getpid(), SIGTERM);
	for (int i = 0; i < 1000 && !startup_is_stopped(); i++)
		usleep(10000);
	assert_true(startup_is_stopped());
	startup_end();
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(log);
	text[fread(text, 1, sizeof(text) - 1, log)] = '\0';
	fclose(log);
	assert_non_null(strstr(text, "still starting"));
	assert_non_null(strstr(text, "phase=\"waiting for the test\""));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1); /* one line */
	sigpending(&signals);
	assert_true(sigismember(&signals, SIGTERM)); /* the main thread finds it, too */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name_is_found_wherever_it_stands),
		cmocka_unit_test(test_name_that_is_cut_by_the_bound_is_none),
		cmocka_unit_test(test_long_name_is_cut_to_its_room),
		cmocka_unit_test(test_resource_attributes_name_a_service),
		cmocka_unit_test(test_name_of_its_own_wins_and_keeps_the_other_attributes),
		cmocka_unit_test(test_as_many_entries_are_looked_at_as_by_the_probes),
		cmocka_unit_test(test_file_is_read_up_to_the_room),
		cmocka_unit_test(test_start_that_takes_long_is_told_and_a_signal_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
