/* SPDX-License-Identifier: Apache-2.0 */
/* From DNS messages to lookups, in whatever order they come, and to names of addresses. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/dns/dns_lookups.h"
#include "protocol/dns/dns_names.h"

#define MILLISECOND UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)

enum { SHOP = 1, BANK, NOBODY };

static struct dns_lookups *lookups;

/* --- what comes out --- */

static char told[1 << 16]; /* a line for each: "A www.example 2000000 NOERROR" */
static unsigned lost[OUTCOMES];
static unsigned full[LIMITS][WORKLOADS_MAX];

static void tell(void *context, const struct dns_lookup *lookup)
{
	size_t used = strlen(told);

	(void)context;
	snprintf(told + used, sizeof(told) - used, "%u %s %s %llu %s\n", lookup->workload,
		dns_type_name(lookup->question->type), lookup->question->name,
		(unsigned long long)(lookup->end_ns - lookup->start_ns),
		lookup->answer           ? dns_code_name(lookup->answer->code)
		: lookup->is_unreachable ? "unreachable"
					 : "timeout");
}

static void lose(void *context, enum outcome outcome)
{
	(void)context;
	lost[outcome]++;
}

static void fill(void *context, enum limit limit, __u32 workload)
{
	(void)context;
	full[limit][workload]++;
}

static void assert_told(const char *expected)
{
	assert_string_equal(told, expected);
	told[0] = '\0';
}

static int begin(void **state)
{
	(void)state;
	told[0] = '\0';
	memset(lost, 0, sizeof(lost));
	memset(full, 0, sizeof(full));
	lookups = dns_lookups_new(&(struct dns_sink){.lookup = tell, .lost = lose, .full = fill});
	return !lookups;
}

static int end(void **state)
{
	(void)state;
	dns_lookups_free(lookups);
	return 0;
}

/* --- what goes in --- */

/* What the next records have in common; each test begins with the same. */
static struct {
	__u32 workload;
	__u16 port;
	__u32 netns;
	__u8 server;              /* the last byte of its address */
	bool is_answerer_unknown; /* as the kernel does not tell */
	bool is_tcp;
	unsigned code;
	__u8 address; /* the last byte of what is answered; 0: no address */
	__u32 ttl;
} now;

static int usual(void **state)
{
	now.workload = SHOP;
	now.port = 40000;
	now.netns = 7;
	now.server = 53;
	now.is_answerer_unknown = false;
	now.is_tcp = false;
	now.code = 0;
	now.address = 0;
	now.ttl = 300;
	return begin(state);
}

/* A message about a name of one label, with an address where one is answered. */
static size_t message_make(__u8 *to, bool is_response, unsigned id, unsigned type, const char *name)
{
	bool has_address = is_response && now.address;
	__u8 *at = to;
	size_t length = strlen(name);
	const __u8 header[] = {(__u8)(id >> 8), (__u8)id, is_response ? 0x81 : 1,
		is_response ? (__u8)now.code : 0, 0, 1, 0, has_address, 0, 0, 0, 0};
	const __u8 answer[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, (__u8)(now.ttl >> 8), (__u8)now.ttl, 0,
		4, 10, 0, 0, now.address};

	at = mempcpy(at, header, sizeof(header));
	*at++ = (__u8)length;
	at = mempcpy(at, name, length);
	at = mempcpy(at, (__u8[]){0, 0, (__u8)type, 0, 1}, 5);
	if (has_address)
		at = mempcpy(at, answer, sizeof(answer));
	return (size_t)(at - to);
}

static void take(__u64 time_ns, enum dns_direction direction, const __u8 *bytes, size_t length)
{
	struct record_dns record = {
		.record = {.type = RECORD_DNS, .workload = now.workload, .time_ns = time_ns},
		.address = {.local_port = now.port, .remote_port = 53, .netns = now.netns},
		.length = (__u32)length,
		.kept = (__u16)length,
		.direction = (__u8)direction,
		.is_tcp = now.is_tcp,
	};

	if (direction == DNS_RECEIVED && now.is_answerer_unknown)
		record.address.remote_port = 0;
	else
		record.address.remote[15] = now.server;
	memcpy(record.bytes, bytes, length);
	dns_lookups_take(lookups, &record);
}

static void query(__u64 time_ns, unsigned id, unsigned type, const char *name)
{
	__u8 bytes[256];

	take(time_ns, DNS_SENT, bytes, message_make(bytes, false, id, type, name));
}

static void answer(__u64 time_ns, unsigned id, unsigned type, const char *name)
{
	__u8 bytes[256];

	take(time_ns, DNS_RECEIVED, bytes, message_make(bytes, true, id, type, name));
}

