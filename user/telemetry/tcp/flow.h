/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TCP connection is to all who look at one: what its records say of it, how fast it is, and
 * the words for it. flows.h has all connections.
 */
#ifndef SONDE_FLOW_H
#define SONDE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identity/service.h"
#include "record.h"

enum flow_event { FLOW_OPEN, FLOW_CLOSED, FLOW_FAILED };

/* A connection, as of its last record. */
struct flow {
	struct record_address address;
	uint64_t connection; /* unique; 0: it never came to be one */
	uint64_t
		start_ns; /* established at, CLOCK_MONOTONIC; 0: before Sonde was there, or never */
	uint64_t end_ns;  /* closed, or failed at; 0: it is open */
	uint64_t changed_ns;      /* time of the last record */
	uint64_t connect_ns;      /* SYN to established; 0: not known */
	uint64_t first_byte_ns;   /* established to first payload received; 0: none, or not known */
	struct tcp_figures total; /* of its whole life, also what was before Sonde */
	uint32_t srtt_us;         /* 0: no sample */
	uint32_t min_rtt_us;
	uint32_t congestion_window; /* segments */
	uint32_t unsent_bytes;
	uint32_t unacknowledged_bytes;
	uint32_t workload;
	uint32_t tgid;       /* of its owner; 0: not known */
	char comm[COMM_LEN]; /* its command name */
	uint8_t direction;   /* enum tcp_direction */
	uint8_t state;       /* of the kernel, see flow_state_name() */
	uint8_t closer;      /* enum tcp_closer */
	uint8_t reason;      /* enum tcp_reason */
	bool is_mptcp;       /* a subflow */
	bool is_waiting;     /* to be accepted; for some seconds only */
	bool has_failed;     /* never was established */
	uint16_t error;      /* errno, or 0 */
};

/* A further record, but for its growth. One that another CPU told late does not know better. */
void flow_update(struct flow *flow, const struct record_tcp *record);
void flow_add(struct flow *flow, const struct tcp_figures *growth);

/* The server's; 0: not known which end that is. */
uint16_t flow_server_port(const struct flow *flow);

/* --- rates --- */

/*
 * How many bytes a second a connection moves now.
 *
 * Bytes are known at sweeps, which come at regular intervals and whenever somebody asks: so they
 * are added up by periods, each of which ends with the first sweep that comes RATE_PERIOD_NS or
 * more after its beginning. A rate is over the last period that is complete and what there is of
 * the next one: with a sweep each second over half a second to one and a half. What moved nothing
 * in that time has a rate of 0, and its entry need not be touched for it.
 */

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

/* --- for whoever shows connections --- */

/* One, with what is known of it beside. Borrowed for the call. */
struct flow_view {
	const struct flow *flow;
	enum flow_event event;
	const struct service *service;
	const char *peer; /* see peers.h */
	uint16_t port;    /* the server's; 0: not known which end that is */
	struct flow_rate rate;
	uint64_t now_ns; /* of the last sweep */
	int64_t realtime_offset_ns;
};

typedef void (*flow_sink)(void *context, const struct flow_view *flow);

/* The words for "direction", "closed_by", "reason" and "state"; "" for what there is none. */
const char *flow_direction_name(enum tcp_direction direction);
const char *flow_closer_name(enum tcp_closer closer);
const char *flow_reason_name(enum tcp_reason reason);
const char *flow_state_name(unsigned state);

/* How its establishment ended: "established", "refused", "timeout", …; as the metric's label. */
const char *flow_result_name(const struct flow *flow);

#endif
