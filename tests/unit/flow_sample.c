/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_sample.h. */
#include "flow_sample.h"

#include <errno.h>
#include <netinet/tcp.h>

#define SECOND 1000000000ull

void flow_sample_make(struct flow_sample *sample)
{
	*sample = (struct flow_sample){
		.flow = {.address = {.local = {[10] = 0xff, 0xff, 127, 0, 0, 1},
				 .remote = {[10] = 0xff, 0xff, 10, 0, 0, 5},
				 .local_port = 40000,
				 .remote_port = 6379,
				 .netns = 4026531840},
			.connection = 77,
			.start_ns = 100 * SECOND,
			.end_ns = 101 * SECOND + 500000000,
			.changed_ns = 101 * SECOND + 500000000,
			.connect_ns = 120000,
			.first_byte_ns = 2000001,
			.total = {.sent_bytes = 1234,
				.received_bytes = 5678,
				.retransmitted_bytes = 100,
				.sent_segments = 12,
				.received_segments = 13,
				.retransmitted_segments = 1,
				.lost_segments = 2,
				.out_of_order_segments = 3,
				.zero_windows = 4},
			.srtt_us = 250,
			.min_rtt_us = 99,
			.congestion_window = 10,
			.unsent_bytes = 5,
			.unacknowledged_bytes = 6,
			.tgid = 4242,
			.comm = "curl",
			.direction = TCP_OUTBOUND,
			.state = TCP_CLOSE,
			.closer = TCP_PEER,
			.reason = TCP_RESET_RECEIVED,
			.error = ECONNRESET},
		.service = {.name = "shop"},
	};
	sample->view = (struct flow_view){
		.flow = &sample->flow,
		.event = FLOW_CLOSED,
		.service = &sample->service,
		.peer = "redis",
		.port = 6379,
		.rate = {.sent_bytes = 617, .received_bytes = 2839},
		.now_ns = 102 * SECOND,
		.realtime_offset_ns = 1773059600 * (int64_t)SECOND + 7, /* 2026-03-09 12:33:20 */
	};
}
