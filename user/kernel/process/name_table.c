/* SPDX-License-Identifier: Apache-2.0 */
/* See name_table.h. */
#include "kernel/process/name_table.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>

struct entry {
	struct process_name name;
	UT_hash_handle hh;
};

struct name_table {
	struct entry *entries; /* in the order of their last put */
};

struct name_table *name_table_new(void)
{
	return calloc(1, sizeof(struct name_table));
}

void name_table_free(struct name_table *table)
{
	struct entry *entry, *next;

	if (!table)
		return;
	HASH_ITER(hh, table->entries, entry, next) {
		HASH_DEL(table->entries, entry);
		free(entry);
	}
	free(table);
}

__u64 name_table_hash(const struct process_name *name)
{
	__u64 hash = hash_add(HASH_BEGIN, name->source), word;

	for (size_t at = 0; at < NAME_LEN; at += sizeof(word)) {
		memcpy(&word, name->text + at, sizeof(word));
		if (!word)
			break;
		hash = hash_add(hash, word);
	}
	return hash;
}

void name_table_put(struct name_table *table, const struct process_name *name)
{
	struct entry *entry;

	HASH_FIND(hh, table->entries, &name->hash, sizeof(name->hash), entry);
	if (!entry && HASH_COUNT(table->entries) >= NAME_TABLE_MAX)
		entry = table->entries; /* the oldest makes room */
	if (entry)
		HASH_DEL(table->entries, entry);
	else
		entry = malloc(sizeof(*entry));
	if (!entry)
		return;
	entry->name = *name;
	HASH_ADD(hh, table->entries, name.hash, sizeof(name->hash), entry);
}

const struct process_name *name_table_find(const struct name_table *table, __u64 hash)
{
	const struct entry *entry;

	HASH_FIND(hh, table->entries, &hash, sizeof(hash), entry);
	return entry ? &entry->name : NULL;
}
