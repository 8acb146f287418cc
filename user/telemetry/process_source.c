/* SPDX-License-Identifier: Apache-2.0 */
/* Processes (telemetry_source.h): their starts, forks and exits, and which services have any. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "telemetry/metrics/families.h"
#include "telemetry/telemetry_source.h"

enum {
	FAMILY_PROCESS_STARTS,
	FAMILY_PROCESS_FORKS,
	FAMILY_PROCESS_EXITS,
	FAMILY_PROCESS_LIFETIME,
	FAMILY_PROCESS_CPU,
	FAMILY_OOM_KILLS,
	PROCESS_FAMILIES
};

#define FAMILY_PROCESS_STARTS_LABELS   "service_name"
#define FAMILY_PROCESS_FORKS_LABELS    "service_name"
#define FAMILY_PROCESS_EXITS_LABELS    "service_name", "reason"
#define FAMILY_PROCESS_LIFETIME_LABELS "service_name"
#define FAMILY_PROCESS_CPU_LABELS      "service_name", "mode"
#define FAMILY_OOM_KILLS_LABELS        "service_name"

static const struct metric_description families[PROCESS_FAMILIES] = {
	[FAMILY_PROCESS_STARTS] = {.name = "sonde_process_starts_total",
		.group = "processes",
		.help = "Programs executed.",
		COUNTER(""),
		.labels = {FAMILY_PROCESS_STARTS_LABELS}},
	[FAMILY_PROCESS_FORKS] = {.name = "sonde_process_forks_total",
		.group = "processes",
		.help = "Processes forked, under the service that forked them.",
		COUNTER(""),
		.labels = {FAMILY_PROCESS_FORKS_LABELS}},
	[FAMILY_PROCESS_EXITS] = {.name = "sonde_process_exits_total",
		.group = "processes",
		.help = "Processes ended: success (code 0), error (another code), signal, oom.",
		COUNTER(""),
		.labels = {FAMILY_PROCESS_EXITS_LABELS}},
	[FAMILY_PROCESS_LIFETIME] = {.name = "sonde_process_lifetime_seconds",
		.group = "processes",
		.help = "From fork to exit, of processes that have ended.",
		.labels = {FAMILY_PROCESS_LIFETIME_LABELS},
		HISTOGRAM(lifetime_bounds, LIFETIME_BOUNDS)},
	[FAMILY_PROCESS_CPU] = {.name = "sonde_process_exited_cpu_seconds_total",
		.group = "processes",
		.help = "CPU time of processes that have ended.",
		COUNTER("seconds"),
		.labels = {FAMILY_PROCESS_CPU_LABELS},
		.scale = NANOSECONDS},
	[FAMILY_OOM_KILLS] = {.name = "sonde_oom_kills_total",
		.group = "processes",
		.help = "Processes killed because memory ran out.",
		COUNTER(""),
		.labels = {FAMILY_OOM_KILLS_LABELS}},
};

/* What is known of a workload's processes from their begins and ends. */
struct workload_processes {
	unsigned count;
	bool rest; /* there were some, and all have ended */
};

struct process_source {
	struct telemetry_ground *ground;
	struct metric_family *const *families;
	struct workload_processes workloads[WORKLOADS_MAX];
};

static void *process_begin(struct telemetry_ground *ground, struct metric_family *const *registered,
	const struct telemetry_settings *settings)
{
	struct process_source *self = calloc(1, sizeof(*self));

	(void)settings;
	if (!self)
		return NULL;
	self->ground = ground;
	self->families = registered;
	return self;
}

/*
 * Counts the processes of a workload that began since it was told of. The last one's exit is known
 * at once, long before the probes are sure that no task has the number any more.
 */
static void count_processes(struct process_source *self, __u32 workload, int change)
{
	struct metric_service *service = self->ground->services[workload];
	struct workload_processes *processes = &self->workloads[workload];
	bool rests;

	if (!service)
		return;
	if (change > 0 || processes->count) /* else the end of one that came from elsewhere */
		processes->count += (unsigned)change;
	rests = !processes->count;
	if (rests != processes->rest)
		metrics_service_rest(service, rests);
	processes->rest = rests;
}

static void process_forget(void *context, __u32 workload)
{
	struct process_source *self = context;
	struct workload_processes *processes = &self->workloads[workload];

	if (processes->rest)
		metrics_service_rest(self->ground->services[workload], false);
	*processes = (struct workload_processes){0};
}

#define KEY(name) .key = (name), .key_length = sizeof(name) - 1
#define TEXT(name, value)                                                                          \
	{                                                                                          \
		KEY(name), .type = ATTRIBUTE_TEXT, .text = (value)                                 \
	}
#define NUMBER(name, value)                                                                        \
	{                                                                                          \
		KEY(name), .type = ATTRIBUTE_NUMBER, .number = (value)                             \
	}

