/* SPDX-License-Identifier: Apache-2.0 */
/* Captured DNS messages, whole, cut and broken. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/dns/dns.h"

/* A message as text: its header's six numbers, then pieces that are given one by one. */
static struct {
	uint8_t bytes[4096];
	size_t length;
} message;

static void put8(unsigned value)
{
	message.bytes[message.length++] = (uint8_t)value;
}

static void put16(unsigned value)
{
	put8(value >> 8);
	put8(value & 0xff);
}

static void put32(uint32_t value)
{
	put16(value >> 16);
	put16(value & 0xffff);
}

static void put_label(const char *label)
{
	put8((unsigned)strlen(label));
	memcpy(message.bytes + message.length, label, strlen(label));
	message.length += strlen(label);
}

static void put_pointer(unsigned to)
{
	put16(0xc000 | to);
}

static void begin(unsigned id, unsigned flags, unsigned questions, unsigned answers, unsigned more)
{
	message.length = 0;
	put16(id);
	put16(flags);
	put16(questions);
	put16(answers);
	put16(0);
	put16(more);
}

#define QUERY    0x0100
#define RESPONSE 0x8180
#define NAME_AT  12 /* of the first question */

/* "www.example" */
static void put_question(unsigned type)
{
	put_label("www");
	put_label("example");
	put8(0);
	put16(type);
	put16(1);
}

static void put_record(unsigned owner, unsigned type, uint32_t ttl, unsigned length)
{
	put_pointer(owner);
	put16(type);
	put16(1);
	put32(ttl);
	put16(length);
}

static struct dns_message parsed;

/* In memory of the very size, so that a step beyond it is seen. */
static int parse_first(size_t length)
{
	uint8_t *bytes = malloc(length ? length : 1);
	int result;

	assert_non_null(bytes);
	memcpy(bytes, message.bytes, length);
	result = dns_parse(&parsed, bytes, length);
	free(bytes);
	return result;
}

static int parse(void)
{
	return parse_first(message.length);
}

static const uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [13] = 1, [14] = 2, [15] = 3};
static const uint8_t v6[16] = {[0] = 0xfd, [15] = 1};

static void put_a(unsigned owner, uint32_t ttl)
{
	put_record(owner, DNS_TYPE_A, ttl, 4);
	memcpy(message.bytes + message.length, v4 + 12, 4);
	message.length += 4;
}

static void test_a_query_has_id_name_and_type(void **state)
{
	(void)state;
	begin(0x1234, QUERY, 1, 0, 0);
	put_question(DNS_TYPE_AAAA);
	assert_int_equal(parse(), 0);
	assert_int_equal(parsed.id, 0x1234);
	assert_false(parsed.is_response);
	assert_true(parsed.has_question);
	assert_string_equal(parsed.question.name, "www.example");
	assert_int_equal(parsed.question.type, DNS_TYPE_AAAA);
}

static void test_names_are_lower_case_and_safe_text(void **state)
{
	(void)state;
	begin(1, QUERY, 1, 0, 0);
	put_label("WwW");
	put_label("a.b c\x01\xff*");
	put8(0);
	put16(DNS_TYPE_A);
	put16(1);
	assert_int_equal(parse(), 0);
	assert_string_equal(parsed.question.name, "www.a?b?c??*");

	begin(1, QUERY, 1, 0, 0);
	put8(0);
	put16(DNS_TYPE_NS);
	put16(1);
	assert_int_equal(parse(), 0);
	assert_string_equal(parsed.question.name, ".");
}

static void test_the_longest_name_is_kept_whole_and_a_longer_one_is_none(void **state)
{
	(void)state;
	for (int more = 0; more <= 1; more++) { /* 3 × 64 + 62 or 63 + 1 bytes */
		begin(1, QUERY, 1, 0, 0);
		for (int label = 0; label < 4; label++) {
			int length = label < 3 ? 63 : 61 + more;

			put8((unsigned)length);
			while (length--)
				put8('a');
		}
		put8(0);
		put16(DNS_TYPE_A);
		put16(1);
		assert_int_equal(parse(), more ? -EINVAL : 0);
		if (!more)
			assert_int_equal(strlen(parsed.question.name), 253);
	}
}

