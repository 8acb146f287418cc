/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names that the processes that are there were started with, from /proc; at the start only:
 * OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES, or what an interpreter was told to execute.
 */
#ifndef SONDE_PROCESS_NAMES_H
#define SONDE_PROCESS_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/resource.h"
#include "core/table.h"

/*
 * Calls `found` for each process that has a name, until all were looked at, the time for it is up,
 * or the start is stopped. Those that could not be read are told in one log line.
 */
void process_names_scan(
	void (*found)(void *context, __u32 tgid, const struct process_name *name), void *context);

/*
 * Finds the name in `size` bytes of an environment, of as many entries as the probes look at, and
 * what else of the service stands there. False: there is no name, and it is "".
 */
bool process_name_find(const char *environment, size_t size, char name[SERVICE_NAME_LEN],
	struct otel_resource *resource);

/* Puts namespace and version behind a name, which may be "". False: there is neither. */
bool process_name_complete(char name[NAME_LEN], const struct otel_resource *resource);

#endif
