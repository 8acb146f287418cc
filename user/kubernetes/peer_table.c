/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See peer_table.h. Entries lie in blocks, which never move, and are called by their place; chains
 * through them begin in two indexes, by address and by uid. An address may have several entries:
 * whoever has it, and who had it before.
 */
#include "kubernetes/peer_table.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "kubernetes/peer_names.h"

#define BLOCK_ENTRIES 1024
#define BLOCKS_MAX    (PEER_ADDRESSES_MAX / BLOCK_ENTRIES)
#define INDEX_LEAST   1024
#define NONE          UINT32_MAX

enum peer_index { BY_ADDRESS, BY_UID, INDEXES };

/* Times are in ticks of 67 ms, which last for nine years. */
#define TICK_BITS 26

struct entry {
	uint8_t address[16];
	uint64_t uid; /* its hash: who it is, all but surely */
	struct peer_name *name;
	uint32_t begun; /* when it was told of */
	uint32_t gone;  /* until when it was surely there; 0 of who is there still */
	uint32_t chain[INDEXES];
	uint32_t next;      /* of those that are free, or of those that are gone, in their order */
	uint16_t told_late; /* how long after that it was told that it is gone */
	uint8_t kind : 2, is_first : 1; /* of the first list */
	uint8_t list;                   /* the last digits of the list in which it was told last */
};

struct source {
	size_t count; /* of addresses in use */
	uint64_t opened_ns, heard_ns;
	uint8_t list;
	bool is_whole; /* a list has been */
};

struct peer_table {
	pthread_mutex_t lock;
	struct entry *blocks[BLOCKS_MAX];
	uint32_t *indexes[INDEXES];
	uint32_t index_length; /* a power of two */
	uint32_t made, free;   /* entries that were made, and the first free one */
	uint32_t used;
	uint32_t gone_first, gone_last;
	struct source sources[PEER_KINDS];
	struct peer_names names;
	uint64_t answers[PEER_ANSWERS];
};

static uint32_t tick(uint64_t ns)
{
	return (uint32_t)(ns >> TICK_BITS);
}

static struct entry *entry_at(const struct peer_table *table, uint32_t place)
{
	return &table->blocks[place / BLOCK_ENTRIES][place % BLOCK_ENTRIES];
}

/* From then on it was surely not there any more. */
static uint32_t told_gone(const struct entry *entry)
{
	return entry->gone + entry->told_late;
}

/* --- the indexes --- */

static uint32_t slot(const struct peer_table *table, const struct entry *entry, int index)
{
	uint64_t hash = index == BY_UID ? entry->uid : peer_hash(entry->address, 16);

	return (uint32_t)hash & (table->index_length - 1);
}

static void index_add(struct peer_table *table, uint32_t place)
{
	struct entry *entry = entry_at(table, place);

	for (int index = 0; index < INDEXES; index++) {
		uint32_t *first = &table->indexes[index][slot(table, entry, index)];

		entry->chain[index] = *first;
		*first = place;
	}
}

static void index_remove(struct peer_table *table, uint32_t place)
{
	struct entry *entry = entry_at(table, place);

	for (int index = 0; index < INDEXES; index++) {
		uint32_t *at = &table->indexes[index][slot(table, entry, index)];

		while (*at != place)
			at = &entry_at(table, *at)->chain[index];
		*at = entry->chain[index];
	}
}

/* As many slots as there are entries. False: no memory, and all stays as it was. */
static bool index_grow(struct peer_table *table)
{
	uint32_t length = table->index_length ? 2 * table->index_length : INDEX_LEAST;
	uint32_t *grown[INDEXES];

	if (table->used < table->index_length)
		return true;
	for (int index = 0; index < INDEXES; index++)
		grown[index] = malloc(length * sizeof(**grown));
	if (!grown[BY_ADDRESS] || !grown[BY_UID]) {
		free(grown[BY_ADDRESS]);
		free(grown[BY_UID]);
		return false;
	}
	table->index_length = length;
	for (int index = 0; index < INDEXES; index++) {
		memset(grown[index], 0xff, length * sizeof(**grown)); /* NONE */
		free(table->indexes[index]);
		table->indexes[index] = grown[index];
	}
	for (uint32_t place = 0; place < table->made; place++)
		if (entry_at(table, place)->name)
			index_add(table, place);
	return true;
}

