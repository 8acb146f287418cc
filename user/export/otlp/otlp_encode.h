/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items of one signal (otlp_signal.h) → the body of an OTLP request. What an item becomes
 * is told by otlp_span.c and otlp_flow.c.
 *
 * Called by the exporter's thread (otlp.c); keeps no state.
 */
#ifndef SONDE_OTLP_ENCODE_H
#define SONDE_OTLP_ENCODE_H

#include <stdbool.h>
#include <stddef.h>

#include "export/otlp/otlp_signal.h"

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
 * Encodes `count` > 0 items, which lie side by side, grouped by resource (service and process) and
 * in the given order within one; `compressed`: by gzip. Returns 0, or -ENOMEM with nothing in
 * *body.
 */
int otlp_encode(struct otlp_body *body, const struct otlp_about *about,
	const struct otlp_signal *signal, const void *items, size_t count, bool compressed);

#endif
