/* SPDX-License-Identifier: Apache-2.0 */
/* See dns_names.h. */
#include "protocol/dns/dns_names.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "identity/reserved.h"
#include "identity/workload_counts.h"

#define BUCKETS DNS_NAMES_MAX /* a power of two */
#define NONE    UINT16_MAX

#define TIDIED_AT_ONCE 256

#define SERVERS_MAX 4 /* that a workload is remembered to ask: resolv.conf has three */

_Static_assert(DNS_NAMES_MAX < NONE, "an entry's number is 16 bits");

/* Entries are referred to by their numbers: those of an address are in one chain, those of a
 * workload in one list by use, free ones in one chain. */
struct entry {
	__u8 address[16];
	__u8 server[16];
	__u64 answered_ns;
	__u64 until_ns; /* 0: it is free */
	struct dns_asker asker;
	__u16 chain_next;
	__u16 newer, older;
	char name[DNS_NAME_KEPT_LEN];
};

/* A workload: the names that it has learned, and whom it asks. */
struct owner {
	__u16 newest, oldest;
	__u16 asked_count; /* servers that were ever noted: the last ones are kept */
	struct {
		__u32 netns;
		__u8 server[16];
	} asked[SERVERS_MAX];
};

struct dns_names {
	struct record_resolvers configured;
	__u16 chains[BUCKETS];
	__u16 free;
	__u16 made;   /* entries that were ever used */
	__u16 tidied; /* where dns_names_tidy() goes on */
	struct workload_counts counts;
	struct owner owner[WORKLOADS_MAX];
	struct entry entries[DNS_NAMES_MAX];
};

_Static_assert(sizeof(struct dns_names) < 5 << 18, "as promised");

struct dns_names *dns_names_new(void)
{
	struct dns_names *names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	memset(names->chains, 0xff, sizeof(names->chains)); /* NONE */
	names->free = NONE;
	for (size_t i = 0; i < WORKLOADS_MAX; i++)
		names->owner[i].newest = names->owner[i].oldest = NONE;
	return names;
}

void dns_names_free(struct dns_names *names)
{
	free(names);
}

/* --- who trusts whom --- */

void dns_names_configure(struct dns_names *names, const struct record_resolvers *resolvers)
{
	names->configured = *resolvers;
}

static bool is_configured(const struct dns_names *names, __u32 netns, const __u8 server[16])
{
	const struct record_resolvers *configured = &names->configured;

	for (__u32 i = 0; configured->netns == netns && i < configured->count; i++)
		if (!memcmp(configured->servers[i], server, 16))
			return true;
	return false;
}

static bool is_asked(
	const struct dns_names *names, const struct dns_asker *asker, const __u8 server[16])
{
	const struct owner *owner = &names->owner[asker->workload];

	for (size_t i = 0; i < SERVERS_MAX && i < owner->asked_count; i++)
		if (owner->asked[i].netns == asker->netns &&
			!memcmp(owner->asked[i].server, server, 16))
			return true;
	return false;
}

void dns_names_note_asked(
	struct dns_names *names, const struct dns_asker *asker, const __u8 server[16])
{
	struct owner *owner = &names->owner[asker->workload];
	size_t at = owner->asked_count % SERVERS_MAX;

	if (!asker->workload || is_asked(names, asker, server))
		return;
	owner->asked[at].netns = asker->netns;
	memcpy(owner->asked[at].server, server, 16);
	if (++owner->asked_count == 2 * SERVERS_MAX)
		owner->asked_count = SERVERS_MAX;
}

/* May a name count for this one that another has learned in the same namespace? */
static bool is_trusted(
	const struct dns_names *names, const struct entry *entry, const struct dns_asker *asker)
{
	return !address_is_any(entry->server) &&
	       (is_configured(names, asker->netns, entry->server) ||
		       is_asked(names, asker, entry->server));
}

/* --- the table --- */

/* FNV-1a, and its upper bits where the mask looks. */
static __u16 *chain_of(struct dns_names *names, const __u8 address[16])
{
	__u64 hash = 0xcbf29ce484222325;

	for (int i = 0; i < 16; i++)
		hash = (hash ^ address[i]) * 0x100000001b3;
	return &names->chains[(hash ^ hash >> 32) & (BUCKETS - 1)];
}

static struct owner *owner_of(struct dns_names *names, const struct entry *entry)
{
	return &names->owner[entry->asker.workload];
}

static void list_remove(struct dns_names *names, struct entry *entry)
{
	struct owner *owner = owner_of(names, entry);

	if (entry->newer == NONE)
		owner->newest = entry->older;
	else
		names->entries[entry->newer].older = entry->older;
	if (entry->older == NONE)
		owner->oldest = entry->newer;
	else
		names->entries[entry->older].newer = entry->newer;
	workload_counts_remove(&names->counts, entry->asker.workload);
}

static void list_add(struct dns_names *names, struct entry *entry)
{
	struct owner *owner = owner_of(names, entry);
	__u16 number = (__u16)(entry - names->entries);

	entry->newer = NONE;
	entry->older = owner->newest;
	if (owner->newest == NONE)
		owner->oldest = number;
	else
		names->entries[owner->newest].newer = number;
	owner->newest = number;
	workload_counts_add(&names->counts, entry->asker.workload);
}

