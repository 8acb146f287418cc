/* SPDX-License-Identifier: Apache-2.0 */
/* The names of addresses that come of DNS lookups, and for whom they count. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns_dialogue.h"
#include "protocol/dns/dns_names.h"

/* --- names --- */

static const char *name_of(__u8 last, __u32 workload, __u64 now_ns)
{
	const __u8 address[16] = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = last};

	return dns_name_of(
		dns_dialogue, address, &(struct dns_asker){workload, dns_now.netns}, now_ns);
}

static void look_up(__u64 time_ns, const char *name, __u8 address)
{
	dns_now.address = address;
	dns_query(time_ns, (unsigned)(time_ns / SECOND), DNS_TYPE_A, name);
	dns_answer(time_ns, (unsigned)(time_ns / SECOND), DNS_TYPE_A, name);
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
	dns_now.workload = BANK;
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
	resolvers.servers[1][15] = dns_now.server;
	dns_lookups_configure(dns_dialogue, &resolvers);
}

static void test_what_a_configured_server_answered_counts_for_all_of_the_namespace(void **state)
{
	(void)state;
	look_up(SECOND, "bank", 1);
	assert_null(name_of(1, NOBODY, 2 * SECOND));
	configure(dns_now.netns);
	assert_string_equal(name_of(1, NOBODY, 2 * SECOND), "bank");
	dns_now.server++; /* anyone's own */
	look_up(2 * SECOND, "forged", 2);
	assert_null(name_of(2, NOBODY, 3 * SECOND));
	assert_string_equal(name_of(2, SHOP, 3 * SECOND), "forged");
	configure(dns_now.netns + 1);
	assert_null(name_of(2, NOBODY, 3 * SECOND));
}

static void test_what_a_server_answered_counts_for_those_that_ask_it_too(void **state)
{
	(void)state;
	look_up(SECOND, "bank", 1);
	dns_now.workload = NOBODY;
	look_up(SECOND, "other", 2);
	assert_string_equal(name_of(1, NOBODY, 2 * SECOND), "bank");
	dns_now.server++;
	dns_now.workload = SHOP;
	look_up(2 * SECOND, "forged", 1);
	assert_null(name_of(1, NOBODY, 3 * SECOND));
	dns_now.workload = NOBODY; /* five servers more: the first is forgotten */
	for (int i = 0; i < 5; i++, dns_now.server++)
		dns_query((__u64)(3 + i) * SECOND, (unsigned)i, DNS_TYPE_A, "www");
	dns_now.server = 53;
	dns_now.workload = SHOP;
	look_up(9 * SECOND, "bank", 1);
	assert_null(name_of(1, NOBODY, 10 * SECOND));
}

static void test_a_name_never_counts_in_another_namespace(void **state)
{
	(void)state;
	look_up(SECOND, "forged", 1);
	dns_now.netns++;
	configure(dns_now.netns);
	assert_null(name_of(1, SHOP, 2 * SECOND));
	assert_null(name_of(1, NOBODY, 2 * SECOND));
	dns_now.workload = NOBODY; /* which asks a server of the same address there */
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	assert_null(name_of(1, NOBODY, 2 * SECOND));
}

static void test_an_answer_of_a_server_that_was_not_asked_is_none(void **state)
{
	(void)state;
	dns_now.address = 1;
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_now.server++;
	dns_answer(SECOND + 1, 1, DNS_TYPE_A, "www");
	dns_assert_reported("");
	assert_null(name_of(1, SHOP, 2 * SECOND));
	dns_now.server--;
	dns_now.address = 2;
	dns_answer(SECOND + 2, 1, DNS_TYPE_A, "www");
	dns_assert_reported("1 A www 2 NOERROR\n");
	assert_string_equal(name_of(2, SHOP, 2 * SECOND), "www");
	assert_null(name_of(1, SHOP, 2 * SECOND));
}

static void test_each_server_that_was_asked_may_answer(void **state)
{
	(void)state;
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_now.server++;
	dns_query(SECOND + 1, 1, DNS_TYPE_A, "www");
	dns_answer(SECOND + 2, 1, DNS_TYPE_A, "www");
	dns_assert_reported("1 A www 2 NOERROR\n");
}

static void test_this_host_answers_what_its_any_address_is_asked(void **state)
{
	(void)state;
	dns_now.server = 0; /* 0.0.0.0, as some write for their own */
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_now.server = 2;
	dns_answer(SECOND + 1, 1, DNS_TYPE_A, "www");
	dns_assert_reported("");
	dns_now.server = 1; /* ::1 */
	dns_answer(SECOND + 2, 1, DNS_TYPE_A, "www");
	dns_assert_reported("1 A www 2 NOERROR\n");
}

