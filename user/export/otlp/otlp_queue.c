/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of items and the queue of them (otlp_queue.h). */
#include "export/otlp/otlp_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BATCHES_MIN 8 /* so that one under way leaves room for most of the queue */

#define BATCH_BYTES_MAX (128 * 1024) /* some 400 spans, 280 KB encoded: a good request */

/* --- batch --- */

static struct otlp_batch *batch_new(const struct otlp_signal *signal, size_t bytes)
{
	struct otlp_batch *batch = malloc(bytes);

	if (batch) {
		memset(batch, 0, sizeof(*batch));
		batch->signal = signal;
		batch->floor = bytes;
	}
	return batch;
}

/* What is free between the items and the strings. */
struct gap {
	char *end;
	size_t room;
};

static void *gap_take(struct gap *gap, const void *bytes, size_t size)
{
	if (gap->room < size)
		return NULL;
	gap->room -= size;
	gap->end -= size;
	return memcpy(gap->end, bytes, size);
}

_Static_assert(_Alignof(struct service) == 1, "it is kept among the strings");
_Static_assert(offsetof(struct service, key) + SERVICE_KEY_LEN == sizeof(struct service),
	"of its key, which is the last, only what is used is kept");

/*
 * A service's address is only a hint where its copy is: after a workload's end it may belong to
 * another service. The contents decide.
 */
static const struct service *keep_service(
	struct otlp_batch *batch, struct gap *gap, const struct service *service)
{
	size_t slot = (uintptr_t)service / sizeof(*service) % BATCH_SERVICES;
	const struct service *kept = batch->services[slot];

	if (!kept || memcmp(kept, service, offsetof(struct service, key)) != 0 ||
		strcmp(kept->key, service->key) != 0) {
		kept = gap_take(
			gap, service, offsetof(struct service, key) + strlen(service->key) + 1);
		if (kept)
			batch->services[slot] = kept;
	}
	return kept;
}

static bool keep_strings(struct gap *gap, const struct otlp_signal *signal, char *item)
{
	for (size_t i = 0; i < signal->string_count; i++) {
		const char **string = (const char **)(item + signal->strings[i]);

		if (!*string)
			continue;
		*string = gap_take(gap, *string, strlen(*string) + 1);
		if (!*string)
			return false;
	}
	return true;
}

static bool batch_add(struct otlp_batch *batch, const void *item)
{
	const struct otlp_signal *signal = batch->signal;
	size_t place = batch->count * signal->item_size;
	size_t ceiling = offsetof(struct otlp_batch, items) + place + signal->item_size;
	struct gap gap = {(char *)batch + batch->floor, batch->floor - ceiling};
	char *copy = batch->items + place;
	const struct service **service = (const struct service **)(copy + signal->service);

	if (batch->floor < ceiling)
		return false;
	memcpy(copy, item, signal->item_size);
	if (!keep_strings(&gap, signal, copy))
		return false;
	*service = keep_service(batch, &gap, *service);
	if (!*service)
		return false;
	batch->floor = ceiling + gap.room;
	batch->count++;
	return true;
}

/* --- queue --- */

void otlp_queue_init(struct otlp_queue *queue, const struct otlp_signal *signal, size_t bytes)
{
	*queue = (struct otlp_queue){
		.signal = signal, .batch_bytes = bytes / BATCHES_MIN, .end = &queue->first};
	if (queue->batch_bytes > BATCH_BYTES_MAX)
		queue->batch_bytes = BATCH_BYTES_MAX;
	queue->batches_max = bytes / queue->batch_bytes;
}

static void close_batch(struct otlp_queue *queue)
{
	*queue->end = queue->open;
	queue->end = &queue->open->next;
	queue->open = NULL;
}

int otlp_queue_add(struct otlp_queue *queue, const void *item)
{
	if (queue->open) {
		if (batch_add(queue->open, item))
			return 0;
		if (queue->open->count == 0)
			return -ENOSPC;
		close_batch(queue);
	}
	if (queue->batches == queue->batches_max)
		return -ENOSPC;
	queue->open = batch_new(queue->signal, queue->batch_bytes);
	if (!queue->open)
		return -ENOMEM;
	queue->batches++;
	return batch_add(queue->open, item) ? 0 : -ENOSPC;
}

struct otlp_batch *otlp_queue_take(struct otlp_queue *queue, bool also_open)
{
	struct otlp_batch *batch;

	if (!queue->first && also_open && queue->open && queue->open->count)
		close_batch(queue);
	batch = queue->first;
	if (batch) {
		queue->first = batch->next;
		if (!queue->first)
			queue->end = &queue->first;
	}
	return batch;
}

void otlp_queue_freed(struct otlp_queue *queue)
{
	queue->batches--;
}

size_t otlp_queue_clear(struct otlp_queue *queue)
{
	struct otlp_batch *batch;
	size_t items = 0;

	if (queue->open)
		close_batch(queue);
	while ((batch = otlp_queue_take(queue, false))) {
		items += batch->count;
		free(batch);
		otlp_queue_freed(queue);
	}
	return items;
}