/* Two sweeps: what was known at the first one is settled at the second. */
static void sweep(__u64 time_ns)
{
	dns_lookups_tick(lookups, time_ns);
	dns_lookups_tick(lookups, time_ns + 1);
}

/* --- lookups --- */

static void test_a_lookup_lasts_from_its_question_to_its_answer(void **state)
{
	(void)state;
	query(SECOND, 1, DNS_TYPE_A, "www");
	assert_told("");
	answer(SECOND + 2 * MILLISECOND, 1, DNS_TYPE_A, "www");
	assert_told("1 A www 2000000 NOERROR\n");
	sweep(20 * SECOND);
	assert_told("");
}

static void test_two_questions_of_a_socket_are_told_apart(void **state)
{
	(void)state;
	query(SECOND, 1, DNS_TYPE_A, "www");
	query(SECOND, 1, DNS_TYPE_AAAA, "www");
	query(SECOND, 2, DNS_TYPE_A, "www");
	query(SECOND, 2, DNS_TYPE_A, "ftp");
	now.code = 3;
	answer(SECOND + 1, 1, DNS_TYPE_AAAA, "www");
	answer(SECOND + 2, 2, DNS_TYPE_A, "ftp");
	assert_told("1 AAAA www 1 NXDOMAIN\n1 A ftp 2 NXDOMAIN\n");
	sweep(20 * SECOND);
	assert_told("1 A www 5000000000 timeout\n1 A www 5000000000 timeout\n");
}

static void test_case_does_not_matter(void **state)
{
	(void)state;
	query(SECOND, 1, DNS_TYPE_A, "wWw");
	answer(SECOND + 1, 1, DNS_TYPE_A, "Www");
	assert_told("1 A www 1 NOERROR\n");
}

static void test_sockets_of_different_ports_are_told_apart(void **state)
{
	(void)state;
	query(SECOND, 1, DNS_TYPE_A, "www");
	now.port++;
	answer(SECOND + 1, 1, DNS_TYPE_A, "www");
	sweep(2 * SECOND);
	assert_told("");
	now.port--;
	answer(3 * SECOND, 1, DNS_TYPE_A, "www");
	assert_told("1 A www 2000000000 NOERROR\n");
}

static void test_asked_again_it_is_the_same_lookup_from_the_first_time(void **state)
{
	(void)state;
	query(SECOND, 1, DNS_TYPE_A, "www");
	query(3 * SECOND, 1, DNS_TYPE_A, "www");
	answer(4 * SECOND, 1, DNS_TYPE_A, "www");
	answer(4 * SECOND + 1, 1, DNS_TYPE_A, "www"); /* the second server's */
	assert_told("1 A www 3000000000 NOERROR\n");
	sweep(20 * SECOND);
	assert_told("");
}

static void test_without_an_answer_for_5_s_it_timed_out_and_may_begin_anew(void **state)
{
	(void)state;
	query(SECOND, 1, DNS_TYPE_A, "www");
	sweep(SECOND + DNS_TIMEOUT_NS - 1);
	assert_told("");
	query(SECOND + DNS_TIMEOUT_NS, 1, DNS_TYPE_A, "www");
	assert_told("1 A www 5000000000 timeout\n");
	answer(SECOND + DNS_TIMEOUT_NS + 9, 1, DNS_TYPE_A, "www");
	assert_told("1 A www 9 NOERROR\n");
	sweep(20 * SECOND);
	assert_told("");
}

static void test_a_late_answer_is_none(void **state)
{
	(void)state;
	query(SECOND, 1, DNS_TYPE_A, "www");
	answer(SECOND + DNS_TIMEOUT_NS, 1, DNS_TYPE_A, "www");
	sweep(20 * SECOND);
	answer(20 * SECOND, 1, DNS_TYPE_A, "www");
	sweep(30 * SECOND);
	assert_told("1 A www 5000000000 timeout\n");
}

static void test_an_id_is_used_again_once_it_was_answered(void **state)
{
	(void)state;
	query(SECOND, 1, DNS_TYPE_A, "www");
	answer(SECOND + 1, 1, DNS_TYPE_A, "www");
	query(SECOND + 2, 1, DNS_TYPE_A, "www");
	answer(SECOND + 5, 1, DNS_TYPE_A, "www");
	assert_told("1 A www 1 NOERROR\n1 A www 3 NOERROR\n");
}

