/* SPDX-License-Identifier: Apache-2.0 */
/* See families.h. */
#include "telemetry/families.h"

/* As the HTTP semantic conventions list them. */
static const struct metric_bound http_bounds[] = {
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
static const struct metric_bound wait_bounds[] = {
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
static const struct metric_bound lifetime_bounds[] = {
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
static const struct metric_bound call_bounds[] = {
	{15258, "1.52587890625e-05"},
	{976562, "0.0009765625"},
	{62500000, "0.0625"},
	{4000000000, "4.0"},
};

#define HISTOGRAM(of)                                                                              \
	.type = METRIC_HISTOGRAM, .unit = "seconds", .bounds = (of),                               \
	.bound_count = sizeof(of) / sizeof(*(of))
#define COUNTER(of) .type = METRIC_COUNTER, .unit = (of)
#define GAUGE(of)   .type = METRIC_GAUGE, .unit = (of)
#define NANOSECONDS 1e-9

/* Of a connection: whose it is, and who is at the other end. */
#define FLOW_LABELS "service_name", "direction", "peer", "port"

const struct metric_description family_descriptions[FAMILIES] = {
	[FAMILY_HTTP_SERVER] = {.name = "http_server_request_duration_seconds",
		.help = "Duration of HTTP requests served: first byte read to last byte of the "
			"response written.",
		.labels = {"service_name", "http_request_method", "http_response_status_code",
			"http_route", "error_type"},
		HISTOGRAM(http_bounds)},
	[FAMILY_HTTP_CLIENT] = {.name = "http_client_request_duration_seconds",
		.help = "Duration of HTTP requests made: first byte written to last byte of the "
			"response read.",
		.labels = {"service_name", "http_request_method", "http_response_status_code",
			"http_route", "error_type", "server_address", "server_port"},
		HISTOGRAM(http_bounds)},
	[FAMILY_HTTP_SERVER_FIRST_BYTE] = {.name = "sonde_http_server_time_to_first_byte_seconds",
		.help = "HTTP requests served: first byte read to first byte of the response "
			"written.",
		.labels = {"service_name", "http_request_method", "http_route"},
		HISTOGRAM(http_bounds)},
	[FAMILY_HTTP_CLIENT_FIRST_BYTE] = {.name = "sonde_http_client_time_to_first_byte_seconds",
		.help = "HTTP requests made: first byte written to first byte of the response "
			"read.",
		.labels = {"service_name", "http_request_method", "server_address", "server_port"},
		HISTOGRAM(http_bounds)},
	[FAMILY_HTTP_SERVER_QUEUE] = {.name = "sonde_http_server_queue_duration_seconds",
		.help = "HTTP requests served: arrival at the socket to first byte read.",
		.labels = {"service_name"},
		HISTOGRAM(wait_bounds)},
	[FAMILY_HTTP_SERVER_ACCEPT] = {.name = "sonde_http_server_accept_duration_seconds",
		.help = "First HTTP requests of connections served: established to accepted.",
		.labels = {"service_name"},
		HISTOGRAM(wait_bounds)},
	[FAMILY_HTTP_CLIENT_CONNECT] = {.name = "sonde_http_client_connect_duration_seconds",
		.help = "First HTTP requests of connections made: SYN to established.",
		.labels = {"service_name", "server_address", "server_port"},
		HISTOGRAM(wait_bounds)},
	[FAMILY_HTTP_SERVER_ACTIVE] = {.name = "http_server_active_requests",
		.help = "HTTP requests that are being served.",
		GAUGE(""),
		.labels = {"service_name", "http_request_method", "url_scheme"}},
	[FAMILY_HTTP_CLIENT_ACTIVE] = {.name = "http_client_active_requests",
		.help = "HTTP requests made that have no complete response yet.",
		GAUGE(""),
		.labels = {"service_name", "http_request_method", "url_scheme"}},
	[FAMILY_HTTP_SERVER_LONG] = {.name = "sonde_http_server_long_requests",
		.help = "HTTP requests that are being served for longer than long-request.",
		GAUGE(""),
		.labels = {"service_name", "http_request_method"}},
	[FAMILY_HTTP_CLIENT_LONG] = {.name = "sonde_http_client_long_requests",
		.help = "HTTP requests made that have no complete response for longer than "
			"long-request.",
		GAUGE(""),
		.labels = {"service_name", "http_request_method"}},
	[FAMILY_HTTP_TRUNCATED] = {.name = "sonde_http_truncated_requests_total",
		.help = "HTTP requests whose line was longer than what is kept of it.",
		COUNTER(""),
		.labels = {"service_name"}},
	[FAMILY_ROUTES_FOLDED] = {.name = "sonde_http_routes_folded_total",
		.help = "Requests whose route is /* because a limit of learned routes was reached.",
		COUNTER(""),
		.labels = {"service_name"}},
	[FAMILY_TCP_CONNECTIONS] = {.name = "sonde_tcp_connections_total",
		.help = "TCP connections by how their establishment ended.",
		COUNTER(""),
		.labels = {FLOW_LABELS, "result"}},
	[FAMILY_TCP_OPEN] = {.name = "sonde_tcp_open_connections",
		.help = "TCP connections that are open.",
		GAUGE(""),
		.labels = {FLOW_LABELS}},
	[FAMILY_TCP_SENT] = {.name = "sonde_tcp_sent_bytes_total",
		.help = "Payload bytes sent, each once however often it was retransmitted.",
		COUNTER("bytes"),
		.labels = {FLOW_LABELS}},
	[FAMILY_TCP_RECEIVED] = {.name = "sonde_tcp_received_bytes_total",
		.help = "Payload bytes received in order.",
		COUNTER("bytes"),
		.labels = {FLOW_LABELS}},
	[FAMILY_TCP_RETRANSMITS] = {.name = "sonde_tcp_retransmitted_segments_total",
		.help = "TCP segments sent again.",
		COUNTER(""),
		.labels = {FLOW_LABELS}},
	[FAMILY_TCP_CONNECT] = {.name = "sonde_tcp_connect_duration_seconds",
		.help = "Outbound connections: SYN to established.",
		.labels = {FLOW_LABELS},
		HISTOGRAM(wait_bounds)},
	[FAMILY_TCP_LIFETIME] = {.name = "sonde_tcp_connection_duration_seconds",
		.help = "Established to closed, of connections that have ended.",
		.labels = {FLOW_LABELS},
		HISTOGRAM(lifetime_bounds)},
	[FAMILY_TCP_RTT] = {.name = "sonde_tcp_rtt_seconds",
		.help = "Smoothed round-trip time, a sample for each sweep in which a connection "
			"did something, and at its end.",
		.labels = {FLOW_LABELS},
		HISTOGRAM(wait_bounds)},
	[FAMILY_TCP_RESETS] = {.name = "sonde_tcp_resets_total",
		.help = "RST segments sent and received.",
		COUNTER(""),
		.labels = {FLOW_LABELS}},
	[FAMILY_TCP_ACCEPT_QUEUE] = {.name = "sonde_tcp_accept_queue_length",
		.help = "Connections that are established and wait to be accepted.",
		GAUGE(""),
		.labels = {"service_name", "port"}},
	[FAMILY_TCP_ACCEPT_QUEUE_LIMIT] = {.name = "sonde_tcp_accept_queue_limit",
		.help = "How many connections may wait to be accepted.",
		GAUGE(""),
		.labels = {"service_name", "port"}},
	[FAMILY_TCP_LISTEN_OVERFLOWS] = {.name = "sonde_tcp_listen_overflows_total",
		.help = "Connection attempts that a listening socket dropped, its accept queue "
			"being full.",
		COUNTER(""),
		.labels = {"service_name", "port"}},
	[FAMILY_TCP_PEERS_FOLDED] = {.name = "sonde_tcp_peers_folded_total",
		.help = "Connections whose peer is `external` because the service has had too many "
			"DNS names as peers.",
		COUNTER(""),
		.labels = {"service_name"}},
	[FAMILY_DNS_LOOKUP] = {.name = "sonde_dns_lookup_duration_seconds",
		.help = "DNS lookups made: question sent to answer received.",
		.labels = {"service_name", "question_type", "code"},
		HISTOGRAM(wait_bounds)},
	[FAMILY_DNS_FAILED] = {.name = "sonde_dns_failed_lookups_total",
		.help = "DNS lookups that had no answer, or one with an error.",
		COUNTER(""),
		.labels = {"service_name", "question_type", "code"}},
	[FAMILY_SYSCALL] = {.name = "sonde_syscall_duration_seconds",
		.help = "Duration of system calls, waiting included.",
		.labels = {"service_name", "syscall"},
		HISTOGRAM(call_bounds)},
	[FAMILY_SYSCALL_ERRORS] = {.name = "sonde_syscall_errors_total",
		.help = "System calls that failed, by error.",
		COUNTER(""),
		.labels = {"service_name", "syscall", "errno"}},
	[FAMILY_SYSCALL_SLOW] = {.name = "sonde_syscall_slow_total",
		.help = "System calls slower than the threshold, those that wait by nature left "
			"out.",
		COUNTER(""),
		.labels = {"service_name", "syscall"}},
	[FAMILY_PROCESS_STARTS] = {.name = "sonde_process_starts_total",
		.help = "Programs executed.",
		COUNTER(""),
		.labels = {"service_name"}},
	[FAMILY_PROCESS_FORKS] = {.name = "sonde_process_forks_total",
		.help = "Processes forked, under the service that forked them.",
		COUNTER(""),
		.labels = {"service_name"}},
	[FAMILY_PROCESS_EXITS] = {.name = "sonde_process_exits_total",
		.help = "Processes ended: success (code 0), error (another code), signal, oom.",
		COUNTER(""),
		.labels = {"service_name", "reason"}},
	[FAMILY_PROCESS_LIFETIME] = {.name = "sonde_process_lifetime_seconds",
		.help = "From fork to exit, of processes that have ended.",
		.labels = {"service_name"},
		HISTOGRAM(lifetime_bounds)},
	[FAMILY_PROCESS_CPU] = {.name = "sonde_process_exited_cpu_seconds_total",
		.help = "CPU time of processes that have ended.",
		COUNTER("seconds"),
		.labels = {"service_name", "mode"},
		.scale = NANOSECONDS},
	[FAMILY_OOM_KILLS] = {.name = "sonde_oom_kills_total",
		.help = "Processes killed because memory ran out.",
		COUNTER(""),
		.labels = {"service_name"}},
	[FAMILY_EVENTS] = {.name = "sonde_events_total",
		.help = "What became of events: delivered, or the reason why not.",
		COUNTER(""),
		.labels = {"source", "outcome"}},
};