/* --- entries --- */

static void entry_drop(struct peer_table *table, uint32_t place)
{
	struct entry *entry = entry_at(table, place);

	index_remove(table, place);
	peer_name_release(&table->names, entry->name);
	entry->name = NULL;
	entry->next = table->free;
	table->free = place;
	table->used--;
}

/* Those that were kept for long enough; with `at_least` one in any case, if there is one. */
static void drop_gone(struct peer_table *table, uint64_t now_ns, bool at_least)
{
	while (table->gone_first != NONE) {
		uint32_t place = table->gone_first;
		struct entry *entry = entry_at(table, place);

		if (!at_least && tick(now_ns) <= told_gone(entry) + tick(PEER_KEPT_NS))
			return;
		at_least = false;
		table->gone_first = entry->next;
		if (table->gone_first == NONE)
			table->gone_last = NONE;
		entry_drop(table, place);
	}
}

/* A free place, of which there is one, as long as fewer than PEER_ADDRESSES_MAX are used; or NONE:
 * no memory. */
static uint32_t entry_take(struct peer_table *table)
{
	uint32_t place = table->free;

	if (place != NONE) {
		table->free = entry_at(table, place)->next;
		return place;
	}
	if (table->made % BLOCK_ENTRIES == 0) {
		struct entry **block = &table->blocks[table->made / BLOCK_ENTRIES];

		*block = malloc(BLOCK_ENTRIES * sizeof(**block));
		if (!*block)
			return NONE;
	}
	return table->made++;
}

static int entry_add(struct peer_table *table, const struct peer *peer, uint64_t uid,
	const uint8_t address[16], uint64_t now_ns)
{
	struct source *source = &table->sources[peer->kind];
	struct peer_name *name;
	uint32_t place;
	int result;

	if (table->used == PEER_ADDRESSES_MAX)
		drop_gone(table, now_ns, true);
	if (table->used == PEER_ADDRESSES_MAX)
		return -ENOSPC;
	if (!index_grow(table))
		return -ENOMEM;
	name = peer_name_keep(&table->names, peer->name, &result);
	if (!name)
		return result;
	place = entry_take(table);
	if (place == NONE) {
		peer_name_release(&table->names, name);
		return -ENOMEM;
	}
	*entry_at(table, place) = (struct entry){
		.uid = uid,
		.name = name,
		.begun = tick(now_ns),
		.is_first = !source->is_whole,
		.next = NONE,
		.kind = peer->kind & 3,
		.list = source->list,
	};
	memcpy(entry_at(table, place)->address, address, 16);
	index_add(table, place);
	table->used++;
	source->count++;
	return 0;
}

/* When the server was heard last, before what it tells now. */
static uint64_t heard_ns(const struct source *source, uint64_t now_ns)
{
	if (source->opened_ns && now_ns >= source->opened_ns + PEER_SETTLE_NS &&
		source->opened_ns > source->heard_ns)
		return source->opened_ns;
	return source->heard_ns;
}

static void entry_go(struct peer_table *table, uint32_t place, uint64_t now_ns)
{
	struct entry *entry = entry_at(table, place);
	struct source *source = &table->sources[entry->kind];
	uint32_t gone = tick(heard_ns(source, now_ns));

	entry->gone = gone ? gone : 1;
	entry->told_late =
		(uint16_t)(tick(now_ns) - entry->gone < UINT16_MAX ? tick(now_ns) - entry->gone
								   : UINT16_MAX);
	entry->next = NONE;
	if (table->gone_last == NONE)
		table->gone_first = place;
	else
		entry_at(table, table->gone_last)->next = place;
	table->gone_last = place;
	source->count--;
}

/* --- the watches --- */

static bool has_address(const struct peer *peer, const uint8_t address[16])
{
	for (size_t i = 0; i < peer->address_count; i++)
		if (memcmp(peer->addresses[i], address, 16) == 0)
			return true;
	return false;
}

