/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sonde check FILE…`: which functions of programs and libraries read and write TLS, at which
 * instructions they can be probed, and what that adds to a call on this machine.
 */
#ifndef SONDE_TLS_COMMAND_H
#define SONDE_TLS_COMMAND_H

#include <stdio.h>

#include "tls/probe_cost.h"
#include "tls/tls_library.h"

/* The exit status: 1 when one of the files cannot be read; the others are reported all the same. */
int tls_command_run(FILE *out, int count, char *const *paths);

/* The report on one file. `costs` is NULL where they are not known. */
void tls_library_print(FILE *out, const char *path, const struct tls_library *library,
	const struct probe_costs *costs);

#endif