static void test_addresses_of_an_answer_are_those_behind_its_aliases(void **state)
{
	(void)state;
	begin(7, RESPONSE, 1, 3, 0);
	put_question(DNS_TYPE_A);
	put_record(NAME_AT, DNS_TYPE_CNAME, 60, 7);
	size_t alias = message.length;
	put_label("cdn");
	put_pointer(NAME_AT + 4);
	put8(0); /* as long as it said */
	put_a((unsigned)alias, 300);
	put_record((unsigned)alias, DNS_TYPE_AAAA, 20, 16);
	memcpy(message.bytes + message.length, v6, 16);
	message.length += 16;
	assert_int_equal(parse(), 0);
	assert_true(parsed.is_response);
	assert_int_equal(parsed.code, DNS_NOERROR);
	assert_string_equal(parsed.question.name, "www.example");
	assert_int_equal(parsed.address_count, 2);
	assert_memory_equal(parsed.addresses[0].address, v4, 16);
	assert_int_equal(parsed.addresses[0].ttl, 300);
	assert_memory_equal(parsed.addresses[1].address, v6, 16);
	assert_int_equal(parsed.addresses[1].ttl, 20);
}

static void test_more_addresses_than_are_kept_do_no_harm(void **state)
{
	(void)state;
	begin(7, RESPONSE, 1, DNS_ADDRESSES_MAX + 9, 0);
	put_question(DNS_TYPE_A);
	for (int i = 0; i < DNS_ADDRESSES_MAX + 9; i++)
		put_a(NAME_AT, 1);
	assert_int_equal(parse(), 0);
	assert_int_equal(parsed.address_count, DNS_ADDRESSES_MAX);
}

static void test_an_address_of_a_wrong_length_is_none(void **state)
{
	(void)state;
	begin(7, RESPONSE, 1, 2, 0);
	put_question(DNS_TYPE_A);
	put_record(NAME_AT, DNS_TYPE_A, 1, 5);
	put32(0);
	put8(0);
	put_a(NAME_AT, 1);
	assert_int_equal(parse(), 0);
	assert_int_equal(parsed.address_count, 1);
	assert_memory_equal(parsed.addresses[0].address, v4, 16);
}

static void test_addresses_beside_the_answer_are_not_of_it(void **state)
{
	(void)state;
	begin(7, RESPONSE, 1, 0, 1);
	put_question(DNS_TYPE_A);
	put_a(NAME_AT, 1);
	assert_int_equal(parse(), 0);
	assert_int_equal(parsed.address_count, 0);
}

static void test_codes_have_their_upper_bits_from_edns(void **state)
{
	(void)state;
	begin(7, RESPONSE | 3, 1, 0, 0);
	put_question(DNS_TYPE_A);
	assert_int_equal(parse(), 0);
	assert_string_equal(dns_code_name(parsed.code), "NXDOMAIN");

	begin(7, RESPONSE | 7, 1, 0, 1);
	put_question(DNS_TYPE_A);
	put8(0);
	put16(DNS_TYPE_OPT);
	put16(1232);
	put32(0x01000000); /* 1 before 7: BADCOOKIE, 23 */
	put16(0);
	assert_int_equal(parse(), 0);
	assert_int_equal(parsed.code, 23);
	assert_string_equal(dns_code_name(parsed.code), "other");
}

static void test_an_error_may_come_without_its_question(void **state)
{
	(void)state;
	begin(9, RESPONSE | 1, 0, 0, 0);
	assert_int_equal(parse(), 0);
	assert_false(parsed.has_question);
	assert_string_equal(dns_code_name(parsed.code), "FORMERR");
	begin(9, QUERY, 0, 0, 0);
	assert_int_equal(parse(), -EINVAL);
	begin(9, QUERY, 2, 0, 0);
	put_question(DNS_TYPE_A);
	put_question(DNS_TYPE_A);
	assert_int_equal(parse(), -EINVAL);
}