static void test_a_question_that_is_told_after_its_answer_is_found_at_the_next_sweep(void **state)
{
	(void)state;
	answer(SECOND + 2 * MILLISECOND, 1, DNS_TYPE_A, "www");
	query(SECOND, 1, DNS_TYPE_A, "www");
	sweep(2 * SECOND);
	assert_told("1 A www 2000000 NOERROR\n");
	query(SECOND, 1, DNS_TYPE_A, "www"); /* told twice, as those of sendmmsg() are */
	sweep(20 * SECOND);
	assert_told("");
}

static void test_an_answer_that_is_told_first_is_placed_when_the_sweep_ends(void **state)
{
	(void)state;
	answer(SECOND + 7, 1, DNS_TYPE_A, "www");
	query(SECOND, 1, DNS_TYPE_A, "www");
	dns_lookups_tick(lookups, 2 * SECOND);
	assert_told("1 A www 7 NOERROR\n");
}

static void test_an_answer_is_never_before_its_question(void **state)
{
	(void)state;
	query(SECOND + 5, 1, DNS_TYPE_A, "www"); /* known by its end, which the answer overtook */
	answer(SECOND, 1, DNS_TYPE_A, "www");
	assert_told("1 A www 0 NOERROR\n");
}

static void test_an_error_without_a_question_ends_the_lookup_of_its_id(void **state)
{
	const __u8 bytes[12] = {0, 2, 0x81, 1};

	(void)state;
	query(SECOND, 1, DNS_TYPE_A, "www");
	query(SECOND, 2, DNS_TYPE_A, "ftp");
	take(SECOND + 1, DNS_RECEIVED, bytes, sizeof(bytes));
	assert_told("1 A ftp 1 FORMERR\n");
}

static void test_a_server_that_is_not_there_ends_what_the_socket_has_asked(void **state)
{
	struct record_dns record = {.record = {.workload = SHOP, .time_ns = SECOND + 5},
		.address = {.local_port = now.port, .remote_port = 53, .netns = 7},
		.direction = DNS_RECEIVED,
		.error = 111};

	(void)state;
	dns_lookups_take(lookups, &record); /* before its questions, from another ring */
	query(SECOND, 1, DNS_TYPE_A, "www");
	query(SECOND, 2, DNS_TYPE_AAAA, "www");
	now.port++;
	query(SECOND, 3, DNS_TYPE_A, "ftp");
	sweep(2 * SECOND);
	assert_told("1 A www 5 unreachable\n1 AAAA www 5 unreachable\n");
	answer(3 * SECOND, 3, DNS_TYPE_A, "ftp");
	assert_told("1 A ftp 2000000000 NOERROR\n");
}

static void test_nonsense_is_counted_and_others_business_is_not(void **state)
{
	const __u8 update[12] = {0, 2, 5 << 3};

	(void)state;
	take(SECOND, DNS_SENT, (const __u8 *)"hello", 5);
	assert_int_equal(lost[OUTCOME_UNPARSABLE], 1);
	take(SECOND, DNS_SENT, update, sizeof(update));
	assert_int_equal(lost[OUTCOME_UNPARSABLE], 1);
	query(SECOND, 1, DNS_TYPE_A, "www");
	now.code = 0;
	__u8 bytes[256]; /* answered by this side: it is a server that uses port 53 to ask, too */
	take(SECOND, DNS_SENT, bytes, message_make(bytes, true, 1, DNS_TYPE_A, "www"));
	assert_told("");
}

static void test_when_the_table_is_full_the_oldest_that_waits_is_lost_and_counted(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DNS_LOOKUPS_MAX + 3; i++)
		query(SECOND + i, i, DNS_TYPE_A, "www");
	assert_int_equal(lost[OUTCOME_TABLE_FULL], 3);
	answer(2 * SECOND, 2, DNS_TYPE_A, "www");
	assert_told("");
	answer(SECOND + 1000, 3, DNS_TYPE_A, "www");
	assert_told("1 A www 997 NOERROR\n");
	query(2 * SECOND, 5000, DNS_TYPE_A, "www"); /* in the place of the answered one */
	assert_int_equal(lost[OUTCOME_TABLE_FULL], 3);
}

/* --- TCP --- */

/* A message behind its length, in pieces that end at these places. */
static void take_pieces(__u64 time_ns, enum dns_direction direction, const __u8 *bytes,
	size_t length, const size_t *ends)
{
	size_t begin_at = 0;

	for (; begin_at < length; ends++) {
		size_t end_at = *ends < length ? *ends : length;

		take(time_ns++, direction, bytes + begin_at, end_at - begin_at);
		begin_at = end_at;
	}
}

static size_t frame_make(__u8 *to, bool is_response, unsigned id, const char *name)
{
	size_t length = message_make(to + 2, is_response, id, DNS_TYPE_A, name);

	to[0] = (__u8)(length >> 8);
	to[1] = (__u8)length;
	return length + 2;
}

