/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_log.h. */
#include "export/flows/flow_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"
#include "export/flows/flow_json.h"
#include "privilege/private_file.h"

/* A sweep may tell of more connections than memory is kept for: it is written in between, too. */
#define WRITE_BYTES (64 * 1024)

struct flow_log {
	char *path;
	int fd;
	bool is_socket;
	bool failing; /* and that has been logged */
	struct buffer waiting;
	uint64_t waiting_records;
	bool begins_inside; /* `waiting` begins with the rest of a line that was written in part */
	struct flow_log_counters counters;
};

/* --- files --- */

/*
 * Our own opening of standard output: without O_NONBLOCK for others that share it. A socket cannot
 * be opened, and needs not be: send() takes the flag.
 */
static int open_stdout(char error[FLOW_LOG_ERROR_LEN])
{
	int fd = open("/proc/self/fd/1", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && errno == ENXIO)
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0)
		return fd;
	fd = -errno;
	snprintf(error, FLOW_LOG_ERROR_LEN, "standard output: %s", strerror(-fd));
	return fd;
}

static bool is_stdout(const char *path)
{
	return !strcmp(path, FLOW_LOG_STDOUT);
}

static void take_output(struct flow_log *log, int fd)
{
	struct stat status;

	log->fd = fd;
	log->is_socket = fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

static ssize_t write_some(const struct flow_log *log, const char *bytes, size_t length)
{
	if (log->is_socket)
		return TEMP_FAILURE_RETRY(
			send(log->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL));
	return TEMP_FAILURE_RETRY(write(log->fd, bytes, length));
}

/* --- what waits --- */

static uint64_t count_lines(const char *bytes, size_t length)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < length; i++)
		lines += bytes[i] == '\n';
	return lines;
}

static void remove_first(struct flow_log *log, size_t length)
{
	uint64_t lines = count_lines(log->waiting.text, length);

	log->waiting_records -= lines;
	log->counters.written += lines;
	log->begins_inside = log->waiting.text[length - 1] != '\n';
	log->waiting.length -= length;
	memmove(log->waiting.text, log->waiting.text + length, log->waiting.length);
}

static void on_failure(struct flow_log *log, int error)
{
	if (log->failing)
		return;
	log->failing = true;
	log_error("flow records cannot be written; what does not fit into memory is dropped",
		log_str("file", log->path), log_str("error", strerror(error)));
}

static void on_success(struct flow_log *log)
{
	if (log->failing)
		log_info("flow records are written again", log_str("file", log->path),
			log_int("dropped_so_far", (int64_t)log->counters.dropped));
	log->failing = false;
}

void flow_log_flush(struct flow_log *log)
{
	while (log->waiting.length) {
		ssize_t length = write_some(log, log->waiting.text, log->waiting.length);

		if (length <= 0) {
			/* a reader that is only slow is none of a person's business yet */
			if (length == 0 || errno != EAGAIN)
				on_failure(log, length ? errno : EIO);
			return;
		}
		remove_first(log, (size_t)length);
	}
	if (log->waiting.capacity > 4 * WRITE_BYTES) /* it had to wait for once */
		buffer_free(&log->waiting);
	on_success(log);
}

void flow_log_take(void *context, const struct flow_view *flow)
{
	struct flow_log *log = context;
	size_t before = log->waiting.length;

	flow_json_append(&log->waiting, flow);
	log->waiting_records++;
	if (log->waiting.length > FLOW_LOG_BYTES_MAX || log->waiting.failed) {
		on_failure(log, log->waiting.failed ? ENOMEM : EAGAIN);
		log->waiting.length = before;
		log->waiting.failed = false;
		log->waiting_records--;
		log->counters.dropped++;
	} else if (before / WRITE_BYTES != log->waiting.length / WRITE_BYTES) {
		flow_log_flush(log);
	}
}

/* The rest of a line whose beginning is in a file that is left: it makes no sense in another. */
static void drop_rest_of_line(struct flow_log *log)
{
	const char *end;

	if (!log->begins_inside)
		return;
	end = memchr(log->waiting.text, '\n', log->waiting.length);
	remove_first(log, (size_t)(end + 1 - log->waiting.text));
	log->counters.written--;
	log->counters.dropped++;
}

/* --- life --- */

int flow_log_open(struct flow_log **opened, const char *path, char error[FLOW_LOG_ERROR_LEN])
{
	int fd = is_stdout(path) ? open_stdout(error) : private_file_open(path, true, error);
	struct flow_log *log;

	if (fd < 0)
		return fd;
	log = calloc(1, sizeof(*log));
	if (log)
		log->path = strdup(path);
	if (!log || !log->path) {
		snprintf(error, FLOW_LOG_ERROR_LEN, "%.150s: no memory", path);
		close(fd);
		free(log);
		return -ENOMEM;
	}
	take_output(log, fd);
	*opened = log;
	return 0;
}

void flow_log_reopen(struct flow_log *log)
{
	char error[FLOW_LOG_ERROR_LEN];
	int fd;

	if (is_stdout(log->path))
		return; /* whoever reads it rotates */
	fd = private_file_open(log->path, true, error);
	if (fd < 0) {
		log_error("the flow log cannot be opened again, the old file stays",
			log_str("reason", error));
		return;
	}
	flow_log_flush(log);
	drop_rest_of_line(log);
	close(log->fd);
	take_output(log, fd);
}

void flow_log_close(struct flow_log *log)
{
	if (!log)
		return;
	flow_log_flush(log);
	if (log->waiting_records)
		log_error("flow records were lost at the end", log_str("file", log->path),
			log_int("records", (int64_t)log->waiting_records));
	close(log->fd);
	buffer_free(&log->waiting);
	free(log->path);
	free(log);
}

struct flow_log_counters flow_log_counters(const struct flow_log *log)
{
	return log->counters;
}
