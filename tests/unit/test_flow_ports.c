/* SPDX-License-Identifier: Apache-2.0 */
/* Ports and peers as values of labels: few, however many there are, and those in use first. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limit.h"
#include "tcp_traffic.h"
#include "telemetry/tcp/port_labels.h"

/* --- ports --- */

static unsigned series_count(const char *families)
{
	unsigned lines = 0;

	for (const char *at = tcp_listing(families); (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	return lines;
}

/* `count` attempts of SHOP to connect, one for each port from `port` on, all refused. */
static void refuse(__u16 port, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct record_tcp record = tcp_client(0, TCP_FAILED);

		record.address.remote_port = (__u16)(port + i);
		tcp_take_failure(record, ECONNREFUSED);
	}
	tcp_sweep_ends();
}

static void connect_to(__u64 connection, __u16 port)
{
	struct record_tcp record = tcp_client(connection, TCP_OPENED);

	record.address.remote_port = port;
	tcp_take(record);
}

static void accept_at(__u64 connection, __u16 port)
{
	struct record_tcp record = tcp_server(connection, TCP_OPENED);

	record.address.local_port = port;
	record.address.netns = HOST;
	tcp_take(record);
}

static void test_thousands_of_refused_ports_are_few_values(void **state)
{
	(void)state;
	refuse(1000, 3000);
	assert_int_equal(series_count(COUNTS), PORTS_UNKNOWN_MAX + 1);
	tcp_assert_has(COUNTS, "{shop,outbound,lab,1000,refused} 1\n");
	tcp_assert_has(COUNTS, "{shop,outbound,lab,other,refused} 2984\n");
	assert_true(limit_count(LIMIT_PORTS) >= 2984);
}

static void test_the_port_of_a_service_has_its_number_beside_a_scan(void **state)
{
	(void)state;
	connect_to(1, 5432);
	tcp_sweep_ends();
	refuse(1000, 3000);
	connect_to(2, 6379);
	refuse(10000, 3000);
	refuse(5432, 1); /* down now, as it was up before */
	for (int i = 0; i < 5; i++)
		refuse(8443, 1); /* never was up, and is asked for again and again */
	tcp_assert_has(OPEN, "{shop,outbound,lab,5432} 1\n");
	tcp_assert_has(OPEN, "{shop,outbound,lab,6379} 1\n");
	tcp_assert_has(COUNTS, "{shop,outbound,lab,5432,refused} 1\n");
	tcp_assert_has(COUNTS, "{shop,outbound,lab,8443,refused} 3\n");
}

static void test_a_scan_costs_neither_others_nor_the_other_direction_their_ports(void **state)
{
	struct record_tcp record = tcp_client(0, TCP_FAILED);

	(void)state;
	refuse(1000, 3000);
	record.record.workload = BANK;
	record.address.remote_port = 4000;
	tcp_take_failure(record, ECONNREFUSED);
	record = tcp_server(1, TCP_OPENED);
	record.record.workload = SHOP;
	record.address.local_port = 40000;
	tcp_take(record);
	tcp_sweep_ends();
	tcp_assert_has(COUNTS, "{bank,outbound,lab,4000,refused} 1\n");
	tcp_assert_has(COUNTS, "{shop,inbound,lab,40000,established} 1\n");
}

static void test_ports_for_once_are_folded_and_those_of_listeners_are_not(void **state)
{
	(void)state;
	tcp_take_listener(1, 45000, 0, 10, 0);
	for (__u16 i = 0; i < 1000; i++)
		accept_at(i + 1, (__u16)(50000 + i)); /* whose listeners are gone */
	tcp_sweep_ends();
	accept_at(2000, 45000);
	tcp_sweep_ends();
	tcp_assert_has(OPEN, "{bank,inbound,lab,other} 985\n"); /* the listener's took a place */
	tcp_assert_has(OPEN, "{bank,inbound,lab,45000} 1\n");
	assert_int_equal(series_count(OPEN), PORTS_UNKNOWN_MAX + 1);
}

static void test_a_connection_keeps_the_port_that_it_was_counted_by(void **state)
{
	(void)state;
	refuse(1000, PORTS_UNKNOWN_MAX);
	connect_to(1, 50000);
	tcp_sweep_ends();
	tcp_assert_has(OPEN, "{shop,outbound,lab,other} 1\n");
	for (__u64 i = 2; i < 9; i++)
		connect_to(i, 50000);
	tcp_take_bytes(tcp_client(1, TCP_PROGRESS), 5, 0);
	tcp_sweep_ends();
	tcp_assert_has("sonde_tcp_sent_bytes_total", "{shop,outbound,lab,other} 5\n");
	tcp_assert_has(OPEN, "{shop,outbound,lab,50000} 6\n");
	tcp_take_end(tcp_client(1, TCP_CLOSED), TCP_LOCAL, TCP_FIN);
	tcp_sweep_ends();
	tcp_assert_has(OPEN, "{shop,outbound,lab,other} 1\n"); /* the second to 50000 */
}

static void test_thousands_of_listeners_are_few_values(void **state)
{
	static const char *const families[] = {"sonde_tcp_accept_queue_length",
		"sonde_tcp_accept_queue_limit", "sonde_tcp_listen_overflows_total"};

	(void)state;
	for (__u16 i = 0; i < 300; i++)
		tcp_take_listener(i + 1, (__u16)(33000 + i), 1, 10, 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(series_count(families[i]), PORTS_MAX + 1);
	tcp_assert_has(families[0], "{bank,33000} 1\n");
	tcp_assert_has(families[0], "{bank,other} 236\n");
	tcp_assert_has(families[2], "{bank,other} 472\n");
	for (__u16 i = 0; i < 300; i++) {
		struct record_tcp_listener gone = {
			.record = {.type = RECORD_TCP_LISTENER, .workload = BANK},
			.listener = i + 1U,
			.is_gone = 1};

		feed(&gone.record, sizeof(gone));
	}
	tcp_assert_has(families[0], "{bank,other} 0\n");
}

static void test_a_flow_record_has_the_number_of_each_port(void **state)
{
	(void)state;
	refuse(1000, PORTS_UNKNOWN_MAX);
	tcp_reported[0] = '\0';
	refuse(3000, 1);
	tcp_assert_has(COUNTS, "{shop,outbound,lab,other,refused} 1\n");
	tcp_assert_reported("failed shop lab 3000 0/0 refused  error\n");
}

/* --- peers --- */

static void test_hundreds_of_services_that_connect_are_few_peers(void **state)
{
	char name[32];

	(void)state;
	for (__u64 i = 0; i < 400; i++) { /* each has the number of the one before, which ended */
		snprintf(name, sizeof(name), "job%u", (unsigned)i);
		feed_workload(SHOP, name);
		tcp_take(tcp_client(i + 1, TCP_OPENED));
		tcp_take(tcp_server(i + 1, TCP_OPENED));
		tcp_sweep_ends_after(1000);
		tcp_take_end(tcp_client(i + 1, TCP_CLOSED), TCP_LOCAL, TCP_FIN);
		tcp_take_end(tcp_server(i + 1, TCP_CLOSED), TCP_PEER, TCP_FIN);
		tcp_sweep_ends_after(1000);
	}
	tcp_assert_has(COUNTS, "{bank,inbound,job0,80,established} 1\n");
	tcp_assert_has(COUNTS, "{bank,inbound,_other,80,established} 300\n");
	tcp_assert_has("sonde_tcp_peers_folded_total", "{bank} 300\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, tcp_traffic_begin, feed_end)
	const struct CMUnitTest tests[] = {
		TEST(thousands_of_refused_ports_are_few_values),
		TEST(the_port_of_a_service_has_its_number_beside_a_scan),
		TEST(a_scan_costs_neither_others_nor_the_other_direction_their_ports),
		TEST(ports_for_once_are_folded_and_those_of_listeners_are_not),
		TEST(a_connection_keeps_the_port_that_it_was_counted_by),
		TEST(thousands_of_listeners_are_few_values),
		TEST(a_flow_record_has_the_number_of_each_port),
		TEST(hundreds_of_services_that_connect_are_few_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
