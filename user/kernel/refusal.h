/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why the kernel refused a program. libbpf ends a whole load with one number; which program it was,
 * and why, stands only in its warnings, which are read here and kept from the log.
 */
#ifndef SONDE_REFUSAL_H
#define SONDE_REFUSAL_H

#define REFUSAL_NAME_LEN 64
#define REFUSAL_WHY_LEN  160

struct refusal {
	char program[REFUSAL_NAME_LEN]; /* the last that a warning named, or "" */
	char why[REFUSAL_WHY_LEN];      /* what was said of it; "" when nothing was */
	char warning[REFUSAL_WHY_LEN];  /* the last of all */
};

/* Begins to listen to libbpf, from now on. */
void refusal_listen(void);

/* What was heard since the last time that this was asked. */
struct refusal refusal_take(void);

#endif
