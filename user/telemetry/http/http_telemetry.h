/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP requests: what a record means, as label values, as a span, and as a log line. Part of
 * telemetry.c.
 */
#ifndef SONDE_HTTP_TELEMETRY_H
#define SONDE_HTTP_TELEMETRY_H

#include "base/address.h"
#include "protocol/http/http1.h"
#include "telemetry/http/route.h"
#include "telemetry/metrics/label_values.h"
#include "telemetry/spans/span.h"

/* A record, read. Pointers live as long as the record and the service, and `route` until the next
 * record is read. */
struct http_request {
	const struct record_http *record;
	const struct service *service;
	struct http1_line line;
	const char *route; /* NULL: the target has no path */
	bool route_folded;
	const char *error_type; /* NULL: none */
	char status[6];         /* "" when none came */
	/* Client: the host that it asked, or else where it was connected to. Unix socket, on both
	 * sides: its path, "@…" when that is an abstract name, "" when it has none. */
	char server_address[HTTP_HOST_LEN + 1];
	char server_port[6];
	bool has_host; /* it is the host */
	uint64_t end_ns;
	uint64_t duration_ns;
	uint64_t time_to_first_byte_ns; /* 0: no byte of a response came */
};

/*
 * 0, or -EINVAL when the captured line is no request line. `hosts` is which hosts services have by
 * name, up to `hosts_max` of them.
 */
int http_request_read(struct http_request *request, const struct record_http *record,
	const struct service *service, struct routes *routes, struct label_values *hosts,
	size_t hosts_max);

/* The span of a request; `room` holds the strings that it borrows. */
struct http_span_room {
	char method[64];
	char path[HTTP_LINE_LEN + 1];
	char query[HTTP_LINE_LEN + 1];
	char client_address[ADDRESS_TEXT_LEN];
};

void http_span_make(struct span *span, struct http_span_room *room,
	const struct http_request *request, int64_t realtime_offset_ns);

/* Tells of a request that is open for long. Its query is left out: that is what holds secrets. */
void http_log_open(const struct http_request *request);

#endif