static void make_newest(struct dns_names *names, struct entry *entry)
{
	list_remove(names, entry);
	list_add(names, entry);
}

static void entry_remove(struct dns_names *names, struct entry *entry)
{
	__u16 *link = chain_of(names, entry->address);

	while (&names->entries[*link] != entry)
		link = &names->entries[*link].chain_next;
	*link = entry->chain_next;
	list_remove(names, entry);
	entry->until_ns = 0;
	entry->chain_next = names->free;
	names->free = (__u16)(entry - names->entries);
}

static bool asker_is(const struct entry *entry, const struct dns_asker *asker)
{
	return entry->asker.workload == asker->workload && entry->asker.netns == asker->netns;
}

static struct entry *entry_find(
	struct dns_names *names, const __u8 address[16], const struct dns_asker *asker)
{
	for (__u16 i = *chain_of(names, address); i != NONE; i = names->entries[i].chain_next) {
		struct entry *entry = &names->entries[i];

		if (asker_is(entry, asker) && !memcmp(entry->address, address, 16))
			return entry;
	}
	return NULL;
}

/* Makes room; true: for a name that still counted. */
static bool room_make(struct dns_names *names, __u32 workload, __u64 now_ns)
{
	struct entry *oldest;
	bool has_counted;

	if (names->free != NONE || names->made < DNS_NAMES_MAX)
		return false;
	workload = workload_counts_giving(&names->counts, workload, DNS_NAMES_MAX);
	oldest = &names->entries[names->owner[workload].oldest];
	has_counted = now_ns <= oldest->until_ns;
	entry_remove(names, oldest);
	return has_counted;
}

static struct entry *entry_add(
	struct dns_names *names, const __u8 address[16], const struct dns_asker *asker)
{
	struct entry *entry;
	__u16 *chain;

	if (names->free != NONE) {
		entry = &names->entries[names->free];
		names->free = entry->chain_next;
	} else {
		entry = &names->entries[names->made++];
	}
	memcpy(entry->address, address, 16);
	entry->asker = *asker;
	chain = chain_of(names, address);
	entry->chain_next = *chain;
	*chain = (__u16)(entry - names->entries);
	list_add(names, entry);
	return entry;
}

/* --- names --- */

static __u64 kept_ns(__u32 ttl_seconds)
{
	__u64 ttl_ns = ttl_seconds * 1000000000ULL;

	return ttl_ns < DNS_NAME_LEAST_NS  ? DNS_NAME_LEAST_NS
	       : ttl_ns > DNS_NAME_MOST_NS ? DNS_NAME_MOST_NS
					   : ttl_ns;
}

/* What a configured server said is not unsaid by any other while it counts. */
static bool may_replace(const struct dns_names *names, const struct entry *entry,
	const __u8 server[16], __u64 now_ns)
{
	return now_ns > entry->until_ns || is_configured(names, entry->asker.netns, server) ||
	       !is_configured(names, entry->asker.netns, entry->server);
}

bool dns_names_add(struct dns_names *names, const struct dns_asker *asker,
	const struct dns_answer *answer, __u64 now_ns)
{
	size_t length = strlen(answer->name);
	struct entry *entry;
	bool was_full = false;

	if (length >= DNS_NAME_KEPT_LEN)
		return false;
	entry = entry_find(names, answer->address, asker);
	if (entry && !may_replace(names, entry, answer->server, now_ns))
		return false;
	if (entry) {
		make_newest(names, entry);
	} else {
		was_full = room_make(names, asker->workload, now_ns);
		entry = entry_add(names, answer->address, asker);
	}
	memcpy(entry->server, answer->server, 16);
	entry->answered_ns = now_ns;
	entry->until_ns = now_ns + kept_ns(answer->ttl_seconds);
	memcpy(entry->name, answer->name, length + 1);
	name_mark(entry->name, DNS_NAME_KEPT_LEN);
	return was_full;
}

const char *dns_names_find(struct dns_names *names, const __u8 address[16],
	const struct dns_asker *asker, __u64 now_ns)
{
	struct entry *best = NULL;

	for (__u16 i = *chain_of(names, address); i != NONE; i = names->entries[i].chain_next) {
		struct entry *entry = &names->entries[i];

		if (entry->asker.netns != asker->netns || now_ns > entry->until_ns ||
			memcmp(entry->address, address, 16) != 0)
			continue;
		if (asker->workload && entry->asker.workload == asker->workload) {
			best = entry;
			break;
		}
		if (is_trusted(names, entry, asker) &&
			(!best || entry->answered_ns > best->answered_ns))
			best = entry;
	}
	if (!best)
		return NULL;
	make_newest(names, best);
	return best->name;
}

void dns_names_tidy(struct dns_names *names, __u64 now_ns)
{
	for (int i = 0; i < TIDIED_AT_ONCE; i++) {
		struct entry *entry = &names->entries[names->tidied++ % DNS_NAMES_MAX];

		if (entry->until_ns && now_ns > entry->until_ns)
			entry_remove(names, entry);
	}
}

void dns_names_forget(struct dns_names *names, __u32 workload)
{
	struct owner *owner = &names->owner[workload];

	while (owner->oldest != NONE)
		entry_remove(names, &names->entries[owner->oldest]);
	owner->asked_count = 0;
}
