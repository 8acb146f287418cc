/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of one connection, and what must hold for any of them. A fuzz target makes a dialogue
 * out of its input and has it checked; what does not hold aborts, with a line that says why.
 */
#ifndef SONDE_FUZZ_DIALOGUE_H
#define SONDE_FUZZ_DIALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

#define TURNS_MAX     64
#define REQUESTS_MAX  256   /* as many as the harness keeps records */
#define DIALOGUE_SIZE 65536 /* bytes of a direction */

enum { TO_SERVER, TO_CLIENT, DIRECTIONS };

/* Bytes that went one way before any went the other way again. */
struct turn {
	int direction;
	size_t length;
};

struct dialogue {
	enum http_role role; /* whose socket the probe is at */
	struct turn turns[TURNS_MAX];
	int turn_count;
	char *streams[DIRECTIONS];
	size_t lengths[DIRECTIONS];
};

/* Appends to the last turn, or opens one. False: there is no room. */
bool dialogue_add(struct dialogue *dialogue, int direction, const char *bytes, size_t length);

/* `seed` says how the bytes are cut into operations, and by which ways these go. */
void dialogue_check(const struct dialogue *dialogue, uint64_t seed);

void dialogue_free(struct dialogue *dialogue);

#endif
