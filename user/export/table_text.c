/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of the live table (table.h): figures in, lines out. All that it prints of what programs
 * chose themselves goes through line_put(), which lets nothing out that a terminal would obey or
 * that takes other than one column.
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "export/table.h"
#include "utf8.h"

#define NAME_COLUMNS_MIN 16
#define NAME_COLUMNS_MAX 32
#define FIGURE_COLUMNS   6  /* with the space before it */
#define SYSCALLS_WANTED  44 /* three of them; what is left over widens the names */

#define PLAIN "\033[0m"
#define BOLD  "\033[1m"
#define RED   "\033[1;31m"

/* A line that is cut with "…" where the screen ends. */
struct line {
	FILE *out;
	unsigned left; /* columns */
};

/* ASCII, Latin, Greek, Cyrillic: neither wide nor combining nor turning the line around. */
static bool is_one_column(uint32_t code)
{
	return (code >= 0x20 && code < 0x7f) || (code >= 0xa1 && code < 0x300 && code != 0xad) ||
	       (code >= 0x370 && code < 0x483) || (code >= 0x48a && code < 0x530);
}

/* Prints `text` in at most `columns` columns; returns how many it took. */
static unsigned line_put(struct line *line, const char *text, unsigned columns)
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

static void line_pad(struct line *line, unsigned columns)
{
	for (; columns && line->left; columns--, line->left--)
		fputc(' ', line->out);
}

/* A figure of at most five characters, at the right side of its column. */
static void line_put_figure(struct line *line, const char *text)
{
	if (line->left < FIGURE_COLUMNS) {
		line->left = 0;
		return;
	}
	line_pad(line, FIGURE_COLUMNS - (unsigned)strlen(text));
	line_put(line, text, FIGURE_COLUMNS);
}

/* Five characters at most: 0.3, 12, 1.2k, 999k. The last unit must be enough for any value. */
static const char *scaled(char text[16], double value, double step, const char *const *units)
{
	bool whole;

	while (value >= 999.5 && units[1]) {
		value /= step;
		units++;
	}
	whole = value >= 9.95 || fabs(value - rint(value)) < 0.05;
	snprintf(text, 16, "%.*f%s", whole ? 0 : 1, value, *units);
	return text;
}

static const char *count_text(char text[16], double count)
{
	static const char *const units[] = {"", "k", "M", "G", "T", "P", "E", NULL};

	return scaled(text, count, 1000, units);
}

static const char *rate_text(char text[16], const struct figures *figures, double rate)
{
	return figures->has_rates ? count_text(text, rate) : "-";
}

static const char *bytes_text(char text[16], const struct figures *figures, double bytes)
{
	static const char *const units[] = {"B", "K", "M", "G", "T", "P", "E", NULL};

	return figures->has_rates ? scaled(text, bytes, 1024, units) : "-";
}

static const char *duration_text(char text[16], uint64_t ns)
{
	static const char *const units[] = {"us", "ms", "s", NULL};

	return ns ? scaled(text, (double)ns / 1000, 1000, units) : "-";
}

static void render_losses(struct line *line, const struct figures *figures)
{
	char text[64], number[16];

	if (figures->lost_events == 0) {
		line_put(line, " · lost 0", line->left);
		return;
	}
	line_put(line, " · ", line->left);
	fputs(RED, line->out);
	snprintf(text, sizeof(text), "lost %s", count_text(number, figures->lost_events));
	line_put(line, text, line->left);
	for (size_t i = 0; i < figures->loss_count; i++) {
		const struct figures_loss *loss = &figures->losses[i];

		snprintf(text, sizeof(text), "%s%s %s %s", i ? ", " : ": ", loss->source,
			loss->outcome, count_text(number, loss->events));
		line_put(line, text, line->left);
	}
	fputs(PLAIN, line->out);
}

static void render_summary(
	FILE *out, const struct figures *figures, const char *metrics_url, unsigned columns)
{
	struct line line = {out, columns};
	char text[96], requests[16], errors[16];

	fputs(BOLD, out);
	line_put(&line, metrics_url, columns);
	fputs(PLAIN, out);
	snprintf(text, sizeof(text), " · %zu service%s · %s req/s · %s err/s",
		figures->service_count, figures->service_count == 1 ? "" : "s",
		rate_text(requests, figures, figures->total.requests),
		rate_text(errors, figures, figures->total.errors));
	line_put(&line, text, columns);
	render_losses(&line, figures);
	fputc('\n', out);
}

static void render_header(FILE *out, unsigned name_columns, unsigned columns)
{
	static const char *const titles[] = {
		"REQ/S", "ERR/S", "P50", "P99", "OUT/S", "CONNS", "RX/S", "TX/S"};
	struct line line = {out, columns};

	fputs(BOLD, out);
	line_pad(&line, name_columns - line_put(&line, "SERVICE", name_columns));
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		line_put_figure(&line, titles[i]);
	line_put(&line, "  BUSIEST SYSCALLS", columns);
	fputs(PLAIN "\n", out);
}

static void render_service(FILE *out, const struct figures *figures,
	const struct figures_service *service, unsigned name_columns, unsigned columns)
{
	struct line line = {out, columns};
	char text[64];

	line_pad(&line, name_columns - line_put(&line, service->name, name_columns));
	line_put_figure(&line, rate_text(text, figures, service->requests));
	if (service->errors > 0)
		fputs(RED, out);
	line_put_figure(&line, rate_text(text, figures, service->errors));
	if (service->errors > 0)
		fputs(PLAIN, out);
	line_put_figure(&line, duration_text(text, service->p50_ns));
	line_put_figure(&line, duration_text(text, service->p99_ns));
	line_put_figure(&line, rate_text(text, figures, service->calls));
	line_put_figure(&line, count_text(text, service->connections));
	line_put_figure(&line, bytes_text(text, figures, service->received_bytes));
	line_put_figure(&line, bytes_text(text, figures, service->sent_bytes));
	for (size_t i = 0; i < FIGURES_BUSIEST && service->busiest[i].share > 0; i++) {
		const char *name = service->busiest[i].name;

		/* Half a name is no use: the next is shown as a whole or not at all. */
		snprintf(text, sizeof(text), "%s%s %.0f%%", i ? " " : "  ", *name ? name : "other",
			100 * service->busiest[i].share);
		if (strlen(text) > line.left)
			break;
		line_put(&line, text, columns);
	}
	fputc('\n', out);
}

void table_render(FILE *out, const struct figures *figures, const char *metrics_url, unsigned lines,
	unsigned columns)
{
	unsigned name_columns = NAME_COLUMNS_MIN, fixed = 8 * FIGURE_COLUMNS + SYSCALLS_WANTED;
	unsigned room = lines > 2 ? lines - 2 : 0;
	size_t shown = figures->service_count;

	if (columns > fixed + NAME_COLUMNS_MIN)
		name_columns = columns - fixed;
	if (name_columns > NAME_COLUMNS_MAX)
		name_columns = NAME_COLUMNS_MAX;
	if (lines < 2)
		return;
	render_summary(out, figures, metrics_url, columns);
	render_header(out, name_columns, columns);
	/* The last line says how many are left out, rather than hiding it. */
	if (shown > room)
		shown = room ? room - 1 : 0;
	for (size_t i = 0; i < shown; i++)
		render_service(out, figures, figures->services[i], name_columns, columns);
	if (shown < figures->service_count && room)
		fprintf(out, "… %zu more\n", figures->service_count - shown);
}
