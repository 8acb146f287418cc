/* SPDX-License-Identifier: Apache-2.0 */
/* From DNS messages to lookups, in whatever order they come. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "dns_dialogue.h"

/* --- lookups --- */

static void test_a_lookup_lasts_from_its_question_to_its_answer(void **state)
{
	(void)state;
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_assert_reported("");
	dns_answer(SECOND + 2 * MILLISECOND, 1, DNS_TYPE_A, "www");
	dns_assert_reported("1 A www 2000000 NOERROR\n");
	dns_sweep(20 * SECOND);
	dns_assert_reported("");
}

static void test_two_questions_of_a_socket_are_told_apart(void **state)
{
	(void)state;
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_query(SECOND, 1, DNS_TYPE_AAAA, "www");
	dns_query(SECOND, 2, DNS_TYPE_A, "www");
	dns_query(SECOND, 2, DNS_TYPE_A, "ftp");
	dns_now.code = 3;
	dns_answer(SECOND + 1, 1, DNS_TYPE_AAAA, "www");
	dns_answer(SECOND + 2, 2, DNS_TYPE_A, "ftp");
	dns_assert_reported("1 AAAA www 1 NXDOMAIN\n1 A ftp 2 NXDOMAIN\n");
	dns_sweep(20 * SECOND);
	dns_assert_reported("1 A www 5000000000 timeout\n1 A www 5000000000 timeout\n");
}

static void test_case_does_not_matter(void **state)
{
	(void)state;
	dns_query(SECOND, 1, DNS_TYPE_A, "wWw");
	dns_answer(SECOND + 1, 1, DNS_TYPE_A, "Www");
	dns_assert_reported("1 A www 1 NOERROR\n");
}

static void test_sockets_of_different_ports_are_told_apart(void **state)
{
	(void)state;
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_now.port++;
	dns_answer(SECOND + 1, 1, DNS_TYPE_A, "www");
	dns_sweep(2 * SECOND);
	dns_assert_reported("");
	dns_now.port--;
	dns_answer(3 * SECOND, 1, DNS_TYPE_A, "www");
	dns_assert_reported("1 A www 2000000000 NOERROR\n");
}

static void test_asked_again_it_is_the_same_lookup_from_the_first_time(void **state)
{
	(void)state;
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_query(3 * SECOND, 1, DNS_TYPE_A, "www");
	dns_answer(4 * SECOND, 1, DNS_TYPE_A, "www");
	dns_answer(4 * SECOND + 1, 1, DNS_TYPE_A, "www"); /* the second server's */
	dns_assert_reported("1 A www 3000000000 NOERROR\n");
	dns_sweep(20 * SECOND);
	dns_assert_reported("");
}

static void test_without_an_answer_for_5_s_it_timed_out_and_may_begin_anew(void **state)
{
	(void)state;
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_sweep(SECOND + DNS_TIMEOUT_NS - 1);
	dns_assert_reported("");
	dns_query(SECOND + DNS_TIMEOUT_NS, 1, DNS_TYPE_A, "www");
	dns_assert_reported("1 A www 5000000000 timeout\n");
	dns_answer(SECOND + DNS_TIMEOUT_NS + 9, 1, DNS_TYPE_A, "www");
	dns_assert_reported("1 A www 9 NOERROR\n");
	dns_sweep(20 * SECOND);
	dns_assert_reported("");
}

static void test_a_late_answer_is_none(void **state)
{
	(void)state;
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_answer(SECOND + DNS_TIMEOUT_NS, 1, DNS_TYPE_A, "www");
	dns_sweep(20 * SECOND);
	dns_answer(20 * SECOND, 1, DNS_TYPE_A, "www");
	dns_sweep(30 * SECOND);
	dns_assert_reported("1 A www 5000000000 timeout\n");
}

static void test_an_id_is_used_again_once_it_was_answered(void **state)
{
	(void)state;
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_answer(SECOND + 1, 1, DNS_TYPE_A, "www");
	dns_query(SECOND + 2, 1, DNS_TYPE_A, "www");
	dns_answer(SECOND + 5, 1, DNS_TYPE_A, "www");
	dns_assert_reported("1 A www 1 NOERROR\n1 A www 3 NOERROR\n");
}

static void test_a_question_that_is_told_after_its_answer_is_found_at_the_next_sweep(void **state)
{
	(void)state;
	dns_answer(SECOND + 2 * MILLISECOND, 1, DNS_TYPE_A, "www");
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_sweep(2 * SECOND);
	dns_assert_reported("1 A www 2000000 NOERROR\n");
	dns_query(SECOND, 1, DNS_TYPE_A, "www"); /* told twice, as those of sendmmsg() are */
	dns_sweep(20 * SECOND);
	dns_assert_reported("");
}