static void test_messages_over_tcp_come_in_any_pieces(void **state)
{
	static const size_t cuts[][4] = {{999}, {2, 999}, {1, 2, 999}, {1, 20, 999}, {30, 40, 999}};
	__u8 bytes[512];

	(void)state;
	now.is_tcp = true;
	for (unsigned i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		__u64 start = (i + 1) * SECOND;
		size_t length = frame_make(bytes, false, i, "www");

		take_pieces(start, DNS_SENT, bytes, length, cuts[i]);
		length = frame_make(bytes, true, i, "www");
		take_pieces(start + MILLISECOND, DNS_RECEIVED, bytes, length, cuts[i]);
		sweep(start + 2 * MILLISECOND);
	}
	for (char *line = told; *line; line = strchr(line, '\n') + 1)
		assert_int_equal(strncmp(line, "1 A www 10000", 13), 0);
	assert_int_equal(
		strlen(told), sizeof(cuts) / sizeof(*cuts) * strlen("1 A www 1000000 NOERROR\n"));
	assert_int_equal(lost[OUTCOME_UNPARSABLE], 0);
}

static void test_pieces_that_are_told_in_another_order_are_put_in_order(void **state)
{
	__u8 bytes[512];
	size_t length;

	(void)state;
	now.is_tcp = true;
	length = frame_make(bytes, true, 1, "www");
	take(SECOND + 3, DNS_RECEIVED, bytes + 2, length - 2);
	take(SECOND + 2, DNS_RECEIVED, bytes, 2);
	length = frame_make(bytes, false, 1, "www");
	take(SECOND, DNS_SENT, bytes, length);
	assert_told("");
	sweep(2 * SECOND);
	assert_told("1 A www 3 NOERROR\n");
}

static void test_several_messages_in_one_piece_are_all_taken(void **state)
{
	__u8 bytes[512];
	size_t length;

	(void)state;
	now.is_tcp = true;
	length = frame_make(bytes, false, 1, "www");
	length += frame_make(bytes + length, false, 2, "ftp");
	take(SECOND, DNS_SENT, bytes, length);
	length = frame_make(bytes, true, 2, "ftp");
	length += frame_make(bytes + length, true, 1, "www");
	take(SECOND + 7, DNS_RECEIVED, bytes, length);
	sweep(2 * SECOND);
	assert_told("1 A ftp 7 NOERROR\n1 A www 7 NOERROR\n");
}

static void test_the_rest_of_a_long_message_is_passed_over(void **state)
{
	struct record_dns record = {.record = {.workload = SHOP, .time_ns = SECOND + 1},
		.address = {.remote = {[15] = now.server},
			.local_port = now.port,
			.remote_port = 53,
			.netns = 7},
		.direction = DNS_RECEIVED,
		.is_tcp = true};
	__u8 bytes[512];

	(void)state;
	now.is_tcp = true;
	take(SECOND, DNS_SENT, bytes, frame_make(bytes, false, 1, "www"));
	take(SECOND, DNS_SENT, bytes, frame_make(bytes, false, 2, "ftp"));
	frame_make(record.bytes, true, 1, "www");
	record.bytes[0] = 3000 >> 8; /* of which 2,000 come at first, and 1,232 are kept */
	record.bytes[1] = 3000 & 0xff;
	record.length = 2002;
	record.kept = DNS_BYTES_LEN;
	dns_lookups_take(lookups, &record);
	record.record.time_ns++;
	record.length = 1000;
	record.kept = 1000;
	memset(record.bytes, 0xff, sizeof(record.bytes));
	dns_lookups_take(lookups, &record);
	take(SECOND + 3, DNS_RECEIVED, bytes, frame_make(bytes, true, 2, "ftp"));
	sweep(2 * SECOND);
	assert_told("1 A www 2 NOERROR\n1 A ftp 3 NOERROR\n");
	assert_int_equal(lost[OUTCOME_UNPARSABLE], 0);
}

static void test_more_that_waits_than_is_held_is_taken_early(void **state)
{
	__u8 bytes[512];

	(void)state;
	now.is_tcp = true;
	for (unsigned i = 0; i < 2 * DNS_HELD_MAX; i++) {
		take(SECOND + 2 * i, DNS_SENT, bytes, frame_make(bytes, false, i, "www"));
		take(SECOND + 2 * i + 1, DNS_RECEIVED, bytes, frame_make(bytes, true, i, "www"));
	}
	sweep(2 * SECOND);
	assert_int_equal(strlen(told), 2 * DNS_HELD_MAX * strlen("1 A www 1 NOERROR\n"));
}

