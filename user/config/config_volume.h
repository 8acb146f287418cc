/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells when Kubernetes has put another configuration in the place of the one that was read. It
 * keeps the files of a ConfigMap in a folder behind the link `..data`, and a change is another
 * folder to which that link is moved, so that all files change at once. Where the configuration
 * lies in no such volume, whoever edits it says when it is whole, by SIGHUP.
 *
 * Used by the main loop alone.
 */
#ifndef SONDE_CONFIG_VOLUME_H
#define SONDE_CONFIG_VOLUME_H

#include <stdbool.h>

/* A descriptor to wait for, or -1: the file is in no volume, or cannot be watched. */
int config_volume_watch(const char *file);

/* True when there is another configuration since the last call. Does not wait. */
bool config_volume_has_changed(int fd);

#endif
