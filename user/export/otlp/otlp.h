/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OTLP exporter of one signal: takes finished items (spans, flow records) from the main thread,
 * and sends them in batches from a thread of its own to a collector, over OTLP/HTTP (protobuf).
 *
 * Where items wait is bounded: eight batches or more, together `queue_bytes`. When the backend is
 * down they fill up; the items that wait are kept and new ones dropped, since a span says most
 * beside the others of its time, and dropping costs nothing where it is decided. A batch is sent
 * again after 429, 502, 503, 504 and failed connections, at intervals that double (with jitter; a
 * server's Retry-After goes first), until its first item is `retry_for_ns` old.
 *
 * Every item counts exactly once: offered = exported + the sum of dropped + queued, at any time.
 */
#ifndef SONDE_OTLP_H
#define SONDE_OTLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export/otlp/otlp_http.h"
#include "export/otlp/otlp_queue.h"
#include "export/otlp/otlp_signal.h"

struct otlp;

struct otlp_options {
	const struct otlp_signal *signal;
	const char *endpoint;       /* of all signals; see struct otlp_http_options */
	const char *exact_endpoint; /* of this signal, which wins; "" or NULL: there is none */
	const char *host_name;      /* host.name, or NULL */
	const char *version;        /* of Sonde */
	uint64_t queue_bytes;       /* ≥ OTLP_QUEUE_BYTES_MIN */
	uint64_t interval_ns;       /* longest wait of an item in a batch that is not full */
	uint64_t timeout_ns;        /* for one request */
	bool compressed;            /* by gzip */
	/* 0 takes the default */
	uint64_t retry_first_ns; /* first interval between tries: 500 ms */
	uint64_t retry_most_ns;  /* longest interval: 10 s, so that a recovery is seen soon */
	uint64_t retry_for_ns;   /* age at which a batch is given up: 5 min */
};

enum otlp_drop {
	OTLP_DROP_QUEUE_FULL,        /* no room: the backend is down or too slow */
	OTLP_DROP_REJECTED,          /* the backend refused them for good */
	OTLP_DROP_RETRIES_EXHAUSTED, /* the backend was away for too long */
	OTLP_DROP_SHUTDOWN,          /* not out when the time to stop was up */
	OTLP_DROP_NO_MEMORY,
	OTLP_DROPS
};

/* As label values: "queue_full", "rejected", … */
extern const char *const otlp_drop_names[OTLP_DROPS];

struct otlp_counters {
	uint64_t offered;
	uint64_t exported;
	uint64_t dropped[OTLP_DROPS];
	uint64_t queued;      /* waiting or under way now */
	uint64_t queue_bytes; /* memory of the waiting ones now */
	uint64_t requests_ok;
	uint64_t requests_failed; /* every other one, whatever came of its items */
	uint64_t retries;         /* requests that were not the first with their items */
};

/*
 * Starts the exporter; options are copied. Returns 0, or a negative errno with one line for a
 * person in error[]. Whether the endpoint can be reached only shows later, and does not keep Sonde
 * from running.
 */
int otlp_start(struct otlp **out, const struct otlp_options *options, char error[OTLP_ERROR_LEN]);

/* Takes a copy of `item`. Main thread. Neither waits for the backend nor fails: drops are counted.
 */
void otlp_export(struct otlp *otlp, const void *item);

/* A consistent snapshot. Any thread. */
void otlp_counters(struct otlp *otlp, struct otlp_counters *out);

/*
 * Sends what is queued until `deadline_ns` (CLOCK_MONOTONIC), counts the rest as dropped, and
 * frees. Returns earlier if there is nothing left, or no try left before the deadline. `last` (or
 * NULL) gets the final counts. Main thread.
 */
void otlp_stop(struct otlp *otlp, uint64_t deadline_ns, struct otlp_counters *last);

#endif
