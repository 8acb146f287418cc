/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP (telemetry_source.h): requests, in series and as spans, and what is open. */
#include <stdio.h>
#include <stdlib.h>

#include "base/limit.h"
#include "telemetry/http/http_telemetry.h"
#include "telemetry/http/route.h"
#include "telemetry/metrics/families.h"
#include "telemetry/metrics/gauge_share.h"
#include "telemetry/metrics/label_values.h"
#include "telemetry/telemetry_source.h"

/* Whom a service's clients ask, as an address and a port: of one service, and of all. */
#define SERVERS_MAX       100
#define SERVERS_TOTAL_MAX 8192

#define HOSTS_MAX 4096 /* names of all services together */

struct workload_shares {
	struct gauge_share active, long_active;
};

struct http_source {
	struct telemetry_ground *ground;
	struct metric_family *const *families;
	struct routes *routes;
	struct label_values *hosts; /* that clients ask, by service */
	size_t hosts_max;
	struct label_values *servers;
	/* Some 720 KiB, of which only the pages of workloads that were told of are ever there. */
	struct workload_shares shares[WORKLOADS_MAX][HTTP_CLIENT + 1][HTTP_METHODS];
};

static void http_end(void *context)
{
	struct http_source *self = context;

	routes_free(self->routes);
	label_values_free(self->hosts);
	label_values_free(self->servers);
	free(self);
}

static void *http_begin(struct telemetry_ground *ground, const struct telemetry_settings *settings)
{
	struct http_source *self = calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	self->ground = ground;
	self->families = ground->families;
	self->routes = routes_new(settings->routes_per_service_max);
	self->hosts = label_values_new(HOSTS_MAX);
	self->servers = label_values_new(SERVERS_TOTAL_MAX);
	if (self->routes && self->hosts && self->servers)
		return self;
	http_end(self);
	return NULL;
}

static int http_configure(void *context, const struct telemetry_settings *settings)
{
	struct http_source *self = context;

	routes_set_limit(self->routes, settings->routes_per_service_max);
	self->hosts_max = settings->peers_per_service_max;
	return routes_configure(self->routes, settings->http_routes, settings->http_route_count);
}

static void http_workload_end(void *context, __u32 workload)
{
	struct http_source *self = context;

	for (int role = HTTP_SERVER; role <= HTTP_CLIENT; role++)
		for (int method = 0; method < HTTP_METHODS; method++) {
			gauge_share_end(&self->shares[workload][role][method].active);
			gauge_share_end(&self->shares[workload][role][method].long_active);
		}
}

/* A duration that is only known to be no longer than it looks would spoil the others: it counts
 * apart. */
static bool is_timed(struct http_source *self, const struct http_request *request)
{
	if (request->record->end != HTTP_END_UNKNOWN)
		return true;
	metric_add(SERIES(self->families, FAMILY_HTTP_UNTIMED, request->service->name), 1);
	return false;
}

static void take_http_served(struct http_source *self, const struct http_request *request)
{
	const char *name = request->service->name;
	const char *method = http1_method_name(request->line.method);
	const struct record_http *record = request->record;

	if (is_timed(self, request))
		metric_record(SERIES(self->families, FAMILY_HTTP_SERVER, name, method,
				      request->status, request->route, request->error_type),
			request->duration_ns);
	if (record->response_first_ns)
		metric_record(SERIES(self->families, FAMILY_HTTP_SERVER_FIRST_BYTE, name, method,
				      request->route),
			request->time_to_first_byte_ns);
	if (record->queue_ns)
		metric_record(
			SERIES(self->families, FAMILY_HTTP_SERVER_QUEUE, name), record->queue_ns);
	if (record->setup_ns)
		metric_record(
			SERIES(self->families, FAMILY_HTTP_SERVER_ACCEPT, name), record->setup_ns);
}

