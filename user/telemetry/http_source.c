/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP (telemetry_source.h): requests, in series and as spans, and what is open. */
#include <stdlib.h>
#include <string.h>

#include "base/limit.h"
#include "protocol/http/http_exchange.h"
#include "telemetry/http/http_families.h"
#include "telemetry/http/route.h"
#include "telemetry/metrics/gauge_share.h"
#include "telemetry/metrics/label_values.h"
#include "telemetry/telemetry_source.h"

#define HTTP_NOT_FOUND 404

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
	/* Some 720 KiB, of which only the pages of workloads that were told of are ever there. */
	struct workload_shares shares[WORKLOADS_MAX][HTTP_CLIENT + 1][HTTP_METHODS];
};

static void http_end(void *context)
{
	struct http_source *self = context;

	routes_free(self->routes);
	label_values_free(self->hosts);
	free(self);
}

static void *http_begin(struct telemetry_ground *ground, struct metric_family *const *families,
	const struct telemetry_settings *settings)
{
	struct http_source *self = calloc(1, sizeof(*self));

	if (!self)
		return NULL;
	self->ground = ground;
	self->families = families;
	self->routes = routes_new(settings->routes_per_service_max);
	self->hosts = label_values_new(HOSTS_MAX);
	if (self->routes && self->hosts)
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

/* --- what requests are counted in --- */

/* A duration that is only known to be no longer than it looks would spoil the others: it counts
 * apart. */
static const struct exchange_measure measures[] = {
	{.family = FAMILY_HTTP_SERVER,
		.roles = EXCHANGE_BY_SERVER,
		.figure = EXCHANGE_DURATION,
		.labels = {EXCHANGE_OPERATION, EXCHANGE_STATUS, EXCHANGE_TARGET, EXCHANGE_ERROR}},
	{.family = FAMILY_HTTP_CLIENT,
		.roles = EXCHANGE_BY_CLIENT,
		.figure = EXCHANGE_DURATION,
		.labels = {EXCHANGE_OPERATION, EXCHANGE_STATUS, EXCHANGE_TARGET, EXCHANGE_ERROR,
			EXCHANGE_SERVER_ADDRESS, EXCHANGE_SERVER_PORT}},
	{.family = FAMILY_HTTP_UNTIMED, .roles = EXCHANGE_BY_BOTH, .figure = EXCHANGE_UNTIMED},
	{.family = FAMILY_HTTP_SERVER_FIRST_BYTE,
		.roles = EXCHANGE_BY_SERVER,
		.figure = EXCHANGE_FIRST_BYTE,
		.labels = {EXCHANGE_OPERATION, EXCHANGE_TARGET}},
	{.family = FAMILY_HTTP_CLIENT_FIRST_BYTE,
		.roles = EXCHANGE_BY_CLIENT,
		.figure = EXCHANGE_FIRST_BYTE,
		.labels = {EXCHANGE_OPERATION, EXCHANGE_SERVER_ADDRESS, EXCHANGE_SERVER_PORT}},
	{.family = FAMILY_HTTP_SERVER_QUEUE,
		.roles = EXCHANGE_BY_SERVER,
		.figure = EXCHANGE_WAIT,
		.number = HTTP_NUMBER_QUEUE_NS},
	{.family = FAMILY_HTTP_SERVER_ACCEPT,
		.roles = EXCHANGE_BY_SERVER,
		.figure = EXCHANGE_WAIT,
		.number = HTTP_NUMBER_SETUP_NS},
	{.family = FAMILY_HTTP_CLIENT_CONNECT,
		.roles = EXCHANGE_BY_CLIENT,
		.figure = EXCHANGE_WAIT,
		.number = HTTP_NUMBER_SETUP_NS,
		.labels = {EXCHANGE_SERVER_ADDRESS, EXCHANGE_SERVER_PORT}},
};

static const struct exchange_measures http_measures = {
	.rows = measures,
	.count = sizeof(measures) / sizeof(measures[0]),
	.has_servers = true,
};

/* --- requests --- */

/* Without a host, or when the service has too many others, the server is where the client is
 * connected to. */
static void name_server(struct http_source *self, struct http_exchange *http)
{
	const char *service = service_key(http->exchange.service);

	if (!http->host[0])
		return;
	if (strcmp(http->host, http->server) != 0 &&
		!label_values_admit(self->hosts, service, http->host, self->hosts_max, 1,
			http->record->record.time_ns)) {
		limit_met(LIMIT_HTTP_HOSTS, http->exchange.service->name);
		return;
	}
	http_exchange_use_host(http);
}

/* True: the route is ROUTE_FOLDED for want of room. */
static bool name_target(struct http_source *self, struct http_exchange *http)
{
	const struct record_http *record = http->record;
	bool is_answered = !(record->flags & HTTP_OPEN), is_folded = false;

	if (http->line.path.length)
		http->exchange.target = routes_template(self->routes,
			&(struct route_request){.service = service_key(http->exchange.service),
				.path = http->line.path.text,
				.path_length = http->line.path.length,
				.time_ns = record->record.time_ns,
				.learn = is_answered && record->status != HTTP_NOT_FOUND},
			&is_folded);
	return is_folded;
}

/*
 * Who the other end is in its cluster, in `room`. The connection may be older than the request:
 * whose address it is did not change meanwhile.
 */
static void name_peer(
	struct http_source *self, struct http_exchange *http, char room[PEER_NAME_LEN])
{
	const struct record_http *record = http->record;
	char *slash;

	if (!self->ground->cluster || record->flags & HTTP_UNIX ||
		peer_table_find(self->ground->cluster, record->address.remote,
			record->request_first_ns, record->record.time_ns, room) != PEER_FOUND)
		return;
	slash = strchr(room, '/');
	*slash = '\0';
	http->exchange.peer_namespace = room;
	http->exchange.peer_name = slash + 1;
}

static void take_http(void *context, const struct record *taken, const struct service *service)
{
	const struct record_http *record = (const void *)taken;
	struct http_source *self = context;
	struct http_exchange http;
	bool is_valid = !http_exchange_read(&http, record, service), is_folded = false;
	char peer[PEER_NAME_LEN];

	if (is_valid) {
		is_folded = name_target(self, &http);
		name_server(self, &http);
	}
	if (record->flags & HTTP_OPEN) { /* it counts at its end */
		if (is_valid)
			http_exchange_log_open(&http);
		return;
	}
	if (!is_valid) {
		/* the probe saw HTTP/1.x at its end, but control characters in the target, say */
		telemetry_count_events(self->ground, SOURCE_HTTP, "line_invalid", 1);
		return;
	}
	exchanges_count(self->ground->exchanges, &http.exchange, &http_measures, self->families,
		record->record.time_ns);
	if (record->flags & HTTP_LINE_TRUNCATED)
		metric_add(SERIES(self->families, FAMILY_HTTP_TRUNCATED, service_key(service)), 1);
	if (is_folded) {
		metric_add(SERIES(self->families, FAMILY_ROUTES_FOLDED, service_key(service)), 1);
		limit_met(LIMIT_ROUTES, service->name);
	}
	if (exchanges_has_spans(self->ground->exchanges)) {
		name_peer(self, &http, peer);
		exchanges_export(self->ground->exchanges, &http.exchange);
	}
}

/* Requests for whose records the ring had no room: their path was not read, nor their peer. */
static void take_http_unread(
	void *context, const struct record *taken, const struct service *service)
{
	const struct record_latency *record = (const void *)taken;
	struct http_source *self = context;
	struct http_exchange http;
	bool is_beyond = http_exchange_read_unread(&http, record->operation, service);

	http.exchange.target = ROUTE_UNREAD;
	exchanges_count_sum(&http.exchange, &http_measures, self->families, record,
		is_beyond ? BOUND_BELOW : BOUND_ABOVE);
}

/* --- what is open --- */

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
		LABELS(service_key(service), method, "http"), record->active);
	gauge_share_set(&shares->long_active,
		self->families[server ? FAMILY_HTTP_SERVER_LONG : FAMILY_HTTP_CLIENT_LONG],
		LABELS(service_key(service), method), record->long_active);
}

const struct telemetry_source http_source = {
	.families = http_families,
	.family_count = HTTP_FAMILIES,
	.begin = http_begin,
	.end = http_end,
	.configure = http_configure,
	.workload_end = http_workload_end,
	.records = {{RECORD_HTTP, take_http}, {RECORD_HTTP_UNREAD, take_http_unread},
		{RECORD_HTTP_ACTIVE, take_http_active}},
};
