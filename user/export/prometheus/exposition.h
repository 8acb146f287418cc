/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of series as what Prometheus scrapes, in the three formats that are in use: the
 * text format 0.0.4, OpenMetrics 1.0.0 and protobuf, which alone can carry native histograms.
 * Labels with empty values are left out, as all of them take them for absent.
 *
 * Ten thousand histograms are 30 MB of text, so it is written piece by piece: a piece takes
 * microseconds, and its memory is used again for the next. Called on the main thread, which owns
 * the registry and may go on counting in between; a series is always whole, and true to itself.
 *
 * What there is to tell, and in which order, is decided here; what it looks like is a writer's.
 */
#ifndef SONDE_EXPOSITION_H
#define SONDE_EXPOSITION_H

#include "base/buffer.h"
#include "telemetry/metrics/metrics.h"

enum exposition_format { EXPOSITION_TEXT, EXPOSITION_OPENMETRICS, EXPOSITION_PROTOBUF };

const char *exposition_content_type(enum exposition_format format);

/* What is being written. */
struct exposition {
	const struct metrics *metrics;
	const struct exposition_writer *writer;
	struct metric_cursor cursor;
	const struct metric_description *family; /* whose series are being written */
	struct buffer *out;                      /* as long as exposition_continue() runs */

	/* Text: */
	size_t family_length; /* of its name; in OpenMetrics, of a counter's without "_total" */
	struct buffer labels; /* of the series that is being written: a="1",b="2" */

	/* Protobuf: */
	struct buffer message;            /* with what there is of the family so far */
	double bounds[METRIC_BOUNDS_MAX]; /* of the family's classic buckets */
};

void exposition_begin(struct exposition *exposition, const struct metrics *metrics,
	enum exposition_format format);

/*
 * Writes series until they are `enough` bytes long or longer by a series, and appends them to
 * `out`; in protobuf some of them may come later, as a message is told whole. Returns whether there
 * is more to come; never, once `out->failed` says that there was no memory.
 */
bool exposition_continue(struct exposition *exposition, struct buffer *out, size_t enough);

/* Frees what it holds; before exposition_begin() it must be zeroed. */
void exposition_end(struct exposition *exposition);

#endif
