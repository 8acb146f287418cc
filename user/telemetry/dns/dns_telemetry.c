/* SPDX-License-Identifier: Apache-2.0 */
/* See dns_telemetry.h. */
#include "telemetry/dns/dns_telemetry.h"

#include <string.h>

const char *dns_lookup_code(const struct dns_lookup *lookup)
{
	if (lookup->answer)
		return dns_code_name(lookup->answer->code);
	return lookup->is_unreachable ? "unreachable" : "timeout";
}

bool dns_lookup_failed(const struct dns_lookup *lookup)
{
	return !lookup->answer || lookup->answer->code != DNS_NOERROR;
}

/* From what tells the lookup apart from all others, so that a replay makes the same ones. */
static uint64_t identifier(const struct dns_lookup *lookup, int64_t offset_ns, uint64_t salt)
{
	const struct record_address *address = &lookup->address;
	uint64_t value = span_mix(salt ^ lookup->start_ns);

	value = span_mix(value ^ (uint64_t)offset_ns);
	value = span_mix(value ^ ((uint64_t)address->netns << 32 | (uint64_t)lookup->id << 16 |
					 address->local_port));
	value = span_mix(value ^ ((uint64_t)lookup->tgid << 32 | lookup->question->type));
	return value ? value : 1; /* zero is not a valid identifier */
}

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

void dns_span_make(struct span *span, struct dns_span_room *room, const struct dns_lookup *lookup,
	const struct service *service, int64_t realtime_offset_ns)
{
	uint64_t id = identifier(lookup, realtime_offset_ns, 3);
	uint64_t trace[2] = {identifier(lookup, realtime_offset_ns, 1),
		identifier(lookup, realtime_offset_ns, 2)};

	memset(span, 0, sizeof(*span));
	memcpy(span->span_id, &id, sizeof(id));
	memcpy(span->trace_id, trace, sizeof(trace));
	span->trace_flags = 1;
	span->role = HTTP_CLIENT;
	span->start_unix_ns = lookup->start_ns + (uint64_t)realtime_offset_ns;
	span->end_unix_ns = lookup->end_ns + (uint64_t)realtime_offset_ns;
	span->service = service;
	span->pid = lookup->tgid;
	answers_text(room->answers, lookup->answer);
	span->dns_name = lookup->question->name;
	span->dns_type = dns_type_name(lookup->question->type);
	span->dns_answers = room->answers;
	span->is_tcp = lookup->is_tcp;
	if (dns_lookup_failed(lookup))
		span->error_type = dns_lookup_code(lookup);
	address_text(span->local_address, lookup->address.local);
	address_text(span->remote_address, lookup->address.remote);
	span->local_port = lookup->address.local_port;
	span->remote_port = lookup->address.remote_port;
}
