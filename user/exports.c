/* SPDX-License-Identifier: Apache-2.0 */
/* See exports.h. */
#include "exports.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config_otel.h"
#include "export/flows/flow_json.h"
#include "version.h"

/* What a new configuration leaves an old exporter to flush: nothing is drained meanwhile. */
#define RELOAD_FLUSH_NS 300000000ULL

static bool differs(const char *a, const char *b)
{
	return strcmp(a, b) != 0;
}

/* --- exchanges --- */

static void take_exchange(void *context, const struct exchange *exchange)
{
	const struct exports *exports = context;

	if (exports->spans)
		otlp_export(exports->spans, exchange);
	if (exports->event_log)
		event_log_take_exchange(exports->event_log, exchange);
}

static void take_event(void *context, const struct event *event)
{
	const struct exports *exports = context;

	event_log_take_event(exports->event_log, event);
}

/* Nobody makes exchanges whole that nobody wants. */
static void exchanges_connect(struct exports *exports)
{
	bool wanted = exports->spans || exports->event_log;

	telemetry_set_spans(exports->telemetry, wanted ? take_exchange : NULL, exports);
	telemetry_set_events(exports->telemetry, exports->event_log ? take_event : NULL, exports);
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
	if ((!*config->otlp_endpoint && !*config->otlp_traces_endpoint) || !config->spans)
		return 0;
	return otlp_begin(&exports->spans, &otlp_spans, config->otlp_traces_endpoint, config);
}

/* --- events --- */

static struct event_log_settings event_settings(const struct config *config)
{
	return (struct event_log_settings){
		.rate = config->event_log_rate, .slow_ns = config->event_log_slow_ns};
}

/* Where the new one cannot be opened, the one before goes on. */
static int event_log_begin(struct exports *exports, const struct config *config)
{
	const struct event_log_settings settings = event_settings(config);
	char error[LINE_LOG_ERROR_LEN];
	struct event_log *log = NULL;
	int result =
		*config->event_log ? event_log_open(&log, config->event_log, &settings, error) : 0;

	if (result) {
		log_error("cannot write events", log_str("reason", error));
		return result;
	}
	event_log_close(exports->event_log);
	exports->event_log = log;
	return 0;
}

/* --- flow records --- */

static void take_flow(void *context, const struct flow_view *view)
{
	const struct exports *exports = context;

	if (exports->flow_log) {
		flow_json_append(line_log_line(exports->flow_log), view);
		line_log_take(exports->flow_log);
	}
	if (exports->flows)
		otlp_export(exports->flows, &(struct otlp_flow){*view, *view->flow});
}

/* Where the new one cannot be opened, the one before goes on. */
static int flow_log_begin(struct exports *exports, const struct config *config)
{
	char error[LINE_LOG_ERROR_LEN];
	struct line_log *log = NULL;
	int result = *config->flow_log
			     ? line_log_open(&log, config->flow_log, "flow records", error)
			     : 0;

	if (result) {
		log_error("cannot write flow records", log_str("reason", error));
		return result;
	}
	line_log_close(exports->flow_log);
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
			 ?: event_log_begin(exports, config)
			 ?: flow_log_begin(exports, config);
	exchanges_connect(exports);
	flows_connect(exports, config);
	return result;
}

void exports_configure(struct exports *exports, const struct config *old, const struct config *new)
{
	const struct event_log_settings settings = event_settings(new);
	uint64_t deadline = clock_monotonic_ns() + RELOAD_FLUSH_NS;

	if (otlp_differs(old, new) || old->spans != new->spans ||
		differs(old->otlp_traces_endpoint, new->otlp_traces_endpoint)) {
		otlp_end(&exports->spans, deadline);
		spans_begin(exports, new);
	}
	if (otlp_differs(old, new) || old->flow_otlp != new->flow_otlp ||
		differs(old->otlp_logs_endpoint, new->otlp_logs_endpoint)) {
		otlp_end(&exports->flows, deadline);
		flows_begin(exports, new);
	}
	if (differs(old->event_log, new->event_log))
		event_log_begin(exports, new);
	event_log_configure(exports->event_log, &settings);
	if (differs(old->flow_log, new->flow_log))
		flow_log_begin(exports, new);
	exchanges_connect(exports);
	flows_connect(exports, new);
}

void exports_flush(struct exports *exports)
{
	event_log_flush(exports->event_log);
	line_log_flush(exports->flow_log);
}

void exports_reopen(struct exports *exports)
{
	event_log_reopen(exports->event_log);
	line_log_reopen(exports->flow_log);
}

void exports_end(struct exports *exports, uint64_t deadline_ns)
{
	if (!exports->telemetry)
		return;
	telemetry_set_spans(exports->telemetry, NULL, NULL);
	telemetry_set_events(exports->telemetry, NULL, NULL);
	otlp_end(&exports->spans, deadline_ns);
	event_log_close(exports->event_log);
	telemetry_set_flows(exports->telemetry, NULL, NULL, 0);
	otlp_end(&exports->flows, deadline_ns);
	line_log_close(exports->flow_log);
}
