/* SPDX-License-Identifier: Apache-2.0 */
/* See exports.h. */
#include "exports.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "version.h"

/* What a new configuration leaves an old exporter to flush: nothing is drained meanwhile. */
#define RELOAD_FLUSH_NS 300000000ULL

static bool differs(const char *a, const char *b)
{
	return strcmp(a, b) != 0;
}

/* --- OTLP --- */

static void take_span(void *context, const struct span *span)
{
	otlp_export(context, span);
}

static int otlp_begin(struct exports *exports, const struct config *config)
{
	char error[OTLP_ERROR_LEN], host[256] = "";
	struct otlp_options options = {
		.endpoint = config->otlp_endpoint,
		.host_name = host,
		.version = SONDE_VERSION,
		.queue_bytes = config->otlp_queue_bytes,
		.interval_ns = config->otlp_interval_ns,
		.timeout_ns = config->otlp_timeout_ns,
	};
	int result;

	if (!*config->otlp_endpoint || !config->spans)
		return 0;
	gethostname(host, sizeof(host) - 1);
	result = otlp_start(&exports->otlp, &options, error);
	if (result) {
		log_error("cannot start the export of spans", log_str("reason", error));
		return result;
	}
	telemetry_set_spans(exports->telemetry, take_span, exports->otlp);
	return 0;
}

/* The exporter says itself what it could not send by then. */
static void otlp_end(struct exports *exports, uint64_t deadline_ns)
{
	if (!exports->otlp)
		return;
	telemetry_set_spans(exports->telemetry, NULL, NULL);
	otlp_stop(exports->otlp, deadline_ns, NULL);
	exports->otlp = NULL;
}

static bool otlp_differs(const struct config *old, const struct config *new)
{
	return differs(old->otlp_endpoint, new->otlp_endpoint) || old->spans != new->spans ||
	       old->otlp_queue_bytes != new->otlp_queue_bytes ||
	       old->otlp_interval_ns != new->otlp_interval_ns ||
	       old->otlp_timeout_ns != new->otlp_timeout_ns;
}

/* --- flow log --- */

static int flow_log_begin(struct exports *exports, const struct config *config)
{
	char error[FLOW_LOG_ERROR_LEN];
	struct flow_log *log;
	int result;

	if (!*config->flow_log)
		return 0;
	result = flow_log_open(&log, config->flow_log, error);
	if (result) {
		log_error("cannot write flow records", log_str("reason", error));
		return result;
	}
	exports->flow_log = log;
	telemetry_set_flows(exports->telemetry, flow_log_take, log, config->flow_interval_ns);
	return 0;
}

static void flow_log_end(struct exports *exports)
{
	telemetry_set_flows(exports->telemetry, NULL, NULL, 0);
	flow_log_close(exports->flow_log);
	exports->flow_log = NULL;
}

static void flow_log_configure(
	struct exports *exports, const struct config *old, const struct config *new)
{
	if (differs(old->flow_log, new->flow_log)) {
		flow_log_end(exports);
		flow_log_begin(exports, new);
	} else if (exports->flow_log) {
		telemetry_set_flows(exports->telemetry, flow_log_take, exports->flow_log,
			new->flow_interval_ns);
	}
}

/* --- all of them --- */

int exports_begin(struct exports *exports, struct telemetry *telemetry, const struct config *config)
{
	*exports = (struct exports){.telemetry = telemetry};
	return otlp_begin(exports, config) ?: flow_log_begin(exports, config);
}

void exports_configure(struct exports *exports, const struct config *old, const struct config *new)
{
	if (otlp_differs(old, new)) {
		otlp_end(exports, clock_monotonic_ns() + RELOAD_FLUSH_NS);
		otlp_begin(exports, new);
	}
	flow_log_configure(exports, old, new);
}

void exports_end(struct exports *exports, uint64_t deadline_ns)
{
	otlp_end(exports, deadline_ns);
	if (exports->flow_log)
		flow_log_end(exports);
}
