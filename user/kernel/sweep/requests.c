/* SPDX-License-Identifier: Apache-2.0 */
/* See requests.h. */
#include "kernel/sweep/requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kernel/load/skeleton.h"
#include "kernel/sweep/iterator.h"

/* What can be told apart: whose requests, on which side, by which method. */
#define KINDS_MAX (WORKLOADS_MAX * (HTTP_CLIENT + 1) * HTTP_METHODS)

/* A kind of which there ever was an open request. */
struct kind {
	struct record_http_active now; /* summed up over all connections */
	__u32 reported_active, reported_long;
};

struct requests {
	record_sink sink;
	void *context;
	struct bpf_link *sweep, *sweep_other;
	struct kind *kinds;
	size_t kind_count, kind_room;
	__u16 places[KINDS_MAX]; /* in `kinds`, + 1 */
};

_Static_assert(KINDS_MAX < UINT16_MAX, "a place must fit");

static size_t kind_number(const struct record_http_active *record)
{
	return (record->record.workload * (HTTP_CLIENT + 1U) + record->role) * HTTP_METHODS +
	       record->method;
}

static struct kind *kind_find(struct requests *requests, const struct record_http_active *record)
{
	__u16 *place = &requests->places[kind_number(record)];
	struct kind *kind;

	if (*place)
		return &requests->kinds[*place - 1];
	if (requests->kind_count == requests->kind_room) {
		size_t room = requests->kind_room ? 2 * requests->kind_room : 16;
		struct kind *kinds = realloc(requests->kinds, room * sizeof(*kinds));

		if (!kinds)
			return NULL;
		requests->kinds = kinds;
		requests->kind_room = room;
	}
	kind = &requests->kinds[requests->kind_count];
	*kind = (struct kind){.now = *record};
	kind->now.active = kind->now.long_active = 0;
	*place = (__u16)++requests->kind_count;
	return kind;
}

/* One connection's requests, or a request to be reported. */
static void request_take(void *context, const struct record *record, size_t size)
{
	const struct record_http_active *active = (const void *)record;
	struct requests *requests = context;
	struct kind *kind;

	if (record->type != RECORD_HTTP_ACTIVE) {
		requests->sink(requests->context, record, size);
		return;
	}
	kind = kind_find(requests, active);
	if (!kind) {
		log_error("out of memory: open HTTP requests are not counted");
		return;
	}
	kind->now.active += active->active;
	kind->now.long_active += active->long_active;
	kind->now.record.time_ns = record->time_ns;
}

void requests_sweep(struct requests *requests)
{
	for (size_t i = 0; i < requests->kind_count; i++)
		requests->kinds[i].now.active = requests->kinds[i].now.long_active = 0;
	if (iterator_run(requests->sweep, request_take, requests) ||
		iterator_run(requests->sweep_other, request_take, requests))
		return;
	for (size_t i = 0; i < requests->kind_count; i++) {
		struct kind *kind = &requests->kinds[i];

		if (kind->now.active == kind->reported_active &&
			kind->now.long_active == kind->reported_long)
			continue;
		requests->sink(requests->context, &kind->now.record, sizeof(kind->now));
		kind->reported_active = kind->now.active;
		kind->reported_long = kind->now.long_active;
	}
}

int requests_new(struct requests **out, struct sonde *skeleton, const struct bpf_map *sockets,
	record_sink sink, void *context)
{
	struct requests *requests = calloc(1, sizeof(*requests));
	int result;

	if (!requests)
		return -ENOMEM;
	requests->sink = sink;
	requests->context = context;
	requests->sweep = iterator_attach(skeleton->progs.http_sweep, sockets);
	if (requests->sweep)
		requests->sweep_other = iterator_attach(
			skeleton->progs.http_sweep_other, skeleton->maps.other_conns);
	if (!requests->sweep_other) {
		result = -errno;
		requests_free(requests);
		return result;
	}
	*out = requests;
	return 0;
}

void requests_free(struct requests *requests)
{
	if (!requests)
		return;
	bpf_link__destroy(requests->sweep);
	bpf_link__destroy(requests->sweep_other);
	free(requests->kinds);
	free(requests);
}
