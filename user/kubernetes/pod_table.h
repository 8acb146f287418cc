/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pods of this node, as far as they are known. The thread of the watch writes (pod_watch.h),
 * the main thread asks; a lock is between them.
 *
 * A pod that is gone, or has ended, is kept for POD_KEPT_NS, as what is told of it may come late,
 * and as its cgroup may outlive it. At most PODS_MAX are kept: the one that went first gives way.
 */
#ifndef SONDE_POD_TABLE_H
#define SONDE_POD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kubernetes/pod.h"

#define PODS_MAX    1024 /* the kubelet runs 110 as it comes, and nobody more than 500 */
#define POD_KEPT_NS 600000000000ULL

struct pod_table;

/* `choice` outlives it, and all that was found in it. NULL: no memory. */
struct pod_table *pod_table_new(const char *node, const struct pod_choice *choice);
void pod_table_free(struct pod_table *table);

const struct pod_choice *pod_table_choice(const struct pod_table *table);

/* --- the watch --- */

/* It is there, or has changed. Takes what it holds, in any case. 0, -ENOSPC or -ENOMEM. */
int pod_table_set(struct pod_table *table, struct pod *pod, uint64_t now_ns);

/* It is gone, but kept for a while. */
void pod_table_remove(struct pod_table *table, const char *uid, uint64_t now_ns);

/* What was not set between these two is gone. A list that was not whole has no end. */
void pod_table_list_begin(struct pod_table *table);
void pod_table_list_end(struct pod_table *table, uint64_t now_ns);

/* --- the main thread --- */

/* Who a container is. `name` is "": one of the pod, the status of which does not tell it (yet). */
struct pod_identity {
	char namespace[POD_LABEL_LEN];
	char pod[POD_NAME_LEN];
	char pod_uid[POD_UID_TEXT_LEN];
	char container[POD_LABEL_LEN];
	unsigned char owner; /* enum pod_owner */
	char owner_name[POD_NAME_LEN];
	char node[POD_NAME_LEN];
	/* NULL: of no pod that is known. Packed, as it is copied to where no word begins. */
	const struct pod_choice *choice __attribute__((packed));
	char chosen[POD_CHOSEN_MAX][POD_CHOSEN_VALUE_LEN]; /* as in struct pod */
};

/*
 * By the container's id, or else by what the pod is called in its cgroup; either may be "". False:
 * neither is known.
 */
bool pod_table_find(struct pod_table *table, const char *container_id, const char *pod_uid,
	struct pod_identity *identity, struct pod_service *service);

/* Another number whenever something has changed. */
uint64_t pod_table_version(struct pod_table *table);

size_t pod_table_count(struct pod_table *table); /* those that are there */

#endif
