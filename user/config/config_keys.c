/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of configuration keys (config_keys.h), and how a name is found in it. A new key is one
 * entry here, one field in config.h and one row in docs/configuration.md; that of a source comes
 * from record/sources.h.
 */
#include "config/config_keys.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "record/sources.h"

#define FIELD(member) .offset = offsetof(struct config, member)

#define SOURCE_KEY(SOURCE, LABEL, KEY, HELP, ...)                                                  \
	{                                                                                          \
		.name = (KEY),                                                                     \
		.type = CONFIG_BOOLEAN,                                                            \
		FIELD(sources[SOURCE]),                                                            \
		.fallback = "true",                                                                \
		.needs_restart = true,                                                             \
		.help = (HELP),                                                                    \
	},

const struct config_key config_keys[] = {
	{
		.name = "config",
		.type = CONFIG_TEXT,
		FIELD(config),
		.value_name = "FILE",
		.fallback = "",
		.not_in_file = true,
		.help = "YAML file with any of the keys below",
	},
	{
		.name = "listen",
		.type = CONFIG_ADDRESS,
		FIELD(listen),
		.value_name = "ADDR:PORT",
		.fallback = "127.0.0.1:9760",
		.needs_restart = true,
		.help = "where /metrics is served; port 0 takes any that is free",
	},
	{
		.name = "allowed-hosts",
		.type = CONFIG_HOSTS,
		FIELD(allowed_hosts),
		.count_offset = offsetof(struct config, allowed_host_count),
		.value_name = "LIST",
		.fallback = "",
		.needs_restart = true,
		.help = "more names under which it may be asked, e.g. node1.example.org",
	},
	{
		.name = "otlp-endpoint",
		.type = CONFIG_URL,
		FIELD(otlp_endpoint),
		.value_name = "URL",
		.fallback = "",
		.help = "collector that gets the spans, e.g. http://127.0.0.1:4318; empty: none",
	},
	{
		.name = "otlp-traces-endpoint",
		.type = CONFIG_URL,
		FIELD(otlp_traces_endpoint),
		.value_name = "URL",
		.fallback = "",
		.help = "where spans go instead, used as it is",
	},
	{
		.name = "otlp-logs-endpoint",
		.type = CONFIG_URL,
		FIELD(otlp_logs_endpoint),
		.value_name = "URL",
		.fallback = "",
		.help = "where flow records go instead, used as it is",
	},
	{
		.name = "otlp-compression",
		.type = CONFIG_CHOICE,
		FIELD(otlp_compression),
		.value_name = "none|gzip",
		.fallback = "none",
		.help = "of what is sent by OTLP",
	},
	{
		.name = "event-log",
		.type = CONFIG_TEXT,
		FIELD(event_log),
		.value_name = "FILE",
		.fallback = "",
		.help = "append a JSON line for each request that failed or was slow, and for some "
			"others and processes; -: standard output",
	},
	{
		.name = "event-log-rate",
		.type = CONFIG_NUMBER,
		FIELD(event_log_rate),
		.value_name = "NUMBER",
		.fallback = "10",
		.least = "0",
		.most = "1000000",
		.help = "how many of the others a second, of each service",
	},
	{
		.name = "event-log-slow",
		.type = CONFIG_DURATION,
		FIELD(event_log_slow_ns),
		.value_name = "DURATION",
		.fallback = "1s",
		.least = "0",
		.most = "1h",
		.help = "from when on a request is slow; 0: none is",
	},
	{
		.name = "flow-log",
		.type = CONFIG_TEXT,
		FIELD(flow_log),
		.value_name = "FILE",
		.fallback = "",
		.help = "append a JSON line for each TCP connection; -: standard output",
	},
	{
		.name = "flow-interval",
		.type = CONFIG_DURATION,
		FIELD(flow_interval_ns),
		.value_name = "DURATION",
		.fallback = "60s",
		.least = "0",
		.most = "1h",
		.help = "how often flow records tell of open connections; 0: only when they end",
	},
	{
		.name = "flow-otlp",
		.type = CONFIG_BOOLEAN,
		FIELD(flow_otlp),
		.fallback = "false",
		.help = "send them to otlp-endpoint as log records",
	},
	{
		.name = "quiet",
		.type = CONFIG_BOOLEAN,
		FIELD(quiet),
		.fallback = "false",
		.help = "no live table, not even on a terminal",
	},
	{
		.name = "log-format",
		.type = CONFIG_CHOICE,
		FIELD(log_format),
		.value_name = "text|json",
		.fallback = "text",
		.help = "lines for people, or one JSON object a line",
	},
	{
		.name = "log-level",
		.type = CONFIG_CHOICE,
		FIELD(log_level),
		.value_name = "debug|info|warn|error",
		.fallback = "info",
		.help = "least level that is logged",
	},
	{
		.name = "record",
		.type = CONFIG_TEXT,
		FIELD(record),
		.value_name = "FILE",
		.fallback = "",
		.needs_restart = true,
		.help = "also write what comes out of the kernel to this file",
	},
	{
		.name = "replay",
		.type = CONFIG_TEXT,
		FIELD(replay),
		.value_name = "FILE",
		.fallback = "",
		.needs_restart = true,
		.help = "read such a file instead of the kernel",
	},
	{
		.name = "privileges",
		.type = CONFIG_CHOICE,
		FIELD(privileges),
		.value_name = "drop|keep",
		.fallback = "drop",
		.needs_restart = true,
		.help = "drop: after the start Sonde can do only what it has to",
	},
	{
		.name = "user",
		.type = CONFIG_TEXT,
		FIELD(user),
		.value_name = "NAME",
		.fallback = "",
		.needs_restart = true,
		.help = "user that Sonde becomes after the start; empty: it stays who started it",
	},
	/* clang-format off */
	SWITCHED_SOURCES(SOURCE_KEY)
	/* clang-format on */
	{
		.name = "http-hooks",
		.type = CONFIG_CHOICE,
		FIELD(http_hooks),
		.value_name = "auto|tracepoints|fentry|kprobes",
		.fallback = "auto",
		.needs_restart = true,
		.help = "where HTTP and DNS are seen; auto: the first that can be had",
	},
	{
		.name = "disabled-programs",
		.type = CONFIG_PROGRAMS,
		FIELD(disabled_programs),
		.count_offset = offsetof(struct config, disabled_program_count),
		.value_name = "LIST",
		.fallback = "",
		.needs_restart = true,
		.help = "BPF programs to do without, as if this kernel refused them",
	},
	{
		.name = "kubernetes",
		.type = CONFIG_CHOICE,
		FIELD(kubernetes),
		.value_name = "auto|on|off",
		.fallback = "auto",
		.needs_restart = true,
		.help = "ask the API server for this node's pods; auto: where Sonde is in one",
	},
	{
		.name = "kubernetes-source",
		.type = CONFIG_CHOICE,
		FIELD(kubernetes_source),
		.value_name = "api|kubelet",
		.fallback = "api",
		.needs_restart = true,
		.help = "who is asked: the API server, or this node's kubelet every ten seconds",
	},
	{
		.name = "kubernetes-api",
		.type = CONFIG_URL,
		FIELD(kubernetes_api),
		.value_name = "URL",
		.fallback = "",
		.needs_restart = true,
		.help = "its URL; empty: as a pod finds it, and so for the next ones",
	},
	{
		.name = "kubernetes-token-file",
		.type = CONFIG_TEXT,
		FIELD(kubernetes_token_file),
		.value_name = "FILE",
		.fallback = "",
		.needs_restart = true,
		.help = "token that is sent to it, read again for each request",
	},
	{
		.name = "kubernetes-ca-file",
		.type = CONFIG_TEXT,
		FIELD(kubernetes_ca_file),
		.value_name = "FILE",
		.fallback = "",
		.needs_restart = true,
		.help = "authority that signed its certificate",
	},
	{
		.name = "kubernetes-node",
		.type = CONFIG_TEXT,
		FIELD(kubernetes_node),
		.value_name = "NAME",
		.fallback = "",
		.needs_restart = true,
		.help = "what this node is called there; empty: NODE_NAME, or this host's name",
	},
	{
		.name = "kubernetes-labels",
		.type = CONFIG_POD_LABELS,
		FIELD(kubernetes_labels),
		.count_offset = offsetof(struct config, kubernetes_label_count),
		.value_name = "LIST",
		.fallback = "owner",
		.needs_restart = true,
		.help = "what metrics tell of pods: owner, pod, node, label:KEY, annotation:KEY",
	},
	{
		.name = "kubernetes-service-labels",
		.type = CONFIG_BOOLEAN,
		FIELD(kubernetes_service_labels),
		.fallback = "false",
		.needs_restart = true,
		.help = "name services by app.kubernetes.io/instance or /name of their pods",
	},
	{
		.name = "kubernetes-peers",
		.type = CONFIG_BOOLEAN,
		FIELD(kubernetes_peers),
		.fallback = "false",
		.needs_restart = true,
		.help = "watch the pods of all nodes and Services: peers are namespace/owner",
	},
	{
		.name = "slow-syscall",
		.type = CONFIG_DURATION,
		FIELD(slow_syscall_ns),
		.value_name = "DURATION",
		.fallback = "100ms",
		.least = "0",
		.most = "1h",
		.help = "count and log system calls that take longer; 0: none",
	},
	{
		.name = "long-request",
		.type = CONFIG_DURATION,
		FIELD(long_request_ns),
		.value_name = "DURATION",
		.fallback = "30s",
		.least = "0",
		.most = "24h",
		.help = "report each HTTP request that is open for longer; 0: none",
	},
	{
		.name = "sweep-interval",
		.type = CONFIG_DURATION,
		FIELD(sweep_interval_ns),
		.value_name = "DURATION",
		.fallback = "1s",
		.least = "100ms",
		.most = "60s",
		.help = "how often the kernel's tables are collected",
	},
	{
		.name = "ring-size",
		.type = CONFIG_SIZE_POWER_OF_TWO,
		FIELD(ring_bytes),
		.value_name = "SIZE",
		.fallback = "2MiB",
		.least = "256KiB",
		.most = "64MiB",
		.needs_restart = true,
		.help = "all ring buffers together, a power of two",
	},
	{
		.name = "series-limit",
		.type = CONFIG_NUMBER,
		FIELD(telemetry.series_max),
		.value_name = "NUMBER",
		.fallback = "20000",
		.least = "100",
		.most = "1000000",
		.help = "most samples of a scrape; then what is used least gives way",
	},
	{
		.name = "series-per-service-limit",
		.type = CONFIG_NUMBER,
		FIELD(telemetry.series_per_service_max),
		.value_name = "NUMBER",
		.fallback = "5000",
		.least = "100",
		.most = "1000000",
		.help = "most samples of one service",
	},
	{
		.name = "series-ttl",
		.type = CONFIG_DURATION,
		FIELD(telemetry.series_ttl_ns),
		.value_name = "DURATION",
		.fallback = "10m",
		.least = "0",
		.most = "24h",
		.help = "how long series of what has ended are kept; 0: while there is room",
	},
	{
		.name = "routes-per-service-limit",
		.type = CONFIG_NUMBER,
		FIELD(telemetry.routes_per_service_max),
		.value_name = "NUMBER",
		.fallback = "100",
		.least = "0",
		.most = "10000",
		.help = "most routes that are learned of one service",
	},
	{
		.name = "http-routes",
		.type = CONFIG_ROUTES,
		FIELD(telemetry.http_routes),
		.count_offset = offsetof(struct config, telemetry.http_route_count),
		.value_name = "LIST",
		.fallback = "",
		.help = "route templates, e.g. /users/{id},/health; the first that fits wins",
	},
	{
		.name = "peer-names",
		.type = CONFIG_PEERS,
		FIELD(telemetry.peer_names),
		.count_offset = offsetof(struct config, telemetry.peer_name_count),
		.value_name = "LIST",
		.fallback = "",
		.help = "names for networks as peers of connections, e.g. 10.0.0.0/8=internal",
	},
	{
		.name = "peers-per-service-limit",
		.type = CONFIG_NUMBER,
		FIELD(telemetry.peers_per_service_max),
		.value_name = "NUMBER",
		.fallback = "100",
		.least = "0",
		.most = "10000",
		.help = "most DNS names that one service gets as peers",
	},
	{
		.name = "spans",
		.type = CONFIG_BOOLEAN,
		FIELD(spans),
		.fallback = "true",
		.help = "make spans of HTTP requests when otlp-endpoint is set",
	},
	{
		.name = "dns-spans",
		.type = CONFIG_BOOLEAN,
		FIELD(telemetry.dns_spans),
		.fallback = "false",
		.help = "make spans of DNS lookups as well",
	},
	{
		.name = "otlp-queue-size",
		.type = CONFIG_SIZE,
		FIELD(otlp_queue_bytes),
		.value_name = "SIZE",
		.fallback = "1MiB",
		.least = "64KiB",
		.most = "64MiB",
		.help = "memory for spans that wait to be sent, and as much for flow records",
	},
	{
		.name = "otlp-interval",
		.type = CONFIG_DURATION,
		FIELD(otlp_interval_ns),
		.value_name = "DURATION",
		.fallback = "1s",
		.least = "10ms",
		.most = "5m",
		.help = "longest that a span or flow record waits for company",
	},
	{
		.name = "otlp-timeout",
		.type = CONFIG_DURATION,
		FIELD(otlp_timeout_ns),
		.value_name = "DURATION",
		.fallback = "10s",
		.least = "100ms",
		.most = "5m",
		.help = "longest that one request to the collector may take",
	},
	{
		.name = "drain-timeout",
		.type = CONFIG_DURATION,
		FIELD(drain_timeout_ns),
		.value_name = "DURATION",
		.fallback = "5s",
		.least = "0",
		.most = "5m",
		.help = "longest that the last flush may take when Sonde stops",
	},
};

