/* SPDX-License-Identifier: Apache-2.0 */
/* See flow.h. */
#include "telemetry/tcp/flow.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* --- records --- */

void flow_add(struct flow *flow, const struct tcp_figures *growth)
{
	struct tcp_figures *total = &flow->total;

	total->sent_bytes += growth->sent_bytes;
	total->received_bytes += growth->received_bytes;
	total->retransmitted_bytes += growth->retransmitted_bytes;
	total->sent_segments += growth->sent_segments;
	total->received_segments += growth->received_segments;
	total->retransmitted_segments += growth->retransmitted_segments;
	total->lost_segments += growth->lost_segments;
	total->out_of_order_segments += growth->out_of_order_segments;
	total->zero_windows += growth->zero_windows;
}

void flow_update(struct flow *flow, const struct record_tcp *record)
{
	if (record->record.time_ns < flow->changed_ns)
		return;
	flow->changed_ns = record->record.time_ns;
	flow->first_byte_ns = record->first_byte_ns;
	flow->srtt_us = record->srtt_us;
	flow->min_rtt_us = record->min_rtt_us;
	flow->congestion_window = record->congestion_window;
	flow->unsent_bytes = record->unsent_bytes;
	flow->unacknowledged_bytes = record->unacknowledged_bytes;
	flow->workload = record->record.workload;
	flow->tgid = record->tgid;
	memcpy(flow->comm, record->comm, sizeof(flow->comm));
	flow->state = record->state;
	flow->closer = record->closer;
	flow->error = record->error;
	flow->is_mptcp = record->flags & TCP_MPTCP;
	flow->is_waiting = record->flags & TCP_WAITS;
	if (record->direction != TCP_UNKNOWN)
		flow->direction = record->direction;
}

/* --- ends --- */

uint16_t flow_server_port(const struct flow *flow)
{
	switch (flow->direction) {
	case TCP_INBOUND: return flow->address.local_port;
	case TCP_OUTBOUND: return flow->address.remote_port;
	default: return 0;
	}
}

/* --- rates --- */

void flow_periods_advance(struct flow_periods *periods, uint64_t now_ns)
{
	periods->swept_ns = now_ns;
	if (periods->begin_ns && now_ns - periods->begin_ns < RATE_PERIOD_NS)
		return;
	periods->before_ns = periods->begin_ns;
	periods->begin_ns = now_ns;
	periods->number++;
}

/* What lies more than a period back is forgotten. */
static struct flow_meter meter_at(const struct flow_meter *meter, uint32_t period)
{
	if (meter->period == period)
		return *meter;
	return (struct flow_meter){
		.before = meter->period + 1 == period ? meter->now : (struct flow_moved){0},
		.period = period,
	};
}

void flow_meter_add(struct flow_meter *meter, const struct flow_periods *periods,
	uint64_t sent_bytes, uint64_t received_bytes)
{
	*meter = meter_at(meter, periods->number);
	meter->now.sent_bytes += sent_bytes;
	meter->now.received_bytes += received_bytes;
}

static uint64_t per_second(const struct flow_periods *periods, uint64_t bytes)
{
	double ns = (double)(periods->swept_ns - periods->before_ns);

	return periods->before_ns ? (uint64_t)ceil((double)bytes * 1e9 / ns) : 0;
}

struct flow_rate flow_meter_rate(const struct flow_meter *meter, const struct flow_periods *periods)
{
	struct flow_meter at = meter_at(meter, periods->number);

	return (struct flow_rate){
		per_second(periods, at.before.sent_bytes + at.now.sent_bytes),
		per_second(periods, at.before.received_bytes + at.now.received_bytes),
	};
}

/* --- words --- */

#define NAME_OF(names, index)                                                                      \
	((size_t)(index) < sizeof(names) / sizeof(*(names)) && (names)[index] ? (names)[index] : "")

const char *flow_direction_name(enum tcp_direction direction)
{
	static const char *const names[] = {
		[TCP_UNKNOWN] = "unknown",
		[TCP_INBOUND] = "inbound",
		[TCP_OUTBOUND] = "outbound",
	};

	return NAME_OF(names, direction);
}

const char *flow_closer_name(enum tcp_closer closer)
{
	static const char *const names[] = {[TCP_LOCAL] = "local", [TCP_PEER] = "peer"};

	return NAME_OF(names, closer);
}

const char *flow_reason_name(enum tcp_reason reason)
{
	static const char *const names[] = {
		[TCP_FIN] = "fin",
		[TCP_RESET_SENT] = "reset_sent",
		[TCP_RESET_RECEIVED] = "reset_received",
		[TCP_TIMED_OUT] = "timeout",
		[TCP_ERROR] = "error",
	};

	return NAME_OF(names, reason);
}

const char *flow_state_name(unsigned state)
{
	/* include/net/tcp_states.h */
	static const char *const names[] = {
		[1] = "established",
		[2] = "syn_sent",
		[3] = "syn_recv",
		[4] = "fin_wait1",
		[5] = "fin_wait2",
		[6] = "time_wait",
		[7] = "close",
		[8] = "close_wait",
		[9] = "last_ack",
		[10] = "listen",
		[11] = "closing",
	};

	return NAME_OF(names, state);
}

const char *flow_result_name(const struct flow *flow)
{
	if (!flow->has_failed)
		return "established";
	switch (flow->error) {
	case 0: return "aborted"; /* closed by the program before there was an answer */
	case ECONNREFUSED: return "refused";
	case ETIMEDOUT: return "timeout";
	case EHOSTUNREACH:
	case ENETDOWN:
	case ENETUNREACH: return "unreachable";
	case ECONNRESET: return "reset";
	case EADDRNOTAVAIL: return "no_port"; /* of its own, or no address */
	case EACCES:
	case EPERM: return "forbidden"; /* by a rule of this node */
	default: return "error";
	}
}
