/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What differs between the kinds of telemetry that OTLP carries ("signals"): how an item lies in
 * memory while it waits, and how it is encoded. All else (otlp.h, otlp_queue.h, otlp_encode.h) is
 * the same for all.
 */
#ifndef SONDE_OTLP_SIGNAL_H
#define SONDE_OTLP_SIGNAL_H

#include <stddef.h>

#include "base/buffer.h"
#include "export/otlp/otlp_attributes.h"
#include "protocol/exchange.h"
#include "telemetry/tcp/flows.h"

struct otlp_signal {
	const char *path;             /* of the URL: "/v1/traces" */
	const char *headers_variable; /* of the environment */
	const char *items;            /* as log lines call them: "spans" */
	size_t item_size;
	/* Offsets in an item. Service and process make its resource, and strings live beside it. */
	size_t service; /* const struct service *, never NULL */
	size_t pid;     /* uint32_t */
	const size_t *strings;
	size_t string_count; /* const char * each, or NULL */
	/* Writes the fields of the item's message into attributes->buffer. */
	void (*pack)(struct attributes *attributes, const void *item);
};

extern const struct otlp_signal otlp_spans; /* items: struct exchange */
extern const struct otlp_signal otlp_flows; /* items: struct otlp_flow; become log records */

struct otlp_flow {
	struct flow_view view; /* whose `flow` is not used: it is this one */
	struct flow flow;
};

#endif
