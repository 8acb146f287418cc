/* SPDX-License-Identifier: Apache-2.0 */
/* See exports.h. */
#include "exports.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config_otel.h"
#include "version.h"

/* What a new configuration leaves an old exporter to flush: nothing is drained meanwhile. */
#define RELOAD_FLUSH_NS 300000000ULL

static bool differs(const char *a, const char *b)
{
	return strcmp(a, b) != 0;
}

/* --- OTLP, and spans --- */

static void take_span(void *context, const struct exchange *exchange)
{
	otlp_export(context, exchange);
}

static int otlp_begin(struct otlp **otlp, const struct otlp_signal *signal,
	const char *exact_endpoint, const struct config *config)
{
	char error[OTLP_ERROR_LEN], host[256] = "";
	struct otlp_options options = {
		.signal = signal,
		.endpoint = config->otlp_endpoint,
		.exact_endpoint = exact_endpoint,
		.host_name = host,
		.version = SONDE_VERSION,
		.queue_bytes = config->otlp_queue_bytes,
		.interval_ns = config->otlp_interval_ns,
		.timeout_ns = config->otlp_timeout_ns,
		.compressed = config->otlp_compression == OTLP_COMPRESSION_GZIP,
	};
	int result;

	gethostname(host, sizeof(host) - 1);
	result = otlp_start(otlp, &options, error);
	if (result)
		log_error("cannot start the export by OTLP", log_str("of", signal->items),
			log_str("reason", error));
	return result;
}

/* The exporter says itself what it could not send by then. */
static void otlp_end(struct otlp **otlp, uint64_t deadline_ns)
{
	if (*otlp)
		otlp_stop(*otlp, deadline_ns, NULL);
	*otlp = NULL;
}

static bool otlp_differs(const struct config *old, const struct config *new)
{
	return differs(old->otlp_endpoint, new->otlp_endpoint) ||
	       old->otlp_compression != new->otlp_compression ||
	       old->otlp_queue_bytes != new->otlp_queue_bytes ||
	       old->otlp_interval_ns != new->otlp_interval_ns ||
	       old->otlp_timeout_ns != new->otlp_timeout_ns;
}

static int spans_begin(struct exports *exports, const struct config *config)
{
	int result;

	if ((!*config->otlp_endpoint && !*config->otlp_traces_endpoint) || !config->spans)
		return 0;
	result = otlp_begin(&exports->spans, &otlp_spans, config->otlp_traces_endpoint, config);
	if (!result)
		telemetry_set_spans(exports->telemetry, take_span, exports->spans);
	return result;
}

static void spans_end(struct exports *exports, uint64_t deadline_ns)
{
	telemetry_set_spans(exports->telemetry, NULL, NULL);
	otlp_end(&exports->spans, deadline_ns);
}

/* --- flow records --- */

static void take_flow(void *context, const struct flow_view *view)
{
	const struct exports *exports = context;

	if (exports->flow_log)
		flow_log_take(exports->flow_log, view);
	if (exports->flows)
		otlp_export(exports->flows, &(struct otlp_flow){*view, *view->flow});
}

/* Where the new one cannot be opened, the one before goes on. */
static int flow_log_begin(struct exports *exports, const struct config *config)
{
	char error[FLOW_LOG_ERROR_LEN];
	struct flow_log *log = NULL;
	int result = *config->flow_log ? flow_log_open(&log, config->flow_log, error) : 0;

	if (result) {
		log_error("cannot write flow records", log_str("reason", error));
		return result;
	}
	flow_log_close(exports->flow_log);
	exports->flow_log = log;
	return 0;
}

static int flows_begin(struct exports *exports, const struct config *config)
{
	if ((!*config->otlp_endpoint && !*config->otlp_logs_endpoint) || !config->flow_otlp)
		return 0;
	return otlp_begin(&exports->flows, &otlp_flows, config->otlp_logs_endpoint, config);
}

/* Nobody makes records that nobody wants. */
static void flows_connect(struct exports *exports, const struct config *config)
{
	bool wanted = exports->flow_log || exports->flows;

	telemetry_set_flows(
		exports->telemetry, wanted ? take_flow : NULL, exports, config->flow_interval_ns);
}

/* --- all of them --- */

int exports_begin(struct exports *exports, struct telemetry *telemetry, const struct config *config)
{
	char ignored[1024];
	int result;

	*exports = (struct exports){.telemetry = telemetry};
	if (*config_otel_ignored(ignored, sizeof(ignored)))
		log_warn("variables of OpenTelemetry are set that have no effect on Sonde",
			log_str("variables", ignored));
	result = spans_begin(exports, config) ?: flows_begin(exports, config)
			 ?: flow_log_begin(exports, config);
	flows_connect(exports, config);
	return result;
}

void exports_configure(struct exports *exports, const struct config *old, const struct config *new)
{
	uint64_t deadline = clock_monotonic_ns() + RELOAD_FLUSH_NS;

	if (otlp_differs(old, new) || old->spans != new->spans ||
		differs(old->otlp_traces_endpoint, new->otlp_traces_endpoint)) {
		spans_end(exports, deadline);
		spans_begin(exports, new);
	}
	if (otlp_differs(old, new) || old->flow_otlp != new->flow_otlp ||
		differs(old->otlp_logs_endpoint, new->otlp_logs_endpoint)) {
		otlp_end(&exports->flows, deadline);
		flows_begin(exports, new);
	}
	if (differs(old->flow_log, new->flow_log))
		flow_log_begin(exports, new);
	flows_connect(exports, new);
}

void exports_end(struct exports *exports, uint64_t deadline_ns)
{
	if (!exports->telemetry)
		return;
	spans_end(exports, deadline_ns);
	telemetry_set_flows(exports->telemetry, NULL, NULL, 0);
	otlp_end(&exports->flows, deadline_ns);
	flow_log_close(exports->flow_log);
}
