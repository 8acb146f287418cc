/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of TCP records: series with the names of peers, and flow records. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tcp_traffic.h"

/* --- metrics --- */

#define BYTES "sonde_tcp_sent_bytes_total sonde_tcp_received_bytes_total"

static void test_both_ends_on_a_node_have_each_other_as_peers(void **state)
{
	(void)state;
	tcp_take(tcp_client(1, TCP_OPENED));
	tcp_take_bytes(tcp_client(1, TCP_PROGRESS), 10, 20);
	tcp_take_bytes(tcp_server(1, TCP_OPENED), 20, 10); /* told later, by another CPU */
	tcp_assert_series(BYTES, "");                      /* not before both were heard of */
	tcp_sweep_ends();
	tcp_assert_series(BYTES, "sonde_tcp_sent_bytes_total{shop,outbound,bank,80} 10\n"
				 "sonde_tcp_sent_bytes_total{bank,inbound,shop,80} 20\n"
				 "sonde_tcp_received_bytes_total{shop,outbound,bank,80} 20\n"
				 "sonde_tcp_received_bytes_total{bank,inbound,shop,80} 10\n");
	tcp_assert_series("sonde_tcp_connections_total sonde_tcp_open_connections "
			  "sonde_tcp_connect_duration_seconds",
		"sonde_tcp_connections_total{shop,outbound,bank,80,established} 1\n"
		"sonde_tcp_connections_total{bank,inbound,shop,80,established} 1\n"
		"sonde_tcp_open_connections{shop,outbound,bank,80} 1\n"
		"sonde_tcp_open_connections{bank,inbound,shop,80} 1\n"
		"sonde_tcp_connect_duration_seconds{shop,outbound,bank,80} 1 3000\n");
}

/* What listens for a service starts it when somebody comes: neither end is settled before. */
static void test_connection_that_waits_to_be_accepted_is_of_who_accepts_it(void **state)
{
	struct record_tcp waiting = tcp_server(1, TCP_OPENED);

	(void)state;
	waiting.record.workload = SHOP;
	waiting.flags |= TCP_WAITS;
	tcp_take(tcp_client(1, TCP_OPENED));
	tcp_take(waiting);
	tcp_sweep_ends();
	tcp_assert_series("sonde_tcp_connections_total", "");
	tcp_take_bytes(tcp_server(1, TCP_PROGRESS), 20, 10);
	tcp_sweep_ends();
	tcp_assert_series("sonde_tcp_connections_total",
		"sonde_tcp_connections_total{shop,outbound,bank,80,established} 1\n"
		"sonde_tcp_connections_total{bank,inbound,shop,80,established} 1\n");
}

static void test_an_address_elsewhere_has_the_name_of_the_longest_prefix(void **state)
{
	struct record_tcp outside = tcp_client(3, TCP_OPENED), office = tcp_client(4, TCP_OPENED);

	(void)state;
	tcp_address_set(outside.address.remote, "2001:db8::1");
	tcp_address_set(office.address.remote, "192.0.2.200");
	tcp_take_bytes(tcp_client(2, TCP_OPENED), 1, 0);
	tcp_take_bytes(outside, 2, 0);
	tcp_take_bytes(office, 4, 0);
	tcp_sweep_ends();
	tcp_assert_series("sonde_tcp_sent_bytes_total",
		"sonde_tcp_sent_bytes_total{shop,outbound,lab,80} 1\n"
		"sonde_tcp_sent_bytes_total{shop,outbound,external,80} 2\n"
		"sonde_tcp_sent_bytes_total{shop,outbound,office,80} 4\n");
}

static void test_a_connection_that_ended_is_open_no_more(void **state)
{
	(void)state;
	tcp_take(tcp_client(1, TCP_OPENED));
	tcp_sweep_ends();
	tcp_take_end(tcp_client(1, TCP_CLOSED), TCP_LOCAL, TCP_FIN);
	tcp_sweep_ends();
	tcp_assert_series("sonde_tcp_open_connections sonde_tcp_connections_total",
		"sonde_tcp_connections_total{shop,outbound,lab,80,established} 1\n"
		"sonde_tcp_open_connections{shop,outbound,lab,80} 0\n");
	tcp_sweep_ends();
	assert_int_equal(flows_count(telemetry_flows(fed)), 0);
}

static void test_a_beginning_told_after_the_end_counts_once(void **state)
{
	(void)state;
	tcp_take_bytes(tcp_client(1, TCP_CLOSED), 7, 0);
	tcp_sweep_ends();
	tcp_take(tcp_client(1, TCP_OPENED));
	tcp_sweep_ends();
	tcp_sweep_ends();
	tcp_assert_series("sonde_tcp_open_connections sonde_tcp_connections_total "
			  "sonde_tcp_sent_bytes_total",
		"sonde_tcp_connections_total{shop,outbound,lab,80,established} 1\n"
		"sonde_tcp_sent_bytes_total{shop,outbound,lab,80} 7\n");
	assert_int_equal(flows_count(telemetry_flows(fed)), 0);
}

