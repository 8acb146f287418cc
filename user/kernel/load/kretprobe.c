/* SPDX-License-Identifier: Apache-2.0 */
/* See kretprobe.h; the syntax of kprobe_events: Documentation/trace/kprobetrace.rst of Linux. */
#include "kernel/load/kretprobe.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

#define TRACEFS    "/sys/kernel/tracing"
#define GROUP      "sonde_"
#define EVENT_LEN  128
#define EVENTS_LEN 16384 /* looked at in one go: some hundred */

/*
 * kprobe_events. Open while there are events of ours: at the end Sonde may have no privilege left
 * to open it.
 */
static int events = -1;

/* 0 or a negative errno. */
static int events_open(void)
{
	if (events < 0)
		events = open(TRACEFS "/kprobe_events", O_RDWR | O_APPEND | O_CLOEXEC);
	return events < 0 ? -errno : 0;
}

static void events_close(void)
{
	close(events);
	events = -1;
}

/* One command; 0 or a negative errno. */
static int command_write(const char *command)
{
	int result = events_open();

	if (!result && write(events, command, strlen(command)) < 0)
		result = -errno;
	return result;
}

/* The number of an event "GROUP/NAME", or a negative errno. */
static int event_number(const char *event)
{
	char path[EVENT_LEN + 64];
	int number = -EINVAL;
	FILE *file;

	snprintf(path, sizeof(path), TRACEFS "/events/%s/id", event);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	if (fscanf(file, "%d", &number) != 1)
		number = -EINVAL;
	fclose(file);
	return number;
}

static int event_make(char event[EVENT_LEN], const char *program, const char *function)
{
	char command[2 * EVENT_LEN];

	snprintf(event, EVENT_LEN, GROUP "%d/%s_%s", getpid(), program, function);
	snprintf(command, sizeof(command), "r%d:%s %s", KRETPROBE_THREADS, event, function);
	return command_write(command);
}

/* The perf event that runs at the return, or a negative errno. */
static int event_open(const char *program, const char *function)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attributes),
	};
	char event[EVENT_LEN];
	int number = event_make(event, program, function);

	if (number)
		return number;
	number = event_number(event);
	if (number < 0)
		return number;
	attributes.config = (__u64)number;
	number = (int)syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	return number < 0 ? -errno : number;
}

struct bpf_link *kretprobe_attach(const struct bpf_program *program, const char *function)
{
	int fd = event_open(bpf_program__name(program), function), error;
	struct bpf_link *link;

	if (fd < 0) {
		log_warn("a return is not seen when many threads wait in this function, and counts "
			 "as lost: there is no tracefs at " TRACEFS " to ask for more",
			log_str("function", function), log_str("reason", strerror(-fd)));
		return bpf_program__attach_kprobe(program, true, function);
	}
	link = bpf_program__attach_perf_event(program, fd);
	if (link)
		return link;
	error = errno;
	close(fd);
	errno = error;
	return NULL;
}

/* Of one line of kprobe_events: r4096:sonde_12/http_kretprobe_send_inet_sendmsg inet_sendmsg */
static void event_remove(const char *line)
{
	char event[EVENT_LEN], command[EVENT_LEN + 4];

	if (sscanf(line, "r%*[0-9]:%127s", event) != 1 || strncmp(event, GROUP, strlen(GROUP)) != 0)
		return;
	snprintf(command, sizeof(command), "-:%s", event);
	command_write(command);
}

void kretprobes_remove(void)
{
	char text[EVENTS_LEN], *rest = text, *line;
	size_t length = 0;
	ssize_t got;

	if (events_open())
		return;
	do { /* all, before any of them goes */
		got = pread(events, text + length, sizeof(text) - 1 - length, (off_t)length);
		length += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	text[length] = '\0';
	while ((line = strsep(&rest, "\n")))
		event_remove(line);
	events_close();
}
