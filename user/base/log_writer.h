/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of log lines to standard error, which may take none: a pipe that nobody reads, a terminal
 * that was stopped (Ctrl-S), a socket. So a thread writes them, and whoever logs leaves a line in a
 * queue of LOG_QUEUE_BYTES. A line that finds no room is dropped and counted, and the log says how
 * many those were when it flows again. Standard error is written to as it was inherited: to make it
 * non-blocking would do so for everybody who shares it.
 *
 * Without the thread, as in subcommands and unit tests, lines are written by whoever logs.
 */
#ifndef SONDE_LOG_WRITER_H
#define SONDE_LOG_WRITER_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_LEN    PIPE_BUF /* the most that a pipe takes without mixing it with others' */
#define LOG_QUEUE_BYTES (64 * 1024)

/* Starts the thread, which calls `prepare` first (NULL: nothing); 0 or a negative errno. */
int log_writer_begin(void (*prepare)(void));

/* A line, of at most LOG_LINE_LEN bytes with its "\n". Never waits once the thread is there. */
void log_writer_put(const char *line, size_t length);

/*
 * Waits for what is queued, and ends the thread: until `deadline_ns`, and no longer than standard
 * error takes nothing for LOG_STALL_NS.
 */
void log_writer_end(uint64_t deadline_ns);
#define LOG_STALL_NS 500000000ULL

uint64_t log_lines_dropped(void);

#endif