static void test_a_new_owner_takes_the_connection_over(void **state)
{
	struct record_tcp record = tcp_client(1, TCP_OPENED);

	(void)state;
	tcp_take_bytes(record, 1, 2);
	tcp_sweep_ends();
	record = tcp_client(1, TCP_PROGRESS);
	record.record.workload = BANK;
	tcp_take_bytes(record, 10, 20);
	tcp_sweep_ends();
	tcp_assert_series("sonde_tcp_open_connections sonde_tcp_sent_bytes_total",
		"sonde_tcp_open_connections{shop,outbound,lab,80} 0\n"
		"sonde_tcp_open_connections{bank,outbound,lab,80} 1\n"
		"sonde_tcp_sent_bytes_total{shop,outbound,lab,80} 1\n"
		"sonde_tcp_sent_bytes_total{bank,outbound,lab,80} 10\n");
}

static void test_what_was_before_sonde_is_in_no_counter(void **state)
{
	struct record_tcp found = tcp_client(1, TCP_FOUND);

	(void)state;
	found.start_ns = 0;
	tcp_take_bytes(found, 1000, 2000);
	tcp_sweep_ends();
	found.flags = 0;
	tcp_assert_series(BYTES " sonde_tcp_connections_total sonde_tcp_open_connections",
		"sonde_tcp_open_connections{shop,outbound,lab,80} 1\n");
	found.event = TCP_PROGRESS;
	tcp_take_bytes(found, 1, 2);
	tcp_sweep_ends();
	tcp_assert_series(BYTES, "sonde_tcp_sent_bytes_total{shop,outbound,lab,80} 1\n"
				 "sonde_tcp_received_bytes_total{shop,outbound,lab,80} 2\n");
}

static void test_who_listens_is_the_server_of_what_was_before_sonde(void **state)
{
	struct record_tcp found = tcp_client(1, TCP_FOUND);

	(void)state;
	found.start_ns = 0;
	found.direction = TCP_INBOUND; /* as far as the kernel knows */
	tcp_take(found);
	found.connection = 2;
	found.address.local_port++;
	found.address.remote_port = 8080;
	tcp_take_listener(9, 8080, 0, 10, 0);
	tcp_take(found);
	tcp_sweep_ends();
	tcp_assert_series("sonde_tcp_open_connections",
		"sonde_tcp_open_connections{shop,inbound,lab,40001} 1\n"
		"sonde_tcp_open_connections{shop,outbound,bank,8080} 1\n");
}

static void test_failures_have_the_name_of_their_reason(void **state)
{
	static const struct {
		int error;
		const char *result;
	} failures[] = {{ECONNREFUSED, "refused"}, {ETIMEDOUT, "timeout"},
		{ENETUNREACH, "unreachable"}, {ECONNRESET, "reset"}, {0, "aborted"},
		{EADDRNOTAVAIL, "no_port"}, {EPERM, "forbidden"}, {EIO, "error"}};
	char expected[1024] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
		size_t used = strlen(expected);
		struct record_tcp record = tcp_client(i, TCP_FAILED); /* the first has no socket */

		tcp_take_failure(record, failures[i].error);
		snprintf(expected + used, sizeof(expected) - used,
			"sonde_tcp_connections_total{shop,outbound,lab,80,%s} 1\n",
			failures[i].result);
	}
	tcp_sweep_ends();
	tcp_sweep_ends();
	tcp_assert_series("sonde_tcp_connections_total sonde_tcp_open_connections", expected);
	assert_int_equal(flows_count(telemetry_flows(fed)), 0);
}

static void test_resets_count_with_the_connection_and_without_one(void **state)
{
	struct record_tcp_refusals refusals = {.record = {.type = RECORD_TCP_REFUSALS}, .count = 5};

	(void)state;
	tcp_take(tcp_client(1, TCP_OPENED));
	tcp_take_end(tcp_client(1, TCP_RESET), TCP_PEER, TCP_RESET_RECEIVED);
	tcp_take_end(tcp_client(1, TCP_CLOSED), TCP_PEER, TCP_RESET_RECEIVED);
	tcp_take(tcp_client(2, TCP_OPENED));
	tcp_take_end(tcp_client(2, TCP_CLOSED), TCP_LOCAL, TCP_RESET_SENT);
	tcp_take_end(tcp_client(2, TCP_RESET), TCP_LOCAL, TCP_RESET_SENT);
	feed(&refusals.record, sizeof(refusals));
	tcp_sweep_ends();
	tcp_assert_series("sonde_tcp_resets_total",
		"sonde_tcp_resets_total{_other,sent,,} 5\n"
		"sonde_tcp_resets_total{shop,received,lab,80} 1\n"
		"sonde_tcp_resets_total{shop,sent,lab,80} 1\n");
	tcp_assert_reported("closed shop lab 80 0/0 established peer reset_received\n"
			    "closed shop lab 80 0/0 established local reset_sent\n");
}

