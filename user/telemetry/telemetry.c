/* SPDX-License-Identifier: Apache-2.0 */
/* See telemetry.h. */
#include "telemetry/telemetry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limit.h"
#include "base/log.h"
#include "identity/service.h"
#include "record/sources.h"
#include "telemetry/dns/dns_telemetry.h"
#include "telemetry/http/http_telemetry.h"
#include "telemetry/http/route.h"
#include "telemetry/metrics/families.h"
#include "telemetry/metrics/gauge_share.h"
#include "telemetry/metrics/label_values.h"
#include "telemetry/syscall/slow_calls.h"
#include "telemetry/syscall/syscall_names.h"
#include "telemetry/tcp/flows.h"
#include "telemetry/tcp/peers.h"

/* Whom a service's clients ask, as an address and a port: of one service, and of all. */
#define SERVERS_MAX       100
#define SERVERS_TOTAL_MAX 8192

struct workload_shares {
	struct {
		struct gauge_share active, long_active;
	} http[HTTP_CLIENT + 1][HTTP_METHODS];
};

#define HOSTS_MAX 4096 /* names of all services together */

/* What is known of a workload's processes from their begins and ends. */
struct workload_processes {
	unsigned count;
	bool rest; /* there were some, and all have ended */
};

struct telemetry {
	struct identity *identity;
	struct routes *routes;
	struct peers *peers;
	struct label_values *hosts; /* that clients ask, by service */
	size_t hosts_max;
	struct dns_lookups *dns;
	struct label_values *servers;
	struct flows *flows;
	struct slow_calls *slow_calls;
	struct metrics *metrics;
	struct metric_family *families[FAMILIES];
	span_sink spans; /* NULL: none are made */
	void *spans_context;
	bool dns_spans;
	int64_t realtime_offset_ns;
	/* Some 720 KiB, of which only the pages of workloads that were told of are ever there. */
	struct workload_shares shares[WORKLOADS_MAX];
	struct metric_service *services[WORKLOADS_MAX]; /* of numbers in use, as to be alive */
	struct workload_processes processes[WORKLOADS_MAX];
};

static void take_dns_lookup(void *context, const struct dns_lookup *lookup);
static void take_dns_lost(void *context, enum outcome outcome);
static void take_dns_full(void *context, enum limit limit, __u32 workload);

struct telemetry *telemetry_new(const struct telemetry_settings *settings)
{
	struct telemetry *telemetry = calloc(1, sizeof(*telemetry));

	if (!telemetry)
		return NULL;
	telemetry->dns = dns_lookups_new(
		&(struct dns_sink){take_dns_lookup, take_dns_lost, take_dns_full, telemetry});
	telemetry->identity = identity_new();
	telemetry->routes = routes_new(settings->routes_per_service_max);
	telemetry->peers = peers_new();
	telemetry->hosts = label_values_new(HOSTS_MAX);
	telemetry->slow_calls = slow_calls_new();
	telemetry->servers = label_values_new(SERVERS_TOTAL_MAX);
	telemetry->metrics = metrics_new(settings->series_max, settings->series_per_service_max);
	telemetry->flows = flows_new(
		telemetry->families, telemetry->identity, telemetry->peers, telemetry->dns);
	if (!telemetry->identity || !telemetry->routes || !telemetry->peers || !telemetry->hosts ||
		!telemetry->dns || !telemetry->slow_calls || !telemetry->servers ||
		!telemetry->flows || !telemetry->metrics ||
		telemetry_configure(telemetry, settings)) {
		telemetry_free(telemetry);
		return NULL;
	}
	for (int i = 0; i < FAMILIES; i++)
		telemetry->families[i] =
			metrics_family(telemetry->metrics, &family_descriptions[i]);
	return telemetry;
}

void telemetry_free(struct telemetry *telemetry)
{
	if (!telemetry)
		return;
	slow_calls_free(telemetry->slow_calls);
	flows_free(telemetry->flows);
	peers_free(telemetry->peers);
	label_values_free(telemetry->hosts);
	label_values_free(telemetry->servers);
	metrics_free(telemetry->metrics);
	dns_lookups_free(telemetry->dns);
	routes_free(telemetry->routes);
	identity_free(telemetry->identity);
	free(telemetry);
}