/* --- names --- */

static const char *name_of(__u8 last, __u32 workload, __u64 now_ns)
{
	const __u8 address[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = last};

	return dns_name_of(lookups, address, &(struct dns_asker){workload, now.netns}, now_ns);
}

static void look_up(__u64 time_ns, const char *name, __u8 address)
{
	now.address = address;
	query(time_ns, (unsigned)(time_ns / SECOND), DNS_TYPE_A, name);
	answer(time_ns, (unsigned)(time_ns / SECOND), DNS_TYPE_A, name);
}

static void test_an_address_has_the_name_that_was_asked_for_last(void **state)
{
	(void)state;
	assert_null(name_of(1, SHOP, SECOND));
	look_up(SECOND, "old", 1);
	look_up(2 * SECOND, "new", 1);
	look_up(2 * SECOND, "other", 2);
	assert_string_equal(name_of(1, SHOP, 3 * SECOND), "new");
	assert_string_equal(name_of(2, SHOP, 3 * SECOND), "other");
	assert_null(name_of(3, SHOP, 3 * SECOND));
}

static void test_the_name_that_the_same_workload_asked_for_comes_first(void **state)
{
	(void)state;
	look_up(SECOND, "shops", 1);
	now.workload = BANK;
	look_up(2 * SECOND, "banks", 1);
	assert_string_equal(name_of(1, SHOP, 3 * SECOND), "shops");
	assert_string_equal(name_of(1, BANK, 3 * SECOND), "banks");
	assert_null(name_of(1, NOBODY, 3 * SECOND));
}

/* --- whose names count for whom --- */

/* This machine's programs, in this namespace, are to ask the server of `now`. */
static void configure(__u32 netns)
{
	struct record_resolvers resolvers = {.netns = netns, .count = 2};

	resolvers.servers[0][15] = 1;
	resolvers.servers[1][15] = now.server;
	dns_lookups_configure(lookups, &resolvers);
}

static void test_what_a_configured_server_answered_counts_for_all_of_the_namespace(void **state)
{
	(void)state;
	look_up(SECOND, "bank", 1);
	assert_null(name_of(1, NOBODY, 2 * SECOND));
	configure(now.netns);
	assert_string_equal(name_of(1, NOBODY, 2 * SECOND), "bank");
	now.server++; /* anyone's own */
	look_up(2 * SECOND, "forged", 2);
	assert_null(name_of(2, NOBODY, 3 * SECOND));
	assert_string_equal(name_of(2, SHOP, 3 * SECOND), "forged");
	configure(now.netns + 1);
	assert_null(name_of(2, NOBODY, 3 * SECOND));
}

static void test_what_a_server_answered_counts_for_those_that_ask_it_too(void **state)
{
	(void)state;
	look_up(SECOND, "bank", 1);
	now.workload = NOBODY;
	look_up(SECOND, "other", 2);
	assert_string_equal(name_of(1, NOBODY, 2 * SECOND), "bank");
	now.server++;
	now.workload = SHOP;
	look_up(2 * SECOND, "forged", 1);
	assert_null(name_of(1, NOBODY, 3 * SECOND));
	now.workload = NOBODY; /* five servers more: the first is forgotten */
	for (int i = 0; i < 5; i++, now.server++)
		query((__u64)(3 + i) * SECOND, (unsigned)i, DNS_TYPE_A, "www");
	now.server = 53;
	now.workload = SHOP;
	look_up(9 * SECOND, "bank", 1);
	assert_null(name_of(1, NOBODY, 10 * SECOND));
}

static void test_a_name_never_counts_in_another_namespace(void **state)
{
	(void)state;
	look_up(SECOND, "forged", 1);
	now.netns++;
	configure(now.netns);
	assert_null(name_of(1, SHOP, 2 * SECOND));
	assert_null(name_of(1, NOBODY, 2 * SECOND));
	now.workload = NOBODY; /* which asks a server of the same address there */
	query(SECOND, 1, DNS_TYPE_A, "www");
	assert_null(name_of(1, NOBODY, 2 * SECOND));
}

static void test_an_answer_of_a_server_that_was_not_asked_is_none(void **state)
{
	(void)state;
	now.address = 1;
	query(SECOND, 1, DNS_TYPE_A, "www");
	now.server++;
	answer(SECOND + 1, 1, DNS_TYPE_A, "www");
	assert_told("");
	assert_null(name_of(1, SHOP, 2 * SECOND));
	now.server--;
	now.address = 2;
	answer(SECOND + 2, 1, DNS_TYPE_A, "www");
	assert_told("1 A www 2 NOERROR\n");
	assert_string_equal(name_of(2, SHOP, 2 * SECOND), "www");
	assert_null(name_of(1, SHOP, 2 * SECOND));
}

