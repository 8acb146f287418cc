/* SPDX-License-Identifier: Apache-2.0 */
/* See connections.h. */
#include "kernel/sweep/connections.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/table.h"
#include "kernel/load/skeleton.h"
#include "kernel/sweep/iterator.h"
#include "record/record_check.h"

/* How often all is told, whether it changed or not: what was lost shows by then. */
#define ALL_INTERVAL_NS 60000000000ULL

struct connections {
	struct sonde *skeleton;
	record_sink sink;
	void *context;
	struct bpf_link *link;        /* of the iterator */
	const union tcp_swept *swept; /* what it has told, mapped */
	uint64_t all_reported_ns;
	uint64_t refusals; /* as last told */
};

static size_t swept_size(const struct connections *connections)
{
	return bpf_map__max_entries(connections->skeleton->maps.swept) * sizeof(union tcp_swept);
}

/* Runs the iterator and passes on what it tells. */
static int sweep_run(struct connections *connections)
{
	uint32_t *count = &connections->skeleton->bss->swept_count;
	int fd = bpf_iter_create(bpf_link__fd(connections->link)), result;
	char nothing;

	if (fd < 0)
		return fd;
	do {
		*count = 0;
		result = read(fd, &nothing, sizeof(nothing)) < 0 ? -errno : 0;
		for (uint32_t i = 0; i < *count; i++) {
			const struct record *record = &connections->swept[i].record;

			connections->sink(connections->context, record,
				record_size(record, sizeof(union tcp_swept)));
		}
	} while (result == -EAGAIN || result == -EINTR);
	close(fd);
	return result;
}

static void sweep_all(struct connections *connections, enum tcp_sweep mode)
{
	struct record_tcp_swept swept = {
		.record = {.type = RECORD_TCP_SWEPT}, .begin_ns = clock_monotonic_ns()};

	connections->all_reported_ns = swept.begin_ns;
	connections->skeleton->data->tcp_sweep_mode = mode;
	if (!sweep_run(connections)) {
		swept.record.time_ns = clock_monotonic_ns();
		connections->sink(connections->context, &swept.record, sizeof(swept));
	}
	connections->skeleton->data->tcp_sweep_mode = TCP_SWEEP_CHANGED;
}

static void refusals_report(struct connections *connections)
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
	if (clock_monotonic_ns() - connections->all_reported_ns >= ALL_INTERVAL_NS)
		sweep_all(connections, TCP_SWEEP_ALL);
	else
		sweep_run(connections);
	refusals_report(connections);
}

int connections_new(struct connections **out, struct sonde *skeleton, const struct bpf_map *sockets,
	record_sink sink, void *context)
{
	struct connections *connections = calloc(1, sizeof(*connections));
	int result;

	if (!connections)
		return -ENOMEM;
	connections->skeleton = skeleton;
	connections->sink = sink;
	connections->context = context;
	connections->link = iterator_attach(skeleton->progs.tcp_sweep, sockets);
	if (connections->link)
		connections->swept = mmap(NULL, swept_size(connections), PROT_READ, MAP_SHARED,
			bpf_map__fd(skeleton->maps.swept), 0);
	if (!connections->link || connections->swept == MAP_FAILED) {
		result = -errno;
		connections->swept = NULL;
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
	if (connections->swept)
		munmap((void *)connections->swept, swept_size(connections));
	free(connections);
}
