/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OTLP/HTTP backend for tests: a thread that listens on a loopback port of its own and answers
 * the requests by a script, whose last line it repeats. It remembers what came.
 */
#ifndef SONDE_TEST_OTLP_BACKEND_H
#define SONDE_TEST_OTLP_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum backend_act {
	BACKEND_ANSWER,
	BACKEND_HANG,    /* never answers */
	BACKEND_HANG_UP, /* closes the connection instead */
};

struct backend_reply {
	enum backend_act act;
	int status;
	const char *header; /* one more, such as "Retry-After: 1", or NULL */
	const void *body;
	size_t body_size;
};

#define BACKEND_REQUESTS_MAX 256 /* later ones are answered and counted, but not remembered */

struct backend_request {
	uint64_t time_ns; /* CLOCK_MONOTONIC, when it was complete */
	char *head;
	size_t spans; /* in it, by its protobuf */
};

struct backend;

/* Bound to a port, on which connections are refused until backend_start(). */
struct backend *backend_new(const struct backend_reply *script, size_t count);
int backend_port(const struct backend *backend);
void backend_start(struct backend *backend);

/* Stops it if it runs; what it saw can be looked at until backend_free(). */
void backend_stop(struct backend *backend);
void backend_free(struct backend *backend);

size_t backend_connections(struct backend *backend);
size_t backend_requests(struct backend *backend);
size_t backend_spans(struct backend *backend); /* in requests that were answered with 200 */
const struct backend_request *backend_request(struct backend *backend, size_t index);

#endif
