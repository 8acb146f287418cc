/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server: /metrics for Prometheus, /healthz and /readyz for an orchestrator, / for a
 * person, and, for clients on this machine only, /flows and /connections (flow_page.h). It has a
 * thread of its own, in which libmicrohttpd runs; but the series belong to the main thread, which
 * is asked for each piece of a scrape (scrape.h) through a file descriptor:
 *
 *   listener_start(&listener, &options, error);
 *   … epoll on listener_fd(listener); when it is readable:
 *   listener_serve(listener, &source, sweep, daemon);
 *   …
 *   listener_stop(listener);
 *
 * Each connection is for one request. Bounded: CLIENTS_MAX connections (clients.h), which all have
 * a time by which they must be done; CLIENTS_SERVED_MAX that are answered, each with a fixed amount
 * of memory for its request and for a piece of its answer.
 */
#ifndef SONDE_LISTENER_H
#define SONDE_LISTENER_H

#include <stdbool.h>

#include "export/server/clients.h"
#include "export/server/request_guard.h"
#include "export/server/scrape.h"

#define LISTENER_ERROR_LEN      256
#define LISTENER_FLOW_PAGES_MAX 4  /* at a time, as they take up to 1 MiB each */
#define LISTENER_GZIP_MAX       16 /* at a time, 72 KB each; what comes then is sent plain */
#define LISTENER_WAIT_SECONDS   10 /* for the main thread, then a scrape fails: 503 */

struct listener;

struct listener_options {
	const char *address;        /* IPv4:PORT or [IPv6]:PORT, port 0 for any */
	const char *version;        /* for the landing page */
	struct request_guard guard; /* its names must stay until listener_stop() */
};

/*
 * Listens. Returns 0, or a negative errno and in `error` what a person can do. Healthy, and not
 * ready ("starting"), until told otherwise.
 */
int listener_start(struct listener **listener, const struct listener_options *options,
	char error[LISTENER_ERROR_LEN]);

/* The address with the port that was really bound. */
const char *listener_address(const struct listener *listener);

/* Becomes readable when a scrape waits for the main thread. */
int listener_fd(const struct listener *listener);

/*
 * On the main thread, which owns what `source` points to: renders the next piece of each scrape
 * that waits. Before the first piece of a new one it calls `refresh` (once for all new ones), so
 * that what happened before the request is in it. Without `refresh`, new ones go on waiting: those
 * that come in quick succession can so share the next one.
 */
void listener_serve(struct listener *listener, const struct scrape_source *source,
	void (*refresh)(void *context), void *context);

/*
 * What /readyz and /healthz say: 200 or 503, and the reason, which is copied ("" becomes "ok").
 * From any thread.
 */
void listener_set_ready(struct listener *listener, bool is_ready, const char *reason);
void listener_set_healthy(struct listener *listener, bool is_healthy, const char *reason);

/*
 * Within a second. Scrapes that were begun are finished, for which their source must still be
 * there; others are answered 503.
 */
void listener_stop(struct listener *listener);

#endif
