/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines (log.h): the rate limit per message, then the line in one of two formats, then the way
 * to standard error (log_writer.h). A line is built on the stack, so that logging takes no memory
 * and the lock is held for the rate limit only.
 */
#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log_writer.h"

#define LINE_TAIL     64 /* kept free for what ends a line: "…", a quote, left_out, brace, newline */
#define LINE_BODY_LEN (LOG_LINE_LEN - LINE_TAIL)

#define NUMBER_LEN 32   /* in text, whatever it is */
#define VALUE_LEN  1024 /* of one string, so that the fields after it have room too */

/* Far more than the daemon has; should it run out, the ones without a place share the last. */
#define MESSAGES_MAX 128

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static atomic_int line_format = LOG_FORMAT_TEXT;
static atomic_int least_level = LOG_LEVEL_INFO;

void log_configure(enum log_format format, enum log_level least)
{
	atomic_store(&line_format, format);
	atomic_store(&least_level, least);
}

/* --- rate limit --- */

struct message_rate {
	const char *message;
	uint64_t window_start_ns;
	unsigned admitted; /* in this window */
	uint64_t left_out; /* since the last one that was admitted */
};

static pthread_mutex_t rates_lock = PTHREAD_MUTEX_INITIALIZER;
static struct message_rate rates[MESSAGES_MAX];

/* The same literal has another address in each file that uses it: the text decides. */
static struct message_rate *rate_find(const char *message)
{
	struct message_rate *rate = rates;

	for (; rate < &rates[MESSAGES_MAX - 1] && rate->message; rate++) {
		if (rate->message == message || strcmp(rate->message, message) == 0)
			break;
	}
	return rate;
}

static bool rate_admit(const char *message, uint64_t *left_out)
{
	pthread_mutex_lock(&rates_lock);
	/* Under the lock, or another thread might begin a window later than this "now". */
	uint64_t now_ns = clock_monotonic_ns();
	struct message_rate *rate = rate_find(message);
	if (!rate->message ||
		now_ns - rate->window_start_ns >= LOG_WINDOW_SECONDS * UINT64_C(1000000000)) {
		rate->message = message;
		rate->window_start_ns = now_ns;
		rate->admitted = 0;
	}
	bool admit = rate->admitted < LOG_BURST;
	if (admit) {
		rate->admitted++;
		*left_out = rate->left_out;
		rate->left_out = 0;
	} else {
		rate->left_out++;
	}
	pthread_mutex_unlock(&rates_lock);
	return admit;
}

/* --- building a line --- */

struct line {
	size_t length;
	char bytes[LOG_LINE_LEN];
};

static void line_put(struct line *line, const char *bytes, size_t length)
{
	if (length > LOG_LINE_LEN - line->length)
		length = LOG_LINE_LEN - line->length;
	memcpy(line->bytes + line->length, bytes, length);
	line->length += length;
}

static void line_put_text(struct line *line, const char *text)
{
	line_put(line, text, strlen(text));
}

static void line_put_quoted(struct line *line, const char *text)
{
	size_t end = line->length + VALUE_LEN;
	size_t left = strnlen(text, VALUE_LEN + 1);

	if (end > LINE_BODY_LEN)
		end = LINE_BODY_LEN;
	line_put_text(line, "\"");
	while (left > 0) {
		if (line->length + JSON_ESCAPED_LEN - 1 > end) {
			line_put_text(line, "…");
			break;
		}
		char escaped[JSON_ESCAPED_LEN];
		size_t step = json_escape(text, left, escaped);

		line_put_text(line, escaped);
		text += step;
		left -= step;
	}
	line_put_text(line, "\"");
}

static bool needs_quotes(const char *text)
{
	const char *at = text;

	while (*at > ' ' && *at < 0x7f && !strchr("\"=\\", *at))
		at++;
	return *at || at == text || at - text > VALUE_LEN;
}

