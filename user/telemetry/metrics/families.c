/* SPDX-License-Identifier: Apache-2.0 */
/* See families.h. */
#include "telemetry/metrics/families.h"

/* As the HTTP semantic conventions list them. */
const struct metric_bound http_bounds[] = {
	{5000000, "0.005"},
	{10000000, "0.01"},
	{25000000, "0.025"},
	{50000000, "0.05"},
	{75000000, "0.075"},
	{100000000, "0.1"},
	{250000000, "0.25"},
	{500000000, "0.5"},
	{750000000, "0.75"},
	{1000000000, "1.0"},
	{2500000000, "2.5"},
	{5000000000, "5.0"},
	{7500000000, "7.5"},
	{10000000000, "10.0"},
};

/*
 * Powers of two, each of which is exactly a bound in the kernel, too. A bound is a sample in each
 * scrape for each series, so there are few of them where there are many series: native histograms
 * keep all detail.
 */

/* Every second one from 2^-14 s to 2^4 s: waits for other machines and programs. */
const struct metric_bound wait_bounds[] = {
	{61035, "6.103515625e-05"},
	{244140, "0.000244140625"},
	{976562, "0.0009765625"},
	{3906250, "0.00390625"},
	{15625000, "0.015625"},
	{62500000, "0.0625"},
	{250000000, "0.25"},
	{1000000000, "1.0"},
	{4000000000, "4.0"},
	{16000000000, "16.0"},
};

/* Every fourth one from 2^-10 s to 2^18 s: what may last for days. */
const struct metric_bound lifetime_bounds[] = {
	{976562, "0.0009765625"},
	{15625000, "0.015625"},
	{250000000, "0.25"},
	{4000000000, "4.0"},
	{64000000000, "64.0"},
	{1024000000000, "1024.0"},
	{16384000000000, "16384.0"},
	{262144000000000, "262144.0"},
};

/*
 * Every sixth one from 2^-16 s to 2^2 s: from memory, from a disk, late, and what waits. A service
 * makes tens of different calls, so these are most of the series of a quiet machine.
 */
const struct metric_bound call_bounds[] = {
	{15258, "1.52587890625e-05"},
	{976562, "0.0009765625"},
	{62500000, "0.0625"},
	{4000000000, "4.0"},
};

const struct metric_description family_descriptions[FAMILIES] = {
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
	[FAMILY_DNS_LOOKUP] = {.name = "sonde_dns_lookup_duration_seconds",
		.group = "DNS",
		.help = "DNS lookups made: question sent to answer received.",
		.labels = {FAMILY_DNS_LOOKUP_LABELS},
		HISTOGRAM(wait_bounds, WAIT_BOUNDS)},
	[FAMILY_DNS_FAILED] = {.name = "sonde_dns_failed_lookups_total",
		.group = "DNS",
		.help = "DNS lookups that had no answer, or one with an error.",
		COUNTER(""),
		.labels = {FAMILY_DNS_FAILED_LABELS}},
	[FAMILY_EVENTS] = {.name = "sonde_events_total",
		.help = "What became of events: delivered, or the reason why not.",
		COUNTER(""),
		.labels = {FAMILY_EVENTS_LABELS}},
};
