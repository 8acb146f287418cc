/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open connections added up by service, peer or process, as a table of text:
 *
 *   1204 connections
 *   SERVICE              CONNS  TX/S  RX/S  SENT  RCVD  RETR  LOST   RTT
 *   nginx                 1200  120K  9.5K  2.3M  180K     0     0  25us
 *
 * TX/S, RX/S: payload per second now (flow_rate.h); SENT, RCVD: over the lives of the connections
 * that are open now; RETR: segments sent again; LOST: segments that the sender believes lost; RTT:
 * mean of the smoothed round trips.
 */
#ifndef SONDE_FLOW_GROUPS_H
#define SONDE_FLOW_GROUPS_H

#include "base/buffer.h"
#include "export/flows/flow_query.h"
#include "telemetry/tcp/flows.h"

#define FLOW_GROUPS_MAX 1024 /* some 250 bytes each; what is more is added up as "(others)" */

/* Appends the table. On the main thread, some 0.2 µs for each connection. */
void flow_groups_append(
	struct buffer *out, const struct flows *flows, const struct flow_query *query);

#endif
