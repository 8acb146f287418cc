/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads each program of an object by itself, and prints for each a line of JSON: what the verifier says
 * of its cost, or why the kernel does not take it. `verify build/sonde.bpf.o`
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_STATISTICS = 4, LOG_BYTES = 1 << 16 };

static char log_text[LOG_BYTES];

static int quiet(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level, (void)format, (void)arguments;
	return 0;
}

/* The last line but those of statistics is what the verifier ended with. */
static void print_reason(int error)
{
	char *reason = log_text, *line = log_text, *rest = NULL;

	for (line = strtok_r(log_text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, "processed ", 10) && strncmp(line, "verification time", 17) &&
			strncmp(line, "stack depth", 11))
			reason = line;
	printf(", \"reason\": \"%s", strerror(error));
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

/* "stack depth 120+64+8": a global function's comes after the program's own. The deepest is told. */
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

static void verify(const char *path, const char *name)
{
	struct bpf_object *object = bpf_object__open(path);
	struct bpf_program *program;
	int error;

	if (!object) {
		fprintf(stderr, "verify: %s: %s\n", path, strerror(errno));
		exit(1);
	}
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
	error = bpf_object__load(object);
	printf("{\"program\": \"%s\"", name);
	if (error)
		print_reason(-error);
	else
		printf(", \"instructions\": %lu, \"stack\": %lu, \"microseconds\": %lu}\n",
			number_after("processed "), stack_depth(),
			number_after("verification time "));
	bpf_object__close(object);
}

int main(int argc, char **argv)
{
	struct bpf_object *object;
	struct bpf_program *program;

	if (argc != 2) {
		fprintf(stderr, "usage: verify OBJECT\n");
		return 2;
	}
	libbpf_set_print(quiet);
	object = bpf_object__open(argv[1]);
	if (!object) {
		fprintf(stderr, "verify: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	bpf_object__for_each_program(program, object)
		verify(argv[1], bpf_program__name(program));
	bpf_object__close(object);
	return 0;
}
