/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of processes by the hash that the probes keep of each: a process keeps its name when it has
 * lost its number, and the text of it is here. Bounded; the ones that were remembered longest ago
 * go first.
 */
#ifndef SONDE_NAME_TABLE_H
#define SONDE_NAME_TABLE_H

#include "core/table.h"

#define NAME_TABLE_MAX 8192 /* some 350 bytes each */

struct name_table;

struct name_table *name_table_new(void); /* NULL: no memory */
void name_table_free(struct name_table *table);

__u64 name_table_hash(const struct process_name *name); /* as the probes hash it */

void name_table_put(struct name_table *table, const struct process_name *name);

/* Borrowed until the next put. NULL: not there. */
const struct process_name *name_table_find(const struct name_table *table, __u64 hash);

#endif
