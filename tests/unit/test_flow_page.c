/* SPDX-License-Identifier: Apache-2.0 */
/* The pages /flows and /connections: their text, their order, and how they are made in pieces. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "export/flows/flow_text.h"
#include "export/flows/flow_page.h"
#include "record/record_check.h"
#include "telemetry/telemetry.h"
#include "workload_cgroup.h"

#define SECOND UINT64_C(1000000000)

enum { SHOP = 1, BANK };

static struct telemetry *telemetry;
static struct config config;
static struct buffer page;

/* --- what goes in --- */

static void take(const struct record *record, size_t size)
{
	assert_true(record_is_valid(record, size));
	telemetry_take(telemetry, record, size);
}

static void announce(__u32 workload, const char *service)
{
	struct record_workload record = {.record = {.type = RECORD_WORKLOAD, .workload = workload}};

	snprintf(record.service_name, sizeof(record.service_name), "%s", service);
	take(&record.record, sizeof(record));
}

/* A client on 127.0.0.1, opened at 10 s, that has sent `sent` and received twice as much. */
static struct record_tcp connection(__u32 number, __u32 workload, __u64 sent)
{
	struct record_tcp record = {
		.record = {.type = RECORD_TCP, .workload = workload, .time_ns = 10 * SECOND},
		.address = {.local = {[10] = 0xff, 0xff, 127, 0, 0, 1},
			.remote = {[10] = 0xff, 0xff, 10, 0, 0, 5},
			.local_port = (__u16)(10000 + number),
			.remote_port = 443,
			.netns = 1},
		.connection = number,
		.start_ns = 10 * SECOND,
		.growth = {.sent_bytes = sent, .received_bytes = 2 * sent},
		.tgid = 4000 + workload,
		.comm = "client",
		.event = TCP_OPENED,
		.direction = TCP_OUTBOUND,
		.state = 1,
		.flags = TCP_FIRST,
	};

	return record;
}

static void open_connection(const struct record_tcp *record)
{
	take(&record->record, sizeof(*record));
}

static void close_connection(__u32 number, __u32 workload)
{
	struct record_tcp record = connection(number, workload, 0);

	record.event = TCP_CLOSED;
	record.reason = TCP_FIN;
	record.record.time_ns = 11 * SECOND;
	take(&record.record, sizeof(record));
}

static void sweep_ends(uint64_t time_ns)
{
	struct record_clock clock = {.record = {.type = RECORD_CLOCK, .time_ns = time_ns}};

	take(&clock.record, sizeof(clock));
}

static int set_up(void **state)
{
	char error[CONFIG_ERROR_LEN];
	(void)state;

	assert_int_equal(config_load(&config, 0, NULL, error), CONFIG_OK);
	telemetry = telemetry_new(&config.telemetry);
	announce(SHOP, "shop");
	announce(BANK, "bank");
	return telemetry ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	telemetry_free(telemetry);
	config_free(&config);
	buffer_free(&page);
	return 0;
}

/* --- what comes out --- */

/* The page for `path` and `name=value` pairs, in pieces of `enough` bytes; returns their number. */
static int pieces_of(const char *path, const char *const *parameters, size_t enough)
{
	struct flow_query query;
	struct flow_page pages;
	char error[FLOW_QUERY_ERROR_LEN], name[32];
	struct buffer piece = {0};
	int pieces = 0;
	bool more = true;

	assert_true(flow_query_begin(&query, path));
	for (; *parameters; parameters++) {
		const char *equals = strchr(*parameters, '=');

		snprintf(name, sizeof(name), "%.*s", (int)(equals - *parameters), *parameters);
		assert_true(flow_query_set(&query, name, equals + 1, error));
	}
	page.length = 0;
	flow_page_begin(&pages, &query);
	for (; more; pieces++) {
		piece.length = 0;
		more = flow_page_continue(&pages, telemetry_flows(telemetry), &piece, enough);
		assert_false(piece.failed);
		buffer_append(&page, piece.text, piece.length);
	}
	flow_page_end(&pages);
	buffer_free(&piece);
	buffer_append(&page, "", 1);
	return pieces;
}

