/* SPDX-License-Identifier: Apache-2.0 */
/* See programs.h. */
#include "kernel/load/programs.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "record/sources.h"

static char *why_off(struct programs *programs, const struct program *program)
{
	return programs->why_off[program - program_table];
}

static bool is_off(const struct programs *programs, const struct program *program)
{
	return *programs->why_off[program - program_table];
}

/* Asked of the kernel once. */
static bool has_any_target(struct programs *programs, const struct program *program)
{
	signed char *known = &programs->target[program - program_table];
	const struct programs_options *options = &programs->options;

	for (int i = 0; !*known && i < PROGRAM_TARGETS_MAX && program->targets[i]; i++)
		if (options->has_target(options->context, program, program->targets[i]))
			*known = 1;
	if (!*known)
		*known = -1;
	return *known > 0;
}

/* --- which are asked for --- */

/*
 * The owner of an accepted connection is who uses it, whether or not HTTP and DNS are on; where no
 * backend can be had, it is who has accepted it.
 */
static bool tcp_is_helped(const struct programs *programs)
{
	return programs_has_source(programs, SOURCE_TCP) && !programs->tcp_help_off;
}

/* To kprobes the kernel gives no storage. */
bool programs_by_tables(const struct programs *programs)
{
	return programs->options.tables ||
	       (programs->backend == HTTP_KPROBES &&
		       (programs_has_source(programs, SOURCE_HTTP) ||
			       programs_has_source(programs, SOURCE_DNS) ||
			       tcp_is_helped(programs)));
}

bool programs_lists_sockets(const struct programs *programs)
{
	return programs->options.storage_vanishes && !programs_by_tables(programs);
}

bool programs_has_source(const struct programs *programs, enum source source)
{
	return programs->options.wanted[source] && !programs->source_off[source];
}

bool program_serves(const struct program *program, enum source source)
{
	return program->source == source || (source == SOURCE_DNS && program->reports_dns);
}

/* TCP's programs serve HTTP too, and workloads' everybody. */
static bool source_serves(const struct programs *programs, enum source source)
{
	if (source == SOURCE_WORKLOAD)
		return true;
	if (source == SOURCE_TCP && programs_has_source(programs, SOURCE_HTTP))
		return !programs->source_off[SOURCE_TCP];
	return programs_has_source(programs, source);
}

static bool in_backend(const struct programs *programs, const struct program *program)
{
	return !program->backends || program->backends >> programs->backend & 1;
}

static bool is_its_time(struct programs *programs, const struct program *program)
{
	switch (program->when) {
	case WHEN_TABLES: return programs_by_tables(programs);
	case WHEN_FORGETS: return programs_by_tables(programs) || programs_lists_sockets(programs);
	case WHEN_THERE: return has_any_target(programs, program);
	default: return true;
	}
}

/* Asked for, whether or not it can be had. */
static bool is_wanted(struct programs *programs, const struct program *program)
{
	if (!source_serves(programs, program->source) &&
		!(program->reports_dns && programs_has_source(programs, SOURCE_DNS)) &&
		!(program->helps_tcp && tcp_is_helped(programs)))
		return false;
	if (!in_backend(programs, program) || !is_its_time(programs, program))
		return false;
	return !program->unless || is_off(programs, program_find(program->unless));
}

bool programs_has(struct programs *programs, const struct program *program)
{
	return is_wanted(programs, program) && !is_off(programs, program);
}

bool programs_misses(struct programs *programs, const struct program *program)
{
	return is_wanted(programs, program) && is_off(programs, program);
}

void programs_report(const struct programs *programs, const struct program *program,
	char story[PROGRAM_STORY_LEN])
{
	char hook[PROGRAM_HOOK_LEN];

	program_hook(program, hook);
	snprintf(story, PROGRAM_STORY_LEN, "%s (%s): %s", program->name, hook,
		programs->why_off[program - program_table]);
}

/* --- what goes when one cannot be had --- */

const struct program *programs_stand_in(
	const struct programs *programs, const struct program *program)
{
	for (size_t i = 0; i < program_count; i++) {
		const struct program *other = &program_table[i];

		if (other->unless && !strcmp(other->unless, program->name) &&
			in_backend(programs, other))
			return other;
	}
	return NULL;
}

/* Those that serve the same thing together with it are of no use any more. */
static void set_switch_off(struct programs *programs, const struct program *program)
{
	for (size_t i = 0; i < program_count; i++) {
		const struct program *other = &program_table[i];

		if (other->without && !strcmp(other->without, program->without) &&
			other->unless == program->unless && other->backends == program->backends &&
			!is_off(programs, other))
			snprintf(why_off(programs, other), PROGRAM_REASON_LEN, "not without %s",
				program->name);
	}
}

