/* SPDX-License-Identifier: Apache-2.0 */
/* A flow record as a line of JSON; for the flow log and the page /connections. */
#ifndef SONDE_FLOW_JSON_H
#define SONDE_FLOW_JSON_H

#include "base/buffer.h"
#include "telemetry/tcp/flows.h"

/* Appends one object, and a line feed, of which there is no other in the line. */
void flow_json_append(struct buffer *out, const struct flow_view *view);

#endif
