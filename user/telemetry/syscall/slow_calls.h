/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of slow system calls: one line a minute for each service and call, which says how many
 * there were and which was the worst. A minute begins with the first of them; its line is written
 * at its end, or at the end of all. Part of telemetry.c.
 *
 * Time moves by records. Lines are written one a second at most, as the log would leave out more:
 * those that wait go on counting. Of more than SLOW_CALLS_MAX at a time the oldest is written at
 * once.
 */
#ifndef SONDE_SLOW_CALLS_H
#define SONDE_SLOW_CALLS_H

#include "record.h"

#define SLOW_CALLS_MAX 256

struct slow_calls;

struct slow_calls *slow_calls_new(void); /* NULL: no memory */

/* Writes what has not been written yet. */
void slow_calls_free(struct slow_calls *calls);

void slow_calls_take(struct slow_calls *calls, const struct record_slow_syscall *record,
	const char *service_name, const char *syscall);

/* It is this time now. */
void slow_calls_tick(struct slow_calls *calls, __u64 time_ns);

#endif
