/* SPDX-License-Identifier: Apache-2.0 */
/* The pods of one node, in a table (pod_table.h), as a watch (watch.h) keeps them. */
#ifndef SONDE_POD_WATCH_H
#define SONDE_POD_WATCH_H

#include "kubernetes/pod_table.h"
#include "kubernetes/watch.h"

void pod_watch_begin(struct watch *watch, struct pod_table *table, const char *node);

/* As the node's kubelet has them, which is asked again and again. */
void pod_watch_begin_kubelet(struct watch *watch, struct pod_table *table);

#endif
