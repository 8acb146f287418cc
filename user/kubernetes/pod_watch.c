/* SPDX-License-Identifier: Apache-2.0 */
/* See pod_watch.h. */
#include "kubernetes/pod_watch.h"

#include <errno.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/limit.h"

#define LIST_SECONDS 60L

/* False for what is no pod. One that there is no room for is told otherwise. */
static bool pod_set(void *keeper, const json_t *object)
{
	struct pod_table *table = keeper;
	struct pod pod;

	if (!pod_read(&pod, object, pod_table_choice(table)))
		return false;
	if (pod_table_set(table, &pod, clock_monotonic_ns()) == -ENOSPC)
		limit_met(LIMIT_PODS, "");
	return true;
}

static bool pod_remove(void *keeper, const json_t *object)
{
	struct pod_table *table = keeper;
	struct pod pod;

	if (!pod_read(&pod, object, pod_table_choice(table)))
		return false;
	pod_table_remove(table, pod.uid, clock_monotonic_ns());
	pod_clear(&pod);
	return true;
}

static void list_begin(void *keeper)
{
	pod_table_list_begin(keeper);
}

static void list_end(void *keeper)
{
	pod_table_list_end(keeper, clock_monotonic_ns());
}

#define PODS(polled)                                                                               \
	{                                                                                          \
		.list_kind = "PodList", .list_seconds = LIST_SECONDS, .is_polled = (polled),       \
		.set = pod_set, .remove = pod_remove, .list_begin = list_begin,                    \
		.list_end = list_end,                                                              \
	}

static const struct watch_kind pods_of_node = PODS(false), pods_of_kubelet = PODS(true);

void pod_watch_begin(struct watch *watch, struct pod_table *table, const char *node)
{
	char path[WATCH_PATH_LEN];

	snprintf(path, sizeof(path), "/api/v1/pods?fieldSelector=spec.nodeName%%3D%s&", node);
	watch_begin(watch, &pods_of_node, table, path);
}

void pod_watch_begin_kubelet(struct watch *watch, struct pod_table *table)
{
	watch_begin(watch, &pods_of_kubelet, table, "/pods");
}