#define PARAMETERS(...) ((const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void assert_page(const char *path, const char *const *parameters, const char *wanted)
{
	pieces_of(path, parameters, 32768);
	assert_string_equal(page.text, wanted);
}

static void test_flows_are_added_up(void **state)
{
	struct record_tcp record;
	(void)state;

	record = connection(1, SHOP, 1000);
	record.srtt_us = 100;
	record.growth.retransmitted_segments = 1;
	open_connection(&record);
	record = connection(2, SHOP, 24);
	record.srtt_us = 300;
	record.growth.lost_segments = 2;
	open_connection(&record);
	record = connection(3, SHOP, 0); /* no round trip yet */
	open_connection(&record);
	record = connection(4, BANK, 2000000);
	record.growth.retransmitted_segments = 5;
	open_connection(&record);
	record = connection(5, BANK, 77);
	open_connection(&record);
	close_connection(5, BANK);
	sweep_ends(20 * SECOND);
	assert_page("/flows", PARAMETERS(),
		"4 connections\n"
		"SERVICE                          CONNS  TX/S  RX/S  SENT  RCVD  RETR  LOST   RTT\n"
		"bank                                 1    0B    0B  1.9M  3.8M     5     0     -\n"
		"shop                                 3    0B    0B    1K    2K     1     2 "
		"200us\n");
	assert_page("/flows", PARAMETERS("by=process", "sort=rtt"),
		"4 connections\n"
		"PROCESS                          CONNS  TX/S  RX/S  SENT  RCVD  RETR  LOST   RTT\n"
		"client 4001                          3    0B    0B    1K    2K     1     2 200us\n"
		"client 4002                          1    0B    0B  1.9M  3.8M     5     0     "
		"-\n");
	assert_page("/flows", PARAMETERS("by=peer"),
		"4 connections\n"
		"PEER                             CONNS  TX/S  RX/S  SENT  RCVD  RETR  LOST   RTT\n"
		"external                             4    0B    0B  1.9M  3.8M     6     2 "
		"200us\n");
	assert_page("/flows", PARAMETERS("sort=retransmits", "limit=1", "columns=40"),
		"4 connections\n"
		"SERVICE                          CONNS\n"
		"bank                                 1\n"
		"… 1 more\n");
}

static void progress(__u32 number, __u32 workload, __u64 sent)
{
	struct record_tcp record = connection(number, workload, sent);

	record.event = TCP_PROGRESS;
	record.flags = 0;
	record.record.time_ns = 20 * SECOND;
	open_connection(&record);
}

static void test_rates_are_of_now(void **state)
{
	struct record_tcp record;
	(void)state;

	for (__u32 i = 1; i <= 3; i++) {
		record = connection(i, i == 3 ? BANK : SHOP, i * 1000000);
		open_connection(&record);
	}
	sweep_ends(20 * SECOND);
	progress(1, SHOP, 4000);
	progress(2, SHOP, 2000);
	sweep_ends(22 * SECOND);
	assert_page("/flows", PARAMETERS("sort=rate"),
		"3 connections\n"
		"SERVICE                          CONNS  TX/S  RX/S  SENT  RCVD  RETR  LOST   RTT\n"
		"shop                                 2  2.9K  5.9K  2.9M  5.7M     0     0     -\n"
		"bank                                 1    0B    0B  2.9M  5.7M     0     0     "
		"-\n");
	pieces_of("/connections", PARAMETERS("sort=rate", "limit=1"), 32768);
	assert_non_null(strstr(page.text, "\"source.port\":10001,"));
	assert_non_null(strstr(
		page.text, "\"sent_bytes_per_second\":2000,\"received_bytes_per_second\":4000,"));
}

static void test_nothing_is_a_table_too(void **state)
{
	(void)state;
	assert_page("/flows", PARAMETERS(),
		"0 connections\n"
		"SERVICE                          CONNS  TX/S  RX/S  SENT  RCVD  RETR  LOST   "
		"RTT\n");
	assert_page("/connections", PARAMETERS(), "");
}

