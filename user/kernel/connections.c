/* SPDX-License-Identifier: Apache-2.0 */
/* See connections.h. */
#include "kernel/connections.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "kernel/iterator.h"
#include "kernel/skeleton.h"
#include "table.h"

/* How often all is told, whether it changed or not: what was lost shows by then. */
#define ALL_INTERVAL_NS 60000000000ULL

struct connections {
	struct sonde *skeleton;
	record_sink sink;
	void *context;
	struct bpf_link *link; /* of the iterator */
	uint64_t all_told_ns;
	uint64_t refusals; /* as last told */
};

static void sweep_all(struct connections *connections, enum tcp_sweep mode)
{
	struct record_tcp_swept swept = {
		.record = {.type = RECORD_TCP_SWEPT}, .begin_ns = clock_monotonic_ns()};

	connections->all_told_ns = swept.begin_ns;
	connections->skeleton->data->tcp_sweep_mode = mode;
	if (!iterator_run(connections->link, connections->sink, connections->context)) {
		swept.record.time_ns = clock_monotonic_ns();
		connections->sink(connections->context, &swept.record, sizeof(swept));
	}
	connections->skeleton->data->tcp_sweep_mode = TCP_SWEEP_CHANGED;
}

static void refusals_tell(struct connections *connections)
{
	uint64_t refusals = connections->skeleton->bss->tcp_refusals;
	struct record_tcp_refusals record = {
		.record = {.type = RECORD_TCP_REFUSALS, .time_ns = clock_monotonic_ns()},
		.count = refusals - connections->refusals,
	};

	connections->refusals = refusals;
	if (record.count)
		connections->sink(connections->context, &record.record, sizeof(record));
}

void connections_sweep(struct connections *connections)
{
	if (clock_monotonic_ns() - connections->all_told_ns >= ALL_INTERVAL_NS)
		sweep_all(connections, TCP_SWEEP_ALL);
	else
		iterator_run(connections->link, connections->sink, connections->context);
	refusals_tell(connections);
}

int connections_new(
	struct connections **out, struct sonde *skeleton, record_sink sink, void *context)
{
	struct connections *connections = calloc(1, sizeof(*connections));
	int result;

	if (!connections)
		return -ENOMEM;
	connections->skeleton = skeleton;
	connections->sink = sink;
	connections->context = context;
	connections->link = iterator_attach(skeleton->progs.tcp_sweep, skeleton->maps.sockets);
	if (!connections->link) {
		result = -errno;
		connections_free(connections);
		return result;
	}
	sweep_all(connections, TCP_SWEEP_FIRST);
	*out = connections;
	return 0;
}

void connections_free(struct connections *connections)
{
	if (!connections)
		return;
	bpf_link__destroy(connections->link);
	free(connections);
}
