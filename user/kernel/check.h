/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subcommand `sonde check`: what this kernel offers, which sources it can serve and by which
 * means, and whether Sonde can do its job here. Both calls return the exit status: 0 when it can,
 * also with fewer sources, 1 when it cannot.
 */
#ifndef SONDE_CHECK_H
#define SONDE_CHECK_H

#include <stdio.h>

#include "kernel/features.h"

/* Tries everything on this kernel and reports. */
int check_run(FILE *out);

/* The report alone. `blocker`: what features_preflight() said, or NULL when it had nothing to say.
 */
int check_report(FILE *out, const struct features *features, const char *blocker);

#endif
