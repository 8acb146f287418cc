/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many bytes a second a connection moves now. Part of flows.c.
 *
 * Bytes are known at sweeps, which come at regular intervals and whenever somebody asks: so they
 * are added up by periods, each of which ends with the first sweep that comes RATE_PERIOD_NS or
 * more after its beginning. A rate is over the last period that is complete and what there is of
 * the next one: with a sweep each second over half a second to one and a half. What moved nothing
 * in that time has a rate of 0, and its entry need not be touched for it.
 */
#ifndef SONDE_FLOW_RATE_H
#define SONDE_FLOW_RATE_H

#include <stdint.h>

/* Long enough that pieces of some kilobytes make a rate, not a row of spikes. */
#define RATE_PERIOD_NS UINT64_C(500000000)

/* The same for all connections. Zeroed, there was no sweep yet. */
struct flow_periods {
	uint32_t number;    /* of the one that goes on */
	uint64_t before_ns; /* when the one before began (0: there was none), */
	uint64_t begin_ns;  /* when this one did, */
	uint64_t swept_ns;  /* and the last sweep: until then all is known */
};

/* What one connection moved. Zeroed, nothing. */
struct flow_meter {
	struct flow_moved {
		uint64_t sent_bytes;
		uint64_t received_bytes;
	} before, now;   /* in the period before `period`, and in that one */
	uint32_t period; /* number of the last one in which anything moved */
};

/* Bytes per second, rounded up, so that 0 is idle; or Sonde began less than a period ago. */
struct flow_rate {
	uint64_t sent_bytes;
	uint64_t received_bytes;
};

/* A sweep has ended, and all that it told was added. */
void flow_periods_advance(struct flow_periods *periods, uint64_t now_ns);

void flow_meter_add(struct flow_meter *meter, const struct flow_periods *periods,
	uint64_t sent_bytes, uint64_t received_bytes);

struct flow_rate flow_meter_rate(
	const struct flow_meter *meter, const struct flow_periods *periods);

#endif
