/* SPDX-License-Identifier: Apache-2.0 */
/* See refusal.h. */
#include "kernel/load/refusal.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define LOG_BEGIN "-- BEGIN PROG LOAD LOG --\n"

/* One for all, as libbpf has one listener for all. */
static struct refusal heard;

static void copy_line(char to[REFUSAL_SAID_LEN], const char *from)
{
	snprintf(to, REFUSAL_SAID_LEN, "%.*s", (int)strcspn(from, "\n"), from);
}

/*
 * The line of a verifier's log that says what is wrong: the last but for the statistics, which
 * begin with "processed", and libbpf's own end mark.
 */
static void copy_verdict(char to[REFUSAL_SAID_LEN], const char *log)
{
	while (*log) {
		size_t length = strcspn(log, "\n");

		if (!strncmp(log, "processed ", 10) || !strncmp(log, "-- END", 6))
			return;
		if (length)
			copy_line(to, log);
		log += length + (log[length] == '\n');
	}
}

/* Warnings of a program begin with "prog 'NAME': "; the first tells most, but for the log. */
static void hear(const char *text)
{
	char name[REFUSAL_NAME_LEN];
	int length = 0;

	if (!strncmp(text, "libbpf: ", 8))
		text += 8;
	copy_line(heard.warning, text);
	if (sscanf(text, "prog '%63[^']': %n", name, &length) != 1 || !length)
		return;
	text += length;
	if (strcmp(name, heard.program) != 0) {
		memcpy(heard.program, name, sizeof(name));
		heard.said[0] = '\0';
	}
	if (!strncmp(text, LOG_BEGIN, strlen(LOG_BEGIN)))
		copy_verdict(heard.said, text + strlen(LOG_BEGIN));
	else if (!*heard.said)
		copy_line(heard.said, text);
}

/* libbpf's own words are for developers. */
static int print(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char *text;

	if (level == LIBBPF_DEBUG || vasprintf(&text, format, arguments) < 0)
		return 0;
	if (level == LIBBPF_WARN)
		hear(text);
	text[strcspn(text, "\n")] = '\0';
	log_debug("libbpf", log_str("text", text));
	free(text);
	return 0;
}

void refusal_listen(void)
{
	libbpf_set_print(print);
}

struct refusal refusal_take(void)
{
	struct refusal taken = heard;

	heard = (struct refusal){0};
	return taken;
}

void refusal_explain(const struct refusal *refusal, int error, char why[REFUSAL_WHY_LEN])
{
	const char *name = strerrorname_np(-error);

	snprintf(why, REFUSAL_WHY_LEN, "%s: %s", name ? name : "refused",
		*refusal->said ? refusal->said : strerror(-error));
}
