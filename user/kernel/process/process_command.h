/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command-line rule (bpf/core/command.h) for processes that were there before Sonde, whose
 * arguments the probes cannot read. Called by process_names.c.
 */
#ifndef SONDE_PROCESS_COMMAND_H
#define SONDE_PROCESS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "record.h"

/* True when the file name of an executable is that of an interpreter. */
bool process_command_has(const char *executable);

/*
 * Finds what an interpreter executes in `size` bytes of its arguments, each with its NUL as in
 * /proc/PID/cmdline. `folder` is the path of the working directory, or "".
 */
bool process_command_find(const char *executable, const char *arguments, size_t size,
	const char *folder, char name[NAME_LEN]);

#endif
