/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_row.h. */
#include "export/flows/flow_row.h"

#include <limits.h>
#include <string.h>

#include "base/address.h"
#include "base/text_line.h"

/* With the space behind; an address that is longer moves what comes after it. */
#define ADDRESS_COLUMNS   22 /* 255.255.255.255:65535 */
#define DIRECTION_COLUMNS 4
#define SERVICE_COLUMNS   21
#define PROCESS_COLUMNS   24 /* a whole command name and most numbers */
#define STATE_COLUMNS     12

static struct text_line begin_line(FILE *out, unsigned columns)
{
	return (struct text_line){out, columns ? columns : UINT_MAX};
}

/* A text that is cut, and the space behind it. */
static void put_cell(struct text_line *line, const char *text, unsigned columns)
{
	text_line_put_padded(line, text, columns - 1);
	text_line_pad(line, 1);
}

void flow_row_put_header(FILE *out, unsigned columns)
{
	struct text_line line = begin_line(out, columns);

	put_cell(&line, "LOCAL", ADDRESS_COLUMNS);
	put_cell(&line, "REMOTE", ADDRESS_COLUMNS);
	put_cell(&line, "DIR", DIRECTION_COLUMNS);
	put_cell(&line, "SERVICE", SERVICE_COLUMNS);
	put_cell(&line, "PROCESS", PROCESS_COLUMNS);
	put_cell(&line, "STATE", STATE_COLUMNS);
	text_line_put_figure(&line, "AGE");
	text_line_put_figure(&line, "TX/S");
	text_line_put_figure(&line, "RX/S");
	text_line_put_figure(&line, "SENT");
	text_line_put_figure(&line, "RCVD");
	text_line_put_figure(&line, "RETR");
	text_line_put_figure(&line, "RTT");
	text_line_put(&line, "  PEER", line.left);
	fputc('\n', out);
}

static void put_address(struct text_line *line, const uint8_t address[16], uint16_t port)
{
	char host[ADDRESS_TEXT_LEN], text[ADDRESS_TEXT_LEN + 10];
	unsigned used;

	address_text(host, address);
	snprintf(text, sizeof(text), strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
	used = text_line_put(line, text, line->left);
	text_line_pad(line, used < ADDRESS_COLUMNS ? ADDRESS_COLUMNS - used : 1);
}

static void put_process(struct text_line *line, const struct flow *flow)
{
	char text[COMM_LEN + 16] = "-";

	if (flow->tgid)
		snprintf(text, sizeof(text), "%.*s %u", COMM_LEN, flow->comm, flow->tgid);
	put_cell(line, text, PROCESS_COLUMNS);
}

static void put_age(struct text_line *line, const struct flow_view *view)
{
	static const struct {
		uint64_t seconds;
		char unit;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	uint64_t start_ns = view->flow->start_ns, seconds = 0;
	char text[FIGURE_LEN] = "-"; /* from before Sonde */
	size_t unit = 0;

	if (view->now_ns > start_ns)
		seconds = (view->now_ns - start_ns) / 1000000000;
	while (units[unit].seconds > 1 && seconds < 2 * units[unit].seconds)
		unit++;
	if (start_ns)
		snprintf(text, sizeof(text), "%u%c", (unsigned)(seconds / units[unit].seconds),
			units[unit].unit);
	text_line_put_figure(line, text);
}

static const char *direction_of(const struct flow *flow)
{
	return flow->direction == TCP_INBOUND    ? "in"
	       : flow->direction == TCP_OUTBOUND ? "out"
						 : "-";
}

void flow_row_put(FILE *out, const struct flow_view *view, unsigned columns)
{
	struct text_line line = begin_line(out, columns);
	const struct flow *flow = view->flow;
	char text[FIGURE_LEN];

	put_address(&line, flow->address.local, flow->address.local_port);
	put_address(&line, flow->address.remote, flow->address.remote_port);
	put_cell(&line, direction_of(flow), DIRECTION_COLUMNS);
	put_cell(&line, view->service->name, SERVICE_COLUMNS);
	put_process(&line, flow);
	put_cell(&line, flow_state_name(flow->state), STATE_COLUMNS);
	put_age(&line, view);
	text_line_put_figure(&line, figure_bytes(text, (double)view->rate.sent_bytes));
	text_line_put_figure(&line, figure_bytes(text, (double)view->rate.received_bytes));
	text_line_put_figure(&line, figure_bytes(text, (double)flow->total.sent_bytes));
	text_line_put_figure(&line, figure_bytes(text, (double)flow->total.received_bytes));
	text_line_put_figure(&line, figure_count(text, (double)flow->total.retransmitted_segments));
	text_line_put_figure(&line, figure_duration(text, flow->srtt_us * 1000ull));
	text_line_put(&line, "  ", 2);
	text_line_put(&line, view->peer, line.left);
	fputc('\n', out);
}
