/* SPDX-License-Identifier: Apache-2.0 */
/* See daemon.h. */
#include "daemon.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_writer.h"
#include "base/startup.h"
#include "config/config_volume.h"
#include "export/server/listener.h"
#include "export/terminal/live_table.h"
#include "exports.h"
#include "kernel/probes.h"
#include "own_metrics.h"
#include "pods.h"
#include "privilege/privilege.h"
#include "record/record_check.h"
#include "record/record_types.h"
#include "record/recording.h"
#include "record/sources.h"
#include "telemetry/syscall/syscall_names.h"
#include "telemetry/telemetry.h"
#include "version.h"

/* How often ring buffers are drained that did not fill up: what a live figure may lag behind. */
#define TICK_NS 100000000ULL

#define TABLE_INTERVAL_NS 1000000000ULL

/*
 * Between two sweeps for scrapes: those that come sooner wait for the next one together. A scrape
 * has what happened before its request, so it cannot have the one that began before.
 */
#define REFRESH_NS 100000000ULL

/*
 * Whoever makes the events must not keep the one who counts them from running: rings would fill up.
 * Only the main thread gets this; without the privilege it does without.
 */
#define NICENESS (-10)

/* CLIENTS_MAX, and twice what the kernel's objects take with all programs. */
#define DESCRIPTORS 3072

/* Records of a recording that are played back before others have their turn. */
#define REPLAY_STEP 4096

struct daemon {
	struct config config;
	int argc;
	char *const *argv;

	struct probes *probes;           /* one of these two is there, */
	struct recording_reader *replay; /* this one until its end */
	struct recording_writer *recording;
	struct kubernetes_place place;
	struct kubernetes *kubernetes; /* NULL: no API server is asked */
	struct telemetry *telemetry;
	struct own_metrics *own;
	struct listener *listener;
	struct exports exports;
	struct table *table;

	int epoll, signals, ticks;
	int volume; /* of the configuration; -1: none tells of its change */
	uint64_t swept_ns, refreshed_ns, drawn_ns;
	bool stopping;
	int status;
};

/* --- the way of a record --- */

static void record_take(void *context, const struct record *record, size_t size)
{
	struct daemon *daemon = context;
	const struct record_layout *layout =
		size < sizeof(*record) ? NULL : record_layout(record->type);
	struct record_events loss;

	if (!record_is_valid(record, size)) {
		log_error("a record from the kernel cannot be, and is left out: please report it",
			log_str("type", layout ? layout->name : "unknown"),
			log_int("bytes", (int64_t)size));
		if (!record_loss(record, size, &loss))
			return;
		record = &loss.record;
		size = sizeof(loss);
	}
	if (daemon->recording)
		recording_write(daemon->recording, record, size);
	telemetry_take(daemon->telemetry, record, size);
}

static void recording_check(struct daemon *daemon, int result)
{
	if (!result)
		return;
	log_error("recording stopped: the file is incomplete",
		log_str("file", daemon->config.record), log_str("error", strerror(-result)));
	daemon->status = 1;
	if (daemon->recording)
		recording_close(daemon->recording);
	daemon->recording = NULL;
}

static void sweep(struct daemon *daemon)
{
	if (!daemon->probes)
		return;
	probes_drain(daemon->probes);
	probes_sweep(daemon->probes);
	daemon->swept_ns = clock_monotonic_ns();
	if (daemon->recording)
		recording_check(daemon, recording_flush(daemon->recording));
	exports_flush(&daemon->exports);
}

/* Everything that happened before a scrape is in it. */
static void refresh(void *context)
{
	struct daemon *daemon = context;
	const struct exports *exports = &daemon->exports;
	struct own_sources sources = {.probes = daemon->probes, .kubernetes = daemon->kubernetes};
	struct otlp_counters spans, flows;
	struct line_log_counters flow_log;
	struct event_log_counters events;

	daemon->refreshed_ns = clock_monotonic_ns();
	telemetry_name_pods(daemon->telemetry);
	sweep(daemon);
	sources.unnamed_containers = telemetry_unnamed_containers(daemon->telemetry);
	if (exports->spans) {
		otlp_counters(exports->spans, &spans);
		sources.spans = &spans;
	}
	if (exports->flows) {
		otlp_counters(exports->flows, &flows);
		sources.flows = &flows;
	}
	if (exports->event_log) {
		events = event_log_counters(exports->event_log);
		sources.events = &events;
	}
	if (exports->flow_log) {
		flow_log = line_log_counters(exports->flow_log);
		sources.flow_log = &flow_log;
	}
	own_metrics_update(daemon->own, &sources);
}