static void test_each_server_that_was_asked_may_answer(void **state)
{
	(void)state;
	query(SECOND, 1, DNS_TYPE_A, "www");
	now.server++;
	query(SECOND + 1, 1, DNS_TYPE_A, "www");
	answer(SECOND + 2, 1, DNS_TYPE_A, "www");
	assert_told("1 A www 2 NOERROR\n");
}

static void test_this_host_answers_what_its_any_address_is_asked(void **state)
{
	(void)state;
	now.server = 0; /* 0.0.0.0, as some write for their own */
	query(SECOND, 1, DNS_TYPE_A, "www");
	now.server = 2;
	answer(SECOND + 1, 1, DNS_TYPE_A, "www");
	assert_told("");
	now.server = 1; /* ::1 */
	answer(SECOND + 2, 1, DNS_TYPE_A, "www");
	assert_told("1 A www 2 NOERROR\n");
}

static void test_an_answer_of_nobody_knows_whom_counts_for_who_asked_only(void **state)
{
	(void)state;
	configure(now.netns);
	now.is_answerer_unknown = true;
	look_up(SECOND, "bank", 1);
	assert_string_equal(name_of(1, SHOP, 2 * SECOND), "bank");
	assert_null(name_of(1, NOBODY, 2 * SECOND));
}

static void test_what_a_configured_server_answered_is_not_unsaid_by_another(void **state)
{
	(void)state;
	configure(now.netns);
	look_up(SECOND, "bank", 1);
	now.server++;
	look_up(2 * SECOND, "forged", 1);
	assert_string_equal(name_of(1, SHOP, 3 * SECOND), "bank");
	now.server--;
	look_up(4 * SECOND, "moved", 1);
	assert_string_equal(name_of(1, SHOP, 5 * SECOND), "moved");
	now.server++;
	look_up(305 * SECOND, "later", 1); /* the answer may be kept no longer */
	assert_string_equal(name_of(1, SHOP, 306 * SECOND), "later");
}

static void test_those_without_a_number_share_none(void **state)
{
	(void)state;
	now.workload = 0;
	look_up(SECOND, "forged", 1);
	assert_null(name_of(1, 0, 2 * SECOND));
	configure(now.netns);
	assert_string_equal(name_of(1, 0, 2 * SECOND), "forged");
}

static void test_an_answer_without_its_question_names_nothing(void **state)
{
	const __u8 bytes[] = {0, 1, 0x81, 0, 0, 0, 0, 1, 0, 0, 0, 0, 3, 'w', 'w', 'w', 0, 0, 1, 0,
		1, 0, 0, 1, 44, 0, 4, 10, 0, 0, 1};

	(void)state;
	query(SECOND, 1, DNS_TYPE_A, "www");
	take(SECOND + 1, DNS_RECEIVED, bytes, sizeof(bytes));
	assert_null(name_of(1, SHOP, 2 * SECOND));
}

static void test_a_workload_that_has_ended_leaves_no_names_to_the_next_of_its_number(void **state)
{
	(void)state;
	look_up(SECOND, "bank", 1);
	query(SECOND, 7, DNS_TYPE_A, "slow");
	told[0] = '\0';
	dns_lookups_end(lookups, SHOP);
	dns_lookups_tick(lookups, 2 * SECOND);
	assert_string_equal(name_of(1, SHOP, 2 * SECOND), "bank"); /* of its last ones */
	dns_lookups_tick(lookups, 3 * SECOND);
	assert_null(name_of(1, SHOP, 3 * SECOND));
	assert_told("1 A slow 5000000000 timeout\n");
	look_up(4 * SECOND, "bank", 1);
	dns_lookups_begin(lookups, SHOP);
	assert_null(name_of(1, SHOP, 4 * SECOND));
}

static void test_who_asks_in_masses_gives_up_its_own_lookups(void **state)
{
	(void)state;
	query(SECOND, 1, DNS_TYPE_A, "www");
	now.workload = BANK;
	for (unsigned i = 0; i < 2 * DNS_LOOKUPS_MAX; i++)
		query(SECOND + i, i, DNS_TYPE_A, "flood");
	assert_int_equal(full[LIMIT_DNS_LOOKUPS][BANK], DNS_LOOKUPS_MAX + 1);
	assert_int_equal(full[LIMIT_DNS_LOOKUPS][SHOP], 0);
	now.workload = SHOP;
	answer(SECOND + 9, 1, DNS_TYPE_A, "www");
	assert_told("1 A www 9 NOERROR\n");
	for (unsigned i = 0; i < 100; i++) /* and gets a part of the table */
		query(SECOND + 10 + i, 60000 + i, DNS_TYPE_A, "www");
	for (unsigned i = 0; i < 100; i++)
		answer(SECOND + 200, 60000 + i, DNS_TYPE_A, "www");
	assert_int_equal(full[LIMIT_DNS_LOOKUPS][SHOP], 0);
}

