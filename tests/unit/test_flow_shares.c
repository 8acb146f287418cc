/* SPDX-License-Identifier: Apache-2.0 */
/* Connections and listening sockets beside masses of others: each service has its part of the
 * tables. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/limit.h"
#include "tcp_traffic.h"

static void open_many(__u32 workload, __u64 first, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct record_tcp record = tcp_client(first + i, TCP_OPENED);

		record.record.workload = workload;
		record.address.local_port = (__u16)(first + i);
		tcp_take(record);
	}
}

static void test_who_opens_masses_of_connections_costs_nobody_theirs(void **state)
{
	uint64_t met = limit_count(LIMIT_CONNECTIONS);

	(void)state;
	open_many(SHOP, 1, 10);
	open_many(BANK, 1000, FLOWS_MAX + 100);
	tcp_sweep_ends();
	tcp_assert_has(OPEN, "{shop,outbound,lab,80} 10\n");
	tcp_assert_has(OPEN, "{bank,outbound,lab,80} 65526\n");
	tcp_assert_has(COUNTS, "{bank,outbound,lab,80,established} 65636\n"); /* all the same */
	assert_int_equal(limit_count(LIMIT_CONNECTIONS) - met, 110);
	open_many(SHOP, 100, 500); /* which has its part to come */
	tcp_sweep_ends();
	tcp_assert_has(OPEN, "{shop,outbound,lab,80} 510\n");
	tcp_assert_has(OPEN, "{bank,outbound,lab,80} 65026\n");
	assert_int_equal(flows_count(telemetry_flows(fed)), FLOWS_MAX);
}

static void look_away(void *context, const struct flow_view *view)
{
	(void)context;
	(void)view;
}

static void test_a_connection_that_left_the_table_still_counts(void **state)
{
	struct record_tcp record;
	__u64 gone = 1000;

	(void)state;
	open_many(BANK, gone, FLOWS_MAX);
	open_many(SHOP, 1, 1); /* for which one leaves */
	tcp_sweep_ends();
	while (flows_show(telemetry_flows(fed), gone, look_away, NULL))
		gone++;
	assert_in_range(gone, 1000, 1000 + FLOWS_MAX - 1);
	record = tcp_client(gone, TCP_PROGRESS);
	record.record.workload = BANK;
	tcp_take_bytes(record, 7, 0);
	record.event = TCP_CLOSED;
	record.record.time_ns = tcp_now_ns += 1000;
	tcp_take_end(record, TCP_LOCAL, TCP_FIN);
	tcp_sweep_ends();
	tcp_assert_has("sonde_tcp_sent_bytes_total", "{bank,outbound,lab,80} 7\n");
	tcp_assert_has(COUNTS, "{bank,outbound,lab,80,established} 65536\n");
	tcp_assert_has(OPEN, "{bank,outbound,lab,80} 65535\n");
}

static void test_a_new_owner_has_the_place_of_a_connection(void **state)
{
	struct record_tcp record;

	(void)state;
	open_many(BANK, 1000, FLOWS_MAX);
	for (unsigned i = 0; i < FLOWS_MAX / 2; i++) {
		record = tcp_client(1000 + i, TCP_PROGRESS);
		record.record.workload = SHOP;
		tcp_take(record);
	}
	open_many(SHOP, 1, 100); /* and so as much as the other: it takes nothing from it */
	tcp_sweep_ends();
	tcp_assert_has(OPEN, "{bank,outbound,lab,80} 32768\n");
	tcp_assert_has(OPEN, "{shop,outbound,lab,80} 32768\n");
}

static void test_who_listens_on_masses_of_ports_costs_nobody_their_queues(void **state)
{
	struct record_tcp_listener record = {
		.record = {.type = RECORD_TCP_LISTENER, .workload = SHOP},
		.address = {.local_port = 5432, .netns = HOST},
		.listener = 99999,
		.queue_length = 3,
		.queue_limit = 10,
	};

	(void)state;
	for (unsigned i = 0; i < 10000; i++)
		tcp_take_listener(i + 1, (__u16)(20000 + i), 1, 10, 0);
	feed(&record.record, sizeof(record));
	tcp_assert_has("sonde_tcp_accept_queue_length", "{shop,5432} 3\n");
	tcp_assert_has("sonde_tcp_accept_queue_length", "{bank,other} 8128\n");
	assert_true(limit_count(LIMIT_LISTENERS) > 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, tcp_traffic_begin, feed_end)
	const struct CMUnitTest tests[] = {
		TEST(who_opens_masses_of_connections_costs_nobody_theirs),
		TEST(a_connection_that_left_the_table_still_counts),
		TEST(a_new_owner_has_the_place_of_a_connection),
		TEST(who_listens_on_masses_of_ports_costs_nobody_their_queues),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
