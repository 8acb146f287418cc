/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where finished spans wait for export: a bounded queue of batches. A batch holds copies of spans,
 * with the strings and the services they point to, in one block of memory of a fixed size. Spans
 * grow from its start, strings from its end; where they would meet it is full.
 *
 * The main thread adds, the exporter's thread takes; otlp.c, which owns the queue, locks it.
 */
#ifndef SONDE_SPAN_QUEUE_H
#define SONDE_SPAN_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telemetry/span.h"

/* Eight batches that hold at least one span of real life: itself, its service, its strings. */
#define SPAN_QUEUE_BYTES_MIN (8 * 2048)

#define BATCH_SERVICES 16 /* slots of a cache; a service that lost its slot is copied once more */

struct span_batch {
	struct span_batch *next;
	uint64_t opened_ns; /* the owner notes here when the first span came */
	size_t floor;       /* offset of the lowest string */
	const struct service *services[BATCH_SERVICES];
	size_t count;
	struct span spans[];
};

struct span_queue {
	size_t batch_bytes;
	size_t batches_max;
	size_t batches;          /* that have memory: waiting, and taken until span_queue_freed() */
	struct span_batch *open; /* takes spans; NULL at first, and when the queue is full */
	struct span_batch *first; /* full ones, oldest first */
	struct span_batch **end;
};

/* For `bytes` (at least SPAN_QUEUE_BYTES_MIN) of batches, none of which is there yet. */
void span_queue_init(struct span_queue *queue, size_t bytes);

/* Copies `span`. -ENOSPC: no room, or it is larger than a batch; -ENOMEM. */
int span_queue_add(struct span_queue *queue, const struct span *span);

/*
 * The oldest full batch, else with `also_open` the open one if it is not empty, else NULL. The
 * caller free()s it, and then calls span_queue_freed().
 */
struct span_batch *span_queue_take(struct span_queue *queue, bool also_open);
void span_queue_freed(struct span_queue *queue);

/* Frees all that waits. Returns how many spans those were. */
size_t span_queue_clear(struct span_queue *queue);

#endif
