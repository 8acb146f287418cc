/* SPDX-License-Identifier: Apache-2.0 */
/* See text_line.h. */
#include "base/text_line.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"

/* ASCII, Latin, Greek, Cyrillic: neither wide nor combining nor turning the line around. */
static bool is_one_column(uint32_t code)
{
	return (code >= 0x20 && code < 0x7f) || (code >= 0xa1 && code < 0x300 && code != 0xad) ||
	       (code >= 0x370 && code < 0x483) || (code >= 0x48a && code < 0x530);
}

unsigned text_line_put(struct text_line *line, const char *text, unsigned columns)
{
	size_t length = strlen(text);
	unsigned used = 0;

	if (columns > line->left)
		columns = line->left;
	for (size_t at = 0; at < length && used < columns; used++) {
		uint32_t code;
		size_t step = utf8_decode(text + at, length - at, &code);

		if (used + 1 == columns && at + (step ? step : 1) < length)
			fputs("…", line->out);
		else if (step && is_one_column(code))
			fwrite(text + at, 1, step, line->out);
		else
			fputc('?', line->out);
		at += step ? step : 1;
	}
	line->left -= used;
	return used;
}

void text_line_pad(struct text_line *line, unsigned columns)
{
	for (; columns && line->left; columns--, line->left--)
		fputc(' ', line->out);
}

void text_line_put_padded(struct text_line *line, const char *text, unsigned columns)
{
	text_line_pad(line, columns - text_line_put(line, text, columns));
}

void text_line_put_figure(struct text_line *line, const char *text)
{
	if (line->left < FIGURE_COLUMNS) {
		line->left = 0;
		return;
	}
	if (strlen(text) < FIGURE_COLUMNS) /* the age of who is older than 100,000 days is not */
		text_line_pad(line, FIGURE_COLUMNS - (unsigned)strlen(text));
	text_line_put(line, text, FIGURE_COLUMNS);
}

/* Five characters at most: 0.3, 12, 1.2k, 999k. The last unit must be enough for any value. */
static const char *scaled(
	char text[FIGURE_LEN], double value, double step, const char *const *units)
{
	bool whole;

	while (value >= 999.5 && units[1]) {
		value /= step;
		units++;
	}
	whole = value >= 9.95 || fabs(value - rint(value)) < 0.05;
	snprintf(text, FIGURE_LEN, "%.*f%s", whole ? 0 : 1, value, *units);
	return text;
}

const char *figure_count(char text[FIGURE_LEN], double count)
{
	static const char *const units[] = {"", "k", "M", "G", "T", "P", "E", NULL};

	return scaled(text, count, 1000, units);
}

const char *figure_bytes(char text[FIGURE_LEN], double bytes)
{
	static const char *const units[] = {"B", "K", "M", "G", "T", "P", "E", NULL};

	return scaled(text, bytes, 1024, units);
}

const char *figure_duration(char text[FIGURE_LEN], uint64_t ns)
{
	static const char *const units[] = {"us", "ms", "s", NULL};
	static const char *const long_units[] = {"h", "kh", "Mh", NULL};

	if (ns >= 999500000000) /* where kiloseconds would begin */
		return scaled(text, (double)ns / 3.6e12, 1000, long_units);
	return ns ? scaled(text, (double)ns / 1000, 1000, units) : "-";
}
