/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subcommand `sonde check`: what this kernel offers, which hooks serve each source and what
 * they cost, and whether Sonde can do its job here. Both calls return the exit status: 0 when it
 * can, also with fewer sources, 1 when it cannot.
 */
#ifndef SONDE_CHECK_H
#define SONDE_CHECK_H

#include <stdio.h>

#include "command/exercise.h"
#include "kernel/load/features.h"
#include "kernel/load/programs.h"

/* Tries everything on this kernel, loads the probes for a second, and reports. */
int check_run(FILE *out);

struct check_findings {
	struct features features;
	struct probes *probes;                   /* these two: NULL when they could not be loaded */
	struct programs *programs;               /* as they were loaded */
	struct program_cost costs[PROGRAMS_MAX]; /* no runs: not measured */
	const char *blocker;                     /* why Sonde cannot run at all, or NULL */
};

/* The report alone. */
int check_report(FILE *out, const struct check_findings *findings);

#endif
