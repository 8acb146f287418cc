/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of an exchange (protocol/exchange.h), whatever its protocol: its rate, errors and
 * durations in series, and a span. A protocol's figures are rows of a table, each of which is one
 * family. Sources call it (telemetry_source.h); telemetry.c owns it.
 */
#ifndef SONDE_EXCHANGES_H
#define SONDE_EXCHANGES_H

#include "protocol/exchange.h"
#include "telemetry/metrics/metrics.h"

/* Labels after the service, in any order and number. */
enum exchange_label {
	EXCHANGE_LABELS_END,
	EXCHANGE_OPERATION,
	EXCHANGE_TARGET,
	EXCHANGE_STATUS,
	EXCHANGE_ERROR,
	EXCHANGE_SERVER_ADDRESS, /* these two only of clients, and "_other" where there are many */
	EXCHANGE_SERVER_PORT,
	EXCHANGE_LABELS
};

enum exchange_figure {
	EXCHANGE_DURATION,   /* of those whose end is known; so is the next one's */
	EXCHANGE_UNTIMED,    /* how many others there are */
	EXCHANGE_FAILED,     /* how many have an error */
	EXCHANGE_FIRST_BYTE, /* time to it, of those that have one */
	EXCHANGE_WAIT        /* a number of the protocol's, in nanoseconds, where it is not 0 */
};

struct exchange_measure {
	unsigned family; /* its place among those of the source */
	uint8_t roles;   /* EXCHANGE_BY_… */
	enum exchange_figure figure;
	uint8_t number; /* EXCHANGE_WAIT: its place */
	enum exchange_label labels[METRIC_LABELS_MAX];
};

/* What one protocol's exchanges are counted in. */
struct exchange_measures {
	const struct exchange_measure *rows;
	size_t count;
	bool has_servers; /* some rows have labels of the server */
};

/* Takes an exchange as a span, borrowed for the call. */
typedef void (*span_sink)(void *context, const struct exchange *exchange);

struct exchanges;

struct exchanges *exchanges_new(void); /* NULL: no memory */
void exchanges_free(struct exchanges *exchanges);

/* Where spans go from now on; NULL: none are made, which saves their cost. */
void exchanges_set_spans(struct exchanges *exchanges, span_sink sink, void *context);

/* How the wall clock stands to the monotonic one from now on. */
void exchanges_set_clock(struct exchanges *exchanges, int64_t realtime_offset_ns);

/* Counts an exchange that was over at `time_ns`, in `families`, which are those of its source. */
void exchanges_count(struct exchanges *exchanges, const struct exchange *exchange,
	const struct exchange_measures *measures, struct metric_family *const *families,
	uint64_t time_ns);

/*
 * Counts many exchanges with the same labels, of which no more is known than how long they took. A
 * client's are in no server's series, and untimed ones in those of no duration.
 */
void exchanges_count_sum(const struct exchange *exchange, const struct exchange_measures *measures,
	struct metric_family *const *families, const struct record_latency *durations,
	enum bound_side side);

/* Describes it, and hands it on as a span where spans are wanted. */
bool exchanges_has_spans(const struct exchanges *exchanges); /* else none is made */
void exchanges_export(struct exchanges *exchanges, struct exchange *exchange);

#endif
