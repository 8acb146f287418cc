/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where spans, or other items of one signal, wait for export: a bounded queue of batches. A batch
 * holds copies of items, with the strings and the services they point to, in one block of memory of
 * a fixed size. Items grow from its start, strings from its end; where they would meet it is full.
 *
 * The main thread adds, the exporter's thread takes; otlp.c, which owns the queue, locks it.
 */
#ifndef SONDE_OTLP_QUEUE_H
#define SONDE_OTLP_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export/otlp/otlp_signal.h"

/* Eight batches that hold at least one span of real life: itself, its service, its strings. */
#define OTLP_QUEUE_BYTES_MIN (8 * 4096)

#define BATCH_SERVICES 16 /* slots of a cache; a service that lost its slot is copied once more */

struct otlp_batch {
	struct otlp_batch *next;
	const struct otlp_signal *signal;
	uint64_t opened_ns; /* the owner notes here when the first item came */
	size_t floor;       /* offset of the lowest string */
	const struct service *services[BATCH_SERVICES];
	size_t count;
	_Alignas(max_align_t) char items[];
};

struct otlp_queue {
	const struct otlp_signal *signal;
	size_t batch_bytes;
	size_t batches_max;
	size_t batches;          /* that have memory: waiting, and taken until otlp_queue_freed() */
	struct otlp_batch *open; /* takes items; NULL at first, and when the queue is full */
	struct otlp_batch *first; /* full ones, oldest first */
	struct otlp_batch **end;
};

/* For `bytes` (at least OTLP_QUEUE_BYTES_MIN) of batches, none of which is there yet. */
void otlp_queue_init(struct otlp_queue *queue, const struct otlp_signal *signal, size_t bytes);

/* Copies `item`, which is one of the signal's. -ENOSPC: no room, or it is larger than a batch;
 * -ENOMEM. */
int otlp_queue_add(struct otlp_queue *queue, const void *item);

/*
 * The oldest full batch, else with `also_open` the open one if it is not empty, else NULL. The
 * caller free()s it, and then calls otlp_queue_freed().
 */
struct otlp_batch *otlp_queue_take(struct otlp_queue *queue, bool also_open);
void otlp_queue_freed(struct otlp_queue *queue);

/* Frees all that waits. Returns how many items those were. */
size_t otlp_queue_clear(struct otlp_queue *queue);

#endif
