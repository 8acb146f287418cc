/* SPDX-License-Identifier: Apache-2.0 */
/* The words of flows.h that metrics, flow records and tables have in common. */
#include <errno.h>

#include "telemetry/tcp/flows.h"

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
