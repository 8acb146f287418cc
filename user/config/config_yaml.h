/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration from a YAML file: one mapping from keys to values. Internal to config*.c. */
#ifndef SONDE_CONFIG_YAML_H
#define SONDE_CONFIG_YAML_H

#include "config/config_keys.h"

/* Sets what the file at `path` says. False: error[] names file and line. */
bool config_read_yaml(struct config *config, const char *path, char error[CONFIG_ERROR_LEN]);

#endif
