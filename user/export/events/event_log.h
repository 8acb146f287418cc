/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event log: requests, and what happened to processes, as lines of JSON (event_json.h) in a log
 * of lines (line_log.h). What failed and what was slow is always there; of the rest so many a
 * second and service as the settings say. Metrics count all of it, whatever is in the log.
 *
 * Not thread-safe: the main thread owns it.
 */
#ifndef SONDE_EVENT_LOG_H
#define SONDE_EVENT_LOG_H

#include "export/lines/line_log.h"
#include "protocol/exchange.h"
#include "telemetry/event.h"

struct event_log_settings {
	uint64_t rate;    /* lines a second and service of what neither failed nor was slow */
	uint64_t slow_ns; /* as long as that is slow; 0: nothing is */
};

struct event_log;

struct event_log_counters {
	struct line_log_counters lines;
	uint64_t left_out; /* beyond the rate */
};

/* As line_log_open(). */
int event_log_open(struct event_log **opened, const char *path,
	const struct event_log_settings *settings, char error[LINE_LOG_ERROR_LEN]);
void event_log_close(struct event_log *log); /* NULL is allowed; so it is in the next three */

void event_log_configure(struct event_log *log, const struct event_log_settings *settings);
void event_log_flush(struct event_log *log);
void event_log_reopen(struct event_log *log);

void event_log_take_exchange(struct event_log *log, const struct exchange *exchange);
void event_log_take_event(struct event_log *log, const struct event *event);

struct event_log_counters event_log_counters(const struct event_log *log);

#endif
