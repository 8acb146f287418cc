/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods of all nodes, and Services, by their addresses (peer_table.h), as two watches (watch.h) keep
 * them.
 */
#ifndef SONDE_PEER_WATCH_H
#define SONDE_PEER_WATCH_H

#include "kubernetes/peer_table.h"
#include "kubernetes/watch.h"

void peer_watch_begin_pods(struct watch *watch, struct peer_table *table);
void peer_watch_begin_services(struct watch *watch, struct peer_table *table);

#endif
