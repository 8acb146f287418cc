/* SPDX-License-Identifier: Apache-2.0 */
/* Measures what the probes cost on this machine: some traffic, for a second. */
#ifndef SONDE_EXERCISE_H
#define SONDE_EXERCISE_H

#include <stdint.h>

#include "kernel/load/programs.h"

struct probes;

struct program_cost {
	uint64_t runs, run_ns;
};

/*
 * Lets a child process make HTTP requests over loopback, system calls and processes for a second,
 * and tells what each program ran meanwhile, for others on this machine too. 0 or a negative errno.
 */
int exercise_run(struct probes *probes, struct program_cost costs[PROGRAMS_MAX]);

#endif
