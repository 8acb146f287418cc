/* SPDX-License-Identifier: Apache-2.0 */
/* See own_metrics.h. */
#include "own_metrics.h"

#include <stdlib.h>
#include <sys/utsname.h>

#include "export/flow_log.h"
#include "export/otlp.h"
#include "kernel/probes.h"
#include "telemetry/metrics.h"
#include "telemetry/self.h"
#include "version.h"

enum own_family {
	OWN_PROGRAM_RUNS,
	OWN_PROGRAM_TIME,
	OWN_MAP_BYTES,
	OWN_RING_SIZE,
	OWN_RING_PEAK,
	OWN_SERIES,
	OWN_SERIES_OVERFLOWED,
	OWN_OTLP_SPANS,
	OWN_OTLP_QUEUED,
	OWN_OTLP_QUEUE_BYTES,
	OWN_OTLP_REQUESTS,
	OWN_OTLP_RETRIES,
	OWN_FLOW_LOG_RECORDS,
	OWN_FAMILIES
};

static const struct metric_description descriptions[OWN_FAMILIES] = {
	[OWN_PROGRAM_RUNS] = {.name = "sonde_bpf_program_runs_total",
		.help = "Runs of each BPF program, while kernel.bpf_stats_enabled is on.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"program"}},
	[OWN_PROGRAM_TIME] = {.name = "sonde_bpf_program_run_seconds_total",
		.help = "Time spent in each BPF program, while kernel.bpf_stats_enabled is on.",
		.unit = "seconds",
		.type = METRIC_COUNTER,
		.labels = {"program"}},
	[OWN_MAP_BYTES] = {.name = "sonde_bpf_map_bytes",
		.help = "Kernel memory of all BPF maps, ring buffers included.",
		.unit = "bytes",
		.type = METRIC_GAUGE},
	[OWN_RING_SIZE] = {.name = "sonde_ring_size_bytes",
		.help = "Size of one ring buffer.",
		.unit = "bytes",
		.type = METRIC_GAUGE},
	[OWN_RING_PEAK] = {.name = "sonde_ring_peak_bytes",
		.help = "Most bytes that ever waited in one ring buffer.",
		.unit = "bytes",
		.type = METRIC_GAUGE},
	[OWN_SERIES] = {.name = "sonde_series",
		.help = "Series that are kept.",
		.unit = "",
		.type = METRIC_GAUGE},
	[OWN_SERIES_OVERFLOWED] = {.name = "sonde_series_overflowed_updates_total",
		.help = "Updates counted in an overflow series, because a limit of series was "
			"reached.",
		.unit = "",
		.type = METRIC_COUNTER},
	[OWN_OTLP_SPANS] = {.name = "sonde_otlp_spans_total",
		.help = "Spans by what became of them: exported, or the reason why not.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"outcome"}},
	[OWN_OTLP_QUEUED] = {.name = "sonde_otlp_queued_spans",
		.help = "Spans that wait to be exported.",
		.unit = "",
		.type = METRIC_GAUGE},
	[OWN_OTLP_QUEUE_BYTES] = {.name = "sonde_otlp_queue_bytes",
		.help = "Memory that waiting spans take.",
		.unit = "bytes",
		.type = METRIC_GAUGE},
	[OWN_OTLP_REQUESTS] = {.name = "sonde_otlp_requests_total",
		.help = "Export requests: ok, or failed for whatever reason.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"result"}},
	[OWN_OTLP_RETRIES] = {.name = "sonde_otlp_retries_total",
		.help = "Export requests that were not the first with their spans.",
		.unit = "",
		.type = METRIC_COUNTER},
	[OWN_FLOW_LOG_RECORDS] = {.name = "sonde_flow_log_records_total",
		.help = "Flow records for the flow log: written, or dropped as it did not take "
			"them.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"outcome"}},
};

struct own_metrics {
	struct metrics *metrics;
	struct self self;
	struct metric_family *families[OWN_FAMILIES];
};

struct own_metrics *own_metrics_new(struct metrics *metrics)
{
	struct own_metrics *own = calloc(1, sizeof(*own));
	struct utsname kernel;

	if (!own)
		return NULL;
	own->metrics = metrics;
	uname(&kernel);
	self_register(&own->self, metrics, SONDE_VERSION, SONDE_REVISION, kernel.release);
	for (int i = 0; i < OWN_FAMILIES; i++)
		own->families[i] = metrics_family(metrics, &descriptions[i]);
	return own;
}

void own_metrics_free(struct own_metrics *own)
{
	free(own);
}

static void set(struct own_metrics *own, enum own_family family, const char *label, double value)
{
	metric_set(metrics_series(own->families[family], (const char *const[]){label}), value);
}

static void program_update(void *context, const struct probe_figures *figures)
{
	struct own_metrics *own = context;

	if (!figures->runs)
		return; /* the kernel does not count */
	set(own, OWN_PROGRAM_RUNS, figures->program, (double)figures->runs);
	set(own, OWN_PROGRAM_TIME, figures->program, (double)figures->run_ns * 1e-9);
}

static void probes_update(struct own_metrics *own, const struct probes *probes)
{
	struct ring_figures ring = probes_ring_figures(probes);

	probes_visit_programs(probes, program_update, own);
	set(own, OWN_MAP_BYTES, NULL, (double)probes_map_bytes(probes));
	set(own, OWN_RING_SIZE, NULL, (double)ring.size_bytes);
	set(own, OWN_RING_PEAK, NULL, (double)ring.peak_bytes);
}

static void otlp_update(struct own_metrics *own, const struct otlp_counters *otlp)
{
	set(own, OWN_OTLP_SPANS, "exported", (double)otlp->exported_spans);
	for (int i = 0; i < OTLP_DROPS; i++)
		set(own, OWN_OTLP_SPANS, otlp_drop_names[i], (double)otlp->dropped_spans[i]);
	set(own, OWN_OTLP_QUEUED, NULL, (double)otlp->queued_spans);
	set(own, OWN_OTLP_QUEUE_BYTES, NULL, (double)otlp->queue_bytes);
	set(own, OWN_OTLP_REQUESTS, "ok", (double)otlp->requests_ok);
	set(own, OWN_OTLP_REQUESTS, "failed", (double)otlp->requests_failed);
	set(own, OWN_OTLP_RETRIES, NULL, (double)otlp->retries);
}

void own_metrics_update(struct own_metrics *own, const struct probes *probes,
	const struct otlp_counters *otlp, const struct flow_log_counters *flows)
{
	self_update(&own->self);
	if (probes)
		probes_update(own, probes);
	if (otlp)
		otlp_update(own, otlp);
	if (flows) {
		set(own, OWN_FLOW_LOG_RECORDS, "written", (double)flows->written);
		set(own, OWN_FLOW_LOG_RECORDS, "dropped", (double)flows->dropped);
	}
	set(own, OWN_SERIES, NULL, (double)metrics_series_count(own->metrics));
	set(own, OWN_SERIES_OVERFLOWED, NULL, (double)metrics_overflowed(own->metrics));
}