/* Whether the server has an own value of its labels: one of those that the service asks most. */
static bool server_is_told(struct http_source *self, const struct http_request *request)
{
	char server[sizeof(request->server_address) + sizeof(request->server_port)];

	snprintf(server, sizeof(server), "%s %s", request->server_address, request->server_port);
	if (label_values_admit(self->servers, request->service->name, server, SERVERS_MAX, 1,
		    request->record->record.time_ns))
		return true;
	limit_met(LIMIT_SERVERS, request->service->name);
	return false;
}

static void take_http_made(struct http_source *self, const struct http_request *request)
{
	bool is_told = server_is_told(self, request);
	const char *address = is_told ? request->server_address : NAME_OTHER;
	const char *port = is_told ? request->server_port : "";
	const char *name = request->service->name;
	const char *method = http1_method_name(request->line.method);
	const struct record_http *record = request->record;

	if (is_timed(self, request))
		metric_record(
			SERIES(self->families, FAMILY_HTTP_CLIENT, name, method, request->status,
				request->route, request->error_type, address, port),
			request->duration_ns);
	if (record->response_first_ns)
		metric_record(SERIES(self->families, FAMILY_HTTP_CLIENT_FIRST_BYTE, name, method,
				      address, port),
			request->time_to_first_byte_ns);
	if (record->setup_ns)
		metric_record(
			SERIES(self->families, FAMILY_HTTP_CLIENT_CONNECT, name, address, port),
			record->setup_ns);
}

static void take_http(void *context, const struct record *taken, const struct service *service)
{
	const struct record_http *record = (const void *)taken;
	struct http_source *self = context;
	const struct telemetry_ground *ground = self->ground;
	struct http_request request;
	bool is_valid = !http_request_read(
		&request, record, service, self->routes, self->hosts, self->hosts_max);

	if (record->flags & HTTP_OPEN) { /* it counts at its end */
		if (is_valid)
			http_log_open(&request);
		return;
	}
	if (!is_valid) {
		/* the probe saw HTTP/1.x at its end, but control characters in the target, say */
		telemetry_count_events(self->ground, SOURCE_HTTP, "line_invalid", 1);
		return;
	}
	if (record->role == HTTP_SERVER)
		take_http_served(self, &request);
	else
		take_http_made(self, &request);
	if (record->flags & HTTP_LINE_TRUNCATED)
		metric_add(SERIES(self->families, FAMILY_HTTP_TRUNCATED, service->name), 1);
	if (request.route_folded) {
		metric_add(SERIES(self->families, FAMILY_ROUTES_FOLDED, service->name), 1);
		limit_met(LIMIT_ROUTES, service->name);
	}
	if (ground->spans) {
		struct http_span_room room;
		struct span span;

		http_span_make(&span, &room, &request, ground->realtime_offset_ns);
		ground->spans(ground->spans_context, &span);
	}
}

static void take_http_active(
	void *context, const struct record *taken, const struct service *service)
{
	const struct record_http_active *record = (const void *)taken;
	struct http_source *self = context;
	bool server = record->role == HTTP_SERVER;
	const char *method = http1_method_name(record->method);
	struct workload_shares *shares =
		&self->shares[taken->workload][record->role][record->method];

	gauge_share_set(&shares->active,
		self->families[server ? FAMILY_HTTP_SERVER_ACTIVE : FAMILY_HTTP_CLIENT_ACTIVE],
		LABELS(service->name, method, "http"), record->active);
	gauge_share_set(&shares->long_active,
		self->families[server ? FAMILY_HTTP_SERVER_LONG : FAMILY_HTTP_CLIENT_LONG],
		LABELS(service->name, method), record->long_active);
}

const struct telemetry_source http_source = {
	.begin = http_begin,
	.end = http_end,
	.configure = http_configure,
	.workload_end = http_workload_end,
	.records = {{RECORD_HTTP, take_http}, {RECORD_HTTP_ACTIVE, take_http_active}},
};