static void test_an_answer_that_is_told_first_is_placed_when_the_sweep_ends(void **state)
{
	(void)state;
	dns_answer(SECOND + 7, 1, DNS_TYPE_A, "www");
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_lookups_tick(dns_dialogue, 2 * SECOND);
	dns_assert_reported("1 A www 7 NOERROR\n");
}

static void test_an_answer_is_never_before_its_question(void **state)
{
	(void)state;
	dns_query(
		SECOND + 5, 1, DNS_TYPE_A, "www"); /* known by its end, which the answer overtook */
	dns_answer(SECOND, 1, DNS_TYPE_A, "www");
	dns_assert_reported("1 A www 0 NOERROR\n");
}

static void test_an_error_without_a_question_ends_the_lookup_of_its_id(void **state)
{
	const __u8 bytes[12] = {0, 2, 0x81, 1};

	(void)state;
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_query(SECOND, 2, DNS_TYPE_A, "ftp");
	dns_take(SECOND + 1, DNS_RECEIVED, bytes, sizeof(bytes));
	dns_assert_reported("1 A ftp 1 FORMERR\n");
}

static void test_a_server_that_is_not_there_ends_what_the_socket_has_asked(void **state)
{
	struct record_dns record = {.record = {.workload = SHOP, .time_ns = SECOND + 5},
		.address = {.local_port = dns_now.port, .remote_port = 53, .netns = 7},
		.direction = DNS_RECEIVED,
		.error = 111};

	(void)state;
	dns_lookups_take(dns_dialogue, &record); /* before its questions, from another ring */
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_query(SECOND, 2, DNS_TYPE_AAAA, "www");
	dns_now.port++;
	dns_query(SECOND, 3, DNS_TYPE_A, "ftp");
	dns_sweep(2 * SECOND);
	dns_assert_reported("1 A www 5 unreachable\n1 AAAA www 5 unreachable\n");
	dns_answer(3 * SECOND, 3, DNS_TYPE_A, "ftp");
	dns_assert_reported("1 A ftp 2000000000 NOERROR\n");
}

static void test_nonsense_is_counted_and_others_business_is_not(void **state)
{
	const __u8 update[12] = {0, 2, 5 << 3};

	(void)state;
	dns_take(SECOND, DNS_SENT, (const __u8 *)"hello", 5);
	assert_int_equal(dns_lost[OUTCOME_UNPARSABLE], 1);
	dns_take(SECOND, DNS_SENT, update, sizeof(update));
	assert_int_equal(dns_lost[OUTCOME_UNPARSABLE], 1);
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_now.code = 0;
	__u8 bytes[256]; /* answered by this side: it is a server that uses port 53 to ask, too */
	dns_take(SECOND, DNS_SENT, bytes, dns_message_make(bytes, true, 1, DNS_TYPE_A, "www"));
	dns_assert_reported("");
}

static void test_when_the_table_is_full_the_oldest_that_waits_is_lost_and_counted(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DNS_LOOKUPS_MAX + 3; i++)
		dns_query(SECOND + i, i, DNS_TYPE_A, "www");
	assert_int_equal(dns_lost[OUTCOME_TABLE_FULL], 3);
	dns_answer(2 * SECOND, 2, DNS_TYPE_A, "www");
	dns_assert_reported("");
	dns_answer(SECOND + 1000, 3, DNS_TYPE_A, "www");
	dns_assert_reported("1 A www 997 NOERROR\n");
	dns_query(2 * SECOND, 5000, DNS_TYPE_A, "www"); /* in the place of the answered one */
	assert_int_equal(dns_lost[OUTCOME_TABLE_FULL], 3);
}

/* --- TCP --- */

/* A message behind its length, in pieces that end at these places. */
static void take_pieces(__u64 time_ns, enum dns_direction direction, const __u8 *bytes,
	size_t length, const size_t *ends)
{
	size_t begin_at = 0;

	for (; begin_at < length; ends++) {
		size_t end_at = *ends < length ? *ends : length;

		dns_take(time_ns++, direction, bytes + begin_at, end_at - begin_at);
		begin_at = end_at;
	}
}

static size_t frame_make(__u8 *to, bool is_response, unsigned id, const char *name)
{
	size_t length = dns_message_make(to + 2, is_response, id, DNS_TYPE_A, name);

	to[0] = (__u8)(length >> 8);
	to[1] = (__u8)length;
	return length + 2;
}

