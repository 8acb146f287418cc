/* SPDX-License-Identifier: Apache-2.0 */
/* What user/telemetry/self.h says about the process, against what the process knows of itself. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "telemetry/self.h"

#define NO_LIMIT 1000

struct wanted {
	const char *name;
	double value;
	int found;
};

static void find_series(void *context, const struct metric_view *view)
{
	struct wanted *wanted = context;

	if (strcmp(view->description->name, wanted->name) == 0) {
		wanted->value = view->value;
		wanted->found++;
	}
}

static double value_of(const struct metrics *metrics, const char *name)
{
	struct wanted wanted = {.name = name};

	metrics_visit(metrics, find_series, &wanted);
	assert_int_equal(wanted.found, 1);
	return wanted.value;
}

static void find_build(void *context, const struct metric_view *view)
{
	if (strcmp(view->description->name, "sonde_build_info"))
		return;
	assert_string_equal(view->values[0], "1.2.3");
	assert_string_equal(view->values[1], "abcdef");
	assert_string_equal(view->values[2], "6.18.0");
	*(double *)context = view->value;
}

static void test_build_info_is_one_with_the_versions_as_labels(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct self self;
	double value = 0;

	self_register(&self, metrics, "1.2.3", "abcdef", "6.18.0");
	metrics_visit(metrics, find_build, &value);
	assert_true(value == 1);
	metrics_free(metrics);
}

static void test_descriptors_and_memory_follow_what_the_process_does(void **state)
{
	(void)state;
	const size_t size = 8 << 20;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct self self;

	self_register(&self, metrics, "1", "2", "3");
	double fds = value_of(metrics, "process_open_fds");
	double resident = value_of(metrics, "process_resident_memory_bytes");
	double address_space = value_of(metrics, "process_virtual_memory_bytes");

	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(memory, 1, size);
	self_update(&self);
	assert_true(value_of(metrics, "process_open_fds") == fds + 1);
	assert_true(
		value_of(metrics, "process_virtual_memory_bytes") >= address_space + (double)size);
	/* The kernel counts resident pages loosely, by up to 64 on each CPU. */
	assert_true(
		value_of(metrics, "process_resident_memory_bytes") > resident + (double)size / 2);
	munmap(memory, size);
	close(fd);
	metrics_free(metrics);
}

static void test_cpu_time_is_that_of_the_process(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct self self;

	self_register(&self, metrics, "1", "2", "3");
	double before = (double)clock() / CLOCKS_PER_SEC;
	while ((double)clock() / CLOCKS_PER_SEC < before + 0.02)
		;
	self_update(&self);
	double seconds = value_of(metrics, "process_cpu_seconds_total");
	assert_true(seconds >= before + 0.0199);
	assert_true(seconds <= (double)clock() / CLOCKS_PER_SEC + 0.0001);
	metrics_free(metrics);
}

static void test_start_time_is_shortly_before_now_and_stays(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct self self;

	self_register(&self, metrics, "1", "2", "3");
	double start = value_of(metrics, "process_start_time_seconds");
	assert_true(start > (double)time(NULL) - 60 && start <= (double)time(NULL) + 1);
	self_update(&self);
	assert_true(value_of(metrics, "process_start_time_seconds") == start);
	metrics_free(metrics);
}

static void test_limits_and_threads_are_what_the_kernel_says(void **state)
{
	(void)state;
	struct metrics *metrics = metrics_new(NO_LIMIT, NO_LIMIT);
	struct self self;
	struct rlimit limit;

	self_register(&self, metrics, "1", "2", "3");
	getrlimit(RLIMIT_NOFILE, &limit);
	assert_true(value_of(metrics, "process_max_fds") == (double)limit.rlim_cur);
	assert_true(value_of(metrics, "process_threads") == 1);
	metrics_free(metrics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build_info_is_one_with_the_versions_as_labels),
		cmocka_unit_test(test_descriptors_and_memory_follow_what_the_process_does),
		cmocka_unit_test(test_cpu_time_is_that_of_the_process),
		cmocka_unit_test(test_start_time_is_shortly_before_now_and_stays),
		cmocka_unit_test(test_limits_and_threads_are_what_the_kernel_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
