/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log of records as lines, in a file or on standard output. They gather in memory and are written
 * at the end of each sweep; nothing here waits. What a full disk, a slow reader or a pipe without
 * one does not take stays in memory, at most LINE_LOG_BYTES_MAX; when that is full, new records are
 * dropped and counted. So a line is whole or not there.
 *
 *   flow_json_append(line_log_line(log), view);
 *   line_log_take(log);
 *
 * Not thread-safe: the main thread owns it.
 */
#ifndef SONDE_LINE_LOG_H
#define SONDE_LINE_LOG_H

#include <stdint.h>

#include "base/buffer.h"
#include "privilege/private_file.h"

#define LINE_LOG_ERROR_LEN PRIVATE_FILE_ERROR_LEN
#define LINE_LOG_BYTES_MAX (1024 * 1024) /* some 1,300 flow records */
#define LINE_LOG_STDOUT    "-"

struct line_log;

/* Each record counts once: as waiting, and then as one of these two. */
struct line_log_counters {
	uint64_t written;
	uint64_t dropped;
};

/*
 * Appends to the file `path`, which only its owner may read (private_file.h), or to standard output
 * for LINE_LOG_STDOUT. `records`, a literal, is what its own messages call them. 0, or a negative
 * errno and in `error` what a person can do.
 */
int line_log_open(struct line_log **opened, const char *path, const char *records,
	char error[LINE_LOG_ERROR_LEN]);

/* Writes what it can; what is left counts as dropped, and is logged. NULL is allowed. */
void line_log_close(struct line_log *log);

/* Where to append a line with its line feed, for line_log_take() to take. */
struct buffer *line_log_line(struct line_log *log);
void line_log_take(struct line_log *log);

/* Writes what has gathered. NULL is allowed; so it is in the next one. */
void line_log_flush(struct line_log *log);

/* For log rotation: the file may have another name now. Where that fails the old one stays. */
void line_log_reopen(struct line_log *log);

struct line_log_counters line_log_counters(const struct line_log *log);

#endif
