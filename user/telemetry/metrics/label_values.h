/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which values of a label an owner has by name, where there are any number of them: the names of a
 * service's peers, its ports. What gets no place here is told under one common value by the caller.
 *
 * - Bounded: an owner has at most as many places as its caller says, and all owners together
 *   `total_max`.
 * - The frequent ones: without a free place, a value that was met more than twice as often as the
 *   least used one takes its place. So many values that are met once neither push out one that is
 *   met often nor keep it out, and each change of a place needs twice the uses of the one before.
 * - Given back: uses count half with each minute, so a value that was used by nobody for eight
 *   minutes has none left, and an owner that asked for nothing for ten is forgotten.
 * - Fair: when the total is used up, an owner with less than an equal part of it takes the least
 *   used value of the owner with the most.
 *
 * Time is the callers', so a replay gives the same. Not thread-safe.
 */
#ifndef SONDE_LABEL_VALUES_H
#define SONDE_LABEL_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LABEL_VALUES_OWNERS_MAX 2048
#define LABEL_VALUES_HALF_NS    60000000000ULL  /* uses count half after this */
#define LABEL_VALUES_OWNER_NS   600000000000ULL /* an owner is forgotten after this */

struct label_values;

struct label_values *label_values_new(size_t total_max); /* NULL: no memory */
void label_values_free(struct label_values *values);

/*
 * A value is used once more, or `uses` times, which says how much a use is worth. True: it has a
 * place, or gets one, as `owner` has less than `most` of them or it is met more often than another.
 */
bool label_values_admit(struct label_values *values, const char *owner, const char *value,
	size_t most, unsigned uses, uint64_t now_ns);

#endif