static void test_a_connection_whose_end_was_lost_ends_after_a_sweep_of_all(void **state)
{
	struct record_tcp_swept swept = {.record = {.type = RECORD_TCP_SWEPT}};

	(void)state;
	tcp_take(tcp_client(1, TCP_OPENED));
	tcp_take(tcp_client(2, TCP_OPENED));
	tcp_take(tcp_client(3, TCP_OPENED));
	tcp_sweep_ends();
	swept.begin_ns = swept.record.time_ns = tcp_now_ns += 1000;
	tcp_take(tcp_client(3, TCP_PROGRESS)); /* seen by this sweep */
	feed(&swept.record, sizeof(swept));
	tcp_sweep_ends();
	tcp_assert_reported("");
	tcp_take_end(tcp_client(2, TCP_CLOSED), TCP_LOCAL, TCP_FIN); /* was only late */
	tcp_sweep_ends();
	tcp_assert_reported("closed shop lab 80 0/0 established local fin\n"
			    "closed shop lab 80 0/0 established  \n");
	tcp_assert_series("sonde_tcp_open_connections sonde_tcp_connection_duration_seconds",
		"sonde_tcp_open_connections{shop,outbound,lab,80} 1\n"
		"sonde_tcp_connection_duration_seconds{shop,outbound,lab,80} 1 7000006000\n");
}

static void test_queues_of_listeners_on_one_port_are_added_up(void **state)
{
	struct record_tcp_listener gone = {
		.record = {.type = RECORD_TCP_LISTENER, .workload = BANK},
		.address = {.local_port = 80, .netns = HOST},
		.listener = 1,
		.is_gone = 1,
		.overflows = 2};

	(void)state;
	tcp_take_listener(1, 80, 3, 10, 1);
	tcp_take_listener(2, 80, 4, 10, 0);
	tcp_take_listener(1, 80, 5, 10, 1);
	tcp_assert_series("sonde_tcp_accept_queue_length sonde_tcp_accept_queue_limit "
			  "sonde_tcp_listen_overflows_total",
		"sonde_tcp_accept_queue_length{bank,80} 9\n"
		"sonde_tcp_accept_queue_limit{bank,80} 20\n"
		"sonde_tcp_listen_overflows_total{bank,80} 2\n");
	feed(&gone.record, sizeof(gone));
	tcp_assert_series("sonde_tcp_accept_queue_length sonde_tcp_listen_overflows_total",
		"sonde_tcp_accept_queue_length{bank,80} 4\n"
		"sonde_tcp_listen_overflows_total{bank,80} 4\n");
}

/* --- flow records --- */

static void test_an_open_connection_is_told_of_each_interval_if_it_changed(void **state)
{
	(void)state;
	tcp_take_bytes(tcp_client(1, TCP_OPENED), 1, 2);
	for (int i = 0; i < 9; i++)
		tcp_sweep_ends();
	tcp_assert_reported("");
	tcp_sweep_ends();
	tcp_assert_reported("open shop lab 80 1/2 established  \n");
	for (int i = 0; i < 20; i++)
		tcp_sweep_ends();
	tcp_assert_reported("");
	tcp_take_bytes(tcp_client(1, TCP_PROGRESS), 10, 20);
	tcp_sweep_ends();
	tcp_assert_reported("open shop lab 80 11/22 established  \n");
	tcp_take_end(tcp_client(1, TCP_CLOSED), TCP_LOCAL, TCP_FIN);
	tcp_sweep_ends();
	tcp_assert_reported("closed shop lab 80 11/22 established local fin\n");
	tcp_sweep_ends();
	tcp_assert_reported("");
}

static void test_a_failure_is_told_of_once(void **state)
{
	(void)state;
	tcp_take_failure(tcp_client(1, TCP_FAILED), ECONNREFUSED);
	tcp_sweep_ends();
	tcp_sweep_ends();
	tcp_assert_reported("failed shop lab 80 0/0 refused  error\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, tcp_traffic_begin, feed_end)
	const struct CMUnitTest tests[] = {
		TEST(both_ends_on_a_node_have_each_other_as_peers),
		TEST(connection_that_waits_to_be_accepted_is_of_who_accepts_it),
		TEST(an_address_elsewhere_has_the_name_of_the_longest_prefix),
		TEST(a_connection_that_ended_is_open_no_more),
		TEST(a_beginning_told_after_the_end_counts_once),
		TEST(a_new_owner_takes_the_connection_over),
		TEST(what_was_before_sonde_is_in_no_counter),
		TEST(who_listens_is_the_server_of_what_was_before_sonde),
		TEST(failures_have_the_name_of_their_reason),
		TEST(resets_count_with_the_connection_and_without_one),
		TEST(a_connection_whose_end_was_lost_ends_after_a_sweep_of_all),
		TEST(queues_of_listeners_on_one_port_are_added_up),
		TEST(an_open_connection_is_told_of_each_interval_if_it_changed),
		TEST(a_failure_is_told_of_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