static void test_an_answer_of_nobody_knows_whom_counts_for_who_asked_only(void **state)
{
	(void)state;
	configure(dns_now.netns);
	dns_now.is_answerer_unknown = true;
	look_up(SECOND, "bank", 1);
	assert_string_equal(name_of(1, SHOP, 2 * SECOND), "bank");
	assert_null(name_of(1, NOBODY, 2 * SECOND));
}

static void test_what_a_configured_server_answered_is_not_unsaid_by_another(void **state)
{
	(void)state;
	configure(dns_now.netns);
	look_up(SECOND, "bank", 1);
	dns_now.server++;
	look_up(2 * SECOND, "forged", 1);
	assert_string_equal(name_of(1, SHOP, 3 * SECOND), "bank");
	dns_now.server--;
	look_up(4 * SECOND, "moved", 1);
	assert_string_equal(name_of(1, SHOP, 5 * SECOND), "moved");
	dns_now.server++;
	look_up(305 * SECOND, "later", 1); /* the answer may be kept no longer */
	assert_string_equal(name_of(1, SHOP, 306 * SECOND), "later");
}

static void test_those_without_a_number_share_none(void **state)
{
	(void)state;
	dns_now.workload = 0;
	look_up(SECOND, "forged", 1);
	assert_null(name_of(1, 0, 2 * SECOND));
	configure(dns_now.netns);
	assert_string_equal(name_of(1, 0, 2 * SECOND), "forged");
}

static void test_an_answer_without_its_question_names_nothing(void **state)
{
	const __u8 bytes[] = {0, 1, 0x81, 0, 0, 0, 0, 1, 0, 0, 0, 0, 3, 'w', 'w', 'w', 0, 0, 1, 0,
		1, 0, 0, 1, 44, 0, 4, 10, 0, 0, 1};

	(void)state;
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_take(SECOND + 1, DNS_RECEIVED, bytes, sizeof(bytes));
	assert_null(name_of(1, SHOP, 2 * SECOND));
}

static void test_a_workload_that_has_ended_leaves_no_names_to_the_next_of_its_number(void **state)
{
	(void)state;
	look_up(SECOND, "bank", 1);
	dns_query(SECOND, 7, DNS_TYPE_A, "slow");
	dns_reported[0] = '\0';
	dns_lookups_end(dns_dialogue, SHOP);
	dns_lookups_tick(dns_dialogue, 2 * SECOND);
	assert_string_equal(name_of(1, SHOP, 2 * SECOND), "bank"); /* of its last ones */
	dns_lookups_tick(dns_dialogue, 3 * SECOND);
	assert_null(name_of(1, SHOP, 3 * SECOND));
	dns_assert_reported("1 A slow 5000000000 timeout\n");
	look_up(4 * SECOND, "bank", 1);
	dns_lookups_begin(dns_dialogue, SHOP);
	assert_null(name_of(1, SHOP, 4 * SECOND));
}

static void test_who_asks_in_masses_gives_up_its_own_lookups(void **state)
{
	(void)state;
	dns_query(SECOND, 1, DNS_TYPE_A, "www");
	dns_now.workload = BANK;
	for (unsigned i = 0; i < 2 * DNS_LOOKUPS_MAX; i++)
		dns_query(SECOND + i, i, DNS_TYPE_A, "flood");
	assert_int_equal(dns_full[LIMIT_DNS_LOOKUPS][BANK], DNS_LOOKUPS_MAX + 1);
	assert_int_equal(dns_full[LIMIT_DNS_LOOKUPS][SHOP], 0);
	dns_now.workload = SHOP;
	dns_answer(SECOND + 9, 1, DNS_TYPE_A, "www");
	dns_assert_reported("1 A www 9 NOERROR\n");
	for (unsigned i = 0; i < 100; i++) /* and gets a part of the table */
		dns_query(SECOND + 10 + i, 60000 + i, DNS_TYPE_A, "www");
	for (unsigned i = 0; i < 100; i++)
		dns_answer(SECOND + 200, 60000 + i, DNS_TYPE_A, "www");
	assert_int_equal(dns_full[LIMIT_DNS_LOOKUPS][SHOP], 0);
}

static void test_names_count_for_a_minute_at_least_and_by_their_time_to_live(void **state)
{
	(void)state;
	dns_now.ttl = 1;
	look_up(SECOND, "short", 1);
	dns_now.ttl = 300;
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

#define SPECIFICATION(test)                                                                        \
	cmocka_unit_test_setup_teardown(test, dns_dialogue_begin, dns_dialogue_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
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

	return cmocka_run_group_tests_name("dns_names", tests, NULL, NULL);
}
