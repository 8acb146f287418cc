/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of TCP records: series with the names of peers, and flow records. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limit.h"
#include "record/record_check.h"
#include "series_listing.h"
#include "telemetry/tcp/port_labels.h"
#include "telemetry/telemetry.h"

#define SECOND UINT64_C(1000000000)

enum { SHOP = 1, BANK };
enum { HOST = 100, CONTAINER = 200 }; /* network namespaces */

static struct telemetry *telemetry;
static uint64_t now_ns;
static char told[4096];

/* --- what comes out --- */

/* The series of those families, whose names are in `families`. */
static void assert_series(const char *families, const char *expected)
{
	assert_string_equal(series_listing(telemetry_metrics(telemetry), families), expected);
}

static void keep_flow(void *context, const struct flow_view *view)
{
	static const char *const events[] = {"open", "closed", "failed"};
	size_t used = strlen(told);

	(void)context;
	snprintf(told + used, sizeof(told) - used, "%s %s %s %u %llu/%llu %s %s %s\n",
		events[view->event], view->service->name, view->peer, view->port,
		(unsigned long long)view->flow->total.sent_bytes,
		(unsigned long long)view->flow->total.received_bytes, flow_result_name(view->flow),
		flow_closer_name(view->flow->closer), flow_reason_name(view->flow->reason));
}

static void assert_reported(const char *expected)
{
	assert_string_equal(told, expected);
	told[0] = '\0';
}

/* --- what goes in --- */

static void take(const struct record *record, size_t size)
{
	assert_true(record_is_valid(record, size));
	telemetry_take(telemetry, record, size);
}

static void sweep_ends_after(uint64_t after_ns)
{
	struct record_clock clock = {
		.record = {.type = RECORD_CLOCK, .time_ns = now_ns += after_ns}};

	take(&clock.record, sizeof(clock));
}

static void sweep_ends(void)
{
	sweep_ends_after(SECOND);
}

static void address_set(__u8 address[16], const char *text)
{
	memset(address, 0, 16);
	if (inet_pton(AF_INET6, text, address) == 1)
		return;
	address[10] = address[11] = 0xff;
	assert_int_equal(inet_pton(AF_INET, text, address + 12), 1);
}

/* A client of SHOP, connected to port 80. */
static struct record_tcp client(__u64 connection, enum tcp_event event)
{
	struct record_tcp record = {
		.record = {.type = RECORD_TCP, .workload = SHOP, .time_ns = now_ns += 1000},
		.address = {.local_port = (__u16)(40000 + connection),
			.remote_port = 80,
			.netns = HOST},
		.connection = connection,
		.start_ns = 5 * SECOND,
		.connect_ns = 3000,
		.event = (__u8)event,
		.direction = TCP_OUTBOUND,
		.state = 1,
	};

	address_set(record.address.local, "192.0.2.1");
	address_set(record.address.remote, "192.0.2.2");
	if (event == TCP_OPENED || event == TCP_FAILED || event == TCP_FOUND)
		record.flags = TCP_FIRST;
	return record;
}

/* The other end of that, a server of BANK in a container. */
static struct record_tcp server(__u64 connection, enum tcp_event event)
{
	struct record_tcp record = client(connection, event);
	struct record_address there = record.address;

	record.record.workload = BANK;
	record.connection += 1000;
	record.connect_ns = 0;
	record.direction = TCP_INBOUND;
	memcpy(record.address.local, there.remote, 16);
	memcpy(record.address.remote, there.local, 16);
	record.address.local_port = there.remote_port;
	record.address.remote_port = there.local_port;
	record.address.netns = CONTAINER;
	return record;
}

static void take_tcp(struct record_tcp record)
{
	take(&record.record, sizeof(record));
}

static void take_bytes(struct record_tcp record, __u64 sent, __u64 received)
{
	record.growth.sent_bytes = sent;
	record.growth.received_bytes = received;
	take(&record.record, sizeof(record));
}

