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

#include "telemetry/dns_lookups.h"
#include "telemetry/dns_names.h"

#define MILLISECOND UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)

enum { SHOP = 1, BANK, NOBODY };

static struct dns_lookups *lookups;

/* --- what comes out --- */

static char told[1 << 16]; /* a line for each: "A www.example 2000000 NOERROR" */
static unsigned lost[OUTCOMES];

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
	lookups = dns_lookups_new(&(struct dns_sink){.lookup = tell, .lost = lose});
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
	bool is_tcp;
	unsigned code;
	__u8 address; /* the last byte of what is answered; 0: no address */
	__u32 ttl;
} now;

static int usual(void **state)
{
	now.workload = SHOP;
	now.port = 40000;
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
		.address = {.local_port = now.port, .remote_port = 53, .netns = 7},
		.length = (__u32)length,
		.kept = (__u16)length,
		.direction = (__u8)direction,
		.is_tcp = now.is_tcp,
	};

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
		.address = {.local_port = now.port, .remote_port = 53, .netns = 7},
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

	return dns_name_of(lookups, address, workload, now_ns);
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
	assert_string_equal(name_of(1, NOBODY, 3 * SECOND), "banks");
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

static void test_the_least_recently_used_names_go_first(void **state)
{
	struct dns_names *names = dns_names_new();

	(void)state;
	assert_non_null(names);
	for (__u32 i = 0; i < DNS_NAMES_MAX; i++)
		dns_names_add(names, numbered(i), SHOP, "name", 86400 * 2, SECOND);
	assert_non_null(dns_names_find(names, numbered(0), SHOP, SECOND));
	for (__u32 i = 0; i < DNS_NAMES_MAX / 2; i++)
		dns_names_add(names, numbered(DNS_NAMES_MAX + i), SHOP, "name", 1, SECOND);
	assert_non_null(dns_names_find(names, numbered(0), SHOP, SECOND));
	for (__u32 i = 1; i <= DNS_NAMES_MAX / 2; i++)
		assert_null(dns_names_find(names, numbered(i), SHOP, SECOND));
	for (__u32 i = DNS_NAMES_MAX / 2 + 1; i < DNS_NAMES_MAX * 3 / 2; i++)
		assert_non_null(dns_names_find(names, numbered(i), SHOP, SECOND));
	assert_non_null(dns_names_find(names, numbered(0), SHOP, SECOND + DNS_NAME_MOST_NS));
	assert_null(dns_names_find(names, numbered(0), SHOP, SECOND + DNS_NAME_MOST_NS + 1));
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
		cmocka_unit_test(test_the_least_recently_used_names_go_first),
	};

	return cmocka_run_group_tests_name("dns_lookups", tests, NULL, NULL);
}
