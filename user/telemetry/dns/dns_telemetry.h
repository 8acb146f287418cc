/* SPDX-License-Identifier: Apache-2.0 */
/* DNS lookups: what one means, as label values and as a span. Part of telemetry.c. */
#ifndef SONDE_DNS_TELEMETRY_H
#define SONDE_DNS_TELEMETRY_H

#include "base/address.h"
#include "protocol/dns/dns_lookups.h"
#include "telemetry/spans/span.h"

/* "NOERROR", "NXDOMAIN", …, "timeout" or "unreachable". Constant. */
const char *dns_lookup_code(const struct dns_lookup *lookup);

bool dns_lookup_failed(const struct dns_lookup *lookup);

/* Holds the strings that a span borrows. */
struct dns_span_room {
	char answers[DNS_ADDRESSES_MAX * ADDRESS_TEXT_LEN];
};

void dns_span_make(struct span *span, struct dns_span_room *room, const struct dns_lookup *lookup,
	const struct service *service, int64_t realtime_offset_ns);

#endif
