/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of spans and the queue of them (span_queue.h). */
#include "export/span_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BATCHES_MIN 8 /* so that one under way leaves room for most of the queue */

#define BATCH_BYTES_MAX (128 * 1024) /* some 400 spans, 280 KB before gzip: a good request */

/* --- batch --- */

static struct span_batch *batch_new(size_t bytes)
{
	struct span_batch *batch = malloc(bytes);

	if (batch) {
		memset(batch, 0, sizeof(*batch));
		batch->floor = bytes;
	}
	return batch;
}

/* What is free between the spans and the strings. */
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

/*
 * A service's address is only a hint where its copy is: after a workload's end it may belong to
 * another service. The contents decide.
 */
static const struct service *keep_service(
	struct span_batch *batch, struct gap *gap, const struct service *service)
{
	size_t slot = (uintptr_t)service / sizeof(*service) % BATCH_SERVICES;
	const struct service *kept = batch->services[slot];

	if (!kept || memcmp(kept, service, sizeof(*kept)) != 0) {
		kept = gap_take(gap, service, sizeof(*service));
		if (kept)
			batch->services[slot] = kept;
	}
	return kept;
}

static bool batch_add(struct span_batch *batch, const struct span *span)
{
	size_t ceiling = sizeof(*batch) + (batch->count + 1) * sizeof(*span);
	struct gap gap = {(char *)batch + batch->floor, batch->floor - ceiling};
	struct span *copy = &batch->spans[batch->count];
	const char **strings[] = {&copy->method, &copy->method_original, &copy->route, &copy->path,
		&copy->query, &copy->error_type, &copy->protocol_version, &copy->socket_path,
		&copy->dns_name, &copy->dns_type, &copy->dns_answers};

	if (batch->floor < ceiling)
		return false;
	*copy = *span;
	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++) {
		const char *string = *strings[i];
		if (!string)
			continue;
		*strings[i] = gap_take(&gap, string, strlen(string) + 1);
		if (!*strings[i])
			return false;
	}
	copy->service = keep_service(batch, &gap, span->service);
	if (!copy->service)
		return false;
	batch->floor = ceiling + gap.room;
	batch->count++;
	return true;
}

/* --- queue --- */

void span_queue_init(struct span_queue *queue, size_t bytes)
{
	*queue = (struct span_queue){.batch_bytes = bytes / BATCHES_MIN, .end = &queue->first};
	if (queue->batch_bytes > BATCH_BYTES_MAX)
		queue->batch_bytes = BATCH_BYTES_MAX;
	queue->batches_max = bytes / queue->batch_bytes;
}

static void close_batch(struct span_queue *queue)
{
	*queue->end = queue->open;
	queue->end = &queue->open->next;
	queue->open = NULL;
}

int span_queue_add(struct span_queue *queue, const struct span *span)
{
	if (queue->open) {
		if (batch_add(queue->open, span))
			return 0;
		if (queue->open->count == 0)
			return -ENOSPC;
		close_batch(queue);
	}
	if (queue->batches == queue->batches_max)
		return -ENOSPC;
	queue->open = batch_new(queue->batch_bytes);
	if (!queue->open)
		return -ENOMEM;
	queue->batches++;
	return batch_add(queue->open, span) ? 0 : -ENOSPC;
}

struct span_batch *span_queue_take(struct span_queue *queue, bool also_open)
{
	struct span_batch *batch;

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

void span_queue_freed(struct span_queue *queue)
{
	queue->batches--;
}

size_t span_queue_clear(struct span_queue *queue)
{
	struct span_batch *batch;
	size_t spans = 0;

	if (queue->open)
		close_batch(queue);
	while ((batch = span_queue_take(queue, false))) {
		spans += batch->count;
		free(batch);
		span_queue_freed(queue);
	}
	return spans;
}
