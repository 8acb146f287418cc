/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a record: counts in series, a span, or a log line. docs/metrics.md says what each
 * figure means.
 *
 * Not thread-safe: the main thread owns it.
 */
#ifndef SONDE_TELEMETRY_H
#define SONDE_TELEMETRY_H

#include <stddef.h>
#include <stdint.h>

#include "record.h"
#include "telemetry/flows.h"
#include "telemetry/metrics.h"
#include "telemetry/span.h"

struct config;
struct telemetry;

/* Takes a finished span, borrowed for the call. */
typedef void (*span_sink)(void *context, const struct span *span);

/* `config` gives the limits and the routes. NULL: no memory. */
struct telemetry *telemetry_new(const struct config *config);

/* Writes to the log what is left to be written there. */
void telemetry_free(struct telemetry *telemetry);

/* New limits and routes. 0, or -ENOMEM, and the old routes stay. */
int telemetry_configure(struct telemetry *telemetry, const struct config *config);

/* Where spans go from now on; NULL: no spans are made, which saves their cost. */
void telemetry_set_spans(struct telemetry *telemetry, span_sink sink, void *context);

/* Where flow records go; see flows.h. */
void telemetry_set_flows(
	struct telemetry *telemetry, flow_sink sink, void *context, uint64_t interval_ns);

/* The connections that are open. Borrowed. */
const struct flows *telemetry_flows(const struct telemetry *telemetry);

/* A record_sink; `telemetry` is the struct telemetry. */
void telemetry_take(void *telemetry, const struct record *record, size_t size);

struct metrics *telemetry_metrics(struct telemetry *telemetry);

#endif