/* On to the next backend of HTTP, or, where one is forced, to an error. False: none is left. */
static bool backend_leave(struct programs *programs, const struct program *program)
{
	enum http_hooks left = programs->backend;
	char story[PROGRAM_STORY_LEN], hook[PROGRAM_HOOK_LEN];

	programs->backend_off[left] = program;
	if (programs->options.http_hooks != HTTP_HOOKS_AUTO) {
		programs_report(programs, program, story);
		snprintf(programs->error, PROGRAMS_ERROR_LEN,
			"http-hooks: %s cannot be had here: %s; `http-hooks: auto` takes what "
			"there is, and `sonde check` tells what that is",
			program_backend_name(left), story);
		return true;
	}
	if (left == HTTP_KPROBES)
		return false;
	programs->backend++;
	program_hook(program, hook);
	log_info("HTTP falls back to other hooks", log_str("from", program_backend_name(left)),
		log_str("to", program_backend_name(programs->backend)),
		log_str("program", program->name), log_str("hook", hook),
		log_str("reason", why_off(programs, program)));
	return true;
}

/* What it served cannot be without it: one line, also where those are two. */
static void sources_end(struct programs *programs, const struct program *program)
{
	const char *message = NULL, *also = NULL;
	char hook[PROGRAM_HOOK_LEN];

	for (enum source source = 0; source < SOURCES; source++) {
		if (!program_serves(program, source) || !source_serves(programs, source))
			continue;
		programs->source_off[source] = program;
		*(message ? &also : &message) = source_descriptions[source].off;
	}
	if (program->helps_tcp && tcp_is_helped(programs)) {
		programs->tcp_help_off = program;
		if (!message)
			message = "connections belong to who accepts them, whoever uses them then";
	}
	program_hook(program, hook);
	if (also)
		log_warn(message, log_str("program", program->name), log_str("hook", hook),
			log_str("reason", why_off(programs, program)), log_str("also", also));
	else
		log_warn(message, log_str("program", program->name), log_str("hook", hook),
			log_str("reason", why_off(programs, program)));
}

static void give_up(struct programs *programs, const struct program *program)
{
	const struct program *other = programs_stand_in(programs, program);
	char hook[PROGRAM_HOOK_LEN];

	program_hook(program, hook);
	if (!program->without) {
		if (program->backends && backend_leave(programs, program))
			return;
		sources_end(programs, program);
	} else if (other) {
		log_info("another hook is tried", log_str("from", program->name),
			log_str("to", other->name), log_str("hook", hook),
			log_str("reason", why_off(programs, program)));
	} else {
		log_warn(program->without, log_str("program", program->name), log_str("hook", hook),
			log_str("reason", why_off(programs, program)));
		set_switch_off(programs, program);
	}
}

/* --- choosing --- */

static bool is_disabled(const struct programs_options *options, const char *name)
{
	for (size_t i = 0; i < options->disabled_count; i++)
		if (!strcmp(options->disabled[i], name))
			return true;
	return false;
}

/* Notes why a program that is asked for cannot be had, as far as that is known before it is tried.
 */
static bool is_missing(struct programs *programs, const struct program *program)
{
	char *why = why_off(programs, program);

	if (is_disabled(&programs->options, program->name))
		snprintf(why, PROGRAM_REASON_LEN, "it is one of disabled-programs");
	else if (!has_any_target(programs, program))
		snprintf(why, PROGRAM_REASON_LEN, "this kernel lacks it%s%s%s",
			program->since ? " (it came with " : "",
			program->since ? program->since : "", program->since ? ")" : "");
	return *why;
}

/* One that is missing, those first that others fall with: what they serve is not told then. */
static const struct program *find_missing(struct programs *programs)
{
	for (int needed = 1; needed >= 0; needed--)
		for (size_t i = 0; i < program_count; i++) {
			const struct program *program = &program_table[i];

			if ((program->without == NULL) == needed &&
				programs_has(programs, program) && is_missing(programs, program))
				return program;
		}
	return NULL;
}

static bool has_any_source(const struct programs *programs)
{
	for (size_t i = 0; i < SWITCHED_SOURCES_COUNT; i++)
		if (programs_has_source(programs, switched_sources[i]))
			return true;
	return false;
}

/* Until nothing that is chosen is missing. */
static bool settle(struct programs *programs)
{
	const struct program *program;

	while (!*programs->error && (program = find_missing(programs)))
		give_up(programs, program);
	if (!*programs->error && !has_any_source(programs))
		snprintf(programs->error, PROGRAMS_ERROR_LEN,
			"no source is left that could run: the lines above say why, and `sonde "
			"check` what this kernel offers");
	return !*programs->error;
}

bool programs_choose(struct programs *programs, const struct programs_options *options)
{
	*programs = (struct programs){.options = *options, .backend = options->http_hooks};
	if (programs->backend == HTTP_HOOKS_AUTO)
		programs->backend = HTTP_TRACEPOINTS;
	return settle(programs);
}

bool programs_refuse(struct programs *programs, const struct program *program, const char *why)
{
	snprintf(why_off(programs, program), PROGRAM_REASON_LEN, "%s", why);
	give_up(programs, program);
	return settle(programs);
}
