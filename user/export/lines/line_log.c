/* SPDX-License-Identifier: Apache-2.0 */
/* See line_log.h. */
#include "export/lines/line_log.h"

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
#include "privilege/private_file.h"

/* A sweep may tell of more connections than memory is kept for: it is written in between, too. */
#define WRITE_BYTES (64 * 1024)

struct line_log {
	char *path;
	const char *records;
	int fd;
	bool is_socket;
	bool failing;          /* and that has been logged */
	struct buffer waiting; /* and behind it the line that is being appended */
	size_t waiting_length;
	uint64_t waiting_records;
	bool begins_inside; /* `waiting` begins with the rest of a line that was written in part */
	struct line_log_counters counters;
};

/* --- files --- */

/*
 * Our own opening of standard output: without O_NONBLOCK for others that share it. A socket cannot
 * be opened, and needs not be: send() takes the flag.
 */
static int open_stdout(char error[LINE_LOG_ERROR_LEN])
{
	int fd = open("/proc/self/fd/1", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && errno == ENXIO)
		fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0)
		return fd;
	fd = -errno;
	snprintf(error, LINE_LOG_ERROR_LEN, "standard output: %s", strerror(-fd));
	return fd;
}

static bool is_stdout(const char *path)
{
	return !strcmp(path, LINE_LOG_STDOUT);
}

static void take_output(struct line_log *log, int fd)
{
	struct stat status;

	log->fd = fd;
	log->is_socket = fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

static ssize_t write_some(const struct line_log *log, const char *bytes, size_t length)
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

static void remove_first(struct line_log *log, size_t length)
{
	uint64_t lines = count_lines(log->waiting.text, length);

	log->waiting_records -= lines;
	log->counters.written += lines;
	log->begins_inside = log->waiting.text[length - 1] != '\n';
	log->waiting.length -= length;
	log->waiting_length = log->waiting.length;
	memmove(log->waiting.text, log->waiting.text + length, log->waiting.length);
}

static void on_failure(struct line_log *log, int error)
{
	if (log->failing)
		return;
	log->failing = true;
	log_error("records cannot be written; what does not fit into memory is dropped",
		log_str("records", log->records), log_str("file", log->path),
		log_str("error", strerror(error)));
}

static void on_success(struct line_log *log)
{
	if (log->failing)
		log_info("records are written again", log_str("records", log->records),
			log_str("file", log->path),
			log_int("dropped_so_far", (int64_t)log->counters.dropped));
	log->failing = false;
}

void line_log_flush(struct line_log *log)
{
	if (!log)
		return;
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
	log->waiting_length = 0;
	on_success(log);
}

struct buffer *line_log_line(struct line_log *log)
{
	return &log->waiting;
}

void line_log_take(struct line_log *log)
{
	size_t before = log->waiting_length;

	log->waiting_records++;
	if (log->waiting.length > LINE_LOG_BYTES_MAX || log->waiting.failed) {
		on_failure(log, log->waiting.failed ? ENOMEM : EAGAIN);
		log->waiting.length = before;
		log->waiting.failed = false;
		log->waiting_records--;
		log->counters.dropped++;
		return;
	}
	log->waiting_length = log->waiting.length;
	if (before / WRITE_BYTES != log->waiting.length / WRITE_BYTES)
		line_log_flush(log);
}

/* The rest of a line whose beginning is in a file that is left: it makes no sense in another. */
static void drop_rest_of_line(struct line_log *log)
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

int line_log_open(struct line_log **opened, const char *path, const char *records,
	char error[LINE_LOG_ERROR_LEN])
{
	int fd = is_stdout(path) ? open_stdout(error) : private_file_open(path, true, error);
	struct line_log *log;

	if (fd < 0)
		return fd;
	log = calloc(1, sizeof(*log));
	if (log)
		log->path = strdup(path);
	if (!log || !log->path) {
		snprintf(error, LINE_LOG_ERROR_LEN, "%.150s: no memory", path);
		close(fd);
		free(log);
		return -ENOMEM;
	}
	log->records = records;
	take_output(log, fd);
	*opened = log;
	return 0;
}

void line_log_reopen(struct line_log *log)
{
	char error[LINE_LOG_ERROR_LEN];
	int fd;

	if (!log || is_stdout(log->path))
		return; /* whoever reads it rotates */
	fd = private_file_open(log->path, true, error);
	if (fd < 0) {
		log_error("a log cannot be opened again, the old file stays",
			log_str("records", log->records), log_str("reason", error));
		return;
	}
	line_log_flush(log);
	drop_rest_of_line(log);
	close(log->fd);
	take_output(log, fd);
}

void line_log_close(struct line_log *log)
{
	if (!log)
		return;
	line_log_flush(log);
	if (log->waiting_records)
		log_error("records were lost at the end", log_str("records", log->records),
			log_str("file", log->path),
			log_int("count", (int64_t)log->waiting_records));
	close(log->fd);
	buffer_free(&log->waiting);
	free(log->path);
	free(log);
}

struct line_log_counters line_log_counters(const struct line_log *log)
{
	return log->counters;
}
