/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus text and OpenMetrics (exposition_writer.h). The labels of a series are written once
 * and then copied to each of its lines, because a histogram has some fifteen of them.
 *
 * Formats: "Exposition formats" of Prometheus's documentation; the OpenMetrics specification 1.0.0.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/prometheus/exposition_writer.h"

#define COUNTER_SUFFIX   "_total"
#define WHOLE_DOUBLE_MAX 9007199254740992.0 /* 2^53: up to it, each integer is a double */
#define REAL_LEN         32                 /* of a double in any form that is written here */

static bool is_openmetrics(const struct exposition *exposition)
{
	return exposition->writer == &exposition_openmetrics;
}

/* --- pieces of a line --- */

static void append_escaped(struct buffer *out, const char *text, const char *special)
{
	for (;;) {
		size_t plain = strcspn(text, special);

		buffer_append(out, text, plain);
		text += plain;
		if (!*text)
			return;
		buffer_append(out, "\\", 1);
		buffer_append(out, *text == '\n' ? "n" : text, 1);
		text++;
	}
}

/* The shortest decimal that reads back as the same number. */
static void append_real(struct buffer *out, double value)
{
	char text[REAL_LEN];

	if (isnan(value)) {
		buffer_append_text(out, "NaN");
	} else if (isinf(value)) {
		buffer_append_text(out, value > 0 ? "+Inf" : "-Inf");
	} else if (value >= 0 && value <= WHOLE_DOUBLE_MAX && value == floor(value)) {
		buffer_append_integer(out, (uint64_t)value);
	} else {
		for (int digits = 15; digits <= 17; digits++) { /* 17 are always enough */
			snprintf(text, sizeof(text), "%.*g", digits, value);
			if (strtod(text, NULL) == value)
				break;
		}
		buffer_append_text(out, text);
	}
}

/* Exactly, which a double cannot do. */
static void append_seconds(struct buffer *out, uint64_t nanoseconds)
{
	char fraction[] = ".000000000";
	size_t length = strlen(fraction);
	uint64_t rest = nanoseconds % 1000000000;

	for (size_t i = length - 1; i > 0; i--, rest /= 10)
		fraction[i] = (char)('0' + rest % 10);
	while (length > 1 && fraction[length - 1] == '0')
		length--;
	buffer_append_integer(out, nanoseconds / 1000000000);
	buffer_append(out, fraction, length > 1 ? length : 0);
}

static void append_label(struct buffer *labels, const char *name, const char *value)
{
	if (labels->length)
		buffer_append(labels, ",", 1);
	buffer_append_text(labels, name);
	buffer_append(labels, "=\"", 2);
	append_escaped(labels, value, "\\\"\n");
	buffer_append(labels, "\"", 1);
}

/* OpenMetrics wants bounds as floating point numbers: "1.0", never "1". */
static const char *bound_ending(const struct exposition *exposition, const char *le)
{
	return is_openmetrics(exposition) && !strpbrk(le, ".eI") ? ".0\"" : "\"";
}

/* --- lines --- */

/* `name`, its suffix and its labels, up to the space before the value. */
static void append_name(struct exposition *exposition, const char *suffix, const char *le)
{
	struct buffer *out = exposition->out;
	const struct buffer *labels = &exposition->labels;

	buffer_append(out, exposition->family->name, exposition->family_length);
	buffer_append_text(out, suffix);
	if (labels->length || le) {
		buffer_append(out, "{", 1);
		buffer_append(out, labels->text, labels->length);
		if (le) {
			buffer_append_text(out, labels->length ? ",le=\"" : "le=\"");
			buffer_append_text(out, le);
			buffer_append_text(out, bound_ending(exposition, le));
		}
		buffer_append(out, "}", 1);
	}
	buffer_append(out, " ", 1);
}

static void append_count(
	struct exposition *exposition, const char *suffix, const char *le, uint64_t count)
{
	append_name(exposition, suffix, le);
	buffer_append_integer(exposition->out, count);
	buffer_append(exposition->out, "\n", 1);
}

static void append_metadata(struct exposition *exposition, const char *keyword, const char *text)
{
	struct buffer *out = exposition->out;

	buffer_append_text(out, "# ");
	buffer_append_text(out, keyword);
	buffer_append(out, " ", 1);
	buffer_append(out, exposition->family->name, exposition->family_length);
	buffer_append(out, " ", 1);
	append_escaped(out, text, is_openmetrics(exposition) ? "\\\"\n" : "\\\n");
	buffer_append(out, "\n", 1);
}

static void begin_family(struct exposition *exposition)
{
	static const char *const types[] = {
		[METRIC_COUNTER] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram",
	};
	const struct metric_description *description = exposition->family;

	exposition->family_length = strlen(description->name);
	if (is_openmetrics(exposition) && description->type == METRIC_COUNTER)
		exposition->family_length -= strlen(COUNTER_SUFFIX);

	append_metadata(exposition, "HELP", description->help);
	append_metadata(exposition, "TYPE", types[description->type]);
	if (is_openmetrics(exposition) && description->unit && *description->unit)
		append_metadata(exposition, "UNIT", description->unit);
}

static void append_histogram(struct exposition *exposition, const struct metric_view *view)
{
	const struct metric_description *description = view->description;

	for (size_t i = 0; i < description->bound_count; i++)
		append_count(exposition, "_bucket", description->bounds[i].le, view->cumulative[i]);
	append_count(exposition, "_bucket", "+Inf", view->histogram->count);
	append_name(exposition, "_sum", NULL);
	append_seconds(exposition->out, view->histogram->sum_ns);
	buffer_append(exposition->out, "\n", 1);
	append_count(exposition, "_count", NULL, view->histogram->count);
}

/* When the series began to count from 0: OpenMetrics alone has a place for it. */
static void append_created(struct exposition *exposition, const struct metric_view *view)
{
	if (!is_openmetrics(exposition) || !view->created_unix_ns)
		return;
	append_name(exposition, "_created", NULL);
	append_seconds(exposition->out, view->created_unix_ns);
	buffer_append(exposition->out, "\n", 1);
}

static void append_number(struct exposition *exposition, const struct metric_view *view)
{
	/* What begin_family() took from a counter's name. */
	append_name(exposition, view->description->name + exposition->family_length, NULL);
	if (view->is_integer)
		buffer_append_integer(exposition->out, view->integer);
	else
		append_real(exposition->out, view->value);
	buffer_append(exposition->out, "\n", 1);
}

static void append_series(struct exposition *exposition, const struct metric_view *view,
	const struct exposition_label *labels, size_t label_count)
{
	exposition->labels.length = 0;
	for (size_t i = 0; i < label_count; i++)
		append_label(&exposition->labels, labels[i].name, labels[i].value);
	if (view->description->type == METRIC_HISTOGRAM)
		append_histogram(exposition, view);
	else
		append_number(exposition, view);
	append_created(exposition, view);
}

static void end_openmetrics(struct exposition *exposition)
{
	buffer_append_text(exposition->out, "# EOF\n");
}

const struct exposition_writer exposition_text = {
	.content_type = "text/plain; version=0.0.4; charset=utf-8",
	.begin_family = begin_family,
	.add_series = append_series,
};

const struct exposition_writer exposition_openmetrics = {
	.content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8",
	.begin_family = begin_family,
	.add_series = append_series,
	.end = end_openmetrics,
};
