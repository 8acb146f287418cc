/* SPDX-License-Identifier: Apache-2.0 */
/* The text of the live table (table.h): figures in, lines out. */
#include <string.h>

#include "base/text_line.h"
#include "export/terminal/live_table.h"

#define NAME_COLUMNS_MIN 16
#define NAME_COLUMNS_MAX 32
#define SYSCALLS_WANTED  44 /* three of them; what is left over widens the names */

#define PLAIN "\033[0m"
#define BOLD  "\033[1m"
#define RED   "\033[1;31m"

static const char *rate_text(char text[FIGURE_LEN], const struct figures *figures, double rate)
{
	return figures->has_rates ? figure_count(text, rate) : "-";
}

static const char *bytes_text(char text[FIGURE_LEN], const struct figures *figures, double bytes)
{
	return figures->has_rates ? figure_bytes(text, bytes) : "-";
}

static void render_losses(struct text_line *line, const struct figures *figures)
{
	char text[64], number[16];

	if (figures->lost_events == 0) {
		text_line_put(line, " · lost 0", line->left);
		return;
	}
	text_line_put(line, " · ", line->left);
	fputs(RED, line->out);
	snprintf(text, sizeof(text), "lost %s", figure_count(number, figures->lost_events));
	text_line_put(line, text, line->left);
	for (size_t i = 0; i < figures->loss_count; i++) {
		const struct figures_loss *loss = &figures->losses[i];

		snprintf(text, sizeof(text), "%s%s %s %s", i ? ", " : ": ", loss->source,
			loss->outcome, figure_count(number, loss->events));
		text_line_put(line, text, line->left);
	}
	fputs(PLAIN, line->out);
}

static void render_summary(
	FILE *out, const struct figures *figures, const char *metrics_url, unsigned columns)
{
	struct text_line line = {out, columns};
	char text[96], requests[16], errors[16];

	fputs(BOLD, out);
	text_line_put(&line, metrics_url, columns);
	fputs(PLAIN, out);
	snprintf(text, sizeof(text), " · %zu service%s · %s req/s · %s err/s",
		figures->service_count, figures->service_count == 1 ? "" : "s",
		rate_text(requests, figures, figures->total.requests),
		rate_text(errors, figures, figures->total.errors));
	text_line_put(&line, text, columns);
	render_losses(&line, figures);
	fputc('\n', out);
}

static void render_header(FILE *out, unsigned name_columns, unsigned columns)
{
	static const char *const titles[] = {
		"REQ/S", "ERR/S", "P50", "P99", "OUT/S", "CONNS", "RX/S", "TX/S"};
	struct text_line line = {out, columns};

	fputs(BOLD, out);
	text_line_put_padded(&line, "SERVICE", name_columns);
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		text_line_put_figure(&line, titles[i]);
	text_line_put(&line, "  BUSIEST SYSCALLS", columns);
	fputs(PLAIN "\n", out);
}

static void render_service(FILE *out, const struct figures *figures,
	const struct figures_service *service, unsigned name_columns, unsigned columns)
{
	struct text_line line = {out, columns};
	char text[64];

	text_line_put_padded(&line, service->name, name_columns);
	text_line_put_figure(&line, rate_text(text, figures, service->requests));
	if (service->errors > 0)
		fputs(RED, out);
	text_line_put_figure(&line, rate_text(text, figures, service->errors));
	if (service->errors > 0)
		fputs(PLAIN, out);
	text_line_put_figure(&line, figure_duration(text, service->p50_ns));
	text_line_put_figure(&line, figure_duration(text, service->p99_ns));
	text_line_put_figure(&line, rate_text(text, figures, service->calls));
	text_line_put_figure(&line, figure_count(text, service->connections));
	text_line_put_figure(&line, bytes_text(text, figures, service->received_bytes));
	text_line_put_figure(&line, bytes_text(text, figures, service->sent_bytes));
	for (size_t i = 0; i < FIGURES_BUSIEST && service->busiest[i].share > 0; i++) {
		const char *name = service->busiest[i].name;

		/* Half a name is no use: the next is shown as a whole or not at all. */
		snprintf(text, sizeof(text), "%s%s %.0f%%", i ? " " : "  ", *name ? name : "other",
			100 * service->busiest[i].share);
		if (strlen(text) > line.left)
			break;
		text_line_put(&line, text, columns);
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
