/* SPDX-License-Identifier: Apache-2.0 */
/* See rings.h. */
#include "kernel/sweep/rings.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel/load/skeleton.h"

/* Records that one drain passes on, before others have their turn: some 20 ms of work. */
#define DRAIN_MAX 16384

struct rings {
	record_sink sink;
	void *context;
	struct ring_buffer *buffer;
	uint32_t count;
	int fds[RINGS_MAX];
	unsigned drained; /* records in this drain */
};

static uint32_t power_of_two_upto(uint64_t value)
{
	uint32_t power = 1;

	while ((uint64_t)power * 2 <= value)
		power *= 2;
	return power;
}

void rings_plan(uint64_t bytes, uint32_t *count, uint32_t *ring_bytes)
{
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);
	int cpus = libbpf_num_possible_cpus();

	*count = power_of_two_upto(cpus < 1 ? 1 : cpus > RINGS_MAX ? RINGS_MAX : (uint64_t)cpus);
	*ring_bytes = power_of_two_upto(bytes / *count);
	if (*ring_bytes < page)
		*ring_bytes = page;
}

static int ring_take(void *context, void *data, size_t size)
{
	struct rings *rings = context;

	rings->sink(rings->context, data, size);
	return ++rings->drained < DRAIN_MAX ? 0 : -E2BIG;
}

int rings_new(struct rings **out, struct sonde *skeleton, uint32_t count, uint32_t ring_bytes,
	record_sink sink, void *context)
{
	struct rings *rings = calloc(1, sizeof(*rings));
	int result = 0;

	if (!rings)
		return -ENOMEM;
	rings->sink = sink;
	rings->context = context;
	for (__u32 i = 0; i < count && !result; i++) {
		int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, ring_bytes, NULL);

		if (fd < 0) {
			result = fd;
			break;
		}
		rings->fds[rings->count++] = fd;
		result = bpf_map__update_elem(
			skeleton->maps.rings, &i, sizeof(i), &fd, sizeof(fd), BPF_ANY);
		if (result)
			break;
		if (rings->buffer)
			result = ring_buffer__add(rings->buffer, fd, ring_take, rings);
		else if (!(rings->buffer = ring_buffer__new(fd, ring_take, rings, NULL)))
			result = -errno;
	}
	if (result) {
		rings_free(rings);
		return result;
	}
	*out = rings;
	return 0;
}

void rings_free(struct rings *rings)
{
	if (!rings)
		return;
	ring_buffer__free(rings->buffer);
	for (uint32_t i = 0; i < rings->count; i++)
		close(rings->fds[i]);
	free(rings);
}

uint32_t rings_count(const struct rings *rings)
{
	return rings->count;
}

int rings_map_fd(const struct rings *rings, uint32_t index)
{
	return rings->fds[index];
}

int rings_fd(const struct rings *rings)
{
	return ring_buffer__epoll_fd(rings->buffer);
}

bool rings_drain(struct rings *rings)
{
	rings->drained = 0;
	return ring_buffer__consume(rings->buffer) == -E2BIG;
}
