/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DNS lookup as an exchange: its operation is the question's type, its target the name that was
 * asked for, its status the answer's code, or "timeout" or "unreachable".
 */
#ifndef SONDE_DNS_EXCHANGE_H
#define SONDE_DNS_EXCHANGE_H

#include "base/address.h"
#include "protocol/dns/dns_lookups.h"
#include "protocol/exchange.h"

enum dns_text { DNS_TEXT_ANSWERS, DNS_TEXT_TRANSPORT };

extern const struct exchange_protocol dns_protocol;

/* An exchange with what it borrows. Lives as long as the lookup and the service do. */
struct dns_exchange {
	struct exchange exchange;
	const struct dns_lookup *lookup;
	char answers[DNS_ADDRESSES_MAX * ADDRESS_TEXT_LEN];
	char server[ADDRESS_TEXT_LEN];
};

void dns_exchange_read(
	struct dns_exchange *dns, const struct dns_lookup *lookup, const struct service *service);

#endif