int telemetry_configure(struct telemetry *telemetry, const struct telemetry_settings *settings)
{
	metrics_set_limits(
		telemetry->metrics, settings->series_max, settings->series_per_service_max);
	metrics_set_ttl(telemetry->metrics, settings->series_ttl_ns);
	routes_set_limit(telemetry->routes, settings->routes_per_service_max);
	telemetry->dns_spans = settings->dns_spans;
	telemetry->hosts_max = settings->peers_per_service_max;
	return peers_configure(telemetry->peers, settings->peer_names, settings->peer_name_count,
		       settings->peers_per_service_max)
		       ?: routes_configure(telemetry->routes, settings->http_routes,
				  settings->http_route_count);
}

void telemetry_set_spans(struct telemetry *telemetry, span_sink sink, void *context)
{
	telemetry->spans = sink;
	telemetry->spans_context = context;
}

void telemetry_set_flows(
	struct telemetry *telemetry, flow_sink sink, void *context, uint64_t interval_ns)
{
	flows_set_sink(telemetry->flows, sink, context, interval_ns);
}

const struct flows *telemetry_flows(const struct telemetry *telemetry)
{
	return telemetry->flows;
}

struct metrics *telemetry_metrics(struct telemetry *telemetry)
{
	return telemetry->metrics;
}

/* --- losses --- */

static void take_event(
	struct telemetry *telemetry, enum source source, enum outcome outcome, __u64 count)
{
	static const char *const outcomes[] = {
		[OUTCOME_DELIVERED] = "delivered",
		[OUTCOME_RING_FULL] = "ring_full",
		[OUTCOME_TABLE_FULL] = "table_full",
		[OUTCOME_STORAGE_FAILED] = "storage_failed",
		[OUTCOME_UNREADABLE] = "unreadable",
		[OUTCOME_UNPARSABLE] = "unparsable",
		[OUTCOME_COMPAT] = "compat",
		[OUTCOME_RECURSION] = "recursion",
		[OUTCOME_INVALID] = "invalid",
	};

	metric_add(SERIES(telemetry->families, FAMILY_EVENTS, source_descriptions[source].label,
			   outcomes[outcome]),
		count);
}

/* --- HTTP --- */

/* A duration that is only known to be no longer than it looks would spoil the others: it counts
 * apart. */
static bool is_timed(struct telemetry *telemetry, const struct http_request *request)
{
	if (request->record->end != HTTP_END_UNKNOWN)
		return true;
	metric_add(SERIES(telemetry->families, FAMILY_HTTP_UNTIMED, request->service->name), 1);
	return false;
}

static void take_http_served(struct telemetry *telemetry, const struct http_request *request)
{
	const char *name = request->service->name;
	const char *method = http1_method_name(request->line.method);
	const struct record_http *record = request->record;

	if (is_timed(telemetry, request))
		metric_record(SERIES(telemetry->families, FAMILY_HTTP_SERVER, name, method,
				      request->status, request->route, request->error_type),
			request->duration_ns);
	if (record->response_first_ns)
		metric_record(SERIES(telemetry->families, FAMILY_HTTP_SERVER_FIRST_BYTE, name,
				      method, request->route),
			request->time_to_first_byte_ns);
	if (record->queue_ns)
		metric_record(SERIES(telemetry->families, FAMILY_HTTP_SERVER_QUEUE, name),
			record->queue_ns);
	if (record->setup_ns)
		metric_record(SERIES(telemetry->families, FAMILY_HTTP_SERVER_ACCEPT, name),
			record->setup_ns);
}

/* Whether the server has an own value of its labels: one of those that the service asks most. */
static bool server_is_told(struct telemetry *telemetry, const struct http_request *request)
{
	char server[sizeof(request->server_address) + sizeof(request->server_port)];

	snprintf(server, sizeof(server), "%s %s", request->server_address, request->server_port);
	if (label_values_admit(telemetry->servers, request->service->name, server, SERVERS_MAX, 1,
		    request->record->record.time_ns))
		return true;
	limit_met(LIMIT_SERVERS, request->service->name);
	return false;
}