static void test_names_count_for_a_minute_at_least_and_by_their_time_to_live(void **state)
{
	(void)state;
	now.ttl = 1;
	look_up(SECOND, "short", 1);
	now.ttl = 300;
	look_up(SECOND, "long", 2);
	assert_string_equal(name_of(1, SHOP, 61 * SECOND), "short");
	assert_null(name_of(1, SHOP, 61 * SECOND + 1));
	assert_string_equal(name_of(2, SHOP, 301 * SECOND), "long");
	assert_null(name_of(2, SHOP, 301 * SECOND + 1));
}

static const __u8 *numbered(__u32 number)
{
	static __u8 address[16] = {0xfd};

	memcpy(address + 12, &number, sizeof(number));
	return address;
}

static bool name_add(
	struct dns_names *names, __u32 workload, __u32 number, __u32 ttl_seconds, __u64 now_ns)
{
	static const __u8 server[16] = {1};

	return dns_names_add(names, &(struct dns_asker){workload, 7},
		&(struct dns_answer){numbered(number), server, "name", ttl_seconds}, now_ns);
}

static const char *name_find(struct dns_names *names, __u32 workload, __u32 number, __u64 now_ns)
{
	return dns_names_find(names, numbered(number), &(struct dns_asker){workload, 7}, now_ns);
}

static void test_the_least_recently_used_names_go_first(void **state)
{
	struct dns_names *names = dns_names_new();

	(void)state;
	assert_non_null(names);
	for (__u32 i = 0; i < DNS_NAMES_MAX; i++)
		assert_false(name_add(names, SHOP, i, 86400 * 2, SECOND));
	assert_non_null(name_find(names, SHOP, 0, SECOND));
	for (__u32 i = 0; i < DNS_NAMES_MAX / 2; i++)
		assert_true(name_add(names, SHOP, DNS_NAMES_MAX + i, 1, SECOND));
	assert_non_null(name_find(names, SHOP, 0, SECOND));
	for (__u32 i = 1; i <= DNS_NAMES_MAX / 2; i++)
		assert_null(name_find(names, SHOP, i, SECOND));
	for (__u32 i = DNS_NAMES_MAX / 2 + 1; i < DNS_NAMES_MAX * 3 / 2; i++)
		assert_non_null(name_find(names, SHOP, i, SECOND));
	assert_non_null(name_find(names, SHOP, 0, SECOND + DNS_NAME_MOST_NS));
	assert_null(name_find(names, SHOP, 0, SECOND + DNS_NAME_MOST_NS + 1));
	dns_names_free(names);
}

static unsigned names_kept(struct dns_names *names, __u32 workload, __u32 first, __u32 count)
{
	unsigned kept = 0;

	for (__u32 i = first; i < first + count; i++)
		kept += name_find(names, workload, i, SECOND) != NULL;
	return kept;
}

static void test_who_learns_masses_of_names_costs_nobody_theirs(void **state)
{
	struct dns_names *names = dns_names_new();

	(void)state;
	for (__u32 i = 0; i < 50; i++)
		name_add(names, SHOP, i, 300, SECOND);
	for (__u32 i = 0; i < 300 * 32; i++)
		name_add(names, BANK, 1000 + i, 300, SECOND);
	assert_int_equal(names_kept(names, SHOP, 0, 50), 50);
	for (__u32 i = 50; i < 500; i++)
		assert_true(name_add(names, SHOP, i, 300, SECOND)); /* at the cost of BANK */
	assert_int_equal(names_kept(names, SHOP, 0, 500), 500);
	assert_int_equal(names_kept(names, BANK, 1000, 300 * 32), DNS_NAMES_MAX - 500);
	dns_names_free(names);
}

static void test_each_of_many_has_its_part_of_the_names(void **state)
{
	struct dns_names *names = dns_names_new();

	(void)state;
	for (__u32 workload = 1; workload <= 63; workload++)
		for (__u32 i = 0; i < 300; i++)
			name_add(names, workload, 1000 * workload + i, 300, SECOND);
	for (__u32 i = 0; i < 64; i++)
		name_add(names, 64, 64000 + i, 300, SECOND);
	for (__u32 i = 0; i < 300; i++)
		name_add(names, 1, 1500 + i, 300, SECOND);
	assert_int_equal(names_kept(names, 64, 64000, 64), 64);
	for (__u32 workload = 2; workload <= 63; workload++)
		assert_in_range(names_kept(names, workload, 1000 * workload, 300), 63, 300);
	dns_names_free(names);
}