static void serve(struct daemon *daemon)
{
	struct scrape_source source = {
		.metrics = telemetry_metrics(daemon->telemetry),
		.flows = telemetry_flows(daemon->telemetry),
	};

	bool is_due = daemon->stopping || clock_monotonic_ns() - daemon->refreshed_ns >= REFRESH_NS;

	listener_serve(daemon->listener, &source, is_due ? refresh : NULL, daemon);
}

/* --- parts that can be started anew --- */

static int watch(struct daemon *daemon, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(daemon->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int listener_begin(struct daemon *daemon, const struct config *config)
{
	char error[LISTENER_ERROR_LEN];
	struct listener *listener;
	struct listener_options options = {
		.address = config->listen,
		.version = SONDE_VERSION,
		.guard = {config->allowed_hosts, config->allowed_host_count},
	};
	int result = listener_start(&listener, &options, error);

	if (result) {
		log_error("cannot serve metrics", log_str("reason", error));
		return result;
	}
	result = watch(daemon, listener_fd(listener));
	if (result) {
		listener_stop(listener);
		return result;
	}
	daemon->listener = listener;
	return 0;
}

static void metrics_url(const struct daemon *daemon, char *url, size_t size)
{
	snprintf(url, size, "http://%s/metrics", listener_address(daemon->listener));
}

static void table_begin(struct daemon *daemon)
{
	char url[128];

	if (!daemon->config.quiet && isatty(STDOUT_FILENO) &&
		!config_logs_to_stdout(&daemon->config))
		daemon->table = table_new(STDOUT_FILENO);
	if (daemon->table)
		return;
	metrics_url(daemon, url, sizeof(url));
	log_info("serving metrics", log_str("url", url));
}

/* --- SIGHUP --- */

static void reload(struct daemon *daemon)
{
	struct config *old = &daemon->config, new;
	char error[CONFIG_ERROR_LEN];
	const char *fixed;

	if (config_load(&new, daemon->argc, daemon->argv, error) != CONFIG_OK) {
		log_error("the new configuration is wrong, the old one stays",
			log_str("reason", error));
		config_free(&new);
		return;
	}
	fixed = config_restart_key(old, &new);
	if (fixed) {
		log_error("the old configuration stays: this key takes a restart",
			log_str("key", fixed));
		config_free(&new);
		return;
	}
	log_configure(new.log_format, new.log_level);
	if (telemetry_configure(daemon->telemetry, &new.telemetry))
		log_error("no memory for the new routes, the old ones stay");
	if (daemon->probes) {
		probes_set_slow_syscall(daemon->probes, new.slow_syscall_ns);
		probes_set_long_request(daemon->probes, new.long_request_ns);
	}
	exports_configure(&daemon->exports, old, &new);
	if (config_logs_to_stdout(&new)) {
		table_free(daemon->table);
		daemon->table = NULL;
	}
	config_free(old);
	*old = new;
	log_info("configuration read again");
}

/* --- start --- */

#define SPACE_AND_KEY(SOURCE, LABEL, KEY, ...) " " KEY

static bool has_any_source(const struct config *config)
{
	for (size_t i = 0; i < SWITCHED_SOURCES_COUNT; i++)
		if (config->sources[switched_sources[i]])
			return true;
	return false;
}

static int records_begin(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	struct probes_options options = {
		.http_hooks = config->http_hooks,
		.disabled_programs = config->disabled_programs,
		.disabled_program_count = config->disabled_program_count,
		.slow_syscall_ns = config->slow_syscall_ns,
		.long_request_ns = config->long_request_ns,
		.ring_bytes = config->ring_bytes,
		.syscall_wait = syscall_wait,
	};
	char error[PROBES_ERROR_LEN];
	int result;

	memcpy(options.sources, config->sources, sizeof(options.sources));
	if (!*config->replay && !has_any_source(config)) {
		log_error("cannot start",
			log_str("reason", "all sources are off: switch on one of" SWITCHED_SOURCES(
						  SPACE_AND_KEY)));
		return -EINVAL;
	}
	if (*config->replay) {
		result = recording_open(config->replay, &daemon->replay, error);
	} else {
		result = probes_open(&daemon->probes, &options, record_take, daemon, error);
		if (!result)
			result = watch(daemon, probes_fd(daemon->probes));
	}
	if (result && !startup_is_stopped())
		log_error("cannot start", log_str("reason", error));
	return result;
}

static int recording_begin(struct daemon *daemon)
{
	char error[RECORDING_ERROR_LEN];
	int result;

	if (!*daemon->config.record)
		return 0;
	result = recording_create(daemon->config.record, &daemon->recording, error);
	if (result)
		log_error("cannot write the recording", log_str("reason", error));
	return result;
}

/* Each client of the listener takes a descriptor: the usual limit is 1,024 for all. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= DESCRIPTORS)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int loop_begin(struct daemon *daemon)
{
	struct itimerspec tick = {{0, TICK_NS}, {0, TICK_NS}};
	sigset_t signals;

	raise_descriptors();
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL); /* before any thread is there to get them */
	signal(SIGPIPE, SIG_IGN);
	daemon->epoll = epoll_create1(EPOLL_CLOEXEC);
	daemon->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	daemon->ticks = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	daemon->volume = config_volume_watch(daemon->config.config);
	if (daemon->epoll < 0 || daemon->signals < 0 || daemon->ticks < 0 ||
		timerfd_settime(daemon->ticks, 0, &tick, NULL))
		return -errno;
	if (daemon->volume >= 0)
		watch(daemon, daemon->volume);
	return watch(daemon, daemon->signals) ?: watch(daemon, daemon->ticks) ?: startup_begin();
}

static const char *log_path(const char *log)
{
	return strcmp(log, LINE_LOG_STDOUT) ? log : "";
}

static int privileges_begin(struct daemon *daemon)
{
	const struct config *config = &daemon->config;
	struct privilege_options options = {
		.mode = config->privileges,
		.user = config->user,
		.configuration = config->config,
		.logs = {log_path(config->flow_log), log_path(config->event_log)},
		.token = daemon->place.token_file,
		.ca = daemon->place.ca_file,
	};
	char error[PRIVILEGE_ERROR_LEN];
	int result = pods_find(&daemon->place, config);

	if (result < 0)
		return result;
	result = privilege_prepare(&options, error);
	if (result)
		log_error("cannot start", log_str("reason", error));
	return result;
}

static int begin(struct daemon *daemon)
{
	int result = loop_begin(daemon);

	if (result) {
		log_error("cannot start", log_str("error", strerror(-result)));
		return result;
	}
	daemon->telemetry = telemetry_new(&daemon->config.telemetry);
	if (daemon->telemetry)
		daemon->own = own_metrics_new(telemetry_metrics(daemon->telemetry));
	if (!daemon->own) {
		log_error("cannot start", log_str("reason", "no memory"));
		return -ENOMEM;
	}
	result = listener_begin(daemon, &daemon->config) ?: exports_begin(&daemon->exports, daemon->telemetry, &daemon->config) ?:
		pods_begin(&daemon->kubernetes, &daemon->place, daemon->telemetry) ?:
		recording_begin(daemon) ?: records_begin(daemon);
	if (result)
		return result;
	if (daemon->probes)
		setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
	table_begin(daemon);
	result = privilege_drop_main(daemon->probes ? probes_may_sweep : NULL, daemon->probes);
	if (!result)
		listener_set_ready(daemon->listener, true, "");
	return result;
}

/* --- the loop --- */

static void on_signal(struct daemon *daemon)
{
	struct signalfd_siginfo signal;

	while (read(daemon->signals, &signal, sizeof(signal)) == sizeof(signal)) {
		if (signal.ssi_signo != SIGHUP) {
			daemon->stopping = true;
			continue;
		}
		/* whoever rotated the log needs no configuration that is right */
		exports_reopen(&daemon->exports);
		reload(daemon);
	}
}

static void on_tick(struct daemon *daemon)
{
	uint64_t ticks, now = clock_monotonic_ns();
	char url[128];

	if (read(daemon->ticks, &ticks, sizeof(ticks)) < 0)
		return;
	telemetry_name_pods(daemon->telemetry);
	if (daemon->probes && (now - daemon->swept_ns >= daemon->config.sweep_interval_ns ||
				      probes_want_sweep(daemon->probes)))
		sweep(daemon);
	serve(daemon);
	if (daemon->table && now - daemon->drawn_ns >= TABLE_INTERVAL_NS) {
		daemon->drawn_ns = now;
		metrics_url(daemon, url, sizeof(url));
		table_refresh(daemon->table, telemetry_metrics(daemon->telemetry), url, now);
	}
}

/* Plays back some of the recording; at its end there is none any more. */
static void replay_continue(struct daemon *daemon)
{
	char error[RECORDING_ERROR_LEN];
	int result = recording_read(daemon->replay, REPLAY_STEP, record_take, daemon, error);

	exports_flush(&daemon->exports);
	if (result > 0)
		return;
	recording_reader_free(daemon->replay);
	daemon->replay = NULL;
	if (result < 0) {
		log_error("not all of the recording can be played back", log_str("reason", error));
		daemon->status = 1;
	}
	log_info("the recording was played back; its metrics are served until a signal comes",
		log_str("file", daemon->config.replay));
}

static void run(struct daemon *daemon)
{
	struct epoll_event events[8];
	bool more = false; /* work is left that no descriptor tells of */

	while (!daemon->stopping) {
		int count = epoll_wait(daemon->epoll, events, 8, more || daemon->replay ? 0 : -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == daemon->signals)
				on_signal(daemon);
			else if (events[i].data.fd == daemon->ticks)
				on_tick(daemon);
			else if (events[i].data.fd == daemon->volume &&
				 config_volume_has_changed(daemon->volume))
				reload(daemon);
			else if (events[i].data.fd == listener_fd(daemon->listener))
				serve(daemon);
		}
		if (daemon->probes) /* whatever woke us */
			more = probes_drain(daemon->probes);
		else if (daemon->replay)
			replay_continue(daemon);
	}
}

