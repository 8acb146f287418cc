/* SPDX-License-Identifier: Apache-2.0 */
/* See event_log.h. */
#include "export/events/event_log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "export/events/event_json.h"

#define NS_PER_SECOND UINT64_C(1000000000)

#define ALLOWANCES 256 /* services whose names fall together share one */

/*
 * What the rate allows a service at the moment, in lines times NS_PER_SECOND. It grows with the
 * time of the exchanges, so that a replay keeps the same ones, and holds a second's worth.
 */
struct allowance {
	uint64_t left;
	uint64_t seen_ns;
};

struct event_log {
	struct line_log *lines;
	struct event_log_settings settings;
	struct allowance allowances[ALLOWANCES];
	uint64_t left_out;
};

static enum event_level level_of(const struct event_log *log, const struct exchange *exchange)
{
	uint64_t slow_ns = log->settings.slow_ns;

	if (exchange->error)
		return EVENT_FAILED;
	return slow_ns && exchange->duration_ns >= slow_ns ? EVENT_SLOW : EVENT_INFO;
}

/* FNV-1a. */
static struct allowance *allowance_of(struct event_log *log, const char *service)
{
	uint32_t hash = 2166136261u;

	for (; *service; service++)
		hash = (hash ^ (uint8_t)*service) * 16777619u;
	return &log->allowances[hash % ALLOWANCES];
}

/* Exchanges end in about the order of their time, and one that comes late brings no allowance. */
static void allowance_grow(struct allowance *allowance, uint64_t rate, uint64_t now_ns)
{
	uint64_t passed = now_ns > allowance->seen_ns ? now_ns - allowance->seen_ns : 0;

	if (passed > NS_PER_SECOND)
		passed = NS_PER_SECOND;
	allowance->left += passed * rate;
	if (allowance->left > rate * NS_PER_SECOND)
		allowance->left = rate * NS_PER_SECOND;
	if (now_ns > allowance->seen_ns)
		allowance->seen_ns = now_ns;
}

/* Of each service so many, so that a busy one leaves room for the others. */
static bool rate_allows(struct event_log *log, const struct service *service, uint64_t now_ns)
{
	struct allowance *allowance = allowance_of(log, service->name);

	allowance_grow(allowance, log->settings.rate, now_ns);
	if (allowance->left < NS_PER_SECOND) {
		log->left_out++;
		return false;
	}
	allowance->left -= NS_PER_SECOND;
	return true;
}

void event_log_take_exchange(struct event_log *log, const struct exchange *exchange)
{
	enum event_level level = level_of(log, exchange);

	if (level == EVENT_INFO &&
		!rate_allows(log, exchange->service, exchange->start_ns + exchange->duration_ns))
		return;
	event_json_append(line_log_line(log->lines), exchange, level);
	line_log_take(log->lines);
}

void event_log_take_event(struct event_log *log, const struct event *event)
{
	if (!event->has_failed && !rate_allows(log, event->service, event->time_ns))
		return;
	event_json_append_event(
		line_log_line(log->lines), event, event->has_failed ? EVENT_FAILED : EVENT_INFO);
	line_log_take(log->lines);
}

/* --- life --- */

int event_log_open(struct event_log **opened, const char *path,
	const struct event_log_settings *settings, char error[LINE_LOG_ERROR_LEN])
{
	struct event_log *log = calloc(1, sizeof(*log));
	int result;

	if (!log) {
		snprintf(error, LINE_LOG_ERROR_LEN, "no memory");
		return -ENOMEM;
	}
	result = line_log_open(&log->lines, path, "events", error);
	if (result) {
		free(log);
		return result;
	}
	log->settings = *settings;
	*opened = log;
	return 0;
}

void event_log_configure(struct event_log *log, const struct event_log_settings *settings)
{
	if (log)
		log->settings = *settings;
}

void event_log_close(struct event_log *log)
{
	if (!log)
		return;
	line_log_close(log->lines);
	free(log);
}

void event_log_flush(struct event_log *log)
{
	if (log)
		line_log_flush(log->lines);
}

void event_log_reopen(struct event_log *log)
{
	if (log)
		line_log_reopen(log->lines);
}

struct event_log_counters event_log_counters(const struct event_log *log)
{
	return (struct event_log_counters){line_log_counters(log->lines), log->left_out};
}
