/* SPDX-License-Identifier: Apache-2.0 */
/* See own_metrics.h. */
#include "own_metrics.h"

#include <stdlib.h>
#include <sys/utsname.h>

#include "base/limit.h"
#include "base/log_writer.h"
#include "export/denial.h"
#include "export/events/event_log.h"
#include "export/otlp/otlp.h"
#include "kernel/probes.h"
#include "kubernetes/kubernetes.h"
#include "telemetry/metrics/metrics.h"
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
	OWN_SERIES_REMOVED,
	OWN_LIMITS,
	OWN_LOG_LINES_DROPPED,
	OWN_DENIALS,
	OWN_OTLP_SPANS,
	OWN_OTLP_QUEUED,
	OWN_OTLP_FLOWS,
	OWN_OTLP_QUEUED_FLOWS,
	OWN_OTLP_QUEUE_BYTES,
	OWN_OTLP_REQUESTS,
	OWN_OTLP_RETRIES,
	OWN_EVENT_LOG_RECORDS,
	OWN_FLOW_LOG_RECORDS,
	OWN_PODS,
	OWN_POD_EVENTS,
	OWN_POD_REQUESTS,
	OWN_PODS_CURRENT,
	OWN_PODS_UNRESOLVED,
	OWN_PEERS,
	OWN_PEER_ANSWERS,
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
		.help = "Series of services as a back-end counts them: lines of OpenMetrics.",
		.unit = "",
		.type = METRIC_GAUGE},
	[OWN_SERIES_OVERFLOWED] = {.name = "sonde_series_overflowed_updates_total",
		.help = "Updates counted in an overflow series, because a limit of series was "
			"reached.",
		.unit = "",
		.type = METRIC_COUNTER},
	[OWN_SERIES_REMOVED] = {.name = "sonde_series_removed_total",
		.help = "Series, counted likewise, that were removed: their service ended, or "
			"others needed the room.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"reason"}},
	[OWN_LIMITS] = {.name = "sonde_limit_reached_total",
		.help = "How often something found no room in a table of Sonde.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"limit"}},
	[OWN_LOG_LINES_DROPPED] = {.name = "sonde_log_lines_dropped_total",
		.help = "Log lines that standard error did not take.",
		.unit = "",
		.type = METRIC_COUNTER},
	[OWN_DENIALS] = {.name = "sonde_listener_denied_total",
		.help = "Requests to Sonde that were not answered, or not to their end.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"reason"}},
	[OWN_OTLP_SPANS] = {.name = "sonde_otlp_spans_total",
		.help = "Spans by what became of them: exported, or the reason why not.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"outcome"}},
	[OWN_OTLP_QUEUED] = {.name = "sonde_otlp_queued_spans",
		.help = "Spans that wait to be exported.",
		.unit = "",
		.type = METRIC_GAUGE},
	[OWN_OTLP_FLOWS] = {.name = "sonde_otlp_flow_records_total",
		.help = "Flow records by what became of them: exported, or the reason why not.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"outcome"}},
	[OWN_OTLP_QUEUED_FLOWS] = {.name = "sonde_otlp_queued_flow_records",
		.help = "Flow records that wait to be exported.",
		.unit = "",
		.type = METRIC_GAUGE},
	[OWN_OTLP_QUEUE_BYTES] = {.name = "sonde_otlp_queue_bytes",
		.help = "Memory that waiting spans and flow records take.",
		.unit = "bytes",
		.type = METRIC_GAUGE},
	[OWN_OTLP_REQUESTS] = {.name = "sonde_otlp_requests_total",
		.help = "Export requests: ok, or failed for whatever reason.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"result"}},
	[OWN_OTLP_RETRIES] = {.name = "sonde_otlp_retries_total",
		.help = "Export requests that were not the first with what they hold.",
		.unit = "",
		.type = METRIC_COUNTER},
	[OWN_EVENT_LOG_RECORDS] = {.name = "sonde_event_log_records_total",
		.help = "Events for the event log: written, dropped as it did not take them, or "
			"left out by event-log-rate.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"outcome"}},
	[OWN_FLOW_LOG_RECORDS] = {.name = "sonde_flow_log_records_total",
		.help = "Flow records for the flow log: written, or dropped as it did not take "
			"them.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"outcome"}},
	[OWN_PODS] = {.name = "sonde_kubernetes_pods",
		.help = "Pods of this node, as the API server has told them.",
		.unit = "",
		.type = METRIC_GAUGE},
	[OWN_POD_EVENTS] = {.name = "sonde_kubernetes_events_total",
		.help = "What the API server has told of pods since the first list.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"event", "watch"}},
	[OWN_POD_REQUESTS] = {.name = "sonde_kubernetes_requests_total",
		.help = "Requests to the API server: lists and watches that it answered, and those "
			"that failed.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"result", "watch"}},
	[OWN_PODS_CURRENT] = {.name = "sonde_kubernetes_current",
		.help = "1: the API server tells of pods as they change; 0: what is known is from "
			"before.",
		.unit = "",
		.type = METRIC_GAUGE,
		.labels = {"watch"}},
	[OWN_PODS_UNRESOLVED] = {.name = "sonde_kubernetes_unresolved_containers",
		.help = "Containers of pods that the API server has not told of.",
		.unit = "",
		.type = METRIC_GAUGE},
	[OWN_PEERS] = {.name = "sonde_kubernetes_peer_addresses",
		.help = "Addresses of pods of all nodes and of Services.",
		.unit = "",
		.type = METRIC_GAUGE,
		.labels = {"of"}},
	[OWN_PEER_ANSWERS] = {.name = "sonde_kubernetes_peer_lookups_total",
		.help = "Addresses that were looked for among them.",
		.unit = "",
		.type = METRIC_COUNTER,
		.labels = {"result"}},
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

static void otlp_update(struct own_metrics *own, const struct otlp_counters *otlp,
	enum own_family items, enum own_family queued)
{
	set(own, items, "exported", (double)otlp->exported);
	for (int i = 0; i < OTLP_DROPS; i++)
		set(own, items, otlp_drop_names[i], (double)otlp->dropped[i]);
	set(own, queued, NULL, (double)otlp->queued);
}

static void requests_update(struct own_metrics *own, const struct own_sources *sources)
{
	const struct otlp_counters *const exporters[] = {sources->spans, sources->flows};
	uint64_t queue_bytes = 0, ok = 0, failed = 0, retries = 0;

	for (int i = 0; i < 2; i++) {
		if (!exporters[i])
			continue;
		queue_bytes += exporters[i]->queue_bytes;
		ok += exporters[i]->requests_ok;
		failed += exporters[i]->requests_failed;
		retries += exporters[i]->retries;
	}
	set(own, OWN_OTLP_QUEUE_BYTES, NULL, (double)queue_bytes);
	set(own, OWN_OTLP_REQUESTS, "ok", (double)ok);
	set(own, OWN_OTLP_REQUESTS, "failed", (double)failed);
	set(own, OWN_OTLP_RETRIES, NULL, (double)retries);
}

/* Of one of the watches. */
static void set_watch(struct own_metrics *own, enum own_family family, const char *label,
	enum kubernetes_watch watch, double value)
{
	metric_set(metrics_series(own->families[family],
			   (const char *const[]){label, kubernetes_watch_names[watch]}),
		value);
}

static void watch_update(
	struct own_metrics *own, const struct kubernetes *kubernetes, enum kubernetes_watch watch)
{
	struct watcher_counters counters;

	if (!kubernetes_counters(kubernetes, watch, &counters))
		return;
	for (int event = 0; event < WATCH_EVENTS; event++)
		set_watch(own, OWN_POD_EVENTS, watch_event_names[event], watch,
			(double)counters.events[event]);
	set_watch(own, OWN_POD_EVENTS, "unread", watch, (double)counters.unread);
	set_watch(own, OWN_POD_REQUESTS, "listed", watch, (double)counters.lists);
	set_watch(own, OWN_POD_REQUESTS, "watched", watch, (double)counters.watches);
	set_watch(own, OWN_POD_REQUESTS, "failed", watch, (double)counters.failures);
	set(own, OWN_PODS_CURRENT, kubernetes_watch_names[watch], counters.is_current);
}

static void peers_update(struct own_metrics *own, struct peer_table *peers)
{
	set(own, OWN_PEERS, "pods", (double)peer_table_count(peers, PEER_POD));
	set(own, OWN_PEERS, "services", (double)peer_table_count(peers, PEER_SERVICE));
	for (int answer = 0; answer < PEER_ANSWERS; answer++)
		set(own, OWN_PEER_ANSWERS, peer_answer_names[answer],
			(double)peer_table_answers(peers, (enum peer_answer)answer));
}

static void pods_update(struct own_metrics *own, const struct own_sources *sources)
{
	const struct kubernetes *kubernetes = sources->kubernetes;

	for (int watch = 0; watch < KUBERNETES_WATCHES; watch++)
		watch_update(own, kubernetes, (enum kubernetes_watch)watch);
	if (kubernetes_peers(kubernetes))
		peers_update(own, kubernetes_peers(kubernetes));
	set(own, OWN_PODS_UNRESOLVED, NULL, (double)sources->unnamed_containers);
	set(own, OWN_PODS, NULL, (double)pod_table_count(kubernetes_pods(kubernetes)));
}

void own_metrics_update(struct own_metrics *own, const struct own_sources *sources)
{
	self_update(&own->self);
	if (sources->probes)
		probes_update(own, sources->probes);
	if (sources->kubernetes)
		pods_update(own, sources);
	if (sources->spans)
		otlp_update(own, sources->spans, OWN_OTLP_SPANS, OWN_OTLP_QUEUED);
	if (sources->flows)
		otlp_update(own, sources->flows, OWN_OTLP_FLOWS, OWN_OTLP_QUEUED_FLOWS);
	if (sources->spans || sources->flows)
		requests_update(own, sources);
	if (sources->events) {
		const struct event_log_counters *events = sources->events;

		set(own, OWN_EVENT_LOG_RECORDS, "written", (double)events->lines.written);
		set(own, OWN_EVENT_LOG_RECORDS, "dropped", (double)events->lines.dropped);
		set(own, OWN_EVENT_LOG_RECORDS, "left_out", (double)events->left_out);
	}
	if (sources->flow_log) {
		set(own, OWN_FLOW_LOG_RECORDS, "written", (double)sources->flow_log->written);
		set(own, OWN_FLOW_LOG_RECORDS, "dropped", (double)sources->flow_log->dropped);
	}
	for (int limit = 0; limit < LIMITS; limit++)
		set(own, OWN_LIMITS, limit_name(limit), (double)limit_count(limit));
	set(own, OWN_LOG_LINES_DROPPED, NULL, (double)log_lines_dropped());
	for (int denial = 0; denial < DENIALS; denial++)
		set(own, OWN_DENIALS, denial_name(denial), (double)denial_count(denial));
	set(own, OWN_SERIES, NULL, (double)metrics_samples(own->metrics));
	set(own, OWN_SERIES_OVERFLOWED, NULL, (double)metrics_overflowed(own->metrics));
	set(own, OWN_SERIES_REMOVED, "ended",
		(double)metrics_removed(own->metrics, METRIC_REMOVED_ENDED));
	set(own, OWN_SERIES_REMOVED, "room",
		(double)metrics_removed(own->metrics, METRIC_REMOVED_FOR_ROOM));
}
