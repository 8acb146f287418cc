/* SPDX-License-Identifier: Apache-2.0 */
/* See dns_exchange.h. The attributes are those of the DNS semantic conventions v1.44. */
#include "protocol/dns/dns_exchange.h"

#include <string.h>

static const char *lookup_code(const struct dns_lookup *lookup)
{
	if (lookup->answer)
		return dns_code_name(lookup->answer->code);
	return lookup->is_unreachable ? "unreachable" : "timeout";
}

void dns_exchange_read(
	struct dns_exchange *dns, const struct dns_lookup *lookup, const struct service *service)
{
	bool is_answered = lookup->answer != NULL;

	dns->lookup = lookup;
	dns->exchange = (struct exchange){
		.protocol = &dns_protocol,
		.service = service,
		.role = EXCHANGE_CLIENT,
		.pid = lookup->tgid,
		.start_ns = lookup->start_ns,
		.duration_ns = lookup->end_ns - lookup->start_ns,
		.is_timed = is_answered,
		.operation = dns_type_name(lookup->question->type),
		.target = lookup->question->name,
		.status = lookup_code(lookup),
	};
	if (!is_answered || lookup->answer->code != DNS_NOERROR)
		dns->exchange.error = dns->exchange.status;
}

/* --- spans --- */

static void answers_text(char *text, const struct dns_message *answer)
{
	*text = '\0';
	for (size_t i = 0; answer && i < answer->address_count; i++) {
		if (i)
			*text++ = ' ';
		address_text(text, answer->addresses[i].address);
		text += strlen(text);
	}
}

static void dns_describe(struct exchange *exchange, int64_t realtime_offset_ns)
{
	struct dns_exchange *dns = (struct dns_exchange *)exchange;
	const struct dns_lookup *lookup = dns->lookup;
	const struct record_address *address = &lookup->address;

	exchange->realtime_offset_ns = realtime_offset_ns;
	exchange_identify(&exchange->trace,
		(const uint64_t[EXCHANGE_IDENTITY]){lookup->start_ns, (uint64_t)realtime_offset_ns,
			(uint64_t)address->netns << 32 | (uint64_t)lookup->id << 16 |
				address->local_port,
			(uint64_t)lookup->tgid << 32 | lookup->question->type});
	answers_text(dns->answers, lookup->answer);
	address_text(dns->server, address->remote);
	exchange->peer = (struct exchange_end){dns->server, address->remote_port};
	exchange->texts[DNS_TEXT_ANSWERS] = dns->answers;
	exchange->texts[DNS_TEXT_TRANSPORT] = lookup->is_tcp ? "tcp" : "udp";
}

static void dns_put_name(struct text *text, const struct exchange *exchange)
{
	text_put(text, "DNS ");
	text_put(text, exchange->operation);
}

static const struct exchange_attribute attributes[] = {
	EXCHANGE_TEXT("dns.question.name", EXCHANGE_BY_CLIENT, target),
	EXCHANGE_WORDS("dns.answers", EXCHANGE_BY_CLIENT, texts[DNS_TEXT_ANSWERS]),
	EXCHANGE_TEXT("sonde.dns.question.type", EXCHANGE_BY_CLIENT, operation),
	EXCHANGE_TEXT("error.type", EXCHANGE_BY_CLIENT, error),
	EXCHANGE_TEXT("network.transport", EXCHANGE_BY_CLIENT, texts[DNS_TEXT_TRANSPORT]),
	EXCHANGE_END("server", EXCHANGE_BY_CLIENT, peer),
	EXCHANGE_END("network.peer", EXCHANGE_BY_CLIENT, peer),
	EXCHANGE_SAME("network.protocol.name", EXCHANGE_BY_CLIENT, "dns"),
};

const struct exchange_protocol dns_protocol = {
	.put_name = dns_put_name,
	.describe = dns_describe,
	.attributes = attributes,
	.attribute_count = sizeof(attributes) / sizeof(attributes[0]),
};
