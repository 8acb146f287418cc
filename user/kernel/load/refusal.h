/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why the kernel refused a program. libbpf ends a whole load with one number; which program it was,
 * and why, stands only in its warnings, which are read here and kept from the log.
 */
#ifndef SONDE_REFUSAL_H
#define SONDE_REFUSAL_H

#define REFUSAL_NAME_LEN 64
#define REFUSAL_SAID_LEN 160
#define REFUSAL_WHY_LEN  192

struct refusal {
	char program[REFUSAL_NAME_LEN]; /* the last that a warning named, or "" */
	char said[REFUSAL_SAID_LEN];    /* of it; "" when nothing was */
	char warning[REFUSAL_SAID_LEN]; /* the last of all */
};

/* Begins to listen to libbpf, from now on. */
void refusal_listen(void);

/* What was heard since the last time that this was asked. */
struct refusal refusal_take(void);

/* The name of a negative errno, and what was said, or else what the number means. */
void refusal_explain(const struct refusal *refusal, int error, char why[REFUSAL_WHY_LEN]);

#endif
