/* SPDX-License-Identifier: Apache-2.0 */
/* See dns_names.h. */
#include "telemetry/dns_names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS DNS_NAMES_MAX /* a power of two */
#define NONE    UINT16_MAX

_Static_assert(DNS_NAMES_MAX < NONE, "an entry's number is 16 bits");

/* Entries are referred to by their numbers: those of an address are in one chain, all in one list
 * by use. */
struct entry {
	__u8 address[16];
	__u64 answered_ns;
	__u64 until_ns;
	__u32 workload;
	__u16 chain_next;
	__u16 newer, older;
	char name[DNS_NAME_KEPT_LEN];
};

struct dns_names {
	__u16 chains[BUCKETS];
	__u16 newest, oldest;
	__u16 count; /* entries that were ever used: they are in the list */
	struct entry entries[DNS_NAMES_MAX];
};

_Static_assert(sizeof(struct dns_names) < 1 << 20, "as promised");

struct dns_names *dns_names_new(void)
{
	struct dns_names *names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	memset(names->chains, 0xff, sizeof(names->chains)); /* NONE */
	names->newest = names->oldest = NONE;
	return names;
}

void dns_names_free(struct dns_names *names)
{
	free(names);
}

/* FNV-1a, and its upper bits where the mask looks. */
static __u16 *chain_of(struct dns_names *names, const __u8 address[16])
{
	__u64 hash = 0xcbf29ce484222325;

	for (int i = 0; i < 16; i++)
		hash = (hash ^ address[i]) * 0x100000001b3;
	return &names->chains[(hash ^ hash >> 32) & (BUCKETS - 1)];
}

static void list_remove(struct dns_names *names, struct entry *entry)
{
	if (entry->newer == NONE)
		names->newest = entry->older;
	else
		names->entries[entry->newer].older = entry->older;
	if (entry->older == NONE)
		names->oldest = entry->newer;
	else
		names->entries[entry->older].newer = entry->newer;
}

static void list_add(struct dns_names *names, struct entry *entry)
{
	__u16 number = (__u16)(entry - names->entries);

	entry->newer = NONE;
	entry->older = names->newest;
	if (names->newest == NONE)
		names->oldest = number;
	else
		names->entries[names->newest].newer = number;
	names->newest = number;
}

static void make_newest(struct dns_names *names, struct entry *entry)
{
	list_remove(names, entry);
	list_add(names, entry);
}

static void chain_remove(struct dns_names *names, const struct entry *entry)
{
	__u16 *link = chain_of(names, entry->address);

	while (&names->entries[*link] != entry)
		link = &names->entries[*link].chain_next;
	*link = entry->chain_next;
}

static struct entry *entry_find(struct dns_names *names, const __u8 address[16], __u32 workload)
{
	for (__u16 i = *chain_of(names, address); i != NONE; i = names->entries[i].chain_next) {
		struct entry *entry = &names->entries[i];

		if (entry->workload == workload && !memcmp(entry->address, address, 16))
			return entry;
	}
	return NULL;
}

/* A new one; when there is none, in the place of the one that was not used for longest. */
static struct entry *entry_make(struct dns_names *names, const __u8 address[16], __u32 workload)
{
	struct entry *entry;
	__u16 *chain;

	if (names->count < DNS_NAMES_MAX) {
		entry = &names->entries[names->count++];
	} else {
		entry = &names->entries[names->oldest];
		chain_remove(names, entry);
		list_remove(names, entry);
	}
	memcpy(entry->address, address, 16);
	entry->workload = workload;
	list_add(names, entry);
	chain = chain_of(names, address);
	entry->chain_next = *chain;
	*chain = (__u16)(entry - names->entries);
	return entry;
}

static __u64 kept_ns(__u32 ttl_seconds)
{
	__u64 ttl_ns = ttl_seconds * 1000000000ULL;

	return ttl_ns < DNS_NAME_LEAST_NS  ? DNS_NAME_LEAST_NS
	       : ttl_ns > DNS_NAME_MOST_NS ? DNS_NAME_MOST_NS
					   : ttl_ns;
}

void dns_names_add(struct dns_names *names, const __u8 address[16], __u32 workload,
	const char *name, __u32 ttl_seconds, __u64 now_ns)
{
	size_t length = strlen(name);
	struct entry *entry;

	if (length >= DNS_NAME_KEPT_LEN)
		return;
	entry = entry_find(names, address, workload);
	if (entry)
		make_newest(names, entry);
	else
		entry = entry_make(names, address, workload);
	entry->answered_ns = now_ns;
	entry->until_ns = now_ns + kept_ns(ttl_seconds);
	memcpy(entry->name, name, length + 1);
}

const char *dns_names_find(
	struct dns_names *names, const __u8 address[16], __u32 workload, __u64 now_ns)
{
	struct entry *best = NULL;

	for (__u16 i = *chain_of(names, address); i != NONE; i = names->entries[i].chain_next) {
		struct entry *entry = &names->entries[i];

		if (memcmp(entry->address, address, 16) || now_ns > entry->until_ns)
			continue;
		if (entry->workload == workload) {
			best = entry;
			break;
		}
		if (!best || entry->answered_ns > best->answered_ns)
			best = entry;
	}
	if (!best)
		return NULL;
	make_newest(names, best);
	return best->name;
}
