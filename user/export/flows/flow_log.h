/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow log: flow records as lines of JSON in a file, or on standard output. They gather in
 * memory and are written at the end of each sweep; nothing here waits. What a full disk, a slow
 * reader or a pipe without one does not take stays in memory, at most FLOW_LOG_BYTES_MAX; when that
 * is full, new records are dropped and counted. So a line is whole or not there.
 *
 * Not thread-safe: the main thread owns it.
 */
#ifndef SONDE_FLOW_LOG_H
#define SONDE_FLOW_LOG_H

#include <stdint.h>

#include "privilege/private_file.h"
#include "telemetry/tcp/flows.h"

#define FLOW_LOG_ERROR_LEN PRIVATE_FILE_ERROR_LEN
#define FLOW_LOG_BYTES_MAX (1024 * 1024) /* some 1,300 records */
#define FLOW_LOG_STDOUT    "-"

struct flow_log;

/* Each record counts once: as waiting, and then as one of these two. */
struct flow_log_counters {
	uint64_t written;
	uint64_t dropped;
};

/*
 * Appends to the file `path`, which only its owner may read (private_file.h), or to standard output
 * for FLOW_LOG_STDOUT. 0, or a negative errno and in `error` what a person can do.
 */
int flow_log_open(struct flow_log **opened, const char *path, char error[FLOW_LOG_ERROR_LEN]);

/* Writes what it can; what is left counts as dropped, and is logged. NULL is allowed. */
void flow_log_close(struct flow_log *log);

/* A flow_sink; `log` is the struct flow_log. */
void flow_log_take(void *log, const struct flow_view *flow);

/* Writes what has gathered. */
void flow_log_flush(struct flow_log *log);

/* For log rotation: the file may have another name now. Where that fails the old one stays. */
void flow_log_reopen(struct flow_log *log);

struct flow_log_counters flow_log_counters(const struct flow_log *log);

#endif
