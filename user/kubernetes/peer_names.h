/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of peers, each kept once for all who have it. Part of peer_table.c. In all they have
 * PEER_NAMES_BYTES_MAX. Zeroed, there are none.
 */
#ifndef SONDE_PEER_NAMES_H
#define SONDE_PEER_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define PEER_NAME_SLOTS 16384

struct peer_name {
	struct peer_name *next;
	uint32_t users;
	char text[];
};

struct peer_names {
	struct peer_name *slots[PEER_NAME_SLOTS];
	size_t bytes;
};

/* Who asks has it until it is released. NULL: *result is -ENOSPC or -ENOMEM. */
struct peer_name *peer_name_keep(struct peer_names *names, const char *text, int *result);
void peer_name_release(struct peer_names *names, struct peer_name *name);
void peer_names_free(struct peer_names *names);

/* Of any bytes: good enough in its low digits, and in all of them for who is who. */
uint64_t peer_hash(const void *bytes, size_t length);

#endif
