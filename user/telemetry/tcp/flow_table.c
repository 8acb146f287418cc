/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_table.h. */
#include "telemetry/tcp/flow_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/address.h"

#define CHAINS_LEAST 64

/* Ends in other namespaces that are looked at: more of the same addresses are made up. */
#define MIRRORS_MAX 8

/* --- hashes --- */

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15); /* 2^64 / golden ratio */
	return hash ^ hash >> 32;
}

static uint64_t hash_end(const uint8_t address[16], uint16_t port)
{
	uint64_t words[2];

	memcpy(words, address, sizeof(words));
	return mix(mix(mix(0, port), words[0]), words[1]);
}

/* The same for both ends. */
static uint64_t hash_address(const struct record_address *address)
{
	return hash_end(address->local, address->local_port) +
	       hash_end(address->remote, address->remote_port);
}

static uint64_t hash_entry(const struct flow_entry *entry, enum flow_index index)
{
	return index == BY_CONNECTION ? mix(0, entry->flow.connection)
				      : hash_address(&entry->flow.address);
}

/* --- chains --- */

static struct flow_entry **chain_at(
	const struct flow_table *table, enum flow_index index, uint64_t hash)
{
	return &table->chains[index][hash & (table->chain_count - 1)];
}

static void chains_link(struct flow_table *table, struct flow_entry *entry)
{
	for (int index = 0; index < FLOW_INDEXES; index++) {
		struct flow_entry **chain = chain_at(table, index, hash_entry(entry, index));

		entry->chain[index] = *chain;
		*chain = entry;
	}
}

static void chains_unlink(struct flow_table *table, const struct flow_entry *entry)
{
	for (int index = 0; index < FLOW_INDEXES; index++) {
		struct flow_entry **at = chain_at(table, index, hash_entry(entry, index));

		while (*at != entry)
			at = &(*at)->chain[index];
		*at = entry->chain[index];
	}
}

static void chains_free(struct flow_table *table)
{
	for (int index = 0; index < FLOW_INDEXES; index++)
		free(table->chains[index]);
}

/* Keeps chains at one entry each, more or less. False: no memory; then they get longer. */
static bool chains_grow(struct flow_table *table)
{
	size_t count = table->chain_count ? 2 * table->chain_count : CHAINS_LEAST;
	struct flow_table grown = {.chain_count = count};
	struct flow_entry *entry, *next;

	for (int index = 0; index < FLOW_INDEXES; index++)
		grown.chains[index] = calloc(count, sizeof(*grown.chains[index]));
	if (!grown.chains[BY_CONNECTION] || !grown.chains[BY_ADDRESS]) {
		chains_free(&grown);
		return false;
	}
	for (entry = flow_table_next(table, NULL); entry; entry = next) {
		next = flow_table_next(table, entry);
		chains_link(&grown, entry);
	}
	chains_free(table);
	memcpy(table->chains, grown.chains, sizeof(table->chains));
	table->chain_count = count;
	return true;
}

/* --- the table --- */

struct flow_entry *flow_table_find(const struct flow_table *table, uint64_t connection)
{
	struct flow_entry *entry = NULL;

	if (table->count)
		entry = *chain_at(table, BY_CONNECTION, mix(0, connection));
	while (entry && entry->flow.connection != connection)
		entry = entry->chain[BY_CONNECTION];
	return entry;
}

static bool is_mirror(const struct record_address *here, const struct record_address *there)
{
	return here->local_port == there->remote_port && here->remote_port == there->local_port &&
	       memcmp(here->local, there->remote, sizeof(here->local)) == 0 &&
	       memcmp(here->remote, there->local, sizeof(here->remote)) == 0;
}

/* The other end of these addresses in the same namespace, or in the only other one that has one
 * without its own other end beside it. */
static struct flow_entry *mirror_of(
	const struct flow_table *table, const struct record_address *address, bool same)
{
	struct flow_entry *found = NULL, *entry = NULL;
	int others = 0;

	if (table->count)
		entry = *chain_at(table, BY_ADDRESS, hash_address(address));
	for (; entry; entry = entry->chain[BY_ADDRESS]) {
		const struct record_address *there = &entry->flow.address;

		if (!is_mirror(there, address) || (there->netns == address->netns) != same)
			continue;
		if (!same && ++others > MIRRORS_MAX)
			return NULL;
		if (!same && mirror_of(table, there, true))
			continue;
		if (found && found->flow.address.netns != there->netns)
			return NULL; /* one of them is made up */
		found = entry;
	}
	return found;
}

/*
 * Loopback addresses are each namespace's own, others are taken to be one network's. But in a
 * namespace of its own anybody can have any address, and so make both ends of a connection with
 * those of another: an end that has its other end beside it is no one else's.
 */
struct flow_entry *flow_table_find_mirror(
	const struct flow_table *table, const struct record_address *address)
{
	struct flow_entry *mirror = mirror_of(table, address, true);

	if (!mirror && !address_is_loopback(address->local))
		mirror = mirror_of(table, address, false);
	return mirror;
}

static void owner_add(struct flow_table *table, struct flow_entry *entry)
{
	entry->owner = entry->flow.workload;
	workload_counts_add(&table->owners, entry->owner);
}

static void owner_remove(struct flow_table *table, struct flow_entry *entry)
{
	workload_counts_remove(&table->owners, entry->owner);
}

void flow_table_own(struct flow_table *table, struct flow_entry *entry)
{
	if (!entry->is_known || entry->owner == entry->flow.workload)
		return;
	owner_remove(table, entry);
	owner_add(table, entry);
}

/* Of a workload that has the most, one lies in a few chains; the next ask goes on behind it. */
struct flow_entry *flow_table_giving(struct flow_table *table, uint32_t workload)
{
	struct flow_entry *entry = NULL;
	uint32_t giving;

	if (table->count < FLOWS_MAX)
		return NULL;
	giving = workload_counts_giving(&table->owners, workload, FLOWS_MAX);
	if (giving == workload)
		return NULL;
	while (!entry) {
		entry = table->chains[BY_CONNECTION][table->giving_at++ & (table->chain_count - 1)];
		while (entry && entry->owner != giving)
			entry = entry->chain[BY_CONNECTION];
	}
	return entry;
}

bool flow_table_add(struct flow_table *table, struct flow_entry *entry)
{
	if (table->count >= FLOWS_MAX)
		return false;
	if (table->count == table->chain_count && !chains_grow(table) && !table->chain_count)
		return false;
	chains_link(table, entry);
	owner_add(table, entry);
	table->count++;
	entry->is_known = true;
	return true;
}

void flow_table_remove(struct flow_table *table, struct flow_entry *entry)
{
	if (!entry->is_known)
		return;
	chains_unlink(table, entry);
	owner_remove(table, entry);
	table->count--;
	entry->is_known = false;
}

struct flow_entry *flow_table_next(const struct flow_table *table, const struct flow_entry *entry)
{
	size_t chain = 0;

	if (entry && entry->chain[BY_CONNECTION])
		return entry->chain[BY_CONNECTION];
	if (entry)
		chain = (hash_entry(entry, BY_CONNECTION) & (table->chain_count - 1)) + 1;
	while (chain < table->chain_count && !table->chains[BY_CONNECTION][chain])
		chain++;
	return chain < table->chain_count ? table->chains[BY_CONNECTION][chain] : NULL;
}

void flow_table_clear(struct flow_table *table)
{
	chains_free(table);
	memset(table, 0, sizeof(*table));
}