static void line_put_real(struct line *line, double value, enum log_format format)
{
	char number[NUMBER_LEN];

	snprintf(number, sizeof(number), "%.9g", value);
	/* JSON has no word for infinity or "not a number". */
	line_put_text(line, format == LOG_FORMAT_JSON && !isfinite(value) ? "null" : number);
}

static void line_put_field(struct line *line, const struct log_field *field, enum log_format format)
{
	const char *text = field->type == LOG_FIELD_STRING && field->string ? field->string : "";
	char number[NUMBER_LEN];

	/* A field that is begun can be ended: text is cut, a number is not. */
	if (line->length + strlen(field->name) + 2 * NUMBER_LEN > LINE_BODY_LEN)
		return;

	line_put_text(line, format == LOG_FORMAT_JSON ? ",\"" : " ");
	line_put_text(line, field->name);
	line_put_text(line, format == LOG_FORMAT_JSON ? "\":" : "=");
	switch (field->type) {
	case LOG_FIELD_STRING:
		if (format == LOG_FORMAT_TEXT && !needs_quotes(text) &&
			line->length + strlen(text) <= LINE_BODY_LEN)
			line_put_text(line, text);
		else
			line_put_quoted(line, text);
		break;
	case LOG_FIELD_INTEGER:
		snprintf(number, sizeof(number), "%lld", (long long)field->integer);
		line_put_text(line, number);
		break;
	case LOG_FIELD_REAL: line_put_real(line, field->real, format); break;
	}
}

/* `12:34:56.789 warn  message`, in local time: the person at the terminal looks at a clock, too. */
static void line_put_text_head(
	struct line *line, const struct timespec *now, const char *level, const char *message)
{
	char head[48];
	struct tm local;

	localtime_r(&now->tv_sec, &local);
	snprintf(head, sizeof(head), "%02d:%02d:%02d.%03ld %-5s ", local.tm_hour, local.tm_min,
		local.tm_sec, now->tv_nsec / 1000000, level);
	line_put_text(line, head);
	line_put_text(line, message);
}

static void line_put_json_head(
	struct line *line, const struct timespec *now, const char *level, const char *message)
{
	char second[32], head[96];
	struct tm utc;

	gmtime_r(&now->tv_sec, &utc);
	strftime(second, sizeof(second), "%FT%T", &utc);
	snprintf(head, sizeof(head),
		"{\"timestamp\":\"%s.%03ldZ\",\"level\":\"%s\",\"message\":", second,
		now->tv_nsec / 1000000, level);
	line_put_text(line, head);
	line_put_quoted(line, message);
}

static void line_put_left_out(struct line *line, uint64_t left_out, enum log_format format)
{
	char number[48];

	snprintf(number, sizeof(number), "%s%llu",
		format == LOG_FORMAT_JSON ? ",\"left_out\":" : " left_out=",
		(unsigned long long)left_out);
	line_put_text(line, number);
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
	enum log_format format = (enum log_format)atomic_load(&line_format);
	struct line line;
	struct timespec now;
	uint64_t left_out = 0;
	int error = errno; /* a caller may want it after it has logged */

	if ((int)level < atomic_load(&least_level) || !rate_admit(message, &left_out))
		return;

	line.length = 0;
	clock_gettime(CLOCK_REALTIME, &now);
	if (format == LOG_FORMAT_JSON)
		line_put_json_head(&line, &now, level_names[level], message);
	else
		line_put_text_head(&line, &now, level_names[level], message);
	if (format == LOG_FORMAT_TEXT && (fields->name || left_out))
		line_put_text(&line, " "); /* sets the fields apart from the message */
	for (; fields->name; fields++)
		line_put_field(&line, fields, format);
	if (left_out)
		line_put_left_out(&line, left_out, format);
	line_put_text(&line, format == LOG_FORMAT_JSON ? "}\n" : "\n");

	log_writer_put(line.bytes, line.length);
	errno = error;
}