static void take_end(struct record_tcp record, enum tcp_closer closer, enum tcp_reason reason)
{
	record.closer = (__u8)closer;
	record.reason = (__u8)reason;
	take(&record.record, sizeof(record));
}

static void take_failure(struct record_tcp record, int error)
{
	record.start_ns = record.connect_ns = 0;
	record.reason = TCP_ERROR;
	record.error = (__u16)error;
	take(&record.record, sizeof(record));
}

static void announce(__u32 workload, const char *service)
{
	struct record_workload record = {.record = {.type = RECORD_WORKLOAD, .workload = workload}};

	strcpy(record.service_name, service);
	take(&record.record, sizeof(record));
}

static void take_listener(__u64 id, __u16 port, __u32 length, __u32 limit, __u64 overflows)
{
	struct record_tcp_listener record = {
		.record = {.type = RECORD_TCP_LISTENER, .workload = BANK},
		.address = {.local = {[10] = 0xff, 0xff}, .local_port = port, .netns = HOST},
		.listener = id,
		.overflows = overflows,
		.queue_length = length,
		.queue_limit = limit,
	};

	take(&record.record, sizeof(record));
}

static int begin(void **state)
{
	static char *names[] = {"192.0.2.0/24=lab", "192.0.2.128/25=office"};
	const struct telemetry_settings config = {
		.series_max = 100000,
		.series_per_service_max = 100000,
		.peers_per_service_max = 2,
		.peer_names = names,
		.peer_name_count = 2,
	};

	(void)state;
	told[0] = '\0';
	now_ns = 10 * SECOND;
	telemetry = telemetry_new(&config);
	assert_non_null(telemetry);
	telemetry_set_flows(telemetry, keep_flow, NULL, 10 * SECOND);
	announce(SHOP, "shop");
	announce(BANK, "bank");
	return 0;
}

static int end(void **state)
{
	(void)state;
	telemetry_free(telemetry);
	return 0;
}

/* --- metrics --- */

#define BYTES "sonde_tcp_sent_bytes_total sonde_tcp_received_bytes_total"

