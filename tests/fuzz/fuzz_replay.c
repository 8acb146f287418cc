/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of any times, counts and texts, as a crafted recording has them, all the way to what is
 * shown of them: metrics in each format, flow records, spans, pages of flows and the live table.
 * Each is first made what record_check.h lets pass; what then is done with it must neither overflow
 * nor read what is not there.
 *
 * Input: pieces of a type, a length and the record's bytes.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "export/prometheus/exposition.h"
#include "export/terminal/figures.h"
#include "export/flows/flow_json.h"
#include "export/flows/flow_page.h"
#include "export/otlp/otlp_encode.h"
#include "export/otlp/otlp_signal.h"
#include "export/terminal/live_table.h"
#include "record/record_check.h"
#include "record/record_types.h"
#include "telemetry/telemetry.h"

#define RECORDS_AT_ONCE 64
#define PIECE           4096

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

union any_record {
	struct record record;
	struct record_workload workload;
	struct record_events events;
	struct record_http http;
	struct record_http_active http_active;
	struct record_dns dns;
	struct record_resolvers resolvers;
	struct record_tcp tcp;
	struct record_exec exec;
	struct record_exit exit;
	struct record_latency latency;
	struct record_syscall_error syscall_error;
	struct record_slow_syscall slow_syscall;
	unsigned char bytes[RECORD_SIZE_MAX];
};

#define END(text) ((text)[sizeof(text) - 1] = '\0')

static void mend_http(struct record_http *http)
{
	http->role %= HTTP_CLIENT + 1;
	http->error %= HTTP_RESPONSE_INVALID + 1;
	http->end %= HTTP_END_UNKNOWN + 1;
	http->status %= 1000;
	http->line_length %= HTTP_LINE_LEN + 1;
	http->host_length %= HTTP_HOST_LEN + 1;
	if (http->role != HTTP_CLIENT || http->flags & HTTP_UNIX)
		http->host_length = 0;
	if (http->line_length + http->host_length > HTTP_LINE_LEN)
		http->line_length = HTTP_LINE_LEN - http->host_length;
	http->host_lines %= 3;
	http->path_length = http->flags & HTTP_UNIX ? http->path_length % UNIX_PATH_LEN : 0;
}

static void mend_latency(struct record_latency *latency)
{
	latency->operation %= record_layout(latency->record.type)->operations;
	latency->bucket_count %= 8;
	for (__u32 i = 0; i < latency->bucket_count; i++) {
		struct record_bucket *bucket = &latency->buckets[i];

		bucket->index =
			i * (HISTOGRAM_BUCKETS / 8) + bucket->index % (HISTOGRAM_BUCKETS / 8);
		bucket->count += !bucket->count;
	}
}

/* Into the bounds of record_check.c; times and counts stay as they are. */
static void mend(union any_record *any)
{
	const struct record_layout *layout = record_layout(any->record.type);

	any->record.workload %= 8; /* few, so that records meet */
	if (layout && layout->operations)
		mend_latency(&any->latency);
	switch ((enum record_type)any->record.type) {
	case RECORD_WORKLOAD:
		any->workload.is_own &= 1;
		any->workload.holder %= HOLDERS_MAX;
		END(any->workload.comm);
		END(any->workload.executable);
		END(any->workload.program);
		END(any->workload.service_name);
		for (int i = 0; i < CGROUP_LEVELS; i++)
			END(any->workload.cgroup[i]);
		break;
	case RECORD_EVENTS:
		any->events.source %= SOURCES;
		any->events.outcome %= OUTCOMES;
		break;
	case RECORD_HTTP: mend_http(&any->http); break;
	case RECORD_HTTP_ACTIVE:
		any->http_active.role %= HTTP_CLIENT + 1;
		any->http_active.method %= HTTP_METHODS;
		if (any->http_active.long_active > any->http_active.active)
			any->http_active.long_active = any->http_active.active;
		break;
	case RECORD_DNS:
		any->dns.direction %= DNS_RECEIVED + 1;
		any->dns.is_tcp &= 1;
		any->dns.kept %= DNS_BYTES_LEN + 1;
		if (any->dns.length < any->dns.kept)
			any->dns.length = any->dns.kept;
		break;
	case RECORD_RESOLVERS: any->resolvers.count %= RESOLVERS_MAX + 1; break;
	case RECORD_TCP:
		any->tcp.event %= TCP_FAILED + 1;
		any->tcp.direction %= TCP_OUTBOUND + 1;
		any->tcp.closer %= TCP_PEER + 1;
		any->tcp.reason %= TCP_ERROR + 1;
		any->tcp.connection %= 4;
		END(any->tcp.comm);
		break;
	case RECORD_EXEC:
		any->exec.arguments_length %= ARGUMENTS_LEN + 1;
		END(any->exec.comm);
		break;
	case RECORD_EXIT:
		any->exit.signal %= 65;
		any->exit.oom &= 1;
		END(any->exit.comm);
		break;
	case RECORD_SYSCALL_ERROR:
		any->syscall_error.error = any->syscall_error.error % 4095 + 1;
		break;
	case RECORD_SLOW_SYSCALL: END(any->slow_syscall.comm); break;
	default: break;
	}
}

