/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans → the gzipped body of an OTLP trace request, by the HTTP and DNS semantic conventions
 * v1.44.
 *
 * Of each span's attributes, the conventions' required and recommended ones are there as far as a
 * socket tells them; of the opt-in ones, body sizes, `client.port`, `network.local.…` (both ends of
 * a connection can so be matched), `network.transport` of Unix sockets and, on a client span with a
 * route, `url.template`. Our own are the times `sonde.http.…` (seconds) and `sonde.truncated`.
 * Values of query parameters that carry signatures are replaced by REDACTED.
 *
 * Called by the exporter's thread (otlp.c); keeps no state.
 */
#ifndef SONDE_OTLP_ENCODE_H
#define SONDE_OTLP_ENCODE_H

#include <stddef.h>

#include "telemetry/span.h"

/* What is the same in every request. */
struct otlp_about {
	const char *host_name; /* host.name; NULL or "" leaves it out */
	const char *version;   /* of Sonde */
};

struct otlp_body {
	char *data; /* the caller's to free */
	size_t size;
};

/*
 * Encodes `count` > 0 spans, grouped by resource (service and process) and in the given order
 * within one. Returns 0, or -ENOMEM with nothing in *body.
 */
int otlp_encode(struct otlp_body *body, const struct otlp_about *about, const struct span *spans,
	size_t count);

#endif
