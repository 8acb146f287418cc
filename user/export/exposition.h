/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of series as text that Prometheus scrapes, in both formats that are in use:
 * the text format 0.0.4 and OpenMetrics 1.0.0. Labels with empty values are left out, as both
 * formats take them for absent.
 *
 * Ten thousand histograms are 30 MB of text, so it is written piece by piece: a piece takes
 * microseconds, and its memory is used again for the next. Called on the main thread, which owns
 * the registry and may go on counting in between; a series is always whole, and true to itself.
 */
#ifndef SONDE_EXPOSITION_H
#define SONDE_EXPOSITION_H

#include "export/buffer.h"
#include "telemetry/metrics.h"

enum exposition_format { EXPOSITION_TEXT, EXPOSITION_OPENMETRICS };

const char *exposition_content_type(enum exposition_format format);

/* A text that is being written. */
struct exposition {
	const struct metrics *metrics;
	enum exposition_format format;
	struct metric_cursor cursor;
	const struct metric_description *family; /* whose series are being written */
	size_t family_length; /* of its name; in OpenMetrics, of a counter's without "_total" */
	struct buffer labels; /* of the series that is being written: a="1",b="2" */
	struct buffer *out;   /* as long as exposition_continue() runs */
};

void exposition_begin(struct exposition *exposition, const struct metrics *metrics,
	enum exposition_format format);

/*
 * Appends series until `out` is `enough` bytes long or longer by a series. Returns whether there is
 * more to come; never, once `out->failed` says that there was no memory.
 */
bool exposition_continue(struct exposition *exposition, struct buffer *out, size_t enough);

/* Frees what it holds; before exposition_begin() it must be zeroed. */
void exposition_end(struct exposition *exposition);

#endif
