/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of a table for a terminal: columns that keep their width, whatever a program has named
 * itself, and figures of five characters. Lets nothing out that a terminal would obey, or that
 * takes other than one column.
 */
#ifndef SONDE_TEXT_LINE_H
#define SONDE_TEXT_LINE_H

#include <stdint.h>
#include <stdio.h>

#define FIGURE_COLUMNS 6  /* with the space before it */
#define FIGURE_LEN     16 /* room for its text */

/* A line that is cut with "…" where the screen ends. */
struct text_line {
	FILE *out;
	unsigned left; /* columns */
};

/* Prints `text` in at most `columns` columns; returns how many it took. */
unsigned text_line_put(struct text_line *line, const char *text, unsigned columns);

/* The same, then spaces up to `columns`. */
void text_line_put_padded(struct text_line *line, const char *text, unsigned columns);

void text_line_pad(struct text_line *line, unsigned columns);

/* A figure of at most five characters, at the right side of its column. */
void text_line_put_figure(struct text_line *line, const char *text);

/* Figures, each into `text`, which is returned: 0.3, 12, 1.2k, 999k; 4B, 1.5M; 250us, 1.2s. */
const char *figure_count(char text[FIGURE_LEN], double count);
const char *figure_bytes(char text[FIGURE_LEN], double bytes);
const char *figure_duration(char text[FIGURE_LEN], uint64_t ns); /* 0: "-" */

#endif
