/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words that Sonde itself puts where names of services and peers stand. Programs, units, containers
 * and DNS servers choose their names as they like, so one of these words gets an underscore behind
 * it when it comes from them: `kernel` → `kernel_`. What looks like that already gets one more
 * (`kernel_` → `kernel__`), so two names are never made one. What the configuration says is taken
 * as it is.
 */
#ifndef SONDE_RESERVED_H
#define SONDE_RESERVED_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_OVERFLOW  "_overflow" /* series beyond the budget */
#define NAME_OTHER     "_other"    /* whoever has no number, or no place */
#define NAME_KERNEL    "kernel"    /* its threads */
#define NAME_OWN       "sonde"     /* this process */
#define NAME_EXTERNAL  "external"  /* a peer elsewhere, of no name */
#define NAME_LOCALHOST "localhost" /* a peer on this machine, of no name */

/* True for one of them, with underscores behind it or without. */
bool name_is_reserved(const char *name);

/* Puts an underscore behind a name that is_reserved(); `size` is what the name has room for. */
void name_mark(char *name, size_t size);

#endif