static void test_names_that_count_no_more_give_their_places_back(void **state)
{
	struct dns_names *names = dns_names_new();
	__u64 later = 100 * SECOND;

	(void)state;
	for (__u32 i = 0; i < DNS_NAMES_MAX; i++)
		name_add(names, i % 1000 + 1, i, 1, SECOND);
	for (int i = 0; i < 16; i++)
		dns_names_tidy(names, later);
	for (__u32 i = 0; i < DNS_NAMES_MAX; i++)
		assert_false(name_add(names, SHOP, i, 300, later));
	dns_names_free(names);
}

#define SPECIFICATION(test) cmocka_unit_test_setup_teardown(test, usual, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SPECIFICATION(test_a_lookup_lasts_from_its_question_to_its_answer),
		SPECIFICATION(test_two_questions_of_a_socket_are_told_apart),
		SPECIFICATION(test_case_does_not_matter),
		SPECIFICATION(test_sockets_of_different_ports_are_told_apart),
		SPECIFICATION(test_asked_again_it_is_the_same_lookup_from_the_first_time),
		SPECIFICATION(test_without_an_answer_for_5_s_it_timed_out_and_may_begin_anew),
		SPECIFICATION(test_a_late_answer_is_none),
		SPECIFICATION(test_an_id_is_used_again_once_it_was_answered),
		SPECIFICATION(
			test_a_question_that_is_told_after_its_answer_is_found_at_the_next_sweep),
		SPECIFICATION(test_an_answer_that_is_told_first_is_placed_when_the_sweep_ends),
		SPECIFICATION(test_an_answer_is_never_before_its_question),
		SPECIFICATION(test_an_error_without_a_question_ends_the_lookup_of_its_id),
		SPECIFICATION(test_a_server_that_is_not_there_ends_what_the_socket_has_asked),
		SPECIFICATION(test_nonsense_is_counted_and_others_business_is_not),
		SPECIFICATION(
			test_when_the_table_is_full_the_oldest_that_waits_is_lost_and_counted),
		SPECIFICATION(test_messages_over_tcp_come_in_any_pieces),
		SPECIFICATION(test_pieces_that_are_told_in_another_order_are_put_in_order),
		SPECIFICATION(test_several_messages_in_one_piece_are_all_taken),
		SPECIFICATION(test_the_rest_of_a_long_message_is_passed_over),
		SPECIFICATION(test_more_that_waits_than_is_held_is_taken_early),
		SPECIFICATION(test_an_address_has_the_name_that_was_asked_for_last),
		SPECIFICATION(test_the_name_that_the_same_workload_asked_for_comes_first),
		SPECIFICATION(test_names_count_for_a_minute_at_least_and_by_their_time_to_live),
		SPECIFICATION(
			test_what_a_configured_server_answered_counts_for_all_of_the_namespace),
		SPECIFICATION(test_what_a_server_answered_counts_for_those_that_ask_it_too),
		SPECIFICATION(test_a_name_never_counts_in_another_namespace),
		SPECIFICATION(test_an_answer_of_a_server_that_was_not_asked_is_none),
		SPECIFICATION(test_each_server_that_was_asked_may_answer),
		SPECIFICATION(test_this_host_answers_what_its_any_address_is_asked),
		SPECIFICATION(test_an_answer_of_nobody_knows_whom_counts_for_who_asked_only),
		SPECIFICATION(test_what_a_configured_server_answered_is_not_unsaid_by_another),
		SPECIFICATION(test_those_without_a_number_share_none),
		SPECIFICATION(test_an_answer_without_its_question_names_nothing),
		SPECIFICATION(
			test_a_workload_that_has_ended_leaves_no_names_to_the_next_of_its_number),
		SPECIFICATION(test_who_asks_in_masses_gives_up_its_own_lookups),
		cmocka_unit_test(test_the_least_recently_used_names_go_first),
		cmocka_unit_test(test_who_learns_masses_of_names_costs_nobody_theirs),
		cmocka_unit_test(test_each_of_many_has_its_part_of_the_names),
		cmocka_unit_test(test_names_that_count_no_more_give_their_places_back),
	};

	return cmocka_run_group_tests_name("dns_lookups", tests, NULL, NULL);
}
