/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP requests: what a record means, as label values and as a span. Part of telemetry.c. */
#ifndef SONDE_HTTP_TELEMETRY_H
#define SONDE_HTTP_TELEMETRY_H

#include "protocol/http1.h"
#include "telemetry/route.h"
#include "telemetry/span.h"

/* A record, read. Pointers live as long as the record, the service and the routes. */
struct http_request {
	const struct record_http *record;
	const struct service *service;
	struct http1_line line;
	const char *route; /* NULL: the target has no path */
	bool route_folded;
	const char *error_type; /* NULL: none */
	char status[6];         /* "" when none came */
	char remote[46];        /* address as text */
	char remote_port[6];
	uint64_t end_ns;
	uint64_t duration_ns;
};

/* 0, or -EINVAL when the captured line is no request line. */
int http_request_read(struct http_request *request, const struct record_http *record,
	const struct service *service, struct routes *routes);

/* The span of a request; `room` holds the strings that it borrows. */
struct http_span_room {
	char method[64];
	char path[HTTP_LINE_LEN + 1];
	char query[HTTP_LINE_LEN + 1];
};

void http_span_make(struct span *span, struct http_span_room *room,
	const struct http_request *request, int64_t realtime_offset_ns);

#endif
