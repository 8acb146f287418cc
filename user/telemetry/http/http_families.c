/* SPDX-License-Identifier: Apache-2.0 */
/* See http_families.h. */
#include "telemetry/http/http_families.h"

#include "protocol/http1/http_unread.h"

#define BOUND(NS, TEXT) {NS, TEXT},

static const struct metric_bound http_bounds[] = {HTTP_BOUNDS_LIST(BOUND)};

#define HTTP_BOUNDS (sizeof(http_bounds) / sizeof(http_bounds[0]))

const struct metric_description http_families[HTTP_FAMILIES] = {
	[FAMILY_HTTP_SERVER] = {.name = "http_server_request_duration_seconds",
		.group = "HTTP server",
		.help = "Duration of HTTP requests served: first byte read to last byte of the "
			"response written.",
		.labels = {FAMILY_HTTP_SERVER_LABELS},
		HISTOGRAM(http_bounds, HTTP_BOUNDS)},
	[FAMILY_HTTP_CLIENT] = {.name = "http_client_request_duration_seconds",
		.group = "HTTP client",
		.help = "Duration of HTTP requests made: first byte written to last byte of the "
			"response read.",
		.labels = {FAMILY_HTTP_CLIENT_LABELS},
		HISTOGRAM(http_bounds, HTTP_BOUNDS)},
	[FAMILY_HTTP_SERVER_FIRST_BYTE] = {.name = "sonde_http_server_time_to_first_byte_seconds",
		.group = "HTTP server",
		.help = "HTTP requests served: first byte read to first byte of the response "
			"written.",
		.labels = {FAMILY_HTTP_SERVER_FIRST_BYTE_LABELS},
		HISTOGRAM(http_bounds, HTTP_BOUNDS)},
	[FAMILY_HTTP_CLIENT_FIRST_BYTE] = {.name = "sonde_http_client_time_to_first_byte_seconds",
		.group = "HTTP client",
		.help = "HTTP requests made: first byte written to first byte of the response "
			"read.",
		.labels = {FAMILY_HTTP_CLIENT_FIRST_BYTE_LABELS},
		HISTOGRAM(http_bounds, HTTP_BOUNDS)},
	[FAMILY_HTTP_SERVER_QUEUE] = {.name = "sonde_http_server_queue_duration_seconds",
		.group = "HTTP server",
		.help = "HTTP requests served: arrival at the socket to first byte read.",
		.labels = {FAMILY_HTTP_SERVER_QUEUE_LABELS},
		HISTOGRAM(wait_bounds, WAIT_BOUNDS)},
	[FAMILY_HTTP_SERVER_ACCEPT] = {.name = "sonde_http_server_accept_duration_seconds",
		.group = "HTTP server",
		.help = "First HTTP requests of connections served: established to accepted.",
		.labels = {FAMILY_HTTP_SERVER_ACCEPT_LABELS},
		HISTOGRAM(wait_bounds, WAIT_BOUNDS)},
	[FAMILY_HTTP_CLIENT_CONNECT] = {.name = "sonde_http_client_connect_duration_seconds",
		.group = "HTTP client",
		.help = "First HTTP requests of connections made: SYN to established.",
		.labels = {FAMILY_HTTP_CLIENT_CONNECT_LABELS},
		HISTOGRAM(wait_bounds, WAIT_BOUNDS)},
	[FAMILY_HTTP_SERVER_ACTIVE] = {.name = "http_server_active_requests",
		.group = "HTTP server",
		.help = "HTTP requests that are being served.",
		GAUGE(""),
		.labels = {FAMILY_HTTP_SERVER_ACTIVE_LABELS}},
	[FAMILY_HTTP_CLIENT_ACTIVE] = {.name = "http_client_active_requests",
		.group = "HTTP client",
		.help = "HTTP requests made that have no complete response yet.",
		GAUGE(""),
		.labels = {FAMILY_HTTP_CLIENT_ACTIVE_LABELS}},
	[FAMILY_HTTP_SERVER_LONG] = {.name = "sonde_http_server_long_requests",
		.group = "HTTP server",
		.help = "HTTP requests that are being served for longer than long-request.",
		GAUGE(""),
		.labels = {FAMILY_HTTP_SERVER_LONG_LABELS}},
	[FAMILY_HTTP_CLIENT_LONG] = {.name = "sonde_http_client_long_requests",
		.group = "HTTP client",
		.help = "HTTP requests made that have no complete response for longer than "
			"long-request.",
		GAUGE(""),
		.labels = {FAMILY_HTTP_CLIENT_LONG_LABELS}},
	[FAMILY_HTTP_TRUNCATED] = {.name = "sonde_http_truncated_requests_total",
		.group = "HTTP server",
		.help = "HTTP requests whose line was longer than what is kept of it.",
		COUNTER(""),
		.labels = {FAMILY_HTTP_TRUNCATED_LABELS}},
	[FAMILY_HTTP_UNTIMED] = {.name = "sonde_http_untimed_requests_total",
		.group = "HTTP server",
		.help = "HTTP requests that no duration counts, as nobody saw when they ended.",
		COUNTER(""),
		.labels = {FAMILY_HTTP_UNTIMED_LABELS}},
	[FAMILY_ROUTES_FOLDED] = {.name = "sonde_http_routes_folded_total",
		.group = "HTTP server",
		.help = "Requests whose route is /* because a limit of learned routes was reached.",
		COUNTER(""),
		.labels = {FAMILY_ROUTES_FOLDED_LABELS}},
};
