/* SPDX-License-Identifier: Apache-2.0 */
/* What config_volume.h promises, of folders as Kubernetes makes and swaps them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_volume.h"

static char folder[] = "/tmp/sonde-test-volume-XXXXXX";
static char file[96];

static void path_make(char path[160], const char *name)
{
	snprintf(path, 160, "%s/%s", folder, name);
}

/* A ConfigMap's files in a folder of their own, and the link moved there. */
static void swap(const char *version)
{
	char path[160], link[160];

	path_make(path, version);
	assert_int_equal(mkdir(path, 0755), 0);
	path_make(link, "..data_tmp");
	assert_int_equal(symlink(version, link), 0);
	path_make(path, "..data");
	assert_int_equal(rename(link, path), 0);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(strrchr(folder, '-'), "-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(file, sizeof(file), "%s/sonde.yaml", folder);
	return 0;
}

static int tear_down(void **state)
{
	char path[160];
	static const char *const names[] = {"..data", "sonde.yaml", "other"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		path_make(path, names[i]);
		unlink(path);
	}
	path_make(path, "..1");
	rmdir(path);
	path_make(path, "..2");
	rmdir(path);
	return rmdir(folder);
}

static void test_no_volume_is_not_watched(void **state)
{
	(void)state;
	assert_int_equal(config_volume_watch(""), -1);
	assert_int_equal(config_volume_watch(file), -1);
	assert_int_equal(config_volume_watch("/no/such/folder/sonde.yaml"), -1);
}

static void test_each_swap_is_told_once(void **state)
{
	int fd;

	(void)state;
	swap("..1");
	fd = config_volume_watch(file);
	assert_true(fd >= 0);
	assert_false(config_volume_has_changed(fd));
	swap("..2");
	assert_true(config_volume_has_changed(fd));
	assert_false(config_volume_has_changed(fd));
	close(fd);
}

static void test_what_else_happens_in_the_folder_is_no_change(void **state)
{
	char path[160], to[160];
	int fd;

	(void)state;
	swap("..1");
	fd = config_volume_watch(file);
	path_make(path, "other");
	path_make(to, "sonde.yaml");
	assert_int_equal(symlink("..data/sonde.yaml", path), 0);
	assert_int_equal(rename(path, to), 0);
	assert_false(config_volume_has_changed(fd));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_volume_is_not_watched, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_each_swap_is_told_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_what_else_happens_in_the_folder_is_no_change, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
