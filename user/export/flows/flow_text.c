/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_text.h. */
#include "export/flows/flow_text.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/address.h"
#include "base/text_line.h"

/* --- rows --- */

/* With the space behind; an address that is longer moves what comes after it. */
#define ADDRESS_COLUMNS   22 /* 255.255.255.255:65535 */
#define DIRECTION_COLUMNS 4
#define SERVICE_COLUMNS   21
#define PROCESS_COLUMNS   24 /* a whole command name and most numbers */
#define STATE_COLUMNS     12
#define NAMESPACE_COLUMNS 17
#define OWNER_COLUMNS     29
#define POD_COLUMNS       37

#define OWNER_TEXT_LEN (32 + POD_NAME_LEN)

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

static void put_pod_header(struct text_line *line)
{
	text_line_put(line, "  ", 2);
	put_cell(line, "NAMESPACE", NAMESPACE_COLUMNS);
	put_cell(line, "OWNER", OWNER_COLUMNS);
	put_cell(line, "POD", POD_COLUMNS);
}

void flow_row_put_header(FILE *out, const struct flow_row_form *form)
{
	struct text_line line = begin_line(out, form->columns);

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
	if (form->has_pods)
		put_pod_header(&line);
	text_line_put(&line, form->has_pods ? "PEER" : "  PEER", line.left);
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

static const char *or_dash(const char *text)
{
	return *text ? text : "-";
}

/* `deployment/web`, as kubectl has it; "-": none, or of no kind that has a word. */
static const char *owner_text(char text[OWNER_TEXT_LEN], const struct pod_identity *pod)
{
	if (!pod_owner_names[pod->owner])
		return or_dash(pod->owner_name);
	snprintf(text, OWNER_TEXT_LEN, "%s/%s", pod_owner_names[pod->owner], pod->owner_name);
	return text;
}

static void put_pod(struct text_line *line, const struct pod_identity *pod)
{
	char owner[OWNER_TEXT_LEN];

	put_cell(line, or_dash(pod->namespace), NAMESPACE_COLUMNS);
	put_cell(line, owner_text(owner, pod), OWNER_COLUMNS);
	put_cell(line, or_dash(pod->pod), POD_COLUMNS);
}

static const char *direction_of(const struct flow *flow)
{
	return flow->direction == TCP_INBOUND    ? "in"
	       : flow->direction == TCP_OUTBOUND ? "out"
						 : "-";
}

void flow_row_put(FILE *out, const struct flow_view *view, const struct flow_row_form *form)
{
	struct text_line line = begin_line(out, form->columns);
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
	if (form->has_pods)
		put_pod(&line, &view->service->pod);
	text_line_put(&line, view->peer, line.left);
	fputc('\n', out);
}

/* --- groups --- */

#define NAME_COLUMNS 32

/* The longest is a namespace with an owner and its kind. */
#define GROUP_NAME_LEN (POD_LABEL_LEN + OWNER_TEXT_LEN)

struct group {
	char name[GROUP_NAME_LEN];
	size_t connections;
	struct flow_rate rate;
	uint64_t sent_bytes;
	uint64_t received_bytes;
	uint64_t retransmitted_segments;
	uint64_t lost_segments;
	uint64_t rtt_sum_us;
	size_t rtt_count;
	UT_hash_handle hh;
};

struct groups {
	enum flow_by by;
	struct group *table;
	struct group others;
	size_t connections;
};

/* --- adding up --- */

static void name_process(char name[GROUP_NAME_LEN], const struct flow *flow)
{
	if (flow->tgid)
		snprintf(name, GROUP_NAME_LEN, "%.*s %u", COMM_LEN, flow->comm, flow->tgid);
}

/* Within its namespace, as another one may have an owner or a pod of the same name. */
static void name_in_namespace(
	char name[GROUP_NAME_LEN], const struct pod_identity *pod, const char *text)
{
	if (pod->namespace[0])
		snprintf(name, GROUP_NAME_LEN, "%s/%s", pod->namespace, text);
}

static void name_of(char name[GROUP_NAME_LEN], enum flow_by by, const struct flow_view *view)
{
	const struct pod_identity *pod = &view->service->pod;
	char owner[OWNER_TEXT_LEN];

	strcpy(name, "-");
	switch (by) {
	case FLOW_BY_SERVICE:
		snprintf(name, GROUP_NAME_LEN, "%s", or_dash(view->service->name));
		break;
	case FLOW_BY_PEER: snprintf(name, GROUP_NAME_LEN, "%s", or_dash(view->peer)); break;
	case FLOW_BY_PROCESS: name_process(name, view->flow); break;
	case FLOW_BY_NAMESPACE: strcpy(name, or_dash(pod->namespace)); break;
	case FLOW_BY_OWNER: name_in_namespace(name, pod, owner_text(owner, pod)); break;
	case FLOW_BY_POD: name_in_namespace(name, pod, pod->pod); break;
	}
}

static struct group *group_find(struct groups *groups, const char *name)
{
	struct group *group;

	HASH_FIND_STR(groups->table, name, group);
	if (group)
		return group;
	if (HASH_COUNT(groups->table) < FLOW_GROUPS_MAX)
		group = calloc(1, sizeof(*group));
	if (!group)
		return &groups->others;
	strcpy(group->name, name);
	HASH_ADD_STR(groups->table, name, group);
	return group;
}

static void group_add(void *context, const struct flow_view *view)
{
	struct groups *groups = context;
	const struct flow *flow = view->flow;
	char name[GROUP_NAME_LEN];
	struct group *group;

	name_of(name, groups->by, view);
	group = group_find(groups, name);
	groups->connections++;
	group->connections++;
	group->rate.sent_bytes += view->rate.sent_bytes;
	group->rate.received_bytes += view->rate.received_bytes;
	group->sent_bytes += flow->total.sent_bytes;
	group->received_bytes += flow->total.received_bytes;
	group->retransmitted_segments += flow->total.retransmitted_segments;
	group->lost_segments += flow->total.lost_segments;
	group->rtt_sum_us += flow->srtt_us;
	group->rtt_count += flow->srtt_us > 0;
}

/* --- the order --- */

static uint64_t rtt_us(const struct group *group)
{
	return group->rtt_count ? group->rtt_sum_us / group->rtt_count : 0;
}

static int descending(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static int by_name(const struct group *a, const struct group *b)
{
	return strcmp(a->name, b->name);
}

static int by_bytes(const struct group *a, const struct group *b)
{
	return descending(a->sent_bytes + a->received_bytes, b->sent_bytes + b->received_bytes)
		       ?: by_name(a, b);
}

static int by_rate(const struct group *a, const struct group *b)
{
	return descending(a->rate.sent_bytes + a->rate.received_bytes,
		       b->rate.sent_bytes + b->rate.received_bytes)
		       ?: by_bytes(a, b);
}

static int by_retransmits(const struct group *a, const struct group *b)
{
	return descending(a->retransmitted_segments, b->retransmitted_segments) ?: by_bytes(a, b);
}

static int by_rtt(const struct group *a, const struct group *b)
{
	return descending(rtt_us(a), rtt_us(b)) ?: by_bytes(a, b);
}

static void groups_sort(struct groups *groups, enum flow_sort sort)
{
	switch (sort) {
	case FLOW_SORT_BYTES: HASH_SORT(groups->table, by_bytes); break;
	case FLOW_SORT_RATE: HASH_SORT(groups->table, by_rate); break;
	case FLOW_SORT_RETRANSMITS: HASH_SORT(groups->table, by_retransmits); break;
	case FLOW_SORT_RTT: HASH_SORT(groups->table, by_rtt); break;
	}
}

/* --- text --- */

static void put_header(FILE *out, const struct groups *groups, unsigned columns)
{
	static const char *const titles[] = {
		"CONNS", "TX/S", "RX/S", "SENT", "RCVD", "RETR", "LOST", "RTT"};
	struct text_line line = {out, columns};
	char name[16];
	size_t length = 0;

	fprintf(out, "%zu connection%s\n", groups->connections,
		groups->connections == 1 ? "" : "s");
	for (const char *at = flow_by_name(groups->by); *at; at++)
		name[length++] = (char)toupper((unsigned char)*at);
	name[length] = '\0';
	text_line_put_padded(&line, name, NAME_COLUMNS);
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		text_line_put_figure(&line, titles[i]);
	fputc('\n', out);
}

static void put_group(FILE *out, const struct group *group, unsigned columns)
{
	struct text_line line = {out, columns};
	char text[FIGURE_LEN];

	text_line_put_padded(&line, group->name, NAME_COLUMNS);
	text_line_put_figure(&line, figure_count(text, (double)group->connections));
	text_line_put_figure(&line, figure_bytes(text, (double)group->rate.sent_bytes));
	text_line_put_figure(&line, figure_bytes(text, (double)group->rate.received_bytes));
	text_line_put_figure(&line, figure_bytes(text, (double)group->sent_bytes));
	text_line_put_figure(&line, figure_bytes(text, (double)group->received_bytes));
	text_line_put_figure(&line, figure_count(text, (double)group->retransmitted_segments));
	text_line_put_figure(&line, figure_count(text, (double)group->lost_segments));
	text_line_put_figure(&line, figure_duration(text, rtt_us(group) * 1000));
	fputc('\n', out);
}

static void put_table(FILE *out, const struct groups *groups, const struct flow_query *query)
{
	unsigned columns = query->columns ? query->columns : FLOW_QUERY_LIMIT_MAX;
	size_t shown = 0;

	put_header(out, groups, columns);
	for (const struct group *group = groups->table; group; group = group->hh.next) {
		if (query->limit && shown == query->limit)
			break;
		put_group(out, group, columns);
		shown++;
	}
	if (groups->others.connections)
		put_group(out, &groups->others, columns);
	if (shown < HASH_COUNT(groups->table))
		fprintf(out, "… %zu more\n", HASH_COUNT(groups->table) - shown);
}

void flow_groups_append(
	struct buffer *out, const struct flows *flows, const struct flow_query *query)
{
	struct groups groups = {.by = query->by, .others = {.name = "(others)"}};
	struct group *group, *next;
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);

	flows_visit(flows, group_add, &groups);
	groups_sort(&groups, query->sort);
	if (stream) {
		put_table(stream, &groups, query);
		fclose(stream);
	}
	if (text)
		buffer_append(out, text, size);
	else
		out->failed = true;
	free(text);
	HASH_ITER(hh, groups.table, group, next) {
		HASH_DEL(groups.table, group);
		free(group);
	}
}
