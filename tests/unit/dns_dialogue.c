/* SPDX-License-Identifier: Apache-2.0 */
/* See dns_dialogue.h. */
#include "dns_dialogue.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

struct dns_lookups *dns_dialogue;

/* --- what comes out --- */

char dns_reported[DNS_TOLD_LEN];
unsigned dns_lost[OUTCOMES];
unsigned dns_full[LIMITS][WORKLOADS_MAX];

static void tell(void *context, const struct dns_lookup *lookup)
{
	size_t used = strlen(dns_reported);

	(void)context;
	snprintf(dns_reported + used, sizeof(dns_reported) - used, "%u %s %s %llu %s\n",
		lookup->workload, dns_type_name(lookup->question->type), lookup->question->name,
		(unsigned long long)(lookup->end_ns - lookup->start_ns),
		lookup->answer           ? dns_code_name(lookup->answer->code)
		: lookup->is_unreachable ? "unreachable"
					 : "timeout");
}

static void lose(void *context, enum outcome outcome)
{
	(void)context;
	dns_lost[outcome]++;
}

static void fill(void *context, enum limit limit, __u32 workload)
{
	(void)context;
	dns_full[limit][workload]++;
}

void dns_assert_reported(const char *expected)
{
	assert_string_equal(dns_reported, expected);
	dns_reported[0] = '\0';
}

static int begin(void)
{
	dns_reported[0] = '\0';
	memset(dns_lost, 0, sizeof(dns_lost));
	memset(dns_full, 0, sizeof(dns_full));
	dns_dialogue =
		dns_lookups_new(&(struct dns_sink){.lookup = tell, .lost = lose, .full = fill});
	return !dns_dialogue;
}

int dns_dialogue_end(void **state)
{
	(void)state;
	dns_lookups_free(dns_dialogue);
	return 0;
}

/* --- what goes in --- */

struct dns_now dns_now;

int dns_dialogue_begin(void **state)
{
	(void)state;
	dns_now.workload = SHOP;
	dns_now.port = 40000;
	dns_now.netns = 7;
	dns_now.server = 53;
	dns_now.is_answerer_unknown = false;
	dns_now.is_tcp = false;
	dns_now.code = 0;
	dns_now.address = 0;
	dns_now.ttl = 300;
	return begin();
}

/* A message about a name of one label, with an address where one is answered. */
size_t dns_message_make(__u8 *to, bool is_response, unsigned id, unsigned type, const char *name)
{
	bool has_address = is_response && dns_now.address;
	__u8 *at = to;
	size_t length = strlen(name);
	const __u8 header[] = {(__u8)(id >> 8), (__u8)id, is_response ? 0x81 : 1,
		is_response ? (__u8)dns_now.code : 0, 0, 1, 0, has_address, 0, 0, 0, 0};
	const __u8 answer[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, (__u8)(dns_now.ttl >> 8),
		(__u8)dns_now.ttl, 0, 4, 10, 0, 0, dns_now.address};

	at = mempcpy(at, header, sizeof(header));
	*at++ = (__u8)length;
	at = mempcpy(at, name, length);
	at = mempcpy(at, (__u8[]){0, 0, (__u8)type, 0, 1}, 5);
	if (has_address)
		at = mempcpy(at, answer, sizeof(answer));
	return (size_t)(at - to);
}

void dns_take(__u64 time_ns, enum dns_direction direction, const __u8 *bytes, size_t length)
{
	struct record_dns record = {
		.record = {.type = RECORD_DNS, .workload = dns_now.workload, .time_ns = time_ns},
		.address = {.local_port = dns_now.port, .remote_port = 53, .netns = dns_now.netns},
		.length = (__u32)length,
		.kept = (__u16)length,
		.direction = (__u8)direction,
		.is_tcp = dns_now.is_tcp,
	};

	if (direction == DNS_RECEIVED && dns_now.is_answerer_unknown)
		record.address.remote_port = 0;
	else
		record.address.remote[15] = dns_now.server;
	memcpy(record.bytes, bytes, length);
	dns_lookups_take(dns_dialogue, &record);
}

void dns_query(__u64 time_ns, unsigned id, unsigned type, const char *name)
{
	__u8 bytes[256];

	dns_take(time_ns, DNS_SENT, bytes, dns_message_make(bytes, false, id, type, name));
}

void dns_answer(__u64 time_ns, unsigned id, unsigned type, const char *name)
{
	__u8 bytes[256];

	dns_take(time_ns, DNS_RECEIVED, bytes, dns_message_make(bytes, true, id, type, name));
}

/* Two sweeps: what was known at the first one is settled at the second. */
void dns_sweep(__u64 time_ns)
{
	dns_lookups_tick(dns_dialogue, time_ns);
	dns_lookups_tick(dns_dialogue, time_ns + 1);
}
