/* SPDX-License-Identifier: Apache-2.0 */
/* See http_requests.h. */
#include "http_requests.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "record/record_check.h"
#include "series_listing.h"

/* --- what comes out --- */

struct request_spans request_spans;

static void keep_span(void *context, const struct exchange *span)
{
	(void)context;
	request_spans.count++;
	request_spans.span = *span;
	for (size_t i = 0; i < EXCHANGE_STRINGS; i++) {
		const char **string =
			(const char **)((char *)&request_spans.span + exchange_strings[i]);

		if (*string)
			*string = strcpy(request_spans.strings[i], *string);
	}
}

const char *span_text(enum http_text place)
{
	return request_spans.span.texts[place];
}

uint64_t span_number(enum http_number place)
{
	return request_spans.span.numbers[place];
}

void assert_all_series(const char *expected)
{
	assert_string_equal(series_listing(telemetry_metrics(fed), NULL), expected);
}

/* --- what goes in --- */

void requests_end_workload(__u32 workload)
{
	struct record record = {.type = RECORD_WORKLOAD_END, .workload = workload};

	feed(&record, sizeof(record));
}

void request_set_address(__u8 to[16], __u8 last)
{
	memcpy(to, (const __u8[16]){[10] = 0xff, 0xff, 10, 0, 0, last}, 16);
}

struct request request_of(enum http_role role, const char *line)
{
	struct request request = {
		.http = {
			.record = {.type = RECORD_HTTP, .workload = SHOP_1, .time_ns = 5 * SECOND},
			.address = {.local_port = 8080, .remote_port = 50000},
			.connection = 77,
			.tgid = 4321,
			.tid = 4323,
			.role = (__u8)role,
			.status = 200,
			.line_length = (__u16)strlen(line),
			.request_first_ns = SECOND,
			.request_last_ns = SECOND + MILLISECOND,
			.response_first_ns = SECOND + 15 * MILLISECOND,
			.response_last_ns = SECOND + 20 * MILLISECOND,
		}};

	request_set_address(request.http.address.local, 1);
	request_set_address(request.http.address.remote, 2);
	memcpy(request.http.line, line, strlen(line));
	return request;
}

void request_put_on_unix_socket(struct request *request, const char *path, size_t length)
{
	request->http.flags |= HTTP_UNIX;
	request->http.path_length = (__u8)length;
	memset(&request->http.address, 0, sizeof(request->http.address));
	memcpy((char *)request + offsetof(struct record_http, line) + request->http.line_length,
		path, length);
}

void request_put_behind_line(struct request *request, const void *bytes, size_t length)
{
	memcpy((char *)request + offsetof(struct record_http, line) + request->http.line_length +
			request->http.host_length,
		bytes, length);
}

struct request request_to(const char *line, const char *host)
{
	struct request request = request_of(HTTP_CLIENT, line);

	request_put_behind_line(&request, host, strlen(host));
	request.http.host_length = (__u8)strlen(host);
	return request;
}

void request_take(const struct request *request)
{
	size_t size = record_size(&request->http.record, sizeof(*request));
	struct record *record = malloc(size);

	assert_non_null(record);
	memcpy(record, request, size);
	feed(record, size);
	free(record);
}

void active_take(__u32 workload, enum http_role role, enum http_method method, __u32 active,
	__u32 long_active)
{
	struct record_http_active record = {
		.record = {.type = RECORD_HTTP_ACTIVE, .workload = workload},
		.role = (__u8)role,
		.method = (__u8)method,
		.active = active,
		.long_active = long_active,
	};

	feed(&record.record, sizeof(record));
}

const struct telemetry_settings requests_roomy = {
	.series_max = 100000,
	.series_per_service_max = 100000,
	.series_ttl_ns = 600 * SECOND,
	.routes_per_service_max = 10,
};

int requests_begin(void **state)
{
	(void)state;
	memset(&request_spans, 0, sizeof(request_spans));
	feed_begin(&requests_roomy);
	telemetry_set_spans(fed, keep_span, NULL);
	feed_workload(SHOP_1, "shop");
	feed_workload(SHOP_2, "shop");
	feed_workload(BANK, "bank");
	return 0;
}