/* --- the end: stop taking in, drain, flush, within bounds --- */

static void end(struct daemon *daemon, uint64_t deadline)
{
	if (daemon->listener)
		listener_set_ready(daemon->listener, false, "draining");
	if (daemon->probes) {
		probes_detach(daemon->probes);
		while (probes_drain(daemon->probes) && clock_monotonic_ns() < deadline)
			;
		sweep(daemon);
		sweep(daemon); /* settles what was held for what other rings might bring */
	}
	if (daemon->recording)
		recording_check(daemon, recording_close(daemon->recording));
	if (daemon->listener)
		serve(daemon);
	exports_end(&daemon->exports, deadline);
	kubernetes_stop(daemon->kubernetes);
	table_free(daemon->table);
	if (daemon->listener)
		listener_stop(daemon->listener);
	recording_reader_free(daemon->replay);
	probes_close(daemon->probes);
	own_metrics_free(daemon->own);
	telemetry_free(daemon->telemetry);
	close(daemon->volume);
	close(daemon->ticks);
	close(daemon->signals);
	close(daemon->epoll);
	config_free(&daemon->config);
}

int daemon_run(struct config *config, int argc, char *const *argv)
{
	struct daemon daemon = {
		.config = *config,
		.argc = argc,
		.argv = argv,
		.epoll = -1,
		.signals = -1,
		.ticks = -1,
		.volume = -1,
	};
	uint64_t deadline;
	int result;

	log_configure(config->log_format, config->log_level);
	result = privileges_begin(&daemon);
	log_writer_begin(
		privilege_drop_thread); /* without its thread the log works, too, but may wait */
	result = result ?: begin(&daemon);
	startup_end();
	if (result)
		daemon.status = !startup_is_stopped();
	else
		run(&daemon);
	deadline = clock_monotonic_ns() + daemon.config.drain_timeout_ns;
	end(&daemon, deadline);
	log_writer_end(deadline);
	return daemon.status;
}