static uint32_t first_of(const struct peer_table *table, uint64_t uid)
{
	if (!table->index_length)
		return NONE;
	return table->indexes[BY_UID][(uint32_t)uid & (table->index_length - 1)];
}

/* What it had and has no more goes; what it has still is told in this list. */
static void compare(
	struct peer_table *table, const struct peer *peer, uint64_t uid, uint64_t now_ns)
{
	for (uint32_t at = first_of(table, uid); at != NONE;
		at = entry_at(table, at)->chain[BY_UID]) {
		struct entry *entry = entry_at(table, at);

		if (entry->uid != uid || entry->gone)
			continue;
		if (has_address(peer, entry->address) && strcmp(entry->name->text, peer->name) == 0)
			entry->list = table->sources[peer->kind].list;
		else
			entry_go(table, at, now_ns);
	}
}

static bool is_known(const struct peer_table *table, uint64_t uid, const uint8_t address[16])
{
	for (uint32_t at = first_of(table, uid); at != NONE;
		at = entry_at(table, at)->chain[BY_UID]) {
		const struct entry *entry = entry_at(table, at);

		if (entry->uid == uid && !entry->gone && memcmp(entry->address, address, 16) == 0)
			return true;
	}
	return false;
}

int peer_table_set(struct peer_table *table, const struct peer *peer, uint64_t now_ns)
{
	uint64_t uid = peer_hash(peer->uid, strlen(peer->uid));
	int result = 0;

	pthread_mutex_lock(&table->lock);
	drop_gone(table, now_ns, false);
	compare(table, peer, uid, now_ns);
	for (size_t i = 0; i < peer->address_count && !result; i++)
		if (!is_known(table, uid, peer->addresses[i]))
			result = entry_add(table, peer, uid, peer->addresses[i], now_ns);
	pthread_mutex_unlock(&table->lock);
	return result;
}

void peer_table_remove(struct peer_table *table, const struct peer *peer, uint64_t now_ns)
{
	struct peer none = {.kind = peer->kind};

	pthread_mutex_lock(&table->lock);
	drop_gone(table, now_ns, false);
	compare(table, &none, peer_hash(peer->uid, strlen(peer->uid)), now_ns);
	pthread_mutex_unlock(&table->lock);
}

void peer_table_list_begin(struct peer_table *table, enum peer_kind kind)
{
	pthread_mutex_lock(&table->lock);
	table->sources[kind].list++;
	pthread_mutex_unlock(&table->lock);
}

void peer_table_list_end(struct peer_table *table, enum peer_kind kind, uint64_t now_ns)
{
	struct source *source = &table->sources[kind];

	pthread_mutex_lock(&table->lock);
	for (uint32_t place = 0; place < table->made; place++) {
		const struct entry *entry = entry_at(table, place);

		if (entry->name && !entry->gone && entry->kind == kind &&
			entry->list != source->list)
			entry_go(table, place, now_ns);
	}
	source->is_whole = true;
	drop_gone(table, now_ns, false);
	pthread_mutex_unlock(&table->lock);
}

void peer_table_opened(struct peer_table *table, enum peer_kind kind, bool is_open, uint64_t now_ns)
{
	struct source *source = &table->sources[kind];

	pthread_mutex_lock(&table->lock);
	source->heard_ns = heard_ns(source, now_ns);
	source->opened_ns = is_open ? now_ns : 0;
	pthread_mutex_unlock(&table->lock);
}

void peer_table_heard(struct peer_table *table, enum peer_kind kind, uint64_t now_ns)
{
	struct source *source = &table->sources[kind];

	pthread_mutex_lock(&table->lock);
	if (source->opened_ns && now_ns >= source->opened_ns + PEER_SETTLE_NS)
		source->heard_ns = now_ns;
	pthread_mutex_unlock(&table->lock);
}

/* --- the main thread --- */