const size_t config_key_count = sizeof(config_keys) / sizeof(*config_keys);
_Static_assert(sizeof(config_keys) / sizeof(*config_keys) <= CONFIG_KEYS_MAX,
	"what is kept of each key has room");

const struct config_key *config_key_find(const char *name)
{
	for (const struct config_key *key = config_keys; key < &config_keys[config_key_count];
		key++) {
		if (strcmp(key->name, name) == 0)
			return key;
	}
	return NULL;
}

static size_t least_of(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Insertions, deletions and replacements that make one text of the other (Levenshtein). */
static size_t edit_distance(const char *from, const char *to)
{
	size_t row[CONFIG_VARIABLE_LEN]; /* distances of what was read of `from` to each start of
					    `to` */
	size_t to_length = strlen(to);

	for (size_t i = 0; i <= to_length; i++)
		row[i] = i;
	for (size_t read = 1; *from; from++, read++) {
		size_t diagonal = row[0];

		row[0] = read;
		for (size_t i = 1; i <= to_length; i++) {
			size_t replaced = diagonal + (*from != to[i - 1]);

			diagonal = row[i];
			row[i] = least_of(replaced, least_of(row[i], row[i - 1]) + 1);
		}
	}
	return row[to_length];
}

const struct config_key *config_key_nearest(const char *name)
{
	const struct config_key *nearest = NULL;
	size_t least = strlen(name) / 3 + 2; /* from here on it is another word */

	if (strlen(name) >= CONFIG_VARIABLE_LEN)
		return NULL;
	for (const struct config_key *key = config_keys; key < &config_keys[config_key_count];
		key++) {
		size_t distance = edit_distance(name, key->name);

		if (distance < least) {
			least = distance;
			nearest = key;
		}
	}
	return nearest;
}

void config_key_variable(const struct config_key *key, char variable[CONFIG_VARIABLE_LEN])
{
	snprintf(variable, CONFIG_VARIABLE_LEN, "%s%s", CONFIG_PREFIX, key->name);
	for (; *variable; variable++)
		*variable = *variable == '-' ? '_' : (char)toupper((unsigned char)*variable);
}
