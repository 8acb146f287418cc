/* SPDX-License-Identifier: Apache-2.0 */
/* See pod_table.h. An array that is searched: there are a hundred, and they are asked for rarely.
 */
#include "kubernetes/pod_table.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct pod pod;
	uint64_t gone_ns; /* 0: it is there */
	uint64_t list;    /* in which it was told last */
};

struct pod_table {
	pthread_mutex_t lock;
	struct entry *entries[PODS_MAX];
	size_t count;
	uint64_t list, version;
	char node[POD_NAME_LEN];
	const struct pod_choice *choice;
};

struct pod_table *pod_table_new(const char *node, const struct pod_choice *choice)
{
	struct pod_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	pthread_mutex_init(&table->lock, NULL);
	snprintf(table->node, sizeof(table->node), "%s", node);
	table->choice = choice;
	return table;
}

const struct pod_choice *pod_table_choice(const struct pod_table *table)
{
	return table->choice;
}

/* --- under the lock --- */

static struct entry *find(const struct pod_table *table, const char *uid)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table->entries[i]->pod.uid, uid) == 0)
			return table->entries[i];
	return NULL;
}

static void drop(struct pod_table *table, size_t place)
{
	pod_clear(&table->entries[place]->pod);
	free(table->entries[place]);
	table->entries[place] = table->entries[--table->count];
}

void pod_table_free(struct pod_table *table)
{
	if (!table)
		return;
	while (table->count)
		drop(table, 0);
	pthread_mutex_destroy(&table->lock);
	free(table);
}

static void drop_old(struct pod_table *table, uint64_t now_ns)
{
	for (size_t i = table->count; i-- > 0;)
		if (table->entries[i]->gone_ns && now_ns > table->entries[i]->gone_ns + POD_KEPT_NS)
			drop(table, i);
}

/* True when there is room; the pod that went first gives it. */
static bool make_room(struct pod_table *table)
{
	size_t first = PODS_MAX;

	if (table->count < PODS_MAX)
		return true;
	for (size_t i = 0; i < table->count; i++)
		if (table->entries[i]->gone_ns &&
			(first == PODS_MAX ||
				table->entries[i]->gone_ns < table->entries[first]->gone_ns))
			first = i;
	if (first == PODS_MAX)
		return false;
	drop(table, first);
	return true;
}

static struct entry *find_or_make(struct pod_table *table, const char *uid, int *result)
{
	struct entry *entry = find(table, uid);

	*result = 0;
	if (entry)
		return entry;
	*result = make_room(table) ? -ENOMEM : -ENOSPC;
	entry = *result == -ENOSPC ? NULL : calloc(1, sizeof(*entry));
	if (entry)
		table->entries[table->count++] = entry;
	return entry;
}

static void container_copy(struct pod *pod, const struct pod_container *from)
{
	struct pod_container *container = pod_container_add(pod, from->id, from->name);

	if (container)
		strcpy(container->version, from->version);
}

/* Containers that it had and does not tell of any more stay before those that it tells of. */
static void take_containers(struct pod *pod, struct pod *told)
{
	struct pod before = *pod;

	*pod = *told;
	pod->containers = NULL;
	pod->container_count = 0;
	for (size_t i = 0; i < before.container_count; i++)
		if (!pod_container_find(told, before.containers[i].id))
			container_copy(pod, &before.containers[i]);
	for (size_t i = 0; i < told->container_count; i++)
		container_copy(pod, &told->containers[i]);
	pod_clear(&before);
}

/* --- the watch --- */

int pod_table_set(struct pod_table *table, struct pod *pod, uint64_t now_ns)
{
	struct entry *entry;
	int result;

	pthread_mutex_lock(&table->lock);
	drop_old(table, now_ns);
	entry = find_or_make(table, pod->uid, &result);
	if (entry) {
		take_containers(&entry->pod, pod);
		entry->list = table->list;
		entry->gone_ns = !pod->has_ended ? 0 : entry->gone_ns ?: now_ns;
		table->version++;
		result = 0;
	}
	pthread_mutex_unlock(&table->lock);
	pod_clear(pod);
	return result;
}

void pod_table_remove(struct pod_table *table, const char *uid, uint64_t now_ns)
{
	struct entry *entry;

	pthread_mutex_lock(&table->lock);
	entry = find(table, uid);
	if (entry && !entry->gone_ns)
		entry->gone_ns = now_ns;
	drop_old(table, now_ns);
	pthread_mutex_unlock(&table->lock);
}

void pod_table_list_begin(struct pod_table *table)
{
	pthread_mutex_lock(&table->lock);
	table->list++;
	pthread_mutex_unlock(&table->lock);
}

void pod_table_list_end(struct pod_table *table, uint64_t now_ns)
{
	pthread_mutex_lock(&table->lock);
	for (size_t i = 0; i < table->count; i++)
		if (table->entries[i]->list != table->list && !table->entries[i]->gone_ns)
			table->entries[i]->gone_ns = now_ns;
	drop_old(table, now_ns);
	pthread_mutex_unlock(&table->lock);
}

/* --- the main thread --- */

static bool is_called(const struct pod *pod, const char *uid)
{
	return *uid && (strcmp(pod->uid, uid) == 0 || strcmp(pod->config_hash, uid) == 0);
}

static void describe(
	struct pod_identity *identity, const struct pod *pod, const struct pod_container *container)
{
	*identity = (struct pod_identity){.owner = (unsigned char)pod->owner};
	strcpy(identity->namespace, pod->namespace);
	strcpy(identity->pod, pod->name);
	strcpy(identity->pod_uid, pod->uid);
	strcpy(identity->owner_name, pod->owner_name);
	strcpy(identity->container, container ? container->name : "");
	memcpy(identity->chosen, pod->chosen, sizeof(identity->chosen));
}

/* A container's id is nobody else's; a static pod's hash may be that of one before it. */
bool pod_table_find(struct pod_table *table, const char *container_id, const char *pod_uid,
	struct pod_identity *identity, struct pod_service *service)
{
	const struct pod_container *container = NULL;
	const struct entry *found = NULL;

	pthread_mutex_lock(&table->lock);
	for (size_t i = 0; i < table->count && !container; i++) {
		const struct entry *entry = table->entries[i];

		container = *container_id ? pod_container_find(&entry->pod, container_id) : NULL;
		if (container || (is_called(&entry->pod, pod_uid) && (!found || found->gone_ns)))
			found = entry;
	}
	if (found) {
		describe(identity, &found->pod, container);
		strcpy(identity->node, table->node);
		identity->choice = table->choice;
		*service = found->pod.service;
		strcpy(service->image_version, container ? container->version : "");
	}
	pthread_mutex_unlock(&table->lock);
	return found != NULL;
}

uint64_t pod_table_version(struct pod_table *table)
{
	uint64_t version;

	pthread_mutex_lock(&table->lock);
	version = table->version;
	pthread_mutex_unlock(&table->lock);
	return version;
}

size_t pod_table_count(struct pod_table *table)
{
	size_t count = 0;

	pthread_mutex_lock(&table->lock);
	for (size_t i = 0; i < table->count; i++)
		count += !table->entries[i]->gone_ns;
	pthread_mutex_unlock(&table->lock);
	return count;
}
