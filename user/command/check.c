/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sonde check`: a table of the features that were tried (features.c), the programs that serve each
 * source (programs.c) with what they cost, and a verdict. Called by main.c.
 */
#include "command/check.h"

#include <inttypes.h>
#include <stdbool.h>
#include <sys/utsname.h>

#include "base/log.h"
#include "kernel/probes.h"
#include "privilege/privilege.h"
#include "record/sources.h"
#include "version.h"

static const char *const headings[FEATURE_GROUPS] = {
	[FEATURE_GROUP_PRIVILEGE] = "Capabilities",
	[FEATURE_GROUP_KERNEL] = "Kernel",
	[FEATURE_GROUP_MAP] = "Maps",
	[FEATURE_GROUP_ATTACH] = "Attach types",
	[FEATURE_GROUP_BTF_TRACEPOINT] = "Tracepoints (tp_btf)",
	[FEATURE_GROUP_HELPER] = "Helpers in tracing programs",
};

static const char *state_word(const struct feature *feature)
{
	bool privilege = feature->group == FEATURE_GROUP_PRIVILEGE;

	switch (feature->state) {
	case FEATURE_WORKS: return privilege ? "held" : "works";
	case FEATURE_OFF: return "off";
	case FEATURE_ABSENT: return privilege ? "missing" : "absent";
	case FEATURE_REFUSED: return "refused";
	}
	return "";
}

static void features_print(FILE *out, const struct features *features)
{
	int group = -1;

	for (int i = 0; i < FEATURES; i++) {
		const struct feature *feature = &features->list[i];

		if ((int)feature->group != group) {
			group = feature->group;
			fprintf(out, "%s\n", headings[group]);
		}
		fprintf(out, "  %-26s %s", feature->name, state_word(feature));
		if (*feature->reason)
			fprintf(out, ": %s", feature->reason);
		fputc('\n', out);
	}
}

/* --- sources --- */

static bool runs(const struct programs *programs, enum source source)
{
	return source == SOURCE_WORKLOAD || programs_has_source(programs, source);
}

static void program_print(
	FILE *out, const struct check_findings *findings, const struct program *program)
{
	const struct program_cost *cost = &findings->costs[program - program_table];
	char hook[PROGRAM_HOOK_LEN], story[PROGRAM_STORY_LEN];

	program_hook(program, hook);
	if (programs_has(findings->programs, program)) {
		fprintf(out, "    %-24s %-32s", program->name, hook);
		if (cost->runs)
			fprintf(out, " %9" PRIu64 " %9" PRIu64, cost->runs,
				cost->run_ns / cost->runs);
	} else if (programs_misses(findings->programs, program)) {
		const struct program *other = programs_stand_in(findings->programs, program);

		programs_report(findings->programs, program, story);
		fprintf(out, "    not by %s; %s%s", story, other ? "but by " : program->without,
			other ? other->name : "");
	} else {
		return;
	}
	fputc('\n', out);
}

/* Of HTTP, why it is not seen by what costs less. */
static void backends_print(FILE *out, const struct programs *programs)
{
	char story[PROGRAM_STORY_LEN];

	for (enum http_hooks backend = HTTP_TRACEPOINTS; backend < HTTP_HOOKS; backend++) {
		if (!programs->backend_off[backend])
			continue;
		programs_report(programs, programs->backend_off[backend], story);
		fprintf(out, "    not by %s: %s\n", program_backend_name(backend), story);
	}
}

/*
 * Functions are handed the bytes of an operation. At a tracepoint they are found by the arguments
 * of its system call, or, when that is io_uring's, by the request that http_uring has noted.
 */
static void io_uring_print(FILE *out, struct programs *programs)
{
	bool functions = programs->backend != HTTP_TRACEPOINTS;
	bool noted = programs_has(programs, program_find("http_uring"));
	bool begins = programs_has(programs, program_find("http_send_begin")) ||
		      programs_has(programs, program_find("http_send_begin_function"));
	const char *since = "read where requests keep their place (Linux 6.10)";
	const char *sends = functions || begins ? "read" : noted ? since : "unreadable";
	const char *receives = functions ? "read" : noted ? since : "unreadable";

	fprintf(out, "    %-24s sends are %s, receives are %s\n", "io_uring", sends, receives);
}

static void source_print(FILE *out, const struct check_findings *findings, enum source source)
{
	struct programs *programs = findings->programs;
	char story[PROGRAM_STORY_LEN];

	fprintf(out, "  %-26s ", source_descriptions[source].name);
	if (!runs(programs, source)) {
		programs_report(programs, programs->source_off[source], story);
		fprintf(out, "cannot run: %s\n", story);
	} else if (source == SOURCE_HTTP || source == SOURCE_DNS) {
		fprintf(out, "runs by %s\n", program_backend_name(programs->backend));
	} else {
		fputs("runs\n", out);
	}
	if (source == SOURCE_HTTP)
		backends_print(out, programs);
	if (!runs(programs, source))
		return;
	for (size_t i = 0; i < program_count; i++)
		if (program_serves(&program_table[i], source))
			program_print(out, findings, &program_table[i]);
	if (source == SOURCE_HTTP)
		io_uring_print(out, programs);
}

static void sources_print(FILE *out, const struct check_findings *findings)
{
	fprintf(out, "%-61s %9s %9s\n", "Sources, and their programs in a second of traffic",
		"runs", "ns a run");
	source_print(out, findings, SOURCE_WORKLOAD); /* the ground of all others */
	for (size_t i = 0; i < SWITCHED_SOURCES_COUNT; i++)
		source_print(out, findings, switched_sources[i]);
}

/* --- the whole --- */

static int verdict_print(FILE *out, const struct check_findings *findings)
{
	const char *separator = ", without ";
	bool all = true;

	if (findings->blocker) {
		fprintf(out, "Sonde cannot run here: %s\n", findings->blocker);
		return 1;
	}
	fputs("Sonde can run here", out);
	for (size_t i = 0; i < SWITCHED_SOURCES_COUNT; i++)
		if (!runs(findings->programs, switched_sources[i])) {
			fprintf(out, "%s%s", separator,
				source_descriptions[switched_sources[i]].name);
			separator = ", ";
			all = false;
		}
	fputs(all ? ", with all sources\n" : "\n", out);
	return 0;
}

int check_report(FILE *out, const struct check_findings *findings)
{
	features_print(out, &findings->features);
	if (findings->programs)
		sources_print(out, findings);
	if (findings->probes)
		privilege_report(out, probes_may_sweep, findings->probes);
	fputc('\n', out);
	return verdict_print(out, findings);
}

static void nobody_take(void *context, const struct record *record, size_t size)
{
	(void)context, (void)record, (void)size;
}

static enum syscall_wait nothing_waits(unsigned number)
{
	(void)number;
	return SYSCALL_WORKS;
}

/* As `sonde run` loads them. */
static struct probes *probes_try(struct check_findings *findings, char error[PROBES_ERROR_LEN])
{
	struct probes_options options = {
		.ring_bytes = 2 << 20,
		.syscall_wait = nothing_waits,
	};
	struct probes *probes;

	for (size_t i = 0; i < SWITCHED_SOURCES_COUNT; i++)
		options.sources[switched_sources[i]] = true;
	if (probes_open(&probes, &options, nobody_take, NULL, error)) {
		findings->blocker = error;
		return NULL;
	}
	findings->programs = probes_programs(probes);
	findings->probes = probes;
	exercise_run(probes, findings->costs);
	return probes;
}

int check_run(FILE *out)
{
	static struct check_findings findings;
	char error[PROBES_ERROR_LEN];
	struct probes *probes;
	struct utsname kernel;
	int status;

	uname(&kernel);
	fprintf(out, "Sonde %s on %s %s %s\n\n", SONDE_VERSION, kernel.sysname, kernel.release,
		kernel.machine);
	log_configure(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR); /* the rest is in the report */
	features_detect(&findings.features);
	probes = probes_try(&findings, error);
	status = check_report(out, &findings);
	probes_close(probes);
	return status;
}