static void test_both_ends_on_a_node_have_each_other_as_peers(void **state)
{
	(void)state;
	take_tcp(client(1, TCP_OPENED));
	take_bytes(client(1, TCP_PROGRESS), 10, 20);
	take_bytes(server(1, TCP_OPENED), 20, 10); /* told later, by another CPU */
	assert_series(BYTES, "");                  /* not before both were heard of */
	sweep_ends();
	assert_series(BYTES, "sonde_tcp_sent_bytes_total{shop,outbound,bank,80} 10\n"
			     "sonde_tcp_sent_bytes_total{bank,inbound,shop,80} 20\n"
			     "sonde_tcp_received_bytes_total{shop,outbound,bank,80} 20\n"
			     "sonde_tcp_received_bytes_total{bank,inbound,shop,80} 10\n");
	assert_series("sonde_tcp_connections_total sonde_tcp_open_connections "
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
	struct record_tcp waiting = server(1, TCP_OPENED);

	(void)state;
	waiting.record.workload = SHOP;
	waiting.flags |= TCP_WAITS;
	take_tcp(client(1, TCP_OPENED));
	take_tcp(waiting);
	sweep_ends();
	assert_series("sonde_tcp_connections_total", "");
	take_bytes(server(1, TCP_PROGRESS), 20, 10);
	sweep_ends();
	assert_series("sonde_tcp_connections_total",
		"sonde_tcp_connections_total{shop,outbound,bank,80,established} 1\n"
		"sonde_tcp_connections_total{bank,inbound,shop,80,established} 1\n");
}

static void test_an_address_elsewhere_has_the_name_of_the_longest_prefix(void **state)
{
	struct record_tcp outside = client(3, TCP_OPENED), office = client(4, TCP_OPENED);

	(void)state;
	address_set(outside.address.remote, "2001:db8::1");
	address_set(office.address.remote, "192.0.2.200");
	take_bytes(client(2, TCP_OPENED), 1, 0);
	take_bytes(outside, 2, 0);
	take_bytes(office, 4, 0);
	sweep_ends();
	assert_series("sonde_tcp_sent_bytes_total",
		"sonde_tcp_sent_bytes_total{shop,outbound,lab,80} 1\n"
		"sonde_tcp_sent_bytes_total{shop,outbound,external,80} 2\n"
		"sonde_tcp_sent_bytes_total{shop,outbound,office,80} 4\n");
}

static void test_a_connection_that_ended_is_open_no_more(void **state)
{
	(void)state;
	take_tcp(client(1, TCP_OPENED));
	sweep_ends();
	take_end(client(1, TCP_CLOSED), TCP_LOCAL, TCP_FIN);
	sweep_ends();
	assert_series("sonde_tcp_open_connections sonde_tcp_connections_total",
		"sonde_tcp_connections_total{shop,outbound,lab,80,established} 1\n"
		"sonde_tcp_open_connections{shop,outbound,lab,80} 0\n");
	sweep_ends();
	assert_int_equal(flows_count(telemetry_flows(telemetry)), 0);
}

static void test_a_beginning_told_after_the_end_counts_once(void **state)
{
	(void)state;
	take_bytes(client(1, TCP_CLOSED), 7, 0);
	sweep_ends();
	take_tcp(client(1, TCP_OPENED));
	sweep_ends();
	sweep_ends();
	assert_series("sonde_tcp_open_connections sonde_tcp_connections_total "
		      "sonde_tcp_sent_bytes_total",
		"sonde_tcp_connections_total{shop,outbound,lab,80,established} 1\n"
		"sonde_tcp_sent_bytes_total{shop,outbound,lab,80} 7\n");
	assert_int_equal(flows_count(telemetry_flows(telemetry)), 0);
}

static void test_a_new_owner_takes_the_connection_over(void **state)
{
	struct record_tcp record = client(1, TCP_OPENED);

	(void)state;
	take_bytes(record, 1, 2);
	sweep_ends();
	record = client(1, TCP_PROGRESS);
	record.record.workload = BANK;
	take_bytes(record, 10, 20);
	sweep_ends();
	assert_series("sonde_tcp_open_connections sonde_tcp_sent_bytes_total",
		"sonde_tcp_open_connections{shop,outbound,lab,80} 0\n"
		"sonde_tcp_open_connections{bank,outbound,lab,80} 1\n"
		"sonde_tcp_sent_bytes_total{shop,outbound,lab,80} 1\n"
		"sonde_tcp_sent_bytes_total{bank,outbound,lab,80} 10\n");
}

static void test_what_was_before_sonde_is_in_no_counter(void **state)
{
	struct record_tcp found = client(1, TCP_FOUND);

	(void)state;
	found.start_ns = 0;
	take_bytes(found, 1000, 2000);
	sweep_ends();
	found.flags = 0;
	assert_series(BYTES " sonde_tcp_connections_total sonde_tcp_open_connections",
		"sonde_tcp_open_connections{shop,outbound,lab,80} 1\n");
	found.event = TCP_PROGRESS;
	take_bytes(found, 1, 2);
	sweep_ends();
	assert_series(BYTES, "sonde_tcp_sent_bytes_total{shop,outbound,lab,80} 1\n"
			     "sonde_tcp_received_bytes_total{shop,outbound,lab,80} 2\n");
}

static void test_who_listens_is_the_server_of_what_was_before_sonde(void **state)
{
	struct record_tcp found = client(1, TCP_FOUND);

	(void)state;
	found.start_ns = 0;
	found.direction = TCP_INBOUND; /* as far as the kernel knows */
	take_tcp(found);
	found.connection = 2;
	found.address.local_port++;
	found.address.remote_port = 8080;
	take_listener(9, 8080, 0, 10, 0);
	take_tcp(found);
	sweep_ends();
	assert_series("sonde_tcp_open_connections",
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
		struct record_tcp record = client(i, TCP_FAILED); /* the first has no socket */

		take_failure(record, failures[i].error);
		snprintf(expected + used, sizeof(expected) - used,
			"sonde_tcp_connections_total{shop,outbound,lab,80,%s} 1\n",
			failures[i].result);
	}
	sweep_ends();
	sweep_ends();
	assert_series("sonde_tcp_connections_total sonde_tcp_open_connections", expected);
	assert_int_equal(flows_count(telemetry_flows(telemetry)), 0);
}

static void test_resets_count_with_the_connection_and_without_one(void **state)
{
	struct record_tcp_refusals refusals = {.record = {.type = RECORD_TCP_REFUSALS}, .count = 5};

	(void)state;
	take_tcp(client(1, TCP_OPENED));
	take_end(client(1, TCP_RESET), TCP_PEER, TCP_RESET_RECEIVED);
	take_end(client(1, TCP_CLOSED), TCP_PEER, TCP_RESET_RECEIVED);
	take_tcp(client(2, TCP_OPENED));
	take_end(client(2, TCP_CLOSED), TCP_LOCAL, TCP_RESET_SENT);
	take_end(client(2, TCP_RESET), TCP_LOCAL, TCP_RESET_SENT);
	take(&refusals.record, sizeof(refusals));
	sweep_ends();
	assert_series("sonde_tcp_resets_total", "sonde_tcp_resets_total{_other,sent,,} 5\n"
						"sonde_tcp_resets_total{shop,received,lab,80} 1\n"
						"sonde_tcp_resets_total{shop,sent,lab,80} 1\n");
	assert_reported("closed shop lab 80 0/0 established peer reset_received\n"
			"closed shop lab 80 0/0 established local reset_sent\n");
}

static void test_a_connection_whose_end_was_lost_ends_after_a_sweep_of_all(void **state)
{
	struct record_tcp_swept swept = {.record = {.type = RECORD_TCP_SWEPT}};

	(void)state;
	take_tcp(client(1, TCP_OPENED));
	take_tcp(client(2, TCP_OPENED));
	take_tcp(client(3, TCP_OPENED));
	sweep_ends();
	swept.begin_ns = swept.record.time_ns = now_ns += 1000;
	take_tcp(client(3, TCP_PROGRESS)); /* seen by this sweep */
	take(&swept.record, sizeof(swept));
	sweep_ends();
	assert_reported("");
	take_end(client(2, TCP_CLOSED), TCP_LOCAL, TCP_FIN); /* was only late */
	sweep_ends();
	assert_reported("closed shop lab 80 0/0 established local fin\n"
			"closed shop lab 80 0/0 established  \n");
	assert_series("sonde_tcp_open_connections sonde_tcp_connection_duration_seconds",
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
	take_listener(1, 80, 3, 10, 1);
	take_listener(2, 80, 4, 10, 0);
	take_listener(1, 80, 5, 10, 1);
	assert_series("sonde_tcp_accept_queue_length sonde_tcp_accept_queue_limit "
		      "sonde_tcp_listen_overflows_total",
		"sonde_tcp_accept_queue_length{bank,80} 9\n"
		"sonde_tcp_accept_queue_limit{bank,80} 20\n"
		"sonde_tcp_listen_overflows_total{bank,80} 2\n");
	take(&gone.record, sizeof(gone));
	assert_series("sonde_tcp_accept_queue_length sonde_tcp_listen_overflows_total",
		"sonde_tcp_accept_queue_length{bank,80} 4\n"
		"sonde_tcp_listen_overflows_total{bank,80} 4\n");
}

/* --- ports --- */

static const char *listing(const char *families)
{
	return series_listing(telemetry_metrics(telemetry), families);
}

static unsigned series_count(const char *families)
{
	unsigned lines = 0;

	for (const char *at = listing(families); (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	return lines;
}

static void assert_has(const char *families, const char *series)
{
	if (!strstr(listing(families), series))
		fail_msg("no %s in\n%s", series, listing(families));
}

/* `count` attempts of SHOP to connect, one for each port from `port` on, all refused. */
static void refuse(__u16 port, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct record_tcp record = client(0, TCP_FAILED);

		record.address.remote_port = (__u16)(port + i);
		take_failure(record, ECONNREFUSED);
	}
	sweep_ends();
}

static void connect_to(__u64 connection, __u16 port)
{
	struct record_tcp record = client(connection, TCP_OPENED);

	record.address.remote_port = port;
	take_tcp(record);
}

static void accept_at(__u64 connection, __u16 port)
{
	struct record_tcp record = server(connection, TCP_OPENED);

	record.address.local_port = port;
	record.address.netns = HOST;
	take_tcp(record);
}

#define COUNTS "sonde_tcp_connections_total"
#define OPEN   "sonde_tcp_open_connections"

static void test_thousands_of_refused_ports_are_few_values(void **state)
{
	(void)state;
	refuse(1000, 3000);
	assert_int_equal(series_count(COUNTS), PORTS_UNKNOWN_MAX + 1);
	assert_has(COUNTS, "{shop,outbound,lab,1000,refused} 1\n");
	assert_has(COUNTS, "{shop,outbound,lab,other,refused} 2984\n");
	assert_true(limit_count(LIMIT_PORTS) >= 2984);
}

static void test_the_port_of_a_service_has_its_number_beside_a_scan(void **state)
{
	(void)state;
	connect_to(1, 5432);
	sweep_ends();
	refuse(1000, 3000);
	connect_to(2, 6379);
	refuse(10000, 3000);
	refuse(5432, 1); /* down now, as it was up before */
	for (int i = 0; i < 5; i++)
		refuse(8443, 1); /* never was up, and is asked for again and again */
	assert_has(OPEN, "{shop,outbound,lab,5432} 1\n");
	assert_has(OPEN, "{shop,outbound,lab,6379} 1\n");
	assert_has(COUNTS, "{shop,outbound,lab,5432,refused} 1\n");
	assert_has(COUNTS, "{shop,outbound,lab,8443,refused} 3\n");
}

static void test_a_scan_costs_neither_others_nor_the_other_direction_their_ports(void **state)
{
	struct record_tcp record = client(0, TCP_FAILED);

	(void)state;
	refuse(1000, 3000);
	record.record.workload = BANK;
	record.address.remote_port = 4000;
	take_failure(record, ECONNREFUSED);
	record = server(1, TCP_OPENED);
	record.record.workload = SHOP;
	record.address.local_port = 40000;
	take_tcp(record);
	sweep_ends();
	assert_has(COUNTS, "{bank,outbound,lab,4000,refused} 1\n");
	assert_has(COUNTS, "{shop,inbound,lab,40000,established} 1\n");
}

static void test_ports_for_once_are_folded_and_those_of_listeners_are_not(void **state)
{
	(void)state;
	take_listener(1, 45000, 0, 10, 0);
	for (__u16 i = 0; i < 1000; i++)
		accept_at(i + 1, (__u16)(50000 + i)); /* whose listeners are gone */
	sweep_ends();
	accept_at(2000, 45000);
	sweep_ends();
	assert_has(OPEN, "{bank,inbound,lab,other} 985\n"); /* the listener's took a place */
	assert_has(OPEN, "{bank,inbound,lab,45000} 1\n");
	assert_int_equal(series_count(OPEN), PORTS_UNKNOWN_MAX + 1);
}

static void test_a_connection_keeps_the_port_that_it_was_counted_by(void **state)
{
	(void)state;
	refuse(1000, PORTS_UNKNOWN_MAX);
	connect_to(1, 50000);
	sweep_ends();
	assert_has(OPEN, "{shop,outbound,lab,other} 1\n");
	for (__u64 i = 2; i < 9; i++)
		connect_to(i, 50000);
	take_bytes(client(1, TCP_PROGRESS), 5, 0);
	sweep_ends();
	assert_has("sonde_tcp_sent_bytes_total", "{shop,outbound,lab,other} 5\n");
	assert_has(OPEN, "{shop,outbound,lab,50000} 6\n");
	take_end(client(1, TCP_CLOSED), TCP_LOCAL, TCP_FIN);
	sweep_ends();
	assert_has(OPEN, "{shop,outbound,lab,other} 1\n"); /* the second to 50000 */
}

static void test_thousands_of_listeners_are_few_values(void **state)
{
	static const char *const families[] = {"sonde_tcp_accept_queue_length",
		"sonde_tcp_accept_queue_limit", "sonde_tcp_listen_overflows_total"};

	(void)state;
	for (__u16 i = 0; i < 300; i++)
		take_listener(i + 1, (__u16)(33000 + i), 1, 10, 2);
	for (int i = 0; i < 3; i++)
		assert_int_equal(series_count(families[i]), PORTS_MAX + 1);
	assert_has(families[0], "{bank,33000} 1\n");
	assert_has(families[0], "{bank,other} 236\n");
	assert_has(families[2], "{bank,other} 472\n");
	for (__u16 i = 0; i < 300; i++) {
		struct record_tcp_listener gone = {
			.record = {.type = RECORD_TCP_LISTENER, .workload = BANK},
			.listener = i + 1U,
			.is_gone = 1};

		take(&gone.record, sizeof(gone));
	}
	assert_has(families[0], "{bank,other} 0\n");
}

static void test_a_flow_record_has_the_number_of_each_port(void **state)
{
	(void)state;
	refuse(1000, PORTS_UNKNOWN_MAX);
	told[0] = '\0';
	refuse(3000, 1);
	assert_has(COUNTS, "{shop,outbound,lab,other,refused} 1\n");
	assert_reported("failed shop lab 3000 0/0 refused  error\n");
}

/* --- peers --- */

static void test_hundreds_of_services_that_connect_are_few_peers(void **state)
{
	char name[32];

	(void)state;
	for (__u64 i = 0; i < 400; i++) { /* each has the number of the one before, which ended */
		snprintf(name, sizeof(name), "job%u", (unsigned)i);
		announce(SHOP, name);
		take_tcp(client(i + 1, TCP_OPENED));
		take_tcp(server(i + 1, TCP_OPENED));
		sweep_ends_after(1000);
		take_end(client(i + 1, TCP_CLOSED), TCP_LOCAL, TCP_FIN);
		take_end(server(i + 1, TCP_CLOSED), TCP_PEER, TCP_FIN);
		sweep_ends_after(1000);
	}
	assert_has(COUNTS, "{bank,inbound,job0,80,established} 1\n");
	assert_has(COUNTS, "{bank,inbound,_other,80,established} 300\n");
	assert_has("sonde_tcp_peers_folded_total", "{bank} 300\n");
}

/* --- shares of the tables --- */

static void open_many(__u32 workload, __u64 first, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		struct record_tcp record = client(first + i, TCP_OPENED);

		record.record.workload = workload;
		record.address.local_port = (__u16)(first + i);
		take_tcp(record);
	}
}

static void test_who_opens_masses_of_connections_costs_nobody_theirs(void **state)
{
	uint64_t met = limit_count(LIMIT_CONNECTIONS);

	(void)state;
	open_many(SHOP, 1, 10);
	open_many(BANK, 1000, FLOWS_MAX + 100);
	sweep_ends();
	assert_has(OPEN, "{shop,outbound,lab,80} 10\n");
	assert_has(OPEN, "{bank,outbound,lab,80} 65526\n");
	assert_has(COUNTS, "{bank,outbound,lab,80,established} 65636\n"); /* all the same */
	assert_int_equal(limit_count(LIMIT_CONNECTIONS) - met, 110);
	open_many(SHOP, 100, 500); /* which has its part to come */
	sweep_ends();
	assert_has(OPEN, "{shop,outbound,lab,80} 510\n");
	assert_has(OPEN, "{bank,outbound,lab,80} 65026\n");
	assert_int_equal(flows_count(telemetry_flows(telemetry)), FLOWS_MAX);
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
	sweep_ends();
	while (flows_show(telemetry_flows(telemetry), gone, look_away, NULL))
		gone++;
	assert_in_range(gone, 1000, 1000 + FLOWS_MAX - 1);
	record = client(gone, TCP_PROGRESS);
	record.record.workload = BANK;
	take_bytes(record, 7, 0);
	record.event = TCP_CLOSED;
	record.record.time_ns = now_ns += 1000;
	take_end(record, TCP_LOCAL, TCP_FIN);
	sweep_ends();
	assert_has("sonde_tcp_sent_bytes_total", "{bank,outbound,lab,80} 7\n");
	assert_has(COUNTS, "{bank,outbound,lab,80,established} 65536\n");
	assert_has(OPEN, "{bank,outbound,lab,80} 65535\n");
}

static void test_a_new_owner_has_the_place_of_a_connection(void **state)
{
	struct record_tcp record;

	(void)state;
	open_many(BANK, 1000, FLOWS_MAX);
	for (unsigned i = 0; i < FLOWS_MAX / 2; i++) {
		record = client(1000 + i, TCP_PROGRESS);
		record.record.workload = SHOP;
		take_tcp(record);
	}
	open_many(SHOP, 1, 100); /* and so as much as the other: it takes nothing from it */
	sweep_ends();
	assert_has(OPEN, "{bank,outbound,lab,80} 32768\n");
	assert_has(OPEN, "{shop,outbound,lab,80} 32768\n");
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
		take_listener(i + 1, (__u16)(20000 + i), 1, 10, 0);
	take(&record.record, sizeof(record));
	assert_has("sonde_tcp_accept_queue_length", "{shop,5432} 3\n");
	assert_has("sonde_tcp_accept_queue_length", "{bank,other} 8128\n");
	assert_true(limit_count(LIMIT_LISTENERS) > 1000);
}

/* --- flow records --- */

static void test_an_open_connection_is_told_of_each_interval_if_it_changed(void **state)
{
	(void)state;
	take_bytes(client(1, TCP_OPENED), 1, 2);
	for (int i = 0; i < 9; i++)
		sweep_ends();
	assert_reported("");
	sweep_ends();
	assert_reported("open shop lab 80 1/2 established  \n");
	for (int i = 0; i < 20; i++)
		sweep_ends();
	assert_reported("");
	take_bytes(client(1, TCP_PROGRESS), 10, 20);
	sweep_ends();
	assert_reported("open shop lab 80 11/22 established  \n");
	take_end(client(1, TCP_CLOSED), TCP_LOCAL, TCP_FIN);
	sweep_ends();
	assert_reported("closed shop lab 80 11/22 established local fin\n");
	sweep_ends();
	assert_reported("");
}

static void test_a_failure_is_told_of_once(void **state)
{
	(void)state;
	take_failure(client(1, TCP_FAILED), ECONNREFUSED);
	sweep_ends();
	sweep_ends();
	assert_reported("failed shop lab 80 0/0 refused  error\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, begin, end)
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
		TEST(thousands_of_refused_ports_are_few_values),
		TEST(the_port_of_a_service_has_its_number_beside_a_scan),
		TEST(a_scan_costs_neither_others_nor_the_other_direction_their_ports),
		TEST(ports_for_once_are_folded_and_those_of_listeners_are_not),
		TEST(a_connection_keeps_the_port_that_it_was_counted_by),
		TEST(thousands_of_listeners_are_few_values),
		TEST(a_flow_record_has_the_number_of_each_port),
		TEST(hundreds_of_services_that_connect_are_few_peers),
		TEST(who_opens_masses_of_connections_costs_nobody_theirs),
		TEST(a_connection_that_left_the_table_still_counts),
		TEST(a_new_owner_has_the_place_of_a_connection),
		TEST(who_listens_on_masses_of_ports_costs_nobody_their_queues),
		TEST(an_open_connection_is_told_of_each_interval_if_it_changed),
		TEST(a_failure_is_told_of_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
