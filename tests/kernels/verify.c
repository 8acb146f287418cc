/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads each program by itself, and prints for each a line of JSON: what the verifier says of its
 * cost, or why the kernel does not take it. Of several objects with the same programs the first
 * counts that it loads from: `verify build/sonde.bpf.o build/sonde_tables.bpf.o`
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_STATISTICS = 4, LOG_BYTES = 1 << 16 };

/* A line that begins so: since Linux 7 there is one before it of each global function's part. */
static const char INSTRUCTIONS[] = "\nprocessed ";

static char log_text[LOG_BYTES];

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level, (void)format, (void)arguments;
	return 0;
}

/* The last line but those of statistics is what the verifier ended with. */
static void print_reason(const char *name, int error)
{
	char *reason = log_text, *line = log_text, *rest = NULL;

	for (line = strtok_r(log_text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, "processed ", 10) && strncmp(line, "insns processed ", 16) &&
			strncmp(line, "verification time", 17) && strncmp(line, "stack depth", 11))
			reason = line;
	printf("{\"program\": \"%s\", \"reason\": \"%s", name, strerror(error));
	if (*reason)
		printf(": ");
	for (; *reason; reason++)
		if (*reason >= ' ' && *reason != '"' && *reason != '\\')
			putchar(*reason);
	printf("\"}\n");
}

static unsigned long number_after(const char *words)
{
	const char *found = strstr(log_text, words);

	return found ? strtoul(found + strlen(words), NULL, 10) : 0;
}

/* "stack depth 120+64+8": a global function's comes after the program's own. The deepest is told.
 */
static unsigned long stack_depth(void)
{
	const char *at = strstr(log_text, "stack depth ");
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

static struct bpf_object *open_object(const char *path)
{
	struct bpf_object *object = bpf_object__open(path);

	if (!object) {
		fprintf(stderr, "verify: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return object;
}

/* Returns a positive errno; the log is in log_text. */
static int verify(const char *path, const char *name)
{
	struct bpf_object *object = open_object(path);
	struct bpf_program *program;
	int error;

	log_text[0] = '\0';
	bpf_object__for_each_program(program, object)
	{
		bool wanted = !strcmp(bpf_program__name(program), name);

		bpf_program__set_autoload(program, wanted);
		if (wanted) {
			bpf_program__set_log_level(program, LOG_STATISTICS);
			bpf_program__set_log_buf(program, log_text, sizeof(log_text));
		}
	}
	error = -bpf_object__load(object);
	bpf_object__close(object);
	return error;
}

static void report(char **paths, const char *name)
{
	int error = 0;

	for (; *paths; paths++) {
		error = verify(*paths, name);
		if (!error)
			break;
	}
	if (error)
		print_reason(name, error);
	else
		printf("{\"program\": \"%s\", \"instructions\": %lu, \"stack\": %lu, "
		       "\"microseconds\": %lu}\n",
			name, number_after(INSTRUCTIONS), stack_depth(),
			number_after("verification time "));
}

/* Whether one of the objects before this one has such a program, too. */
static bool reported(char **first, char **path, const char *name)
{
	bool found = false;

	for (; first < path && !found; first++) {
		struct bpf_object *object = open_object(*first);

		found = bpf_object__find_program_by_name(object, name) != NULL;
		bpf_object__close(object);
	}
	return found;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: verify OBJECT …\n");
		return 2;
	}
	libbpf_set_print(quiet);
	for (char **path = argv + 1; *path; path++) {
		struct bpf_object *object = open_object(*path);
		struct bpf_program *program;

		bpf_object__for_each_program(program, object)
		{
			const char *name = bpf_program__name(program);

			if (!reported(argv + 1, path, name))
				report(path, name);
		}
		bpf_object__close(object);
	}
	return 0;
}
