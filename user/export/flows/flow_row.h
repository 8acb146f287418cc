/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open connection as a row of text, for `sonde connections`:
 *
 *   LOCAL  REMOTE  DIR  SERVICE  PROCESS  STATE  AGE  TX/S  RX/S  SENT  RCVD  RETR  RTT  PEER
 *
 * as in flow_groups.h, but with both ends as this process has them.
 */
#ifndef SONDE_FLOW_ROW_H
#define SONDE_FLOW_ROW_H

#include <stdio.h>

#include "telemetry/tcp/flows.h"

/* `columns`: where a row is cut; 0: nowhere. */
void flow_row_put_header(FILE *out, unsigned columns);
void flow_row_put(FILE *out, const struct flow_view *view, unsigned columns);

#endif