static void test_messages_over_tcp_come_in_any_pieces(void **state)
{
	static const size_t cuts[][4] = {{999}, {2, 999}, {1, 2, 999}, {1, 20, 999}, {30, 40, 999}};
	__u8 bytes[512];

	(void)state;
	dns_now.is_tcp = true;
	for (unsigned i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
		__u64 start = (i + 1) * SECOND;
		size_t length = frame_make(bytes, false, i, "www");

		take_pieces(start, DNS_SENT, bytes, length, cuts[i]);
		length = frame_make(bytes, true, i, "www");
		take_pieces(start + MILLISECOND, DNS_RECEIVED, bytes, length, cuts[i]);
		dns_sweep(start + 2 * MILLISECOND);
	}
	for (char *line = dns_reported; *line; line = strchr(line, '\n') + 1)
		assert_int_equal(strncmp(line, "1 A www 10000", 13), 0);
	assert_int_equal(strlen(dns_reported),
		sizeof(cuts) / sizeof(*cuts) * strlen("1 A www 1000000 NOERROR\n"));
	assert_int_equal(dns_lost[OUTCOME_UNPARSABLE], 0);
}

static void test_pieces_that_are_told_in_another_order_are_put_in_order(void **state)
{
	__u8 bytes[512];
	size_t length;

	(void)state;
	dns_now.is_tcp = true;
	length = frame_make(bytes, true, 1, "www");
	dns_take(SECOND + 3, DNS_RECEIVED, bytes + 2, length - 2);
	dns_take(SECOND + 2, DNS_RECEIVED, bytes, 2);
	length = frame_make(bytes, false, 1, "www");
	dns_take(SECOND, DNS_SENT, bytes, length);
	dns_assert_reported("");
	dns_sweep(2 * SECOND);
	dns_assert_reported("1 A www 3 NOERROR\n");
}

static void test_several_messages_in_one_piece_are_all_taken(void **state)
{
	__u8 bytes[512];
	size_t length;

	(void)state;
	dns_now.is_tcp = true;
	length = frame_make(bytes, false, 1, "www");
	length += frame_make(bytes + length, false, 2, "ftp");
	dns_take(SECOND, DNS_SENT, bytes, length);
	length = frame_make(bytes, true, 2, "ftp");
	length += frame_make(bytes + length, true, 1, "www");
	dns_take(SECOND + 7, DNS_RECEIVED, bytes, length);
	dns_sweep(2 * SECOND);
	dns_assert_reported("1 A ftp 7 NOERROR\n1 A www 7 NOERROR\n");
}

static void test_the_rest_of_a_long_message_is_passed_over(void **state)
{
	struct record_dns record = {.record = {.workload = SHOP, .time_ns = SECOND + 1},
		.address = {.remote = {[15] = dns_now.server},
			.local_port = dns_now.port,
			.remote_port = 53,
			.netns = 7},
		.direction = DNS_RECEIVED,
		.is_tcp = true};
	__u8 bytes[512];

	(void)state;
	dns_now.is_tcp = true;
	dns_take(SECOND, DNS_SENT, bytes, frame_make(bytes, false, 1, "www"));
	dns_take(SECOND, DNS_SENT, bytes, frame_make(bytes, false, 2, "ftp"));
	frame_make(record.bytes, true, 1, "www");
	record.bytes[0] = 3000 >> 8; /* of which 2,000 come at first, and 1,232 are kept */
	record.bytes[1] = 3000 & 0xff;
	record.length = 2002;
	record.kept = DNS_BYTES_LEN;
	dns_lookups_take(dns_dialogue, &record);
	record.record.time_ns++;
	record.length = 1000;
	record.kept = 1000;
	memset(record.bytes, 0xff, sizeof(record.bytes));
	dns_lookups_take(dns_dialogue, &record);
	dns_take(SECOND + 3, DNS_RECEIVED, bytes, frame_make(bytes, true, 2, "ftp"));
	dns_sweep(2 * SECOND);
	dns_assert_reported("1 A www 2 NOERROR\n1 A ftp 3 NOERROR\n");
	assert_int_equal(dns_lost[OUTCOME_UNPARSABLE], 0);
}

static void test_more_that_waits_than_is_held_is_taken_early(void **state)
{
	__u8 bytes[512];

	(void)state;
	dns_now.is_tcp = true;
	for (unsigned i = 0; i < 2 * DNS_HELD_MAX; i++) {
		dns_take(SECOND + 2 * i, DNS_SENT, bytes, frame_make(bytes, false, i, "www"));
		dns_take(
			SECOND + 2 * i + 1, DNS_RECEIVED, bytes, frame_make(bytes, true, i, "www"));
	}
	dns_sweep(2 * SECOND);
	assert_int_equal(strlen(dns_reported), 2 * DNS_HELD_MAX * strlen("1 A www 1 NOERROR\n"));
}

#define SPECIFICATION(test)                                                                        \
	cmocka_unit_test_setup_teardown(test, dns_dialogue_begin, dns_dialogue_end)

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
	};

	return cmocka_run_group_tests_name("dns_lookups", tests, NULL, NULL);
}
