/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_page.h. */
#include "export/flows/flow_page.h"

#include <stdio.h>
#include <stdlib.h>

#include "export/flows/flow_json.h"
#include "export/flows/flow_text.h"

struct ranked {
	uint64_t weight;
	uint64_t connection;
};

const char *flow_page_content_type(const struct flow_query *query)
{
	if (query->path == FLOW_PATH_CONNECTIONS && query->format == FLOW_FORMAT_JSON)
		return "application/x-ndjson";
	return "text/plain; charset=utf-8";
}

void flow_page_begin(struct flow_page *page, const struct flow_query *query)
{
	*page = (struct flow_page){.query = *query};
}

void flow_page_end(struct flow_page *page)
{
	free(page->ranked);
	page->ranked = NULL;
}

/* --- the order --- */

static void rank(void *context, const struct flow_view *view)
{
	struct flow_page *page = context;
	const struct flow *flow = view->flow;
	uint64_t weight = 0;

	switch ((enum flow_sort)page->query.sort) {
	case FLOW_SORT_BYTES: weight = flow->total.sent_bytes + flow->total.received_bytes; break;
	case FLOW_SORT_RATE: weight = view->rate.sent_bytes + view->rate.received_bytes; break;
	case FLOW_SORT_RETRANSMITS: weight = flow->total.retransmitted_segments; break;
	case FLOW_SORT_RTT: weight = flow->srtt_us; break;
	}
	page->has_pods |= view->service->pod.pod[0] != '\0';
	page->ranked[page->count++] = (struct ranked){weight, flow->connection};
}

static int compare(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;

	if (a->weight != b->weight)
		return a->weight < b->weight ? 1 : -1;
	return (a->connection > b->connection) - (a->connection < b->connection);
}

static bool rank_all(struct flow_page *page, const struct flows *flows)
{
	page->ranked = calloc(flows_count(flows) + 1, sizeof(*page->ranked));
	if (!page->ranked)
		return false;
	flows_visit(flows, rank, page);
	qsort(page->ranked, page->count, sizeof(*page->ranked), compare);
	if (page->query.limit && page->count > page->query.limit)
		page->count = page->query.limit;
	return true;
}

/* --- pieces --- */

static void append_json(void *context, const struct flow_view *view)
{
	flow_json_append(context, view);
}

struct rows {
	FILE *out;
	struct flow_row_form form;
};

static void put_row(void *context, const struct flow_view *view)
{
	const struct rows *rows = context;

	flow_row_put(rows->out, view, &rows->form);
}

static void append_lines(
	struct flow_page *page, const struct flows *flows, struct buffer *out, size_t enough)
{
	while (page->next < page->count && out->length < enough && !out->failed)
		flows_show(flows, page->ranked[page->next++].connection, append_json, out);
}

static void append_rows(
	struct flow_page *page, const struct flows *flows, struct buffer *out, size_t enough)
{
	char *text = NULL;
	size_t size = 0;
	struct rows rows = {open_memstream(&text, &size), {page->query.columns, page->has_pods}};

	if (rows.out) {
		if (page->next == 0)
			flow_row_put_header(rows.out, &rows.form);
		while (page->next < page->count && ftell(rows.out) < (long)enough)
			flows_show(flows, page->ranked[page->next++].connection, put_row, &rows);
		fclose(rows.out);
	}
	if (text)
		buffer_append(out, text, size);
	else
		out->failed = true;
	free(text);
}

bool flow_page_continue(
	struct flow_page *page, const struct flows *flows, struct buffer *out, size_t enough)
{
	if (page->query.path == FLOW_PATH_FLOWS) {
		flow_groups_append(out, flows, &page->query);
		return false;
	}
	if (!page->ranked && !rank_all(page, flows))
		out->failed = true;
	else if (page->query.format == FLOW_FORMAT_JSON)
		append_lines(page, flows, out, enough);
	else
		append_rows(page, flows, out, enough);
	return !out->failed && page->next < page->count;
}
