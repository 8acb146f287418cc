/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What encoding a span takes: Sonde's encoder, and protobuf-c packing the same messages, which it
 * gets as a tree for nothing. They take turns; each figure is the median of the rounds. Prints
 * NAME NANOSECONDS (of one span), or NAME BYTES, a line each.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "export/otlp/otlp_encode.h"
#include "export/otlp/otlp_messages.pb-c.h"
#include "protocol/http/http_exchange.h"

#define SPANS  400 /* a full batch */
#define ROUNDS 201

static const struct otlp_about about = {.host_name = "node-1", .version = "0.1.0"};

static void spans_make(struct exchange *spans, const struct service *service)
{
	static char paths[SPANS][32];

	for (int i = 0; i < SPANS; i++) {
		enum exchange_role role = i % 2 ? EXCHANGE_CLIENT : EXCHANGE_SERVER;
		const struct exchange_end local = {"10.0.0.5", 8080}, peer = {"10.0.0.7", 54321};

		snprintf(paths[i], sizeof(paths[i]), "/orders/%d", 100000 + i);
		spans[i] = (struct exchange){
			.protocol = &http_protocol,
			.service = service,
			.role = role,
			.pid = 4321,
			.tid = 4321,
			.start_ns = 1700000000123456789,
			.time_to_first_byte_ns = 2500000,
			.duration_ns = 100000001,
			.operation = "GET",
			.target = "/orders/{id}",
			.status = "200",
			.server = peer,
			.trace = {.trace_id = {(uint8_t)i, 1},
				.span_id = {(uint8_t)i, 2},
				.flags = 1},
			.local = local,
			.peer = peer,
			.texts = {[HTTP_TEXT_PATH] = paths[i],
				[HTTP_TEXT_VERSION] = "1.1",
				[HTTP_TEXT_CLIENT] = peer.address},
			.numbers = {[HTTP_NUMBER_STATUS] = 200,
				[HTTP_NUMBER_RESPONSE_BODY] = 612,
				[HTTP_NUMBER_CLIENT_PORT] = peer.port},
		};
	}
}

static double encode_ns(const struct exchange *spans, bool compressed, size_t *size)
{
	uint64_t begin = clock_monotonic_ns();
	struct otlp_body body;

	if (otlp_encode(&body, &about, &otlp_spans, spans, SPANS, compressed))
		abort();
	*size = body.size;
	free(body.data);
	return (double)(clock_monotonic_ns() - begin) / SPANS;
}

static double reference_ns(const Otlp__ExportTraceServiceRequest *request)
{
	uint64_t begin = clock_monotonic_ns();
	uint8_t *bytes = malloc(otlp__export_trace_service_request__get_packed_size(request));

	if (!bytes)
		abort();
	otlp__export_trace_service_request__pack(request, bytes);
	free(bytes);
	return (double)(clock_monotonic_ns() - begin) / SPANS;
}

static int compare(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

int main(void)
{
	static struct exchange spans[SPANS];
	static double plain[ROUNDS], gzipped[ROUNDS], reference[ROUNDS];
	const struct service service = {.name = "orders", .executable = "python3.11"};
	size_t plain_size, gzipped_size;
	struct otlp_body body;
	Otlp__ExportTraceServiceRequest *request;

	spans_make(spans, &service);
	if (otlp_encode(&body, &about, &otlp_spans, spans, SPANS, false))
		abort();
	request = otlp__export_trace_service_request__unpack(
		NULL, body.size, (const uint8_t *)body.data);
	if (!request)
		abort();
	for (int i = 0; i < ROUNDS; i++) {
		plain[i] = encode_ns(spans, false, &plain_size);
		reference[i] = reference_ns(request);
		gzipped[i] = encode_ns(spans, true, &gzipped_size);
	}
	printf("plain %.0f\nreference %.0f\ngzipped %.0f\n", median(plain), median(reference),
		median(gzipped));
	printf("plain_bytes %zu\ngzipped_bytes %zu\n", plain_size / SPANS, gzipped_size / SPANS);
	return 0;
}