/* Of who had the address before, who is gone last counts; 0: nobody had. */
static uint32_t gone_before(const struct peer_table *table, uint32_t first, const uint8_t *address)
{
	uint32_t gone = 0;

	for (uint32_t at = first; at != NONE; at = entry_at(table, at)->chain[BY_ADDRESS]) {
		const struct entry *entry = entry_at(table, at);

		if (entry->gone && memcmp(entry->address, address, 16) == 0 &&
			told_gone(entry) > gone)
			gone = told_gone(entry);
	}
	return gone;
}

static bool is_fresh(const struct source *source, uint64_t since_ns, uint64_t now_ns)
{
	return source->is_whole &&
	       (since_ns ? since_ns : now_ns) <= heard_ns(source, now_ns) + PEER_FRESH_NS;
}

/*
 * What began before it was told of may be another one's, who is still to be seen as long as those
 * are kept that are gone.
 */
static bool is_meant_early(const struct entry *entry, uint32_t since, uint32_t now)
{
	if (!since)
		return entry->is_first;
	return since + tick(PEER_KEPT_NS) >= entry->begun && now <= since + tick(PEER_KEPT_NS);
}

static bool is_meant(const struct peer_table *table, const struct entry *entry, uint32_t gone,
	uint64_t since_ns, uint64_t now_ns)
{
	uint32_t since = tick(since_ns);

	if (entry->gone)
		return since && since < entry->gone && since > entry->begun;
	if (!is_fresh(&table->sources[entry->kind], since_ns, now_ns) || (gone && since <= gone))
		return false;
	return since > entry->begun || (!gone && is_meant_early(entry, since, tick(now_ns)));
}

static enum peer_answer find(const struct peer_table *table, const uint8_t address[16],
	uint64_t since_ns, uint64_t now_ns, const struct peer_name **name)
{
	uint32_t first, gone;

	*name = NULL;
	if (!table->index_length)
		return PEER_NOT_FOUND;
	first = table->indexes[BY_ADDRESS]
			      [(uint32_t)peer_hash(address, 16) & (table->index_length - 1)];
	gone = gone_before(table, first, address);
	for (uint32_t at = first; at != NONE; at = entry_at(table, at)->chain[BY_ADDRESS]) {
		const struct entry *entry = entry_at(table, at);

		if (memcmp(entry->address, address, 16) != 0 ||
			!is_meant(table, entry, gone, since_ns, now_ns))
			continue;
		if (*name && *name != entry->name)
			return PEER_AMBIGUOUS;
		*name = entry->name;
	}
	return *name ? PEER_FOUND : PEER_NOT_FOUND;
}

enum peer_answer peer_table_find(struct peer_table *table, const uint8_t address[16],
	uint64_t since_ns, uint64_t now_ns, char name[PEER_NAME_LEN])
{
	const struct peer_name *found;
	enum peer_answer answer;

	pthread_mutex_lock(&table->lock);
	drop_gone(table, now_ns, false);
	answer = find(table, address, since_ns, now_ns, &found);
	table->answers[answer]++;
	if (answer == PEER_FOUND)
		strcpy(name, found->text);
	pthread_mutex_unlock(&table->lock);
	return answer;
}

size_t peer_table_count(struct peer_table *table, enum peer_kind kind)
{
	size_t count;

	pthread_mutex_lock(&table->lock);
	count = table->sources[kind].count;
	pthread_mutex_unlock(&table->lock);
	return count;
}

uint64_t peer_table_answers(struct peer_table *table, enum peer_answer answer)
{
	uint64_t count;

	pthread_mutex_lock(&table->lock);
	count = table->answers[answer];
	pthread_mutex_unlock(&table->lock);
	return count;
}

/* --- life --- */

struct peer_table *peer_table_new(void)
{
	struct peer_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	pthread_mutex_init(&table->lock, NULL);
	table->free = table->gone_first = table->gone_last = NONE;
	return table;
}

void peer_table_free(struct peer_table *table)
{
	if (!table)
		return;
	peer_names_free(&table->names);
	for (size_t i = 0; i < BLOCKS_MAX; i++)
		free(table->blocks[i]);
	for (int index = 0; index < INDEXES; index++)
		free(table->indexes[index]);
	pthread_mutex_destroy(&table->lock);
	free(table);
}
