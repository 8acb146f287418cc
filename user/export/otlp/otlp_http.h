/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OTLP/HTTP's transport: POSTs the bodies of requests to an endpoint over one kept connection.
 * It knows nothing of spans or retries. Environment: OTEL_EXPORTER_OTLP_HEADERS (`key=value,…`,
 * values percent-encoded), or the signal's own variable, is added to each request; proxies as
 * libcurl takes them, but for loopback.
 *
 * The exporter (otlp.c) opens and closes it on the main thread, with none of its own other threads
 * around, and posts on its own thread.
 */
#ifndef SONDE_OTLP_HTTP_H
#define SONDE_OTLP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OTLP_ERROR_LEN 256

/* More of an answer is read and thrown away; all that counts is in its first bytes. */
#define OTLP_ANSWER_LEN 65536

struct otlp_http;

struct otlp_answer {
	int status;              /* of HTTP; 0: none came */
	uint64_t retry_after_ns; /* the server asks to wait that long; 0: it doesn't */
	const char *error;       /* why no answer came, else NULL. Valid until the next post */
	const uint8_t *body;     /* the same */
	size_t body_size;
};

struct otlp_http_options {
	/*
	 * http or https URL, to which `path` ("/v1/traces") is appended; it may end in that, or in
	 * another signal's, already. With a `path` of NULL it is the URL itself.
	 */
	const char *endpoint;
	const char *path;
	const char *headers_variable; /* the signal's own, which wins over the one for all */
	const char *version;          /* of Sonde */
	uint64_t timeout_ns;          /* for one request */
	bool compressed;              /* the bodies are gzipped */
};

/*
 * Options are copied. Returns 0, or -EINVAL or -ENOMEM, or -ELIBACC when libcurl cannot be loaded,
 * with one line in error[].
 */
int otlp_http_open(struct otlp_http **out, const struct otlp_http_options *options,
	char error[OTLP_ERROR_LEN]);
void otlp_http_close(struct otlp_http *http);

/* Sends `size` bytes, and waits for the answer. */
void otlp_http_post(
	struct otlp_http *http, const void *body, size_t size, struct otlp_answer *answer);

/* No request goes on beyond this time (CLOCK_MONOTONIC), a running one included. Any thread. */
void otlp_http_set_deadline(struct otlp_http *http, uint64_t deadline_ns);

/* Where it goes, without credentials. */
const char *otlp_http_url(const struct otlp_http *http);

#endif
