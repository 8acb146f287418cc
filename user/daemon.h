/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sonde run`: wires the source (the kernel, or a recording) to telemetry and to the exports, and
 * runs the main loop until a signal ends it.
 */
#ifndef SONDE_DAEMON_H
#define SONDE_DAEMON_H

#include "config/config.h"

/*
 * Takes over `config`. `argc` and `argv` are the flags, to be read again on SIGHUP. Returns the
 * exit status: 0 after SIGTERM or SIGINT, 1 when it could not start or something was lost on the
 * way.
 */
int daemon_run(struct config *config, int argc, char *const *argv);

#endif
