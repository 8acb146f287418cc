/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sonde check FILE…`: which functions of programs and libraries read and write TLS, at which
 * instructions they can be probed, and what that adds to a call on this machine.
 */
#ifndef SONDE_TLS_COMMAND_H
#define SONDE_TLS_COMMAND_H

#include <stdio.h>

/* The exit status: 1 when one of the files cannot be read; the others are reported all the same. */
int tls_command_run(FILE *out, int count, char *const *paths);

#endif