/* Arguments stay out of it: programs are given secrets by them. */
static void exec_tell(const struct process_source *self, const struct record_exec *record,
	const struct service *service)
{
	const struct attribute attributes[] = {
		NUMBER("process.pid", record->tgid),
		NUMBER("process.parent_pid", record->parent_tgid),
		NUMBER("process.user.id", record->uid),
		TEXT("process.command", record->comm),
	};
	struct event event = {
		.name = "process.start",
		.message = "process started",
		.service = service,
		.time_ns = record->record.time_ns,
		.attributes = attributes,
		.attribute_count = sizeof(attributes) / sizeof(*attributes),
	};

	telemetry_tell_event(self->ground, &event);
}

/* What ran out of memory, and what crashed, is for somebody to look at; a code may mean anything.
 */
static void exit_tell(const struct process_source *self, const struct record_exit *record,
	const struct service *service, const char *reason)
{
	bool crashed = record->signal == SIGSEGV || record->signal == SIGABRT ||
		       record->signal == SIGBUS || record->signal == SIGILL ||
		       record->signal == SIGFPE || record->signal == SIGSYS;
	const struct attribute attributes[] = {
		NUMBER("process.pid", record->tgid),
		TEXT("process.command", record->comm),
		TEXT("reason", reason),
		NUMBER("process.exit.code", record->code),
		NUMBER("signal", record->signal),
		{KEY("lifetime"), .type = ATTRIBUTE_SECONDS, .number = record->lifetime_ns},
	};
	struct event event = {
		.name = "process.exit",
		.message = record->oom ? "process killed: out of memory"
			   : crashed   ? "process crashed"
				       : "process ended",
		.service = service,
		.time_ns = record->record.time_ns,
		.has_failed = record->oom || crashed,
		.attributes = attributes,
		.attribute_count = sizeof(attributes) / sizeof(*attributes),
	};

	telemetry_tell_event(self->ground, &event);
}

static void take_exec(void *context, const struct record *taken, const struct service *service)
{
	const struct record_exec *record = (const void *)taken;
	struct process_source *self = context;
	char arguments[ARGUMENTS_LEN + 1];
	size_t length = record->arguments_length;

	exec_tell(self, record, service);
	count_processes(self, taken->workload, 1);
	metric_add(SERIES(self->families, FAMILY_PROCESS_STARTS, service_key(service)), 1);
	memcpy(arguments, record->arguments, length);
	for (size_t i = 0; i < length; i++)
		if (!arguments[i])
			arguments[i] = ' ';
	while (length && arguments[length - 1] == ' ')
		length--;
	arguments[length] = '\0';
	log_debug("process started", log_str("service_name", service->name),
		log_int("pid", record->tgid), log_int("parent_pid", record->parent_tgid),
		log_int("uid", record->uid), log_str("command", record->comm),
		log_str("arguments", arguments));
}

static void take_fork(void *context, const struct record *record, const struct service *service)
{
	struct process_source *self = context;

	count_processes(self, record->workload, 1);
	metric_add(SERIES(self->families, FAMILY_PROCESS_FORKS, service_key(service)), 1);
}

static void take_exit(void *context, const struct record *taken, const struct service *service)
{
	const struct record_exit *record = (const void *)taken;
	struct process_source *self = context;
	const char *name = service_key(service);
	const char *reason = record->oom      ? "oom"
			     : record->signal ? "signal"
			     : record->code   ? "error"
					      : "success";

	exit_tell(self, record, service, reason);
	count_processes(self, taken->workload, -1);
	metric_add(SERIES(self->families, FAMILY_PROCESS_EXITS, name, reason), 1);
	metric_record(SERIES(self->families, FAMILY_PROCESS_LIFETIME, name), record->lifetime_ns);
	metric_add(SERIES(self->families, FAMILY_PROCESS_CPU, name, "user"), record->user_ns);
	metric_add(SERIES(self->families, FAMILY_PROCESS_CPU, name, "system"), record->system_ns);
	if (record->oom) {
		metric_add(SERIES(self->families, FAMILY_OOM_KILLS, name), 1);
		log_warn("process killed: out of memory", log_str("service_name", service->name),
			log_int("pid", record->tgid), log_str("command", record->comm));
	} else {
		log_debug("process ended", log_str("service_name", service->name),
			log_int("pid", record->tgid), log_str("command", record->comm),
			log_int("code", record->code), log_int("signal", record->signal),
			log_real("lifetime_seconds", (double)record->lifetime_ns * 1e-9));
	}
}

const struct telemetry_source process_source = {
	.families = families,
	.family_count = PROCESS_FAMILIES,
	.begin = process_begin,
	.end = free,
	.workload_begin = process_forget,
	.workload_end = process_forget,
	.records = {{RECORD_EXEC, take_exec}, {RECORD_FORK, take_fork}, {RECORD_EXIT, take_exit}},
};
