/* SPDX-License-Identifier: Apache-2.0 */
/* The tightest limit of memory above a cgroup, of both versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel/load/memory_limit.h"

static char mount[] = "/tmp/sonde-test-XXXXXX";

/* A level of the tree, with two files in it; NULL: not there. */
static void level_make(
	const char *path, const char *limit_name, const char *limit, const char *stat)
{
	const char *const names[] = {limit_name, "memory.stat"}, *const texts[] = {limit, stat};
	char name[512];

	snprintf(name, sizeof(name), "%s%s", mount, path);
	mkdir(name, 0700);
	for (int i = 0; i < 2; i++) {
		FILE *file;

		snprintf(name, sizeof(name), "%s%s/%s", mount, path, names[i]);
		unlink(name);
		file = texts[i] ? fopen(name, "w") : NULL;
		if (file) {
			fputs(texts[i], file);
			fclose(file);
		}
	}
}

static void test_tightest_level_counts(void **state)
{
	struct memory_room room;
	(void)state;

	level_make("", "memory.max", NULL, "anon 5\n");
	level_make("/a", "memory.max", "1000\n", "file 900\nanon 700\n");
	level_make("/a/b", "memory.max", "400\n", "anon 10\n");
	level_make("/a/b/c", "memory.max", "max\n", "anon 1\n");
	memory_room_read(&room, mount, "/a/b/c", false);
	assert_int_equal(room.limit_bytes, 1000);
	assert_int_equal(room.left_bytes, 300);
	assert_string_equal(room.cgroup + strlen(mount), "/a");
	level_make("/a/b", "memory.max", "400\n", "anon 500\n"); /* more than it may */
	memory_room_read(&room, mount, "/a/b/c", false);
	assert_int_equal(room.left_bytes, 0);
	memory_room_read(&room, mount, "/a", false);
	assert_int_equal(room.limit_bytes, 1000);
	memory_room_read(&room, mount, "", false);
	assert_int_equal(room.limit_bytes, 0);
}

static void test_version_1_has_other_names_and_no_max(void **state)
{
	struct memory_room room;
	(void)state;

	level_make("", "memory.limit_in_bytes", "9223372036854771712\n", "total_rss 5\n");
	level_make("/a", "memory.limit_in_bytes", "2000\n", "rss 1\ntotal_rss 500\n");
	memory_room_read(&room, mount, "/a", true);
	assert_int_equal(room.limit_bytes, 2000);
	assert_int_equal(room.left_bytes, 1500);
	memory_room_read(&room, mount, "", true);
	assert_int_equal(room.limit_bytes, 0);
}

/* As it is seen in a container: the path is the host's, what is mounted the container's own. */
static void test_path_that_is_not_there_stands_for_the_mount(void **state)
{
	struct memory_room room;
	(void)state;

	level_make("", "memory.max", "700\n", "anon 100\n");
	memory_room_read(&room, mount, "/kubepods/pod1", false);
	assert_int_equal(room.left_bytes, 600);
	memory_room_read(&room, mount, "/../../etc", false);
	assert_int_equal(room.left_bytes, 600);
}

static int mount_make(void **state)
{
	(void)state;
	return mkdtemp(mount) ? 0 : -1;
}

static int mount_remove(void **state)
{
	char command[64];
	(void)state;

	snprintf(command, sizeof(command), "rm -r %s", mount);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tightest_level_counts),
		cmocka_unit_test(test_version_1_has_other_names_and_no_max),
		cmocka_unit_test(test_path_that_is_not_there_stands_for_the_mount),
	};

	return cmocka_run_group_tests(tests, mount_make, mount_remove);
}
