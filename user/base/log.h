/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines on standard error: for a person (`text`) or one JSON object a line (`json`, with
 * `timestamp`, `level`, `message` and the fields). Each message (by its constant text) is let
 * through at most LOG_BURST times in LOG_WINDOW_SECONDS; the next one let through says how many
 * were left out. Safe from any thread.
 *
 *   log_warn("export failed", log_str("endpoint", url), log_int("status", 503));
 */
#ifndef SONDE_LOG_H
#define SONDE_LOG_H

#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

#define LOG_BURST          10
#define LOG_WINDOW_SECONDS 10

struct log_field {
	const char *name; /* NULL ends the list */
	enum { LOG_FIELD_STRING, LOG_FIELD_INTEGER, LOG_FIELD_REAL } type;
	union {
		const char *string; /* NULL is written as an empty string */
		int64_t integer;
		double real;
	};
};

void log_configure(enum log_format format, enum log_level least);

/* `message` must live for ever (a literal): it is the key of the rate limit. */
void log_write(enum log_level level, const char *message, const struct log_field *fields);

static inline struct log_field log_str(const char *name, const char *value)
{
	return (struct log_field){.name = name, .type = LOG_FIELD_STRING, .string = value};
}

static inline struct log_field log_int(const char *name, int64_t value)
{
	return (struct log_field){.name = name, .type = LOG_FIELD_INTEGER, .integer = value};
}

static inline struct log_field log_real(const char *name, double value)
{
	return (struct log_field){.name = name, .type = LOG_FIELD_REAL, .real = value};
}

#define LOG_FIELDS(...)     ((const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}})
#define log_debug(msg, ...) log_write(LOG_LEVEL_DEBUG, msg, LOG_FIELDS(__VA_ARGS__))
#define log_info(msg, ...)  log_write(LOG_LEVEL_INFO, msg, LOG_FIELDS(__VA_ARGS__))
#define log_warn(msg, ...)  log_write(LOG_LEVEL_WARN, msg, LOG_FIELDS(__VA_ARGS__))
#define log_error(msg, ...) log_write(LOG_LEVEL_ERROR, msg, LOG_FIELDS(__VA_ARGS__))

#endif
