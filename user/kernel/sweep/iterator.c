/* SPDX-License-Identifier: Apache-2.0 */
/* See iterator.h. */
#include "kernel/sweep/iterator.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kernel/load/skeleton.h"
#include "record/record_check.h"

#define ALIGN 8

/* What one read may bring: as much as the kernel gathers, and the rest of a record before it. */
#define BUFFER_BYTES (32768 + RECORD_SIZE_MAX)

struct bpf_link *iterator_attach(const struct bpf_program *program, const struct bpf_map *map)
{
	union bpf_iter_link_info info = {.map.map_fd = (__u32)bpf_map__fd(map)};
	LIBBPF_OPTS(
		bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));

	return bpf_program__attach_iter(program, &options);
}

/* Passes on the whole records; returns how many bytes they took. */
static size_t records_pass(const char *buffer, size_t filled, record_sink sink, void *context)
{
	size_t at = 0;

	while (filled > at) {
		const struct record *record = (const struct record *)(buffer + at);
		size_t size = record_size(record, filled - at);

		if (!size)
			break;
		sink(context, record, size);
		at += (size + ALIGN - 1) / ALIGN * ALIGN;
	}
	return at;
}

int iterator_run(const struct bpf_link *link, record_sink sink, void *context)
{
	_Alignas(ALIGN) static char
		buffer[BUFFER_BYTES]; /* of the main thread, as all sources are */
	int fd = bpf_iter_create(bpf_link__fd(link)), result = 0;
	size_t filled = 0, taken;
	ssize_t got;

	if (fd < 0)
		return fd;
	while ((got = read(fd, buffer + filled, sizeof(buffer) - filled)) != 0) {
		if (got < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			result = -errno;
			break;
		}
		filled += (size_t)got;
		taken = records_pass(buffer, filled, sink, context);
		filled -= taken;
		memmove(buffer, buffer + taken, filled);
	}
	close(fd);
	return result;
}

static void nothing_pass(void *context, const struct record *record, size_t size)
{
	(void)context, (void)record, (void)size;
}

int iterator_run_once(const struct bpf_program *program)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	int result;

	if (!link)
		return -errno;
	result = iterator_run(link, nothing_pass, NULL);
	bpf_link__destroy(link);
	return result;
}
