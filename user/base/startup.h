/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches over the start, in a thread: tells what takes long, and answers SIGTERM and SIGINT, which
 * the main thread does only when the start is over. Who does something that may take long says so
 * with startup_phase(), and asks startup_is_stopped() between its steps; a start that does not stop
 * by itself within STARTUP_STOP_NS is ended by the watcher.
 *
 * Without startup_begin() (`sonde check`) a phase is told to nobody, and nothing is ever stopped.
 */
#ifndef SONDE_STARTUP_H
#define SONDE_STARTUP_H

#include <stdbool.h>

#define STARTUP_QUIET_NS 2000000000ULL /* that a start may take before something is told, */
#define STARTUP_TELL_NS  5000000000ULL /* and then as often */
#define STARTUP_STOP_NS  2000000000ULL

/* With the signals blocked. 0 or a negative errno. */
int startup_begin(void);
void startup_end(void);

void startup_phase(const char *phase); /* what begins; a literal */
bool startup_is_stopped(void);

#endif
