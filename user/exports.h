/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where exchanges and flow records go: the OTLP exporters, the event log and the flow log, started
 * and stopped as the configuration says. Part of the daemon's wiring, on the main thread.
 */
#ifndef SONDE_EXPORTS_H
#define SONDE_EXPORTS_H

#include <stdint.h>

#include "config/config.h"
#include "export/events/event_log.h"
#include "export/lines/line_log.h"
#include "export/otlp/otlp.h"
#include "telemetry/telemetry.h"

struct exports {
	struct telemetry *telemetry;
	struct otlp *spans; /* these may be NULL */
	struct otlp *flows;
	struct event_log *event_log;
	struct line_log *flow_log;
};

/* 0, or a negative errno, and why is logged; exports_end() is to be called in either case. */
int exports_begin(
	struct exports *exports, struct telemetry *telemetry, const struct config *config);
void exports_end(struct exports *exports, uint64_t deadline_ns);

/* Writes what has gathered in the logs. */
void exports_flush(struct exports *exports);

/* For log rotation: files may have other names now. */
void exports_reopen(struct exports *exports);

/* Starts anew what differs. */
void exports_configure(struct exports *exports, const struct config *old, const struct config *new);

#endif