static void take_http_made(struct telemetry *telemetry, const struct http_request *request)
{
	bool is_told = server_is_told(telemetry, request);
	const char *address = is_told ? request->server_address : NAME_OTHER;
	const char *port = is_told ? request->server_port : "";
	const char *name = request->service->name;
	const char *method = http1_method_name(request->line.method);
	const struct record_http *record = request->record;

	if (is_timed(telemetry, request))
		metric_record(SERIES(telemetry->families, FAMILY_HTTP_CLIENT, name, method,
				      request->status, request->route, request->error_type, address,
				      port),
			request->duration_ns);
	if (record->response_first_ns)
		metric_record(SERIES(telemetry->families, FAMILY_HTTP_CLIENT_FIRST_BYTE, name,
				      method, address, port),
			request->time_to_first_byte_ns);
	if (record->setup_ns)
		metric_record(SERIES(telemetry->families, FAMILY_HTTP_CLIENT_CONNECT, name, address,
				      port),
			record->setup_ns);
}

static void take_http(struct telemetry *telemetry, const struct record_http *record,
	const struct service *service)
{
	struct http_request request;
	bool is_valid = !http_request_read(&request, record, service, telemetry->routes,
		telemetry->hosts, telemetry->hosts_max);

	if (record->flags & HTTP_OPEN) { /* it counts at its end */
		if (is_valid)
			http_log_open(&request);
		return;
	}
	if (!is_valid) {
		/* the probe saw HTTP/1.x at its end, but control characters in the target, say */
		metric_add(SERIES(telemetry->families, FAMILY_EVENTS, "http", "line_invalid"), 1);
		return;
	}
	if (record->role == HTTP_SERVER)
		take_http_served(telemetry, &request);
	else
		take_http_made(telemetry, &request);
	if (record->flags & HTTP_LINE_TRUNCATED)
		metric_add(SERIES(telemetry->families, FAMILY_HTTP_TRUNCATED, service->name), 1);
	if (request.route_folded) {
		metric_add(SERIES(telemetry->families, FAMILY_ROUTES_FOLDED, service->name), 1);
		limit_met(LIMIT_ROUTES, service->name);
	}
	if (telemetry->spans) {
		struct http_span_room room;
		struct span span;

		http_span_make(&span, &room, &request, telemetry->realtime_offset_ns);
		telemetry->spans(telemetry->spans_context, &span);
	}
}

static void take_http_active(
	struct telemetry *telemetry, const struct record_http_active *record, const char *name)
{
	bool server = record->role == HTTP_SERVER;
	const char *method = http1_method_name(record->method);
	struct workload_shares *shares = &telemetry->shares[record->record.workload];

	gauge_share_set(&shares->http[record->role][record->method].active,
		telemetry->families[server ? FAMILY_HTTP_SERVER_ACTIVE : FAMILY_HTTP_CLIENT_ACTIVE],
		LABELS(name, method, "http"), record->active);
	gauge_share_set(&shares->http[record->role][record->method].long_active,
		telemetry->families[server ? FAMILY_HTTP_SERVER_LONG : FAMILY_HTTP_CLIENT_LONG],
		LABELS(name, method), record->long_active);
}

/* --- DNS --- */

static void take_dns_lookup(void *context, const struct dns_lookup *lookup)
{
	struct telemetry *telemetry = context;
	const struct service *service = identity_service(telemetry->identity, lookup->workload);
	const char *type = dns_type_name(lookup->question->type);
	const char *code = dns_lookup_code(lookup);

	if (lookup->answer)
		metric_record(
			SERIES(telemetry->families, FAMILY_DNS_LOOKUP, service->name, type, code),
			lookup->end_ns - lookup->start_ns);
	if (dns_lookup_failed(lookup))
		metric_add(
			SERIES(telemetry->families, FAMILY_DNS_FAILED, service->name, type, code),
			1);
	if (telemetry->spans && telemetry->dns_spans) {
		struct dns_span_room room;
		struct span span;

		dns_span_make(&span, &room, lookup, service, telemetry->realtime_offset_ns);
		telemetry->spans(telemetry->spans_context, &span);
	}
}

static void take_dns_lost(void *context, enum outcome outcome)
{
	take_event(context, SOURCE_DNS, outcome, 1);
}

static void take_dns_full(void *context, enum limit limit, __u32 workload)
{
	struct telemetry *telemetry = context;

	limit_met(limit, identity_service(telemetry->identity, workload)->name);
}

