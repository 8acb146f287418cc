/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where spans and flow records go: the OTLP exporters and the flow log, started and stopped as the
 * configuration says. Part of the daemon's wiring, on the main thread.
 */
#ifndef SONDE_EXPORTS_H
#define SONDE_EXPORTS_H

#include <stdint.h>

#include "config/config.h"
#include "export/flows/flow_log.h"
#include "export/otlp/otlp.h"
#include "telemetry/telemetry.h"

struct exports {
	struct telemetry *telemetry;
	struct otlp *spans; /* these may be NULL */
	struct otlp *flows;
	struct flow_log *flow_log;
};

/* 0, or a negative errno, and why is logged; exports_end() is to be called in either case. */
int exports_begin(
	struct exports *exports, struct telemetry *telemetry, const struct config *config);
void exports_end(struct exports *exports, uint64_t deadline_ns);

/* Starts anew what differs. */
void exports_configure(struct exports *exports, const struct config *old, const struct config *new);

#endif
