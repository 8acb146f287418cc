/* SPDX-License-Identifier: Apache-2.0 */
/* See exchanges.h. */
#include "telemetry/exchange/exchanges.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limit.h"
#include "identity/reserved.h"
#include "telemetry/metrics/label_values.h"

/* Whom a service's clients ask, as an address and a port: of one service, and of all. */
#define SERVERS_MAX       100
#define SERVERS_TOTAL_MAX 8192

#define SERVER_LEN 256 /* a host, a space and a port */

struct exchanges {
	struct label_values *servers;
	span_sink spans; /* NULL: none are made */
	void *spans_context;
	int64_t realtime_offset_ns;
};

struct exchanges *exchanges_new(void)
{
	struct exchanges *exchanges = calloc(1, sizeof(*exchanges));

	if (!exchanges)
		return NULL;
	exchanges->servers = label_values_new(SERVERS_TOTAL_MAX);
	if (!exchanges->servers) {
		exchanges_free(exchanges);
		return NULL;
	}
	return exchanges;
}

void exchanges_free(struct exchanges *exchanges)
{
	if (!exchanges)
		return;
	label_values_free(exchanges->servers);
	free(exchanges);
}

void exchanges_set_spans(struct exchanges *exchanges, span_sink sink, void *context)
{
	exchanges->spans = sink;
	exchanges->spans_context = context;
}

void exchanges_set_clock(struct exchanges *exchanges, int64_t realtime_offset_ns)
{
	exchanges->realtime_offset_ns = realtime_offset_ns;
}

/* --- series --- */

struct labels {
	const char *values[EXCHANGE_LABELS];
	char port[NUMBER_TEXT_LEN];
};

/* Whether the server has an own value of its labels: one of those that the service asks most. */
static bool server_is_reported(struct exchanges *exchanges, const struct exchange *exchange,
	const char *port, uint64_t time_ns)
{
	const char *service = service_key(exchange->service);
	char server[SERVER_LEN];

	snprintf(server, sizeof(server), "%s %s", exchange->server.address, port);
	if (label_values_admit(exchanges->servers, service, server, SERVERS_MAX, 1, time_ns))
		return true;
	limit_met(LIMIT_SERVERS, exchange->service->name);
	return false;
}

static void labels_add_server(struct labels *labels, struct exchanges *exchanges,
	const struct exchange *exchange, uint64_t time_ns)
{
	bool is_reported;

	labels->port[0] = '\0';
	if (exchange->server.port)
		number_text(labels->port, (uint32_t)exchange->server.port);
	is_reported = server_is_reported(exchanges, exchange, labels->port, time_ns);
	labels->values[EXCHANGE_SERVER_ADDRESS] =
		is_reported ? exchange->server.address : NAME_OTHER;
	labels->values[EXCHANGE_SERVER_PORT] = is_reported ? labels->port : "";
}

static struct metric_series *measure_series(const struct exchange_measure *measure,
	struct metric_family *family, const struct exchange *exchange, const struct labels *labels)
{
	const char *values[METRIC_LABELS_MAX + 1] = {service_key(exchange->service)};

	for (int i = 0; i < METRIC_LABELS_MAX && measure->labels[i]; i++)
		values[1 + i] = labels->values[measure->labels[i]];
	return metrics_series(family, values);
}

/* Whether a row is about this exchange; a duration is then in *duration_ns. */
static bool measure_applies(const struct exchange_measure *measure, const struct exchange *exchange,
	uint64_t *duration_ns)
{
	if (!(measure->roles >> exchange->role & 1))
		return false;
	switch (measure->figure) {
	case EXCHANGE_DURATION: *duration_ns = exchange->duration_ns; return exchange->is_timed;
	case EXCHANGE_UNTIMED: return !exchange->is_timed;
	case EXCHANGE_FAILED: return exchange->error != NULL;
	case EXCHANGE_FIRST_BYTE:
		*duration_ns = exchange->time_to_first_byte_ns;
		return exchange->has_first_byte;
	case EXCHANGE_WAIT:
		*duration_ns = exchange->numbers[measure->number];
		return *duration_ns != 0;
	}
	return false;
}

/* Without the server's. */
static struct labels labels_of(const struct exchange *exchange)
{
	return (struct labels){.values = {
				       [EXCHANGE_OPERATION] = exchange->operation,
				       [EXCHANGE_TARGET] = exchange->target,
				       [EXCHANGE_STATUS] = exchange->status,
				       [EXCHANGE_ERROR] = exchange->error,
			       }};
}

void exchanges_count(struct exchanges *exchanges, const struct exchange *exchange,
	const struct exchange_measures *measures, struct metric_family *const *families,
	uint64_t time_ns)
{
	struct labels labels = labels_of(exchange);

	if (measures->has_servers && exchange->role == EXCHANGE_CLIENT)
		labels_add_server(&labels, exchanges, exchange, time_ns);
	for (size_t i = 0; i < measures->count; i++) {
		const struct exchange_measure *measure = &measures->rows[i];
		struct metric_series *series;
		uint64_t duration_ns = 0;

		if (!measure_applies(measure, exchange, &duration_ns))
			continue;
		series = measure_series(measure, families[measure->family], exchange, &labels);
		if (measure->figure == EXCHANGE_UNTIMED || measure->figure == EXCHANGE_FAILED)
			metric_add(series, 1);
		else
			metric_record(series, duration_ns);
	}
}

static uint64_t count_of(const struct record_latency *durations)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < durations->bucket_count; i++)
		count += durations->buckets[i].count;
	return count;
}

void exchanges_count_sum(const struct exchange *exchange, const struct exchange_measures *measures,
	struct metric_family *const *families, const struct record_latency *durations,
	enum bound_side side)
{
	const struct labels labels = labels_of(exchange);
	uint64_t none;

	for (size_t i = 0; i < measures->count; i++) {
		const struct exchange_measure *measure = &measures->rows[i];
		struct metric_series *series;

		if (!measure_applies(measure, exchange, &none))
			continue;
		series = measure_series(measure, families[measure->family], exchange, &labels);
		if (measure->figure == EXCHANGE_DURATION)
			metric_merge(series, durations->buckets, durations->bucket_count,
				durations->sum_ns, side);
		else
			metric_add(series, count_of(durations));
	}
}

/* --- spans --- */

bool exchanges_has_spans(const struct exchanges *exchanges)
{
	return exchanges->spans != NULL;
}

void exchanges_export(struct exchanges *exchanges, struct exchange *exchange)
{
	if (!exchanges->spans)
		return;
	exchange_describe(exchange, exchanges->realtime_offset_ns);
	exchanges->spans(exchanges->spans_context, exchange);
}
