/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BPF helpers for probes that run as plain C. Values of maps are allocated one by one and freed as
 * soon as they are deleted, so that the address sanitizer sees each step outside of them; a helper
 * that is called as the verifier would not have allowed it aborts.
 */
#include <linux/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "harness/bpf/bpf_helpers.h"
#include "harness/kernel.h"

#define KEY_MAX  16
#define USER_MAX 64 /* pieces of user memory */
#define PAGE     4096

struct entry {
	struct entry *next;
	const void *map;
	unsigned char key[KEY_MAX];
	void *value;
};

unsigned long long kernel_clock;
unsigned char kernel_fill;
bool kernel_ring_full;

/* Lists, each for some maps: few maps hold more than one value here. */
#define LISTS 64
static struct entry *lists[LISTS];

static struct {
	const char *memory;
	unsigned long size;
} user[USER_MAX];
static int user_count;

static struct entry **list_of(const struct map_shape *map)
{
	return &lists[(unsigned long)map->map / sizeof(void *) % LISTS];
}

/* Takes an entry out of its list. */
static void entry_free(struct entry **at)
{
	struct entry *entry = *at;

	*at = entry->next;
	free(entry->value);
	free(entry);
}

void kernel_reset(void)
{
	for (int i = 0; i < LISTS; i++)
		while (lists[i])
			entry_free(&lists[i]);
	kernel_user_clear();
	kernel_clock = 0;
	kernel_ring_full = false;
}

/* --- maps --- */

static struct entry **entry_find(const struct map_shape *map, const void *key)
{
	struct entry **at = list_of(map);

	if (map->key_size > KEY_MAX)
		abort();
	while (*at && ((*at)->map != map->map || memcmp((*at)->key, key, map->key_size) != 0))
		at = &(*at)->next;
	return at;
}

static void *entry_add(const struct map_shape *map, const void *key)
{
	struct entry *entry = calloc(1, sizeof(*entry)), **list = list_of(map);

	if (!entry || !(entry->value = calloc(1, map->value_size)))
		abort();
	entry->map = map->map;
	memcpy(entry->key, key, map->key_size);
	entry->next = *list;
	*list = entry;
	return entry->value;
}

static bool is_hash(const struct map_shape *map)
{
	return map->type == BPF_MAP_TYPE_HASH || map->type == BPF_MAP_TYPE_LRU_HASH ||
	       map->type == BPF_MAP_TYPE_PERCPU_HASH || map->type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

/* An array has all of its values from the beginning. */
void *kernel_map_lookup(const struct map_shape *map, const void *key)
{
	struct entry *entry = *entry_find(map, key);
	__u32 index;

	if (entry)
		return entry->value;
	memcpy(&index, key, sizeof(index));
	return is_hash(map) || index >= map->max_entries ? NULL : entry_add(map, key);
}

static bool map_is_full(const struct map_shape *map)
{
	__u32 count = 0;

	for (const struct entry *entry = *list_of(map); entry; entry = entry->next)
		count += entry->map == map->map;
	return count >= map->max_entries;
}

long kernel_map_update(const struct map_shape *map, const void *key, const void *value)
{
	void *at = kernel_map_lookup(map, key);

	if (!at && map_is_full(map))
		return -E2BIG;
	memcpy(at ? at : entry_add(map, key), value, map->value_size);
	return 0;
}

long kernel_map_delete(const struct map_shape *map, const void *key)
{
	struct entry **at = entry_find(map, key);

	if (!*at)
		return -ENOENT;
	entry_free(at);
	return 0;
}

void *kernel_storage_get(const struct map_shape *map, const void *owner, __u64 flags)
{
	struct entry *entry = *entry_find(map, &owner);

	if (entry)
		return entry->value;
	return flags & BPF_LOCAL_STORAGE_GET_F_CREATE ? entry_add(map, &owner) : NULL;
}

/* --- queues and stacks: an entry for each value, the last one in front --- */

long kernel_map_push(const struct map_shape *map, const void *value)
{
	if (map_is_full(map))
		return -E2BIG;
	memcpy(entry_add(map, ""), value, map->value_size);
	return 0;
}

long kernel_map_pop(const struct map_shape *map, void *value)
{
	struct entry **found = NULL;

	for (struct entry **at = list_of(map); *at; at = &(*at)->next) {
		if ((*at)->map != map->map)
			continue;
		found = at;
		if (map->type == BPF_MAP_TYPE_STACK)
			break;
	}
	if (!found)
		return -ENOENT;
	memcpy(value, (*found)->value, map->value_size);
	entry_free(found);
	return 0;
}

/* --- memory --- */

void kernel_user_add(const void *memory, unsigned long size)
{
	if (user_count == USER_MAX)
		abort();
	user[user_count].memory = memory;
	user[user_count++].size = size;
}

void kernel_user_clear(void)
{
	user_count = 0;
}

/* Whether so many bytes lie within a piece of user memory. */
static bool is_user(const void *memory, unsigned long size)
{
	unsigned long at = (unsigned long)memory;

	for (int i = 0; i < user_count; i++) {
		unsigned long begin = (unsigned long)user[i].memory;

		if (at >= begin && at - begin <= user[i].size &&
			size <= user[i].size - (at - begin))
			return true;
	}
	return false;
}

/* Where user memory is read as the kernel's, some machines refuse it, so this one does. */
long kernel_read(void *to, unsigned long room, __u32 size, const void *from)
{
	if (size > room)
		abort();
	if ((unsigned long)from < PAGE || is_user(from, 1)) {
		memset(to, 0, size);
		return -EFAULT;
	}
	memcpy(to, from, size);
	return 0;
}

long kernel_read_user(void *to, unsigned long room, __u32 size, const void *from)
{
	if (size > room)
		abort();
	if (!is_user(from, size)) {
		memset(to, 0, size);
		return -EFAULT;
	}
	memcpy(to, from, size);
	return 0;
}

long bpf_probe_read_kernel_str(void *to, __u32 size, const void *from)
{
	if ((unsigned long)from < PAGE || !size)
		return -EFAULT;
	strncpy(to, from, size);
	((char *)to)[size - 1] = 0;
	return (long)strlen(to) + 1;
}

/* --- the rest --- */

long bpf_ringbuf_output(void *ring, void *data, __u64 size, __u64 flags)
{
	(void)ring;
	(void)flags;
	if (kernel_ring_full)
		return -EAGAIN;
	kernel_record(data, size);
	return 0;
}

void *bpf_ringbuf_reserve(void *ring, __u64 size, __u64 flags)
{
	size_t *place = kernel_ring_full ? NULL : malloc(sizeof(*place) + size);

	(void)ring;
	(void)flags;
	if (!place)
		return NULL;
	*place = size;
	memset(place + 1, kernel_fill, size);
	return place + 1;
}

void bpf_ringbuf_submit(void *data, __u64 flags)
{
	size_t *place = (size_t *)data - 1;

	(void)flags;
	kernel_record(data, *place);
	free(place);
}

__u64 bpf_ringbuf_query(void *ring, __u64 flags)
{
	(void)ring;
	(void)flags;
	return 0;
}

__u64 bpf_ktime_get_ns(void)
{
	return kernel_clock++;
}

__u64 bpf_jiffies64(void)
{
	return 0;
}

long bpf_get_current_comm(void *to, __u32 size)
{
	memset(to, 0, size);
	return 0;
}

__u32 bpf_get_smp_processor_id(void)
{
	return 0;
}

__u64 bpf_get_socket_cookie(void *sk)
{
	return (unsigned long)sk;
}
