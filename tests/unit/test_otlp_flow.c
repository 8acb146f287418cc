/* SPDX-License-Identifier: Apache-2.0 */
/* Flow records as OTLP log records, as Google's protobuf library reads them (otlp_decode.py). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/otlp/otlp_encode.h"
#include "export/otlp/otlp_queue.h"
#include "flow_sample.h"

static const struct otlp_about about = {.host_name = "node-1", .version = "1.2.3"};

/* Encodes, and compares with what the decoder prints. */
static void assert_decodes_to(const struct otlp_flow *records, size_t count, const char *expected)
{
	char path[] = "/tmp/sonde-otlp-XXXXXX", source[] = __FILE__, command[512];
	char *text = NULL;
	size_t length = 0;
	struct otlp_body body;
	int file = mkstemp(path);
	FILE *pipe;

	assert_true(file >= 0);
	assert_int_equal(otlp_encode(&body, &about, &otlp_flows, records, count, false), 0);
	assert_int_equal(write(file, body.data, body.size), body.size);
	close(file);
	free(body.data);
	snprintf(command, sizeof(command), "/usr/bin/python3 %s/otlp_decode.py %s logs",
		dirname(source), path);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_true(getdelim(&text, &length, '\0', pipe) > 0);
	assert_int_equal(pclose(pipe), 0);
	unlink(path);
	assert_string_equal(text, expected);
	free(text);
}

static struct otlp_flow record_of(const struct flow_sample *sample)
{
	return (struct otlp_flow){sample->view, sample->flow};
}

static void test_a_flow_record_is_an_event_of_its_process(void **state)
{
	struct flow_sample sample;
	struct otlp_flow record;
	(void)state;

	flow_sample_make(&sample);
	record = record_of(&sample);
	record.view.flow = NULL; /* what lies in a queue is not where it was */
	assert_decodes_to(&record, 1,
		"resource https://opentelemetry.io/schemas/1.44.0\n"
		"  service.name: string \"shop\"\n"
		"  host.name: string \"node-1\"\n"
		"  os.type: string \"linux\"\n"
		"  process.pid: int 4242\n"
		"  telemetry.sdk.name: string \"sonde\"\n"
		"  telemetry.sdk.language: string \"c\"\n"
		"  telemetry.sdk.version: string \"1.2.3\"\n"
		"  scope sonde 1.2.3 https://opentelemetry.io/schemas/1.44.0\n"
		"    log record \"sonde.tcp.flow\" severity 9\n"
		"      time 1773059701500000007 observed 1773059701500000007\n"
		"      event: string \"closed\"\n"
		"      process.command: string \"curl\"\n"
		"      direction: string \"outbound\"\n"
		"      source.address: string \"127.0.0.1\"\n"
		"      source.port: int 40000\n"
		"      destination.address: string \"10.0.0.5\"\n"
		"      destination.port: int 6379\n"
		"      peer: string \"redis\"\n"
		"      server.port: int 6379\n"
		"      netns: int 4026531840\n"
		"      mptcp: bool false\n"
		"      state: string \"close\"\n"
		"      start: string \"2026-03-09T12:35:00.000000007Z\"\n"
		"      duration_seconds: double 1.5\n"
		"      sent_bytes: int 1234\n"
		"      received_bytes: int 5678\n"
		"      sent_segments: int 12\n"
		"      received_segments: int 13\n"
		"      retransmitted_segments: int 1\n"
		"      retransmitted_bytes: int 100\n"
		"      lost_segments: int 2\n"
		"      out_of_order_segments: int 3\n"
		"      zero_window_events: int 4\n"
		"      unsent_bytes: int 5\n"
		"      unacknowledged_bytes: int 6\n"
		"      congestion_window_segments: int 10\n"
		"      rtt_seconds: double 0.00025\n"
		"      min_rtt_seconds: double 9.9e-05\n"
		"      connect_seconds: double 0.00012\n"
		"      first_byte_seconds: double 0.002000001\n"
		"      result: string \"established\"\n"
		"      closed_by: string \"peer\"\n"
		"      reason: string \"reset_received\"\n"
		"      error: string \"ECONNRESET\"\n");
}

/* A queue keeps what its owner reuses. */
static void test_waiting_records_are_copies(void **state)
{
	struct otlp_queue queue;
	struct otlp_batch *batch;
	const struct otlp_flow *kept;
	struct flow_sample sample;
	char peer[] = "redis-1";
	(void)state;

	otlp_queue_init(&queue, &otlp_flows, 2 * OTLP_QUEUE_BYTES_MIN);
	for (uint16_t i = 0; i < 3; i++) {
		flow_sample_make(&sample);
		sample.flow.address.local_port = i;
		peer[6] = (char)('0' + i);
		sample.view.peer = peer;
		struct otlp_flow record = record_of(&sample);
		assert_int_equal(otlp_queue_add(&queue, &record), 0);
	}
	strcpy(sample.service.name, "another");
	batch = otlp_queue_take(&queue, true);
	assert_int_equal(batch->count, 3);
	kept = (const struct otlp_flow *)batch->items;
	for (uint16_t i = 0; i < 3; i++) {
		assert_int_equal(kept[i].flow.address.local_port, i);
		assert_int_equal(kept[i].view.peer[6], '0' + i);
		assert_string_equal(kept[i].view.service->name, "shop");
	}
	free(batch);
	otlp_queue_freed(&queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_flow_record_is_an_event_of_its_process),
		cmocka_unit_test(test_waiting_records_are_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
