/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring buffers: one for each CPU up to RINGS_MAX, all together as large as configured. Probes
 * write without waking anyone until a ring is RING_WAKE_PART full; a timer drains what lies there.
 */
#ifndef SONDE_RINGS_H
#define SONDE_RINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "record/record_sink.h"

#define RINGS_MAX      8
#define RING_WAKE_PART 4 /* wake the daemon when a quarter is full */

struct sonde;
struct rings;

/* How many rings there will be, and how large each; before load. A power of two of pages each. */
void rings_plan(uint64_t bytes, uint32_t *count, uint32_t *ring_bytes);

/* Makes them. After load, before anything is attached. 0 or a negative errno. */
int rings_new(struct rings **out, struct sonde *skeleton, uint32_t count, uint32_t ring_bytes,
	record_sink sink, void *context);
void rings_free(struct rings *rings);

/* The maps, for their figures. */
uint32_t rings_count(const struct rings *rings);
int rings_map_fd(const struct rings *rings, uint32_t index);

int rings_fd(const struct rings *rings);

/* Passes on what lies there, but not for ever: true when there is more. */
bool rings_drain(struct rings *rings);

#endif