static void test_more_groups_than_are_kept_are_added_up_as_others(void **state)
{
	struct record_tcp record;
	(void)state;

	for (__u32 i = 0; i < FLOW_GROUPS_MAX + 5; i++) {
		record = connection(i + 1, SHOP, 1);
		record.tgid = i + 1;
		open_connection(&record);
	}
	sweep_ends(20 * SECOND);
	pieces_of("/flows", PARAMETERS("by=process"), 32768);
	assert_non_null(strstr(page.text, "\n(others)                             5    0B    0B    "
					  "5B   10B     0     0     -\n"));
	pieces_of("/flows", PARAMETERS("by=service"), 32768);
	assert_non_null(strstr(
		page.text, "\nshop                                1k    0B    0B    1K    2K "));
}

static void test_connections_are_rows(void **state)
{
	struct record_tcp record;
	(void)state;

	record = connection(1, SHOP, 10);
	record.srtt_us = 1500;
	record.growth.retransmitted_segments = 7;
	open_connection(&record);
	record = connection(2, BANK, 20);
	record.start_ns = 0; /* from before */
	record.event = TCP_FOUND;
	record.direction = TCP_INBOUND;
	record.tgid = 0;
	memset(record.address.remote, 0, 16);
	record.address.remote[0] = 0x20;
	record.address.remote[1] = 0x01;
	record.address.remote[15] = 1;
	record.state = 8;
	open_connection(&record);
	sweep_ends(10 * SECOND + 7300 * SECOND);
	assert_page("/connections", PARAMETERS("format=text"),
		"LOCAL                 REMOTE                DIR SERVICE              "
		"PROCESS                 STATE          AGE  TX/S  RX/S  SENT  RCVD  RETR   RTT  "
		"PEER\n"
		"127.0.0.1:10002       [2001::1]:443         in  bank                 "
		"-                       close_wait       -    0B    0B   20B   40B     0     -  "
		"external\n"
		"127.0.0.1:10001       10.0.0.5:443          out shop                 "
		"client 4001             established     2h    0B    0B   10B   20B     7 1.5ms  "
		"external\n");
	assert_page("/connections", PARAMETERS("format=text", "sort=rtt", "limit=1", "columns=50"),
		"LOCAL                 REMOTE                DIR S…\n"
		"127.0.0.1:10001       10.0.0.5:443          out s…\n");
}

/* SHOP runs in a pod of a Deployment, BANK in none. */
static struct pod_table *put_shop_into_a_pod(void)
{
	struct pod_table *pods = pod_table_new("node1", &pod_choice_none);
	struct pod pod = {.uid = UID,
		.namespace = "store",
		.name = "web-5d4f8c7b9-00001",
		.owner = POD_OWNER_DEPLOYMENT,
		.owner_name = "web"};
	struct record_workload record = in_cgroup("/kubepods/burstable/pod" UID "/" ID);

	pod_table_set(pods, &pod, 1);
	telemetry_set_pods(telemetry, pods, NULL);
	record.record = (struct record){.type = RECORD_WORKLOAD, .workload = SHOP};
	take(&record.record, sizeof(record));
	return pods;
}

