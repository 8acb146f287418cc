/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is asked of the pages /flows and /connections, by parameters of their URL. Shared by the
 * listener, which reads them, and by `sonde flows` and `sonde connections`, which write them.
 */
#ifndef SONDE_FLOW_QUERY_H
#define SONDE_FLOW_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include <microhttpd.h>

#define FLOW_QUERY_ERROR_LEN 130
#define FLOW_QUERY_LIMIT_MAX 1000000

enum flow_page_path { FLOW_PATH_FLOWS, FLOW_PATH_CONNECTIONS };
enum flow_by {
	FLOW_BY_SERVICE,
	FLOW_BY_PEER,
	FLOW_BY_PROCESS,
	FLOW_BY_NAMESPACE, /* from here on of the local end's pod */
	FLOW_BY_OWNER,
	FLOW_BY_POD
};
/* largest first */
enum flow_sort { FLOW_SORT_BYTES, FLOW_SORT_RATE, FLOW_SORT_RETRANSMITS, FLOW_SORT_RTT };
enum flow_format { FLOW_FORMAT_JSON, FLOW_FORMAT_TEXT };

struct flow_query {
	enum flow_page_path path;
	unsigned by;      /* enum flow_by, of /flows */
	unsigned sort;    /* enum flow_sort */
	unsigned format;  /* enum flow_format, of /connections; /flows is text */
	unsigned limit;   /* most rows; 0: all */
	unsigned columns; /* width of text; 0: any */
};

/* Defaults for the page `path`; false: that is another page. */
bool flow_query_begin(struct flow_query *query, const char *path);

/* Takes a parameter; false: it is none, or has no such value, and `error` says what there is. */
bool flow_query_set(struct flow_query *query, const char *name, const char *value,
	char error[FLOW_QUERY_ERROR_LEN]);

/*
 * Adds the request's parameters to `query`; `is_local`: it comes from this machine's own users
 * (request_guard.h). Returns MHD_HTTP_OK, or the status to refuse it with, and in `error` one line
 * that says why.
 */
unsigned flow_query_read(struct MHD_Connection *connection, bool is_local, struct flow_query *query,
	char error[FLOW_QUERY_ERROR_LEN]);

/* The URL of the page with all that is not the default, below that of a server; cut at `size`. */
void flow_query_url(const struct flow_query *query, const char *server, char *url, size_t size);

/* As it is asked for: "service", … */
const char *flow_by_name(enum flow_by by);

#endif
