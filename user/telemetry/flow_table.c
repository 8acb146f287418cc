/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_table.h. */
#include "telemetry/flow_table.h"

#include <string.h>

#include "address.h"

/* Loopback addresses are each namespace's own, others are taken to be one network's. */
static struct record_address key_of(const struct record_address *address)
{
	struct record_address key = *address;

	if (!address_is_loopback(key.local))
		key.netns = 0;
	return key;
}

struct flow_entry *flow_table_find(const struct flow_table *table, uint64_t connection)
{
	struct flow_entry *entry;

	HASH_FIND(by_connection, table->connections, &connection, sizeof(connection), entry);
	return entry;
}

struct flow_entry *flow_table_find_mirror(
	const struct flow_table *table, const struct record_address *address)
{
	struct record_address key = key_of(address), mirror = key;
	struct flow_entry *entry;

	memcpy(mirror.local, key.remote, sizeof(mirror.local));
	memcpy(mirror.remote, key.local, sizeof(mirror.remote));
	mirror.local_port = key.remote_port;
	mirror.remote_port = key.local_port;
	HASH_FIND(by_address, table->addresses, &mirror, sizeof(mirror), entry);
	return entry;
}

bool flow_table_add(struct flow_table *table, struct flow_entry *entry)
{
	if (HASH_CNT(by_connection, table->connections) >= FLOWS_MAX)
		return false;
	entry->is_known = true;
	entry->key = key_of(&entry->flow.address);
	HASH_ADD(by_connection, table->connections, flow.connection, sizeof(uint64_t), entry);
	HASH_ADD(by_address, table->addresses, key, sizeof(entry->key), entry);
	return true;
}

void flow_table_remove(struct flow_table *table, struct flow_entry *entry)
{
	if (!entry->is_known)
		return;
	entry->is_known = false;
	HASH_DELETE(by_connection, table->connections, entry);
	HASH_DELETE(by_address, table->addresses, entry);
}