/* --- processes --- */

/*
 * Counts the processes of a workload that began since it was told of. The last one's exit is known
 * at once, long before the probes are sure that no task has the number any more.
 */
static void count_processes(struct telemetry *telemetry, __u32 workload, int change)
{
	struct workload_processes *processes;
	bool rests;

	if (workload >= WORKLOADS_MAX || !telemetry->services[workload])
		return;
	processes = &telemetry->processes[workload];
	if (change > 0 || processes->count) /* else the end of one that came from elsewhere */
		processes->count += (unsigned)change;
	rests = !processes->count;
	if (rests != processes->rest)
		metrics_service_rest(telemetry->services[workload], rests);
	processes->rest = rests;
}

static void take_exec(
	struct telemetry *telemetry, const struct record_exec *record, const char *name)
{
	char arguments[ARGUMENTS_LEN + 1];
	size_t length = record->arguments_length;

	count_processes(telemetry, record->record.workload, 1);
	metric_add(SERIES(telemetry->families, FAMILY_PROCESS_STARTS, name), 1);
	memcpy(arguments, record->arguments, length);
	for (size_t i = 0; i < length; i++)
		if (!arguments[i])
			arguments[i] = ' ';
	while (length && arguments[length - 1] == ' ')
		length--;
	arguments[length] = '\0';
	log_debug("process started", log_str("service_name", name), log_int("pid", record->tgid),
		log_int("parent_pid", record->parent_tgid), log_int("uid", record->uid),
		log_str("command", record->comm), log_str("arguments", arguments));
}

static void take_exit(
	struct telemetry *telemetry, const struct record_exit *record, const char *name)
{
	const char *reason = record->oom      ? "oom"
			     : record->signal ? "signal"
			     : record->code   ? "error"
					      : "success";

	count_processes(telemetry, record->record.workload, -1);
	metric_add(SERIES(telemetry->families, FAMILY_PROCESS_EXITS, name, reason), 1);
	metric_record(
		SERIES(telemetry->families, FAMILY_PROCESS_LIFETIME, name), record->lifetime_ns);
	metric_add(SERIES(telemetry->families, FAMILY_PROCESS_CPU, name, "user"), record->user_ns);
	metric_add(
		SERIES(telemetry->families, FAMILY_PROCESS_CPU, name, "system"), record->system_ns);
	if (record->oom) {
		metric_add(SERIES(telemetry->families, FAMILY_OOM_KILLS, name), 1);
		log_warn("process killed: out of memory", log_str("service_name", name),
			log_int("pid", record->tgid), log_str("command", record->comm));
	} else {
		log_debug("process ended", log_str("service_name", name),
			log_int("pid", record->tgid), log_str("command", record->comm),
			log_int("code", record->code), log_int("signal", record->signal),
			log_real("lifetime_seconds", (double)record->lifetime_ns * 1e-9));
	}
}

/* --- system calls --- */

static void take_syscall(
	struct telemetry *telemetry, const struct record_syscall *record, const char *name)
{
	char room[SYSCALL_TEXT_LEN];

	metric_merge(SERIES(telemetry->families, FAMILY_SYSCALL, name,
			     syscall_text(record->number, room)),
		record->buckets, record->bucket_count, record->sum_ns);
}

static void take_syscall_error(
	struct telemetry *telemetry, const struct record_syscall_error *record, const char *name)
{
	const char *error = strerrorname_np((int)record->error);
	char room[SYSCALL_TEXT_LEN], number[SYSCALL_TEXT_LEN];

	if (!error) {
		/* an internal one, such as ERESTARTSYS, which the program never gets to see */
		snprintf(number, sizeof(number), "%u", record->error);
		error = number;
	}
	metric_add(SERIES(telemetry->families, FAMILY_SYSCALL_ERRORS, name,
			   syscall_text(record->number, room), error),
		record->count);
}

static void take_slow_syscall(
	struct telemetry *telemetry, const struct record_slow_syscall *record, const char *name)
{
	char room[SYSCALL_TEXT_LEN];
	const char *syscall = syscall_text(record->number, room);