static void test_updates_and_notifications_look_nothing_up(void **state)
{
	(void)state;
	begin(9, 5 << 11, 1, 0, 0);
	put_question(DNS_TYPE_SOA);
	assert_int_equal(parse(), -EOPNOTSUPP);
	begin(9, 4 << 11, 1, 0, 0);
	put_question(DNS_TYPE_SOA);
	assert_int_equal(parse(), -EOPNOTSUPP);
}

static void test_a_cut_capture_gives_what_is_there(void **state)
{
	size_t question, first;

	(void)state;
	begin(7, RESPONSE, 1, 2, 0);
	put_question(DNS_TYPE_A);
	question = message.length;
	put_a(NAME_AT, 1);
	first = message.length;
	put_a(NAME_AT, 1);
	for (size_t length = 0; length <= message.length; length++) {
		assert_int_equal(parse_first(length), length < question ? -EINVAL : 0);
		if (length >= question)
			assert_int_equal(parsed.address_count,
				(length >= first) + (length == message.length));
	}
}

static void test_pointers_lead_back_and_come_to_an_end(void **state)
{
	(void)state;
	begin(1, QUERY, 1, 0, 0);
	put_pointer(NAME_AT); /* to itself */
	put16(DNS_TYPE_A);
	put16(1);
	assert_int_equal(parse(), -EINVAL);

	begin(1, QUERY, 1, 0, 0);
	put_pointer(NAME_AT + 2); /* ahead */
	put_label("a");
	put8(0);
	put16(1);
	assert_int_equal(parse(), -EINVAL);

	begin(1, QUERY, 1, 0, 0);
	put_label("a");
	put_pointer(NAME_AT); /* round and round */
	put16(DNS_TYPE_A);
	put16(1);
	assert_int_equal(parse(), -EINVAL);

	begin(1, QUERY, 1, 0, 0);
	put8(0x40); /* neither a label nor a pointer */
	put32(0);
	assert_int_equal(parse(), -EINVAL);
}

static void test_types_have_their_names_and_rare_ones_share_one(void **state)
{
	(void)state;
	assert_string_equal(dns_type_name(DNS_TYPE_A), "A");
	assert_string_equal(dns_type_name(DNS_TYPE_AAAA), "AAAA");
	assert_string_equal(dns_type_name(DNS_TYPE_HTTPS), "HTTPS");
	assert_string_equal(dns_type_name(DNS_TYPE_SRV), "SRV");
	assert_string_equal(dns_type_name(252), "other");
	assert_string_equal(dns_code_name(0), "NOERROR");
	assert_string_equal(dns_code_name(5), "REFUSED");
	assert_string_equal(dns_code_name(16), "other");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_query_has_id_name_and_type),
		cmocka_unit_test(test_names_are_lower_case_and_safe_text),
		cmocka_unit_test(test_the_longest_name_is_kept_whole_and_a_longer_one_is_none),
		cmocka_unit_test(test_addresses_of_an_answer_are_those_behind_its_aliases),
		cmocka_unit_test(test_more_addresses_than_are_kept_do_no_harm),
		cmocka_unit_test(test_an_address_of_a_wrong_length_is_none),
		cmocka_unit_test(test_addresses_beside_the_answer_are_not_of_it),
		cmocka_unit_test(test_codes_have_their_upper_bits_from_edns),
		cmocka_unit_test(test_an_error_may_come_without_its_question),
		cmocka_unit_test(test_updates_and_notifications_look_nothing_up),
		cmocka_unit_test(test_a_cut_capture_gives_what_is_there),
		cmocka_unit_test(test_pointers_lead_back_and_come_to_an_end),
		cmocka_unit_test(test_types_have_their_names_and_rare_ones_share_one),
	};

	return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
