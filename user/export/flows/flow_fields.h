/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flow record as attributes, in the order and by the names of docs/flows.md: what the flow log
 * writes as JSON, and the OTLP exporter as attributes. A field whose value is not known is left
 * out, so that a 0 is a counted one.
 */
#ifndef SONDE_FLOW_FIELDS_H
#define SONDE_FLOW_FIELDS_H

#include <stdint.h>

#include "base/attribute.h"
#include "telemetry/tcp/flows.h"

/* Those that say when it was and what happened: timestamp, event. */
uint64_t flow_record_time_ns(const struct flow_view *view);
const char *flow_event_name(enum flow_event event);

/* All others. */
void flow_fields_visit(const struct flow_view *view, attribute_sink sink, void *context);

/* Both ends, the one that opened the connection first; if that is not known, the local one. */
struct flow_end {
	const uint8_t *address;
	uint16_t port;
};
struct flow_end flow_source(const struct flow *flow);
struct flow_end flow_destination(const struct flow *flow);

#endif
