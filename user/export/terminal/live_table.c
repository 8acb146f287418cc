/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal under the live table (table.h): its size, where things are drawn, and the way back.
 *
 * Only sequences of the VT100 are used. The cursor stays in the log's region, so that lines of
 * others land there; drawing saves and restores it.
 */
#include "export/terminal/live_table.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Below this height a log region would leave no table. */
#define LINES_FOR_LOG (3 * TABLE_LOG_LINES)

struct table {
	int fd;           /* our own opening of the terminal: non-blocking for nobody else */
	unsigned lines;   /* of the screen as it was set up; 0: not yet */
	unsigned columns; /* 0: must be set up again */
	struct figures_reader *reader;
};

struct table *table_new(int fd)
{
	char path[32];
	struct table *table;

	if (!isatty(fd))
		return NULL;
	table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	table->fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	table->reader = figures_reader_new();
	if (table->fd < 0 || !table->reader) {
		table_free(table);
		return NULL;
	}
	return table;
}

static unsigned log_lines(unsigned lines)
{
	return lines >= LINES_FOR_LOG ? TABLE_LOG_LINES : 0;
}

/* False: the terminal did not take all of it. */
static bool write_frame(int fd, const char *frame, size_t size)
{
	while (size) {
		ssize_t written = write(fd, frame, size);

		if (written <= 0)
			return false;
		frame += written;
		size -= (size_t)written;
	}
	return true;
}

/*
 * When need be, as on a new size: clears the screen, sets the log's region apart and puts the
 * cursor into it. What was on the screen before the first frame is scrolled out of the way rather
 * than lost.
 */
static void frame_begin(FILE *frame, struct table *table)
{
	struct winsize size = {.ws_row = 0};
	unsigned lines = 24, columns = 80;

	if (ioctl(table->fd, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col) {
		lines = size.ws_row;
		columns = size.ws_col;
	}
	if (lines == table->lines && columns == table->columns)
		return;
	if (!table->lines)
		fprintf(frame, "\033[%u;1H", lines);
	for (unsigned i = 0; !table->lines && i < lines; i++)
		fputc('\n', frame);
	fprintf(frame, "\033[r\033[H\033[J");
	if (log_lines(lines))
		fprintf(frame, "\033[%u;%ur\033[%u;1H", lines - log_lines(lines) + 1, lines, lines);
	table->lines = lines;
	table->columns = columns;
}

/* Draws the text from the top, and blanks what an earlier, longer one left below it. */
static void frame_draw(FILE *frame, const struct table *table, const char *text)
{
	unsigned lines = table->lines - log_lines(table->lines);

	fputs("\0337\033[H", frame);
	for (unsigned line = 0; line < lines; line++) {
		size_t length = strcspn(text, "\n");

		/* Cleared first: behind a full line this would clear its last character. */
		fprintf(frame, "%s\033[K%.*s", line ? "\r\n" : "", (int)length, text);
		text += length + (text[length] == '\n');
	}
	fputs("\0338", frame);
}

void table_refresh(struct table *table, const struct metrics *metrics, const char *metrics_url,
	uint64_t now_ns)
{
	const struct figures *figures = figures_read(table->reader, metrics, now_ns);
	char *text = NULL, *frame = NULL;
	size_t text_size, frame_size;
	FILE *text_out = open_memstream(&text, &text_size);
	FILE *frame_out = open_memstream(&frame, &frame_size);

	if (text_out && frame_out) {
		frame_begin(frame_out, table);
		table_render(text_out, figures, metrics_url, table->lines - log_lines(table->lines),
			table->columns);
		fflush(text_out);
		frame_draw(frame_out, table, text);
		fflush(frame_out);
		/* A torn frame may have left the cursor outside of the log's region. */
		if (!write_frame(table->fd, frame, frame_size))
			table->columns = 0;
	}
	if (text_out)
		fclose(text_out);
	if (frame_out)
		fclose(frame_out);
	free(text);
	free(frame);
}

void table_free(struct table *table)
{
	char end[32];

	if (!table)
		return;
	if (table->lines) {
		int size = snprintf(end, sizeof(end), "\033[r\033[%u;1H\n", table->lines);

		write_frame(table->fd, end, (size_t)size);
	}
	if (table->fd >= 0)
		close(table->fd);
	figures_reader_free(table->reader);
	free(table);
}