static void test_connections_of_pods_say_whose_they_are(void **state)
{
	struct pod_table *pods = put_shop_into_a_pod();
	struct record_tcp record;
	(void)state;

	record = connection(1, SHOP, 10);
	open_connection(&record);
	record = connection(2, BANK, 20);
	open_connection(&record);
	sweep_ends(20 * SECOND);
	assert_page("/connections", PARAMETERS("format=text"),
		"LOCAL                 REMOTE                DIR SERVICE              "
		"PROCESS                 STATE          AGE  TX/S  RX/S  SENT  RCVD  RETR   RTT  "
		"NAMESPACE        OWNER                        POD                                 "
		" "
		"PEER\n"
		"127.0.0.1:10002       10.0.0.5:443          out bank                 "
		"client 4002             established    10s    0B    0B   20B   40B     0     -  "
		"-                -                            -                                   "
		" "
		"external\n"
		"127.0.0.1:10001       10.0.0.5:443          out web                  "
		"client 4001             established    10s    0B    0B   10B   20B     0     -  "
		"store            deployment/web               web-5d4f8c7b9-00001                 "
		" "
		"external\n");
	pieces_of("/connections", PARAMETERS("limit=2"), 32768);
	assert_non_null(strstr(page.text,
		"\"service_name\":\"web\",\"k8s.namespace.name\":\"store\","
		"\"k8s.deployment.name\":\"web\",\"k8s.pod.name\":\"web-5d4f8c7b9-00001\","));
	pieces_of("/flows", PARAMETERS("by=owner"), 32768);
	assert_non_null(strstr(page.text, "\nstore/deployment/web                 1 "));
	assert_non_null(strstr(page.text, "\n-                                    1 "));
	pieces_of("/flows", PARAMETERS("by=pod"), 32768);
	assert_non_null(strstr(page.text, "\nstore/web-5d4f8c7b9-00001            1 "));
	pieces_of("/flows", PARAMETERS("by=namespace"), 32768);
	assert_non_null(strstr(page.text, "\nstore                                1 "));
	pod_table_free(pods);
}

static void test_names_cannot_break_out_of_a_row(void **state)
{
	struct record_tcp record;
	(void)state;

	announce(3, "evil\nname\033[2J");
	record = connection(1, 3, 10);
	memcpy(record.comm, "a\nb\033c", 6);
	open_connection(&record);
	sweep_ends(20 * SECOND);
	pieces_of("/connections", PARAMETERS("format=text"), 32768);
	assert_null(strchr(page.text, '\033'));
	assert_non_null(strstr(page.text, "evil?name?[2J"));
	assert_non_null(strstr(page.text, " a?b?c 4003 "));
	pieces_of("/flows", PARAMETERS("by=process"), 32768);
	assert_null(strchr(page.text, '\033'));
}

static void test_page_in_pieces_is_the_same_page(void **state)
{
	struct record_tcp record;
	char *whole;
	(void)state;

	for (__u32 i = 1; i <= 500; i++) {
		record = connection(i, SHOP, i);
		open_connection(&record);
	}
	sweep_ends(20 * SECOND);
	for (int is_text = 0; is_text < 2; is_text++) {
		const char *const *parameters = is_text ? PARAMETERS("format=text") : PARAMETERS();

		assert_int_equal(pieces_of("/connections", parameters, SIZE_MAX / 2), 1);
		whole = strdup(page.text);
		assert_true(pieces_of("/connections", parameters, 4000) > 10);
		assert_string_equal(page.text, whole);
		free(whole);
	}
}

/* Its connection is looked up again for each piece, and may be gone by then. */
static void test_connection_that_ends_between_pieces_is_left_out(void **state)
{
	struct flow_query query;
	struct flow_page pages;
	struct record_tcp record;
	(void)state;

	for (__u32 i = 1; i <= 3; i++) {
		record = connection(i, SHOP, 10 - i);
		open_connection(&record);
	}
	sweep_ends(20 * SECOND);
	flow_query_begin(&query, "/connections");
	flow_page_begin(&pages, &query);
	assert_true(flow_page_continue(&pages, telemetry_flows(telemetry), &page, 1));
	assert_non_null(strstr(page.text, "\"source.port\":10001,"));
	close_connection(2, SHOP);
	sweep_ends(21 * SECOND);
	sweep_ends(22 * SECOND);
	page.length = 0;
	while (flow_page_continue(&pages, telemetry_flows(telemetry), &page, 1))
		;
	buffer_append(&page, "", 1);
	flow_page_end(&pages);
	assert_null(strstr(page.text, "\"source.port\":10002,"));
	assert_non_null(strstr(page.text, "\"source.port\":10003,"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_flows_are_added_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rates_are_of_now, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_is_a_table_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_more_groups_than_are_kept_are_added_up_as_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_connections_are_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_connections_of_pods_say_whose_they_are, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_names_cannot_break_out_of_a_row, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_page_in_pieces_is_the_same_page, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_connection_that_ends_between_pieces_is_left_out, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
