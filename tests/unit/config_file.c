/* SPDX-License-Identifier: Apache-2.0 */
/* See config_file.h. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "config_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/sonde-test-config-XXXXXX";
static int started_in; /* where the test began: the project's root */

int config_folder_enter(void **state)
{
	(void)state;
	started_in = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return !mkdtemp(folder) || chdir(folder) != 0;
}

int config_folder_leave(void **state)
{
	(void)state;
	unlink("sonde.yaml");
	return fchdir(started_in) != 0 || rmdir(folder) != 0;
}

void write_yaml_bytes(const char *bytes, size_t length)
{
	FILE *file = fopen("sonde.yaml", "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

void write_yaml(const char *text)
{
	write_yaml_bytes(text, strlen(text));
}
