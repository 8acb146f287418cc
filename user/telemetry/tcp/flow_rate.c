/* SPDX-License-Identifier: Apache-2.0 */
/* See flow_rate.h. */
#include "telemetry/tcp/flow_rate.h"

#include <math.h>

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
