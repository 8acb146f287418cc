/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file in a folder of its own, for the tests of who reads it. */
#ifndef SONDE_TEST_CONFIG_FILE_H
#define SONDE_TEST_CONFIG_FILE_H

#include <stddef.h>

/* Group set-up and teardown: the test's working folder, and back. */
int config_folder_enter(void **state);
int config_folder_leave(void **state);

/* What sonde.yaml there says from now on. */
void write_yaml(const char *text);
void write_yaml_bytes(const char *bytes, size_t length);

#endif