/* --- what is shown --- */

static void show_span(void *context, const struct exchange *span)
{
	static const struct otlp_about about = {.host_name = "host", .version = "1"};
	struct otlp_body body;
	(void)context;

	if (otlp_encode(&body, &about, &otlp_spans, span, 1, false) == 0)
		free(body.data);
}

static void show_flow(void *context, const struct flow_view *view)
{
	static const struct otlp_about about = {.host_name = "host", .version = "1"};
	struct otlp_flow flow = {*view, *view->flow};
	struct buffer line = {0};
	struct otlp_body body;
	(void)context;

	flow_json_append(&line, view);
	buffer_free(&line);
	if (otlp_encode(&body, &about, &otlp_flows, &flow, 1, false) == 0)
		free(body.data);
}

static void show_metrics(const struct metrics *metrics)
{
	for (int format = EXPOSITION_TEXT; format <= EXPOSITION_PROTOBUF; format++) {
		struct exposition exposition = {0};
		struct buffer piece = {0};

		exposition_begin(&exposition, metrics, (enum exposition_format)format);
		while (exposition_continue(&exposition, &piece, PIECE))
			piece.length = 0;
		exposition_end(&exposition);
		buffer_free(&piece);
	}
}

static void show_pages(const struct flows *flows, unsigned choice)
{
	struct flow_query query;
	struct flow_page page;
	struct buffer piece = {0};

	flow_query_begin(&query, choice & 1 ? "/flows" : "/connections");
	query.by = choice / 2 % (FLOW_BY_PROCESS + 1);
	query.sort = choice / 8 % (FLOW_SORT_RTT + 1);
	query.format = choice / 32 % 2;
	flow_page_begin(&page, &query);
	while (flow_page_continue(&page, flows, &piece, PIECE))
		piece.length = 0;
	flow_page_end(&page);
	buffer_free(&piece);
}

static void show_table(
	struct figures_reader *reader, const struct metrics *metrics, uint64_t now_ns)
{
	static FILE *nowhere;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	const struct figures *figures = figures_read(reader, metrics, now_ns);

	if (figures && nowhere)
		table_render(nowhere, figures, "http://127.0.0.1:1/metrics", 24, 100);
}

/* --- the way of the records --- */

static struct config config;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char error[CONFIG_ERROR_LEN];
	(void)argc;

	if (config_load(&config, 0, *argv, error) != CONFIG_OK)
		abort();
	log_configure(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct telemetry *telemetry = telemetry_new(&config.telemetry);
	struct figures_reader *reader = figures_reader_new();
	unsigned choice = size ? data[0] : 0;

	if (!telemetry || !reader)
		abort();
	telemetry_set_spans(telemetry, show_span, NULL);
	telemetry_set_flows(telemetry, show_flow, NULL, 1000);
	show_table(reader, telemetry_metrics(telemetry), 1);
	for (int i = 0; size > 2 && i < RECORDS_AT_ONCE; i++) {
		union any_record *any = calloc(1, sizeof(*any));
		size_t length = (size_t)data[1] * 8, room = size - 2;

		if (length > room)
			length = room;
		if (length > sizeof(any->bytes))
			length = sizeof(any->bytes);
		memcpy(any->bytes, data + 2, length);
		any->record.type = data[0] % RECORD_TYPES;
		data += 2 + length;
		size -= 2 + length;
		mend(any);

		/* In memory of the very size, so that a step beyond it is seen. */
		size_t whole = record_size(&any->record, sizeof(any->bytes));
		void *exact = whole ? memcpy(malloc(whole), any, whole) : NULL;

		if (exact && record_is_valid(exact, whole))
			telemetry_take(telemetry, exact, whole);
		else if (any->record.type)
			abort(); /* mend() is to be mended */
		free(exact);
		free(any);
	}
	show_table(reader, telemetry_metrics(telemetry), 2);
	show_metrics(telemetry_metrics(telemetry));
	show_pages(telemetry_flows(telemetry), choice);
	figures_reader_free(reader);
	telemetry_free(telemetry);
	return 0;
}
