/* SPDX-License-Identifier: Apache-2.0 */
/* A flow record as a line of JSON: all of it to the byte, and what is left out when not known. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "export/flows/flow_json.h"
#include "flow_sample.h"

static char line[4096];

static const char *json_of(const struct flow_view *view)
{
	struct buffer out = {0};

	flow_json_append(&out, view);
	assert_true(out.length < sizeof(line));
	memcpy(line, out.text, out.length);
	line[out.length] = '\0';
	buffer_free(&out);
	return line;
}

static void assert_has(const char *wanted)
{
	if (!strstr(line, wanted))
		fail_msg("no %s in %s", wanted, line);
}

static void assert_has_no(const char *unwanted)
{
	if (strstr(line, unwanted))
		fail_msg("%s in %s", unwanted, line);
}

static void test_closed_connection_is_told_in_full(void **state)
{
	struct flow_sample sample;
	(void)state;

	flow_sample_make(&sample);
	assert_string_equal(json_of(&sample.view),
		"{\"timestamp\":\"2026-03-09T12:35:01.500000007Z\",\"event\":\"closed\","
		"\"service_name\":\"shop\",\"process.pid\":4242,\"process.command\":\"curl\","
		"\"direction\":\"outbound\",\"source.address\":\"127.0.0.1\","
		"\"source.port\":40000,\"destination.address\":\"10.0.0.5\","
		"\"destination.port\":6379,\"peer\":\"redis\",\"server.port\":6379,"
		"\"netns\":4026531840,\"mptcp\":false,\"state\":\"close\","
		"\"start\":\"2026-03-09T12:35:00.000000007Z\",\"duration_seconds\":1.5,"
		"\"sent_bytes\":1234,\"received_bytes\":5678,\"sent_segments\":12,"
		"\"received_segments\":13,\"retransmitted_segments\":1,"
		"\"retransmitted_bytes\":100,\"lost_segments\":2,\"out_of_order_segments\":3,"
		"\"zero_window_events\":4,\"unsent_bytes\":5,\"unacknowledged_bytes\":6,"
		"\"congestion_window_segments\":10,\"rtt_seconds\":0.00025,"
		"\"min_rtt_seconds\":0.000099,\"connect_seconds\":0.00012,"
		"\"first_byte_seconds\":0.002000001,\"result\":\"established\","
		"\"closed_by\":\"peer\",\"reason\":\"reset_received\","
		"\"error\":\"ECONNRESET\"}\n");
}

static void test_pod_of_the_local_end_is_told_by_its_attributes(void **state)
{
	struct flow_sample sample;
	(void)state;

	flow_sample_make(&sample);
	sample.service.pod = (struct pod_identity){
		.namespace = "store",
		.pod = "web-1",
		.pod_uid = "u-1",
		.container = "main",
		.owner = POD_OWNER_STATEFULSET,
		.owner_name = "web",
		.node = "node1",
	};
	json_of(&sample.view);
	assert_has("\"service_name\":\"shop\",\"k8s.namespace.name\":\"store\","
		   "\"k8s.statefulset.name\":\"web\",\"k8s.pod.name\":\"web-1\","
		   "\"k8s.pod.uid\":\"u-1\",\"k8s.container.name\":\"main\","
		   "\"k8s.node.name\":\"node1\",\"process.pid\":4242,");
	/* a bare pod, of which the container is not known yet */
	sample.service.pod.owner = POD_OWNER_NONE;
	sample.service.pod.owner_name[0] = sample.service.pod.container[0] = '\0';
	json_of(&sample.view);
	assert_has("\"k8s.namespace.name\":\"store\",\"k8s.pod.name\":\"web-1\","
		   "\"k8s.pod.uid\":\"u-1\",\"k8s.node.name\":\"node1\",\"process.pid\":4242,");
}

static void test_source_is_who_opened_the_connection(void **state)
{
	struct flow_sample sample;
	(void)state;

	flow_sample_make(&sample);
	sample.flow.direction = TCP_INBOUND;
	json_of(&sample.view);
	assert_has("\"direction\":\"inbound\",\"source.address\":\"10.0.0.5\",\"source.port\":6379,"
		   "\"destination.address\":\"127.0.0.1\",\"destination.port\":40000");
	sample.flow.direction = TCP_UNKNOWN;
	json_of(&sample.view);
	assert_has("\"direction\":\"unknown\",\"source.address\":\"127.0.0.1\"");
}

