/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads each program, and prints for each a line of JSON: what the verifier says of its cost, or
 * why the kernel does not take it. Of several objects with the same programs the first counts that
 * it loads from: `verify build/sonde.bpf.o build/sonde_tables.bpf.o`
 *
 * As many as possible are loaded at once, as what libbpf does for an object takes longer than the
 * verifier does for most programs. libbpf gives up at the first one that the kernel does not take;
 * those behind that one are loaded anew.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_STATISTICS = 4, LOG_BYTES = 1 << 16, NAME_BYTES = 64, PROGRAMS_MAX = 128 };

/* A line that begins so: since Linux 7 there is one before it of each global function's part. */
static const char INSTRUCTIONS[] = "\nprocessed ";

/* What there is to say of a program, by its name, whichever object it is in. */
static struct verdict {
	char name[NAME_BYTES];
	bool loaded; /* from this object, or one before */
	bool failed; /* in this object, or in any */
	int error;
	char log[LOG_BYTES];
} verdicts[PROGRAMS_MAX];

static struct verdict *verdict_of(const struct bpf_program *program)
{
	const char *name = bpf_program__name(program);

	for (struct verdict *verdict = verdicts; verdict < verdicts + PROGRAMS_MAX; verdict++) {
		if (!*verdict->name)
			snprintf(verdict->name, NAME_BYTES, "%s", name);
		if (!strcmp(verdict->name, name))
			return verdict;
	}
	fprintf(stderr, "verify: no room for %s\n", name);
	exit(1);
}

/* --- loading --- */

static struct bpf_object *object;

static void note_loaded(void)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
	{
		if (bpf_program__fd(program) >= 0)
			verdict_of(program)->loaded = true;
	}
}

/* An object that did not load to its end has lost its programs; while libbpf warns, it has them. */
static int note_warning(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level, (void)format, (void)arguments;
	if (object)
		note_loaded();
	return 0;
}

/* Loads the object with those of its programs of which nothing is known, if there are to be any. */
static int object_load(const char *path, bool with_programs)
{
	struct bpf_program *program;
	int error;

	object = bpf_object__open(path);
	if (!object) {
		fprintf(stderr, "verify: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	bpf_object__for_each_program(program, object)
	{
		struct verdict *verdict = verdict_of(program);
		bool wanted = with_programs && !verdict->loaded && !verdict->failed;

		bpf_program__set_autoload(program, wanted);
		if (!wanted)
			continue;
		verdict->log[0] = '\0';
		bpf_program__set_log_level(program, LOG_STATISTICS);
		bpf_program__set_log_buf(program, verdict->log, sizeof(verdict->log));
	}
	error = -bpf_object__load(object);
	if (!error)
		note_loaded();
	return error;
}

static void object_close(void)
{
	bpf_object__close(object);
	object = NULL;
}

/* The first program of which nothing is known has failed; returns whether there is one. */
static bool note_failed(int error)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
	{
		struct verdict *verdict = verdict_of(program);

		if (verdict->loaded || verdict->failed)
			continue;
		verdict->failed = true;
		verdict->error = error;
		return true;
	}
	return false;
}

static void verify(const char *path)
{
	bool failed;
	int error;

	/* what the kernel lacks to attach to is missing for every object */
	for (struct verdict *verdict = verdicts; verdict < verdicts + PROGRAMS_MAX; verdict++)
		verdict->failed = verdict->error == ESRCH;
	/* a kernel that does not take its maps takes no program either */
	error = object_load(path, false);
	while (error && note_failed(error))
		;
	object_close();
	do {
		error = object_load(path, true);
		failed = error && note_failed(error);
		object_close();
	} while (failed);
}

/* --- printing --- */

/* The last line but those of statistics is what the verifier ended with. */
static void print_reason(struct verdict *verdict)
{
	char *reason = verdict->log, *line, *rest = NULL;

	for (line = strtok_r(verdict->log, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, "processed ", 10) && strncmp(line, "insns processed ", 16) &&
			strncmp(line, "verification time", 17) && strncmp(line, "stack depth", 11))
			reason = line;
	printf("{\"program\": \"%s\", \"reason\": \"%s", verdict->name, strerror(verdict->error));
	if (*reason)
		printf(": ");
	for (; *reason; reason++)
		if (*reason >= ' ' && *reason != '"' && *reason != '\\')
			putchar(*reason);
	printf("\"}\n");
}

static unsigned long number_after(const char *log, const char *words)
{
	const char *found = strstr(log, words);

	return found ? strtoul(found + strlen(words), NULL, 10) : 0;
}

/* "stack depth 120+64+8": a global function's comes after the program's own. The deepest is told.
 */
static unsigned long stack_depth(const char *log)
{
	const char *at = strstr(log, "stack depth ");
	unsigned long deepest = 0;

	for (at = at ? at + strlen("stack depth ") - 1 : NULL; at && (*at == ' ' || *at == '+');) {
		char *end;
		unsigned long depth = strtoul(at + 1, &end, 10);

		if (depth > deepest)
			deepest = depth;
		at = end;
	}
	return deepest;
}

static void print(struct verdict *verdict)
{
	if (verdict->loaded)
		printf("{\"program\": \"%s\", \"instructions\": %lu, \"stack\": %lu, "
		       "\"microseconds\": %lu}\n",
			verdict->name, number_after(verdict->log, INSTRUCTIONS),
			stack_depth(verdict->log),
			number_after(verdict->log, "verification time "));
	else
		print_reason(verdict);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: verify OBJECT …\n");
		return 2;
	}
	libbpf_set_print(note_warning);
	for (char **path = argv + 1; *path; path++)
		verify(*path);
	for (struct verdict *verdict = verdicts; *verdict->name; verdict++)
		print(verdict);
	return 0;
}
