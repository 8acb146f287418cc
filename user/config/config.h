/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: one flat list of keys, each of which can be set in four ways. Later ones win:
 * built-in default, YAML file (`slow-syscall: 100ms`), environment (SONDE_SLOW_SYSCALL=100ms), flag
 * (--slow-syscall 100ms, --slow-syscall=100ms). OpenTelemetry's variables stand in for some of
 * Sonde's own that are unset (config_otel.h). Unknown keys, wrong types and impossible values are
 * errors that name file, line and key (or the variable, or the flag) and say what would be right.
 * Durations are written 250us, 100ms, 5s, 2m; sizes 512KiB, 4MiB; booleans true/false; a list is a
 * YAML sequence or comma-separated text.
 */
#ifndef SONDE_CONFIG_H
#define SONDE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "kernel/load/programs.h"
#include "kubernetes/kubernetes.h"
#include "privilege/privilege.h"
#include "telemetry/telemetry.h"

#define CONFIG_ERROR_LEN 2048 /* one lists all programs */

enum otlp_compression { OTLP_COMPRESSION_NONE, OTLP_COMPRESSION_GZIP };

struct config {
	/* where it goes */
	char *listen;         /* ADDR:PORT, default 127.0.0.1:9760 */
	char **allowed_hosts; /* key allowed-hosts: names in Host, besides those of loopback */
	size_t allowed_host_count;
	char *otlp_endpoint;        /* URL of a collector, e.g. http://127.0.0.1:4318; "" = off */
	char *otlp_traces_endpoint; /* URL for spans, and for flow records, as they are; "" = */
	char *otlp_logs_endpoint;   /* otlp-endpoint */
	enum otlp_compression otlp_compression; /* default none */
	char *event_log;            /* file for requests, "-" = standard output, "" = off */
	uint64_t event_log_rate;    /* key event-log-rate: lines a second and service, 10 */
	uint64_t event_log_slow_ns; /* key event-log-slow, default 1s; 0 = nothing is slow */
	char *flow_log;             /* file for flow records, "-" = standard output, "" = off */
	uint64_t flow_interval_ns;  /* key flow-interval: of open connections, default 60s; 0 = only
				       at their end */
	bool flow_otlp; /* flow records as log records when otlp-endpoint is set, default false */
	bool quiet;     /* no live table even on a terminal */
	enum log_format log_format;
	enum log_level log_level;

	enum privilege_mode privileges; /* key privileges, default drop */
	char *user;                     /* to become after the start, or "" */

	/* where it comes from */
	char *record;               /* file to write what comes out of the kernel to, or "" */
	char *replay;               /* file to read it from instead of the kernel, or "" */
	bool sources[SOURCES];      /* their keys are in record/sources.h; all on by default */
	enum http_hooks http_hooks; /* key http-hooks, default auto */
	char **disabled_programs;   /* key disabled-programs: BPF programs to do without */
	size_t disabled_program_count;

	/* whose it is */
	enum kubernetes_mode kubernetes;          /* ask the API server for pods, default auto */
	enum kubernetes_source kubernetes_source; /* who is asked, default the API server */
	char **kubernetes_labels; /* what series of pods are told by, default owner */
	size_t kubernetes_label_count;
	bool kubernetes_service_labels; /* default off */
	bool kubernetes_peers;          /* pods of all nodes and Services as peers, default false */
	char *kubernetes_api;           /* its URL, "" = as a pod finds it; so are the next ones */
	char *kubernetes_token_file;
	char *kubernetes_ca_file;
	char *kubernetes_node;

	/* how */
	uint64_t slow_syscall_ns;   /* key slow-syscall, default 100ms; 0 = off */
	uint64_t long_request_ns;   /* key long-request, default 30s; 0 = off */
	uint64_t sweep_interval_ns; /* key sweep-interval, default 1s, 100ms … 60s */
	uint64_t ring_bytes; /* key ring-size, all ring buffers together, default 2MiB, power of
				two, 256KiB … 64MiB */
	struct telemetry_settings telemetry;
	bool spans;                /* make spans when otlp-endpoint is set, default true */
	uint64_t otlp_queue_bytes; /* key otlp-queue-size: waiting spans, default 1MiB */
	uint64_t otlp_interval_ns; /* key otlp-interval: longest wait of a span, default 1s */
	uint64_t otlp_timeout_ns;  /* key otlp-timeout: for one request, default 10s */
	uint64_t drain_timeout_ns; /* key drain-timeout: at most this for the last flush, default 5s
				    */

	char *config; /* the file it came from, or "" */
};

enum config_result {
	CONFIG_OK,
	CONFIG_HELP, /* --help was asked for and printed */
	CONFIG_BAD   /* error[] says why */
};

/*
 * Reads defaults, file, environment and `argv` (flags of `run`, the program's and the subcommand's
 * names left out) into *config, which config_free() releases whatever came back.
 */
enum config_result config_load(
	struct config *config, int argc, char *const *argv, char error[CONFIG_ERROR_LEN]);
void config_free(struct config *config);

/* One of the logs goes to standard output, where nothing else may stand. */
bool config_logs_to_stdout(const struct config *config);

/*
 * The first key in which `new` differs from `old` although that takes a restart (sources and their
 * programs, ring size, record, replay), or NULL.
 */
const char *config_restart_key(const struct config *old, const struct config *new);

/* Prints the table of keys (name, default, what it does) as `sonde run --help` shows it. */
void config_print_help(void);

#endif