static void test_what_is_not_known_is_left_out(void **state)
{
	static const char *const names[] = {"process.pid", "process.command", "server.port",
		"\"start\"", "duration", "rtt", "congestion", "connect_seconds", "first_byte",
		"closed_by", "reason", "error"};
	struct flow_sample sample;
	(void)state;

	flow_sample_make(&sample);
	sample.flow = (struct flow){.address = sample.flow.address,
		.connection = 77,
		.direction = TCP_UNKNOWN,
		.state = TCP_ESTABLISHED};
	sample.view.event = FLOW_OPEN;
	sample.view.port = 0;
	json_of(&sample.view);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_has_no(names[i]);
	assert_has("\"event\":\"open\"");
	assert_has("\"sent_bytes\":0,\"received_bytes\":0"); /* these are counted */
}

static void test_open_connection_is_told_as_of_the_sweep(void **state)
{
	struct flow_sample sample;
	(void)state;

	flow_sample_make(&sample);
	sample.flow.end_ns = 0;
	sample.view.event = FLOW_OPEN;
	json_of(&sample.view);
	assert_has("{\"timestamp\":\"2026-03-09T12:35:02.000000007Z\",\"event\":\"open\"");
	assert_has("\"duration_seconds\":2,");
	assert_has("\"sent_bytes_per_second\":617,\"received_bytes_per_second\":2839,");
	sample.flow.start_ns = sample.view.now_ns + 1; /* opened since */
	json_of(&sample.view);
	assert_has_no("duration_seconds");
}

static void test_failed_connection_has_no_figures_that_nobody_counted(void **state)
{
	struct flow_sample sample;
	(void)state;

	flow_sample_make(&sample);
	sample.view.event = FLOW_FAILED;
	sample.flow = (struct flow){.address = sample.flow.address,
		.direction = TCP_OUTBOUND,
		.end_ns = sample.flow.end_ns,
		.has_failed = true,
		.reason = TCP_TIMED_OUT,
		.error = ETIMEDOUT,
		.unacknowledged_bytes = 1, /* the SYN */
		.congestion_window = 10,
		.total = {.retransmitted_segments = 6}};
	json_of(&sample.view);
	assert_has("\"event\":\"failed\"");
	assert_has_no("bytes");
	assert_has_no("\"sent_segments");
	assert_has_no("congestion");
	assert_has("\"retransmitted_segments\":6,");
	assert_has("\"result\":\"timeout\"");
	assert_has("\"error\":\"ETIMEDOUT\"}");
}

static void test_names_of_any_bytes_stay_json(void **state)
{
	struct flow_sample sample;
	(void)state;

	flow_sample_make(&sample);
	strcpy(sample.service.name, "a\"b\\c\nd\xff\x1b[31mé\x7f");
	memcpy(sample.flow.comm, "sixteen-bytes-xy", COMM_LEN); /* no NUL */
	json_of(&sample.view);
	assert_has("\"service_name\":\"a\\\"b\\\\c\\nd\xef\xbf\xbd\\u001b[31mé\\u007f\"");
	assert_has("\"process.command\":\"sixteen-bytes-xy\"");
	assert_int_equal(strcspn(line, "\n"), strlen(line) - 1);
}

static void test_ipv6_is_written_short(void **state)
{
	struct flow_sample sample;
	(void)state;

	flow_sample_make(&sample);
	memset(sample.flow.address.remote, 0, 16);
	sample.flow.address.remote[0] = 0x20;
	sample.flow.address.remote[1] = 0x01;
	sample.flow.address.remote[15] = 9;
	json_of(&sample.view);
	assert_has("\"destination.address\":\"2001::9\"");
}

/* Times of a recording that somebody made up: they wrap around. */
static void test_any_clock_is_told(void **state)
{
	struct flow_sample sample;
	(void)state;

	flow_sample_make(&sample);
	sample.view.realtime_offset_ns = INT64_MIN;
	sample.flow.end_ns = UINT64_MAX - 4294967294U; /* -4294967295 with a sign */
	json_of(&sample.view);
	assert_has("{\"timestamp\":\"2262-04-11T23:47:12.559808513Z\",");
	sample.view.realtime_offset_ns = INT64_MAX;
	sample.flow.end_ns = UINT64_MAX;
	json_of(&sample.view);
	assert_has("{\"timestamp\":\"2262-04-11T23:47:16.854775806Z\",");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_closed_connection_is_told_in_full),
		cmocka_unit_test(test_pod_of_the_local_end_is_told_by_its_attributes),
		cmocka_unit_test(test_source_is_who_opened_the_connection),
		cmocka_unit_test(test_what_is_not_known_is_left_out),
		cmocka_unit_test(test_open_connection_is_told_as_of_the_sweep),
		cmocka_unit_test(test_failed_connection_has_no_figures_that_nobody_counted),
		cmocka_unit_test(test_names_of_any_bytes_stay_json),
		cmocka_unit_test(test_ipv6_is_written_short),
		cmocka_unit_test(test_any_clock_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
