/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An HTTP request with its response as an exchange: its operation is the method, its target the
 * route, which telemetry names, its status the response's code.
 */
#ifndef SONDE_HTTP_EXCHANGE_H
#define SONDE_HTTP_EXCHANGE_H

#include "base/address.h"
#include "protocol/exchange.h"
#include "protocol/http/http1.h"

enum http_text {
	HTTP_TEXT_METHOD_ORIGINAL, /* as sent, where the operation is "_OTHER" */
	HTTP_TEXT_PATH,            /* "": the target has none */
	HTTP_TEXT_QUERY,           /* without "?" */
	HTTP_TEXT_VERSION,         /* "1.1" */
	HTTP_TEXT_END,             /* how well the end is known, where it was not seen */
	HTTP_TEXT_TRANSPORT,       /* "unix"; NULL: TCP */
	HTTP_TEXT_SOCKET_PATH,     /* of a Unix socket, or "" */
	HTTP_TEXT_CLIENT           /* server: address of who asks; a proxy may have told it */
};

enum http_number {
	HTTP_NUMBER_STATUS,
	HTTP_NUMBER_REQUEST_BODY, /* bytes, and so is the next one */
	HTTP_NUMBER_RESPONSE_BODY,
	HTTP_NUMBER_QUEUE_NS, /* these two as in struct record_http */
	HTTP_NUMBER_SETUP_NS,
	HTTP_NUMBER_TRUNCATED, /* the target was longer than what is kept of it */
	HTTP_NUMBER_CLIENT_PORT
};

extern const struct exchange_protocol http_protocol;

/* An exchange with what it borrows. Lives as long as the record and the service do. */
struct http_exchange {
	struct exchange exchange;
	const struct record_http *record;
	struct http1_line line;
	char status[NUMBER_TEXT_LEN]; /* "": none came */
	/* Client: the host that it asks, as a label value, and its port or 0; "": not known. */
	char host[HTTP_HOST_LEN + 1];
	uint16_t host_port;
	/* Where a client is connected to. Unix socket, on both sides: its path, "@…" when that is
	 * an abstract name, "" when it has none. */
	char server[HTTP_HOST_LEN + 1];
	char method[64];
	char path[HTTP_LINE_LEN + 1];
	char query[HTTP_LINE_LEN + 1];
	char local[ADDRESS_TEXT_LEN], peer[ADDRESS_TEXT_LEN], client[ADDRESS_TEXT_LEN];
};

/*
 * Reads a record; its target is not named yet, and its server is where the client is connected to.
 * 0, or -EINVAL when the captured line is no request line.
 */
int http_exchange_read(struct http_exchange *http, const struct record_http *record,
	const struct service *service);

/*
 * Reads what is known of requests that no record tells of, by the number of their operation
 * (http_unread.h): neither target nor server nor times. Returns whether they are beyond a bound.
 */
bool http_exchange_read_unread(
	struct http_exchange *http, __u32 number, const struct service *service);

/* The server is the host that the client asks, which is known. */
void http_exchange_use_host(struct http_exchange *http);

/* Reports a request that is open for long. Its query is left out: that is what holds secrets. */
void http_exchange_log_open(struct http_exchange *http);

#endif
