/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in a captured HTTP/1 request line and in a `traceparent` header. Nothing is copied or
 * allocated: results point into the line. Any bytes may come in; what comes out holds no control
 * characters, but need not be UTF-8 (utf8_copy() mends that). Called per request by telemetry.
 */
#ifndef SONDE_HTTP1_H
#define SONDE_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

/* A part of the line, not terminated; text is NULL when the line has no such part. */
struct http1_part {
	const char *text;
	size_t length;
};

struct http1_line {
	enum http_method method;
	const char *version;               /* constant: "1.0" or "1.1" */
	struct http1_part method_original; /* as sent */
	/*
	 * `/a/b` of the target; "/" for `http://host`; "" (never NULL) for targets without a path,
	 * which are `*` and CONNECT's `host:port`.
	 */
	struct http1_part path;
	struct http1_part query;     /* without its "?"; "" for `/a?`, NULL for `/a` */
	struct http1_part authority; /* `host:port`, without user and password */
	bool target_truncated;       /* path or query goes on where the capture ended */
};

/* What a client asks: `shop.example`, `192.0.2.1` or `2001:db8::1`, and the port or 0. */
struct http1_host {
	struct http1_part name;
	uint16_t port;
	bool is_address; /* IPv6, which stands in brackets */
};

/* As the conventions write it: "GET", …, or "_OTHER". Constant. */
const char *http1_method_name(enum http_method method);

/*
 * Splits `METHOD SP target SP HTTP/1.x`. `truncated` says that the capture ended before the line
 * did: then what it lacks is not an error, and a missing version is taken for "1.1". The target may
 * hold spaces and be of no known form (servers answer 400, and that is a request too), but no
 * control characters. Returns 0, or -EINVAL for what is no request line of HTTP/1.
 */
int http1_parse_line(const char *line, size_t length, bool truncated, struct http1_line *out);

/*
 * Reads a value of `Host`, or an authority: a name of letters, digits, `-`, `_` and dots, or an
 * address, and a port. False: it is none, such as one with a user, or with anything hostile.
 */
bool http1_parse_host(const char *text, size_t length, struct http1_host *out);

/*
 * Reads a header `00-<trace id>-<parent id>-<flags>` by W3C Trace Context: lower-case digits, no id
 * of zeros, not version ff; later versions by their beginning, of whose flags only bit 0 (sampled)
 * is kept. `text` ends with a NUL or after TRACEPARENT_LEN + 1 bytes. False leaves the results
 * undefined.
 */
bool http1_parse_traceparent(
	const char *text, uint8_t trace_id[16], uint8_t parent_id[8], uint32_t *flags);

#endif
