/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open connections as text. Each as a row, for `sonde connections`, with both ends as its process
 * has them:
 *
 *   LOCAL  REMOTE  DIR  SERVICE  PROCESS  STATE  AGE  TX/S  RX/S  SENT  RCVD  RETR  RTT  PEER
 *
 * where some are of pods, with columns before the peer for NAMESPACE, OWNER and POD. And added up
 * by service, peer, process, or by namespace, owner or name of the pod, for `sonde flows`:
 *
 *   1204 connections
 *   SERVICE              CONNS  TX/S  RX/S  SENT  RCVD  RETR  LOST   RTT
 *   nginx                 1200  120K  9.5K  2.3M  180K     0     0  25us
 *
 * TX/S, RX/S: payload per second now (flow.h); SENT, RCVD: over the lives of the connections
 * that are open now; RETR: segments sent again; LOST: segments that the sender believes lost; RTT:
 * mean of the smoothed round trips.
 */
#ifndef SONDE_FLOW_TEXT_H
#define SONDE_FLOW_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/buffer.h"
#include "export/flows/flow_query.h"
#include "telemetry/tcp/flows.h"

struct flow_row_form {
	unsigned columns; /* where a row is cut; 0: nowhere */
	bool has_pods;    /* it says whose pod it is */
};

void flow_row_put_header(FILE *out, const struct flow_row_form *form);
void flow_row_put(FILE *out, const struct flow_view *view, const struct flow_row_form *form);

#define FLOW_GROUPS_MAX 1024 /* some 700 bytes each; what is more is added up as "(others)" */

/* Appends the table. On the main thread, some 0.2 µs for each connection. */
void flow_groups_append(
	struct buffer *out, const struct flows *flows, const struct flow_query *query);

#endif
