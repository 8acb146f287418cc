/* SPDX-License-Identifier: Apache-2.0 */
/* See process_names.h. */
#include "kernel/process/process_names.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/startup.h"
#include "kernel/process/proc_read.h"
#include "kernel/process/process_command.h"

#define NAME_VARIABLE "OTEL_SERVICE_NAME="

/* For all of them together; a process takes some 30 µs. */
#define SCAN_NS 10000000000ULL

/* Threads of a process that are asked in place of its first one, which has ended. */
#define THREADS_ASKED 16

struct scan {
	uint64_t until_ns;
	int64_t unread;                  /* processes */
	__u32 example;                   /* one of them */
	char environment[PROC_READ_MAX]; /* or arguments */
	char folder[PATH_MAX];
	struct otel_resource resource; /* of this process's environment */
};

/* Takes as much of the variable's value as the probes do. */
static void resource_take(struct otel_resource *resource, const char *value)
{
	size_t most = RESOURCE_PIECES * (NAME_LEN - 1) - strlen(RESOURCE_VARIABLE);

	for (size_t i = 0; i < most && value[i]; i++)
		resource_character(resource, value[i]);
}

bool process_name_find(const char *environment, size_t size, char name[SERVICE_NAME_LEN],
	struct otel_resource *resource)
{
	const char *end = environment + size, *entry_end;
	size_t prefix = strlen(NAME_VARIABLE);
	bool has_name = false, has_resource = false;

	memset(name, 0, SERVICE_NAME_LEN);
	resource_begin(resource);
	for (int entries = 0; entries < ENVIRONMENT_ENTRIES && environment < end; entries++) {
		entry_end = memchr(environment, '\0', (size_t)(end - environment));
		if (!entry_end)
			break; /* cut where the room ended */
		if (!has_name && !strncmp(environment, NAME_VARIABLE, prefix) &&
			environment[prefix]) {
			strncat(name, environment + prefix, SERVICE_NAME_LEN - 1);
			has_name = true;
		} else if (!has_resource &&
			   !strncmp(environment, RESOURCE_VARIABLE, strlen(RESOURCE_VARIABLE))) {
			resource_take(resource, environment + strlen(RESOURCE_VARIABLE));
			has_resource = true;
		}
		environment = entry_end + 1;
	}
	if (!has_name)
		strcpy(name, resource->name);
	return name[0];
}

bool process_name_complete(char name[NAME_LEN], const struct otel_resource *resource)
{
	const char *const parts[] = {resource->namespace, resource->version};
	size_t used = strlen(name);

	if (!resource->namespace[0] && !resource->version[0])
		return name[0];
	for (int i = 0; i < 2 && used <= RESOURCE_ROOM; i++)
		used += (size_t)snprintf(
			name + used, NAME_LEN - used, "%c%s", RESOURCE_SEPARATOR, parts[i]);
	return true;
}

/* 1: this one's memory was read; 0: it has none; or a negative errno. */
static int environment_look(
	struct scan *scan, const char *path, char name[SERVICE_NAME_LEN], bool *found)
{
	ssize_t size = proc_read(path, scan->environment, sizeof(scan->environment));

	*found = size > 0 &&
		 process_name_find(scan->environment, (size_t)size, name, &scan->resource);
	return size > 0 ? 1 : (int)size;
}

/* The first thread may have ended before the others, which still have the memory. */
static bool threads_look(
	struct scan *scan, const char *process, char name[SERVICE_NAME_LEN], int *result)
{
	struct dirent *entry;
	char path[64];
	bool found = false;
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%.10s/task", process);
	threads = opendir(path);
	*result = 0;
	for (int i = 0; threads && i < THREADS_ASKED && !*result;) {
		entry = readdir(threads);
		if (!entry)
			break;
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, process))
			continue;
		snprintf(path, sizeof(path), "/proc/%.10s/task/%.10s/environ", process,
			entry->d_name);
		*result = environment_look(scan, path, name, &found);
		i++;
	}
	if (threads)
		closedir(threads);
	return found;
}

static bool process_look(struct scan *scan, const char *process, char name[SERVICE_NAME_LEN])
{
	char path[64];
	bool found;
	int result;

	snprintf(path, sizeof(path), "/proc/%.10s/environ", process);
	result = environment_look(scan, path, name, &found);
	if (!result || result == -ESRCH)
		found = threads_look(scan, process, name, &result);
	/* others have ended meanwhile, or are none of ours to read */
	if (result == -ETIMEDOUT || result == -EBUSY) {
		scan->unread++;
		scan->example = (__u32)strtoul(process, NULL, 10);
	}
	return found;
}

/* Where a link of the process leads to; "": not known. */
static void link_read(const char *process, const char *link, char path[PATH_MAX])
{
	char from[64];
	ssize_t length;

	snprintf(from, sizeof(from), "/proc/%.10s/%s", process, link);
	length = readlink(from, path, PATH_MAX - 1);
	path[length > 0 ? length : 0] = '\0';
}

/* What the process executes, if it is an interpreter. */
static void command_look_up(struct scan *scan, const char *process, char name[NAME_LEN])
{
	char path[PATH_MAX], *executable, *deleted;
	ssize_t size;

	link_read(process, "exe", path);
	deleted = strstr(path, " (deleted)"); /* of the link, not of the name */
	if (deleted && !deleted[strlen(" (deleted)")])
		*deleted = '\0';
	executable = strrchr(path, '/');
	if (!executable || !process_command_has(++executable))
		return;
	snprintf(scan->folder, sizeof(scan->folder), "/proc/%.10s/cmdline", process);
	size = proc_read(scan->folder, scan->environment, sizeof(scan->environment));
	if (size <= 0)
		return;
	link_read(process, "cwd", scan->folder);
	process_command_find(executable, scan->environment, (size_t)size, scan->folder, name);
}

static bool name_look(struct scan *scan, const char *process, struct process_name *name)
{
	memset(name, 0, sizeof(*name));
	resource_begin(&scan->resource);
	name->source = NAME_ENVIRONMENT;
	if (!process_look(scan, process, name->text)) {
		name->source = NAME_COMMAND;
		command_look_up(scan, process, name->text);
	}
	return process_name_complete(name->text, &scan->resource);
}

void process_names_scan(
	void (*found)(void *context, __u32 tgid, const struct process_name *name), void *context)
{
	struct scan *scan = calloc(1, sizeof(*scan));
	DIR *processes = opendir("/proc");
	struct process_name name;
	struct dirent *entry;
	__u32 tgid;

	if (!scan || !processes)
		goto end;
	scan->until_ns = clock_monotonic_ns() + SCAN_NS;
	while (!startup_is_stopped() && (entry = readdir(processes)) != NULL) {
		tgid = (__u32)strtoul(entry->d_name, NULL, 10);
		if (!tgid)
			continue;
		if (clock_monotonic_ns() > scan->until_ns) {
			scan->unread++;
			scan->example = tgid;
		} else if (name_look(scan, entry->d_name, &name)) {
			found(context, tgid, &name);
		}
	}
	if (scan->unread)
		log_warn("environments of some processes could not be read in time: these have no "
			 "OTEL_SERVICE_NAME until they are started again",
			log_int("processes", scan->unread), log_int("pid", scan->example));
	proc_read_end();
end:
	if (processes)
		closedir(processes);
	free(scan);
}
