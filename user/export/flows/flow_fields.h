/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flow record as named fields, in the order and by the names of docs/flows.md: what the flow log
 * writes as JSON, and the OTLP exporter as attributes. A field whose value is not known is left
 * out, so that a 0 is a counted one.
 */
#ifndef SONDE_FLOW_FIELDS_H
#define SONDE_FLOW_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "telemetry/tcp/flows.h"

enum flow_field_type {
	FLOW_TEXT, /* any bytes: programs chose some of it */
	FLOW_NUMBER,
	FLOW_BOOLEAN,
	FLOW_SECONDS, /* in `number`, as nanoseconds; so is the next one */
	FLOW_TIME     /* of the wall clock, since 1970 */
};

struct flow_field {
	const char *name; /* a literal */
	enum flow_field_type type;
	union {
		const char *text; /* borrowed for the call */
		uint64_t number;
		bool boolean;
	};
};

typedef void (*flow_field_sink)(void *context, const struct flow_field *field);

/* Those that say when it was and what happened: timestamp, event. */
uint64_t flow_record_time_ns(const struct flow_view *view);
const char *flow_event_name(enum flow_event event);

#define FLOW_TIME_LEN 40

/* RFC 3339, in UTC, with nanoseconds. */
void flow_time_text(char text[FLOW_TIME_LEN], uint64_t unix_ns);

/* All others. */
void flow_fields_visit(const struct flow_view *view, flow_field_sink sink, void *context);

/* Both ends, the one that opened the connection first; if that is not known, the local one. */
struct flow_end {
	const uint8_t *address;
	uint16_t port;
};
struct flow_end flow_source(const struct flow *flow);
struct flow_end flow_destination(const struct flow *flow);

#endif
