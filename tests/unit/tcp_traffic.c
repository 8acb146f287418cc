/* SPDX-License-Identifier: Apache-2.0 */
/* See tcp_traffic.h. */
#include "tcp_traffic.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "series_listing.h"

uint64_t tcp_now_ns;
char tcp_reported[4096];

/* --- what comes out --- */

void tcp_assert_series(const char *families, const char *expected)
{
	assert_string_equal(series_listing(telemetry_metrics(fed), families), expected);
}

static void keep_flow(void *context, const struct flow_view *view)
{
	static const char *const events[] = {"open", "closed", "failed"};
	size_t used = strlen(tcp_reported);

	(void)context;
	snprintf(tcp_reported + used, sizeof(tcp_reported) - used,
		"%s %s %s %u %llu/%llu %s %s %s\n", events[view->event], view->service->name,
		view->peer, view->port, (unsigned long long)view->flow->total.sent_bytes,
		(unsigned long long)view->flow->total.received_bytes, flow_result_name(view->flow),
		flow_closer_name(view->flow->closer), flow_reason_name(view->flow->reason));
}

void tcp_assert_reported(const char *expected)
{
	assert_string_equal(tcp_reported, expected);
	tcp_reported[0] = '\0';
}

/* --- what goes in --- */

void tcp_sweep_ends_after(uint64_t after_ns)
{
	struct record_clock clock = {
		.record = {.type = RECORD_CLOCK, .time_ns = tcp_now_ns += after_ns}};

	feed(&clock.record, sizeof(clock));
}

void tcp_sweep_ends(void)
{
	tcp_sweep_ends_after(SECOND);
}

void tcp_address_set(__u8 address[16], const char *text)
{
	memset(address, 0, 16);
	if (inet_pton(AF_INET6, text, address) == 1)
		return;
	address[10] = address[11] = 0xff;
	assert_int_equal(inet_pton(AF_INET, text, address + 12), 1);
}

struct record_tcp tcp_client(__u64 connection, enum tcp_event event)
{
	struct record_tcp record = {
		.record = {.type = RECORD_TCP, .workload = SHOP, .time_ns = tcp_now_ns += 1000},
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

	tcp_address_set(record.address.local, "192.0.2.1");
	tcp_address_set(record.address.remote, "192.0.2.2");
	if (event == TCP_OPENED || event == TCP_FAILED || event == TCP_FOUND)
		record.flags = TCP_FIRST;
	return record;
}

struct record_tcp tcp_server(__u64 connection, enum tcp_event event)
{
	struct record_tcp record = tcp_client(connection, event);
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

void tcp_take(struct record_tcp record)
{
	feed(&record.record, sizeof(record));
}

void tcp_take_bytes(struct record_tcp record, __u64 sent, __u64 received)
{
	record.growth.sent_bytes = sent;
	record.growth.received_bytes = received;
	feed(&record.record, sizeof(record));
}

void tcp_take_end(struct record_tcp record, enum tcp_closer closer, enum tcp_reason reason)
{
	record.closer = (__u8)closer;
	record.reason = (__u8)reason;
	feed(&record.record, sizeof(record));
}

void tcp_take_failure(struct record_tcp record, int error)
{
	record.start_ns = record.connect_ns = 0;
	record.reason = TCP_ERROR;
	record.error = (__u16)error;
	feed(&record.record, sizeof(record));
}

void tcp_take_listener(__u64 id, __u16 port, __u32 length, __u32 limit, __u64 overflows)
{
	struct record_tcp_listener record = {
		.record = {.type = RECORD_TCP_LISTENER, .workload = BANK},
		.address = {.local = {[10] = 0xff, 0xff}, .local_port = port, .netns = HOST},
		.listener = id,
		.overflows = overflows,
		.queue_length = length,
		.queue_limit = limit,
	};

	feed(&record.record, sizeof(record));
}

int tcp_traffic_begin(void **state)
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
	tcp_reported[0] = '\0';
	tcp_now_ns = 10 * SECOND;
	feed_begin(&config);
	telemetry_set_flows(fed, keep_flow, NULL, 10 * SECOND);
	feed_workload(SHOP, "shop");
	feed_workload(BANK, "bank");
	return 0;
}

const char *tcp_listing(const char *families)
{
	return series_listing(telemetry_metrics(fed), families);
}

void tcp_assert_has(const char *families, const char *series)
{
	if (!strstr(tcp_listing(families), series))
		fail_msg("no %s in\n%s", series, tcp_listing(families));
}
