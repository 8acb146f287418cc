/* SPDX-License-Identifier: Apache-2.0 */
/* See peer_names.h. */
#include "kubernetes/peer_names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubernetes/peer_table.h"

const char *const peer_answer_names[PEER_ANSWERS] = {
	[PEER_FOUND] = "found",
	[PEER_NOT_FOUND] = "not_found",
	[PEER_AMBIGUOUS] = "ambiguous",
};

void peer_name_write(
	char name[PEER_NAME_LEN], const char *namespace, const char *owner, const char *pod)
{
	snprintf(name, PEER_NAME_LEN, "%s/%s", namespace, *owner ? owner : pod);
}

/* FNV-1a, and the finalizer of SplitMix64 behind it. */
uint64_t peer_hash(const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
	hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
	return hash ^ hash >> 31;
}

static struct peer_name **slot(struct peer_names *names, const char *text)
{
	return &names->slots[peer_hash(text, strlen(text)) % PEER_NAME_SLOTS];
}

/* With what malloc() adds to it. */
static size_t size_of(const char *text)
{
	return sizeof(struct peer_name) + strlen(text) + 1 + sizeof(size_t);
}

struct peer_name *peer_name_keep(struct peer_names *names, const char *text, int *result)
{
	struct peer_name **first = slot(names, text), *name = *first;

	while (name && strcmp(name->text, text) != 0)
		name = name->next;
	if (name) {
		name->users++;
		return name;
	}
	*result = -ENOSPC;
	if (names->bytes + size_of(text) > PEER_NAMES_BYTES_MAX)
		return NULL;
	*result = -ENOMEM;
	name = malloc(sizeof(*name) + strlen(text) + 1);
	if (!name)
		return NULL;
	strcpy(name->text, text);
	name->users = 1;
	name->next = *first;
	*first = name;
	names->bytes += size_of(text);
	return name;
}

void peer_name_release(struct peer_names *names, struct peer_name *name)
{
	struct peer_name **at = slot(names, name->text);

	if (--name->users)
		return;
	while (*at != name)
		at = &(*at)->next;
	*at = name->next;
	names->bytes -= size_of(name->text);
	free(name);
}

void peer_names_free(struct peer_names *names)
{
	for (size_t i = 0; i < PEER_NAME_SLOTS; i++) {
		struct peer_name *name = names->slots[i];

		while (name) {
			struct peer_name *next = name->next;

			free(name);
			name = next;
		}
	}
}
