/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether there is memory enough for a start. Who has less than that is killed by the kernel, which
 * says so in its own log only: so it is said before.
 */
#ifndef SONDE_MEMORY_LIMIT_H
#define SONDE_MEMORY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct kernel_btf;

/*
 * What a start takes at its peak on a quiet machine, with the smallest ring buffers: 14 MiB of the
 * process, 24 MiB of maps and programs, which its cgroup pays for too since Linux 5.11; and a
 * little for the series that come.
 */
#define MEMORY_NEEDED_BYTES  (46ULL << 20)
#define MEMORY_PROCESS_BYTES (20ULL << 20) /* the process alone */

/* Warns when the cgroup, or on kernels before 5.11 the limit of locked memory, allows for less. */
void memory_limit_report(const struct kernel_btf *btf, uint64_t ring_bytes);

/* The tightest limit of a cgroup and those above it, and what is left of it. */
struct memory_room {
	uint64_t limit_bytes; /* 0: there is none */
	uint64_t left_bytes;  /* but for what programs hold that the kernel cannot take back */
	char cgroup[512];     /* whose limit it is */
};

/* `path`: of the cgroup below `mount`, or above it as seen from a container. */
void memory_room_read(
	struct memory_room *room, const char *mount, const char *path, bool is_version1);

#endif
