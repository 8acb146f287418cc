/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pages /connections and /flows, piece by piece, as /metrics is made (scrape.h). First all open
 * connections are ranked, in 16 bytes each; then each piece looks up its own again and leaves out
 * those that have ended meanwhile. So 20,000 connections keep the main thread for some milliseconds
 * once, and from then on for a piece at a time.
 */
#ifndef SONDE_FLOW_PAGE_H
#define SONDE_FLOW_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "export/flows/flow_query.h"
#include "telemetry/tcp/flows.h"

struct flow_page {
	struct flow_query query;
	struct ranked *ranked; /* NULL: not yet */
	size_t count;
	size_t next;
	bool has_pods; /* a connection is of a pod that is known */
};

const char *flow_page_content_type(const struct flow_query *query);

void flow_page_begin(struct flow_page *page, const struct flow_query *query);

/* Appends some `enough` bytes, and returns whether there is more; see exposition_continue(). */
bool flow_page_continue(
	struct flow_page *page, const struct flows *flows, struct buffer *out, size_t enough);

/* Frees what it holds. */
void flow_page_end(struct flow_page *page);

#endif