	metric_add(SERIES(telemetry->families, FAMILY_SYSCALL_SLOW, name, syscall), 1);
	slow_calls_take(telemetry->slow_calls, record, name, syscall);
}

/* --- workloads --- */

static void processes_forget(struct telemetry *telemetry, __u32 workload)
{
	struct workload_processes *processes = &telemetry->processes[workload];

	if (processes->rest)
		metrics_service_rest(telemetry->services[workload], false);
	*processes = (struct workload_processes){0};
}

static void take_workload(struct telemetry *telemetry, const struct record_workload *record)
{
	struct metric_service **service = &telemetry->services[record->record.workload], *before;

	dns_lookups_begin(telemetry->dns, record->record.workload);
	identity_on_workload(telemetry->identity, record);
	before = *service;
	processes_forget(telemetry, record->record.workload);
	*service = metrics_service_begin(telemetry->metrics,
		identity_service(telemetry->identity, record->record.workload)->name);
	metrics_service_end(before);
}

static void take_workload_end(
	struct telemetry *telemetry, __u32 workload, void (*end)(struct metric_service *service))
{
	struct workload_shares *shares = &telemetry->shares[workload];

	dns_lookups_end(telemetry->dns, workload);
	identity_on_workload_end(telemetry->identity, workload);
	for (int role = HTTP_SERVER; role <= HTTP_CLIENT; role++)
		for (int method = 0; method < HTTP_METHODS; method++) {
			gauge_share_end(&shares->http[role][method].active);
			gauge_share_end(&shares->http[role][method].long_active);
		}
	processes_forget(telemetry, workload);
	end(telemetry->services[workload]);
	telemetry->services[workload] = NULL;
}

void telemetry_take(void *context, const struct record *record, size_t size)
{
	struct telemetry *telemetry = context;
	const struct service *service = identity_service(telemetry->identity, record->workload);
	const char *name = service->name;

	(void)size; /* each record says itself how long it is */
	switch ((enum record_type)record->type) {
	case RECORD_WORKLOAD: take_workload(telemetry, (const void *)record); break;
	case RECORD_WORKLOAD_END:
		take_workload_end(telemetry, record->workload, metrics_service_end);
		break;
	case RECORD_WORKLOAD_IDLE:
		take_workload_end(telemetry, record->workload, metrics_service_sleep);
		break;
	case RECORD_CLOCK:
		telemetry->realtime_offset_ns =
			((const struct record_clock *)record)->realtime_offset_ns;
		dns_lookups_tick(telemetry->dns, record->time_ns);
		slow_calls_tick(telemetry->slow_calls, record->time_ns);
		flows_settle(telemetry->flows, (const void *)record);
		/* the last, so that what this sweep told began before it */
		metrics_tick(telemetry->metrics, record->time_ns, telemetry->realtime_offset_ns);
		break;
	case RECORD_EVENTS: {
		const struct record_events *events = (const void *)record;

		take_event(telemetry, events->source, events->outcome, events->count);
		break;
	}
	case RECORD_DNS: dns_lookups_take(telemetry->dns, (const void *)record); break;
	case RECORD_RESOLVERS: dns_lookups_configure(telemetry->dns, (const void *)record); break;
	case RECORD_HTTP: take_http(telemetry, (const void *)record, service); break;
	case RECORD_TCP:
	case RECORD_TCP_LISTENER:
	case RECORD_TCP_SWEPT:
	case RECORD_TCP_REFUSALS: flows_take(telemetry->flows, record); break;
	case RECORD_EXEC: take_exec(telemetry, (const void *)record, name); break;
	case RECORD_FORK:
		count_processes(telemetry, record->workload, 1);
		metric_add(SERIES(telemetry->families, FAMILY_PROCESS_FORKS, name), 1);
		break;
	case RECORD_EXIT: take_exit(telemetry, (const void *)record, name); break;
	case RECORD_SYSCALL: take_syscall(telemetry, (const void *)record, name); break;
	case RECORD_SYSCALL_ERROR: take_syscall_error(telemetry, (const void *)record, name); break;
	case RECORD_SLOW_SYSCALL: take_slow_syscall(telemetry, (const void *)record, name); break;
	case RECORD_HTTP_ACTIVE: take_http_active(telemetry, (const void *)record, name); break;
	case RECORD_TYPES: break;
	}
}
