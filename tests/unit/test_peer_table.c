/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose an address is in the cluster, by what an API server tells when: it answers rightly or not
 * at all, within its memory. Pods of the recorded list of tests/kubernetes/ and Services.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "kubernetes/peer_table.h"
#include "kubernetes/peer_watch.h"

#define SECOND UINT64_C(1000000000)

static struct peer_table *table;
static char name[PEER_NAME_LEN];

/* A list was whole at 100 s, and from then on a watch is open. */
static int begin(void **state)
{
	(void)state;
	table = peer_table_new();
	for (int kind = 0; kind < PEER_KINDS; kind++) {
		peer_table_list_begin(table, (enum peer_kind)kind);
		peer_table_list_end(table, (enum peer_kind)kind, 100 * SECOND);
		peer_table_opened(table, (enum peer_kind)kind, true, 100 * SECOND);
	}
	return 0;
}

static int end(void **state)
{
	(void)state;
	peer_table_free(table);
	return 0;
}

static void address_write(uint8_t address[16], uint32_t number)
{
	memset(address, 0, 10);
	memset(address + 10, 0xff, 2);
	for (int i = 0; i < 4; i++)
		address[12 + i] = (uint8_t)(number >> (24 - 8 * i));
}

static struct peer peer(const char *uid, const char *text, uint32_t number)
{
	struct peer peer = {.kind = PEER_POD, .uid = uid, .address_count = 1};

	snprintf(peer.name, sizeof(peer.name), "%s", text);
	address_write(peer.addresses[0], number);
	return peer;
}

static void heard(uint64_t second)
{
	peer_table_heard(table, PEER_POD, second * SECOND);
	peer_table_heard(table, PEER_SERVICE, second * SECOND);
}

static void set(const char *uid, const char *text, uint32_t number, uint64_t second)
{
	struct peer told = peer(uid, text, number);

	assert_int_equal(peer_table_set(table, &told, second * SECOND), 0);
	heard(second);
}

static void go(const char *uid, uint64_t second)
{
	struct peer told = peer(uid, "", 0);

	peer_table_remove(table, &told, second * SECOND);
	heard(second);
}

static enum peer_answer find(uint32_t number, uint64_t since, uint64_t second)
{
	uint8_t address[16];

	address_write(address, number);
	strcpy(name, "");
	return peer_table_find(table, address, since * SECOND, second * SECOND, name);
}

/* NULL: nobody is named. */
static void assert_named(uint32_t number, uint64_t since, uint64_t second, const char *text)
{
	enum peer_answer answer = find(number, since, second);

	assert_int_equal(answer == PEER_FOUND, text != NULL);
	assert_string_equal(name, text ? text : "");
}

static void test_address_that_is_used_again_never_has_the_old_name(void **state)
{
	(void)state;
	set("a", "shop/old", 1, 110);
	assert_named(1, 115, 120, "shop/old");
	heard(130);
	go("a", 140);
	/* what began while it was surely there, for a while */
	assert_named(1, 115, 145, "shop/old");
	assert_named(1, 129, 145, "shop/old");
	/* somewhere here it went */
	assert_named(1, 131, 145, NULL);
	assert_named(1, 142, 145, NULL);
	assert_named(1, 0, 145, NULL);
	set("b", "shop/new", 1, 150);
	assert_named(1, 151, 155, "shop/new");
	assert_named(1, 115, 155, "shop/old");
	assert_named(1, 142, 155, NULL);
	assert_named(1, 0, 155, NULL);
	/* long after it, a late event of the old one says nothing of the new one */
	go("a", 156);
	assert_named(1, 153, 160, "shop/new");
}

static void test_who_is_gone_is_forgotten_after_its_time(void **state)
{
	(void)state;
	set("a", "shop/old", 1, 110);
	heard(139);
	go("a", 140);
	assert_int_equal(peer_table_count(table, PEER_POD), 0);
	assert_named(1, 115, 139 + PEER_KEPT_NS / SECOND - 1, "shop/old");
	assert_named(1, 115, 141 + PEER_KEPT_NS / SECOND, NULL);
	set("c", "shop/c", 2, 300);
	assert_named(1, 115, 301, NULL);
}

static void test_pod_is_named_for_what_began_just_before_it_was_told_of(void **state)
{
	(void)state;
	set("a", "shop/a", 1, 200);
	assert_named(1, 198, 205, "shop/a");
	assert_named(1, 200 - PEER_KEPT_NS / SECOND - 1, 205, NULL);
	/* too late: who had the address before may be forgotten by now */
	assert_named(1, 198, 198 + PEER_KEPT_NS / SECOND + 1, NULL);
	assert_named(1, 201, 290, "shop/a");
	assert_named(1, 0, 205, NULL); /* older than Sonde, and the pod is new */
}

static void test_two_who_claim_one_address_are_nobody_unless_of_one_name(void **state)
{
	(void)state;
	set("a", "shop/web", 1, 110);
	set("b", "shop/web", 1, 110);
	assert_named(1, 115, 120, "shop/web");
	set("c", "shop/db", 1, 121);
	assert_named(1, 125, 130, NULL);
	assert_int_equal(find(1, 125, 130), PEER_AMBIGUOUS);
	assert_int_equal(peer_table_answers(table, PEER_AMBIGUOUS), 2);
	go("c", 131);
	heard(140);
	assert_named(1, 125, 141, NULL); /* told of before, and perhaps it was there still */
	assert_named(1, 135, 141, "shop/web");
}

/* While nobody tells of changes, an address may be anybody's after a while. */
static void test_silence_of_the_server_ends_in_no_names(void **state)
{
	(void)state;
	set("a", "shop/a", 1, 110);
	peer_table_opened(table, PEER_POD, false, 120 * SECOND);
	assert_named(1, 115, 1000, "shop/a");
	assert_named(1, 121, 1000, "shop/a");
	assert_named(1, 115 + PEER_FRESH_NS / SECOND, 1000, NULL);
	/* it is told of again, as soon as the watch brought what it lacked */
	peer_table_opened(table, PEER_POD, true, 1000 * SECOND);
	assert_named(1, 999, 1001, NULL);
	assert_named(1, 999, 1003, "shop/a");
	peer_table_opened(table, PEER_POD, false, 1004 * SECOND);
}

/* What happened while the server was away is told after it: nobody knows when it was. */
static void test_what_went_during_an_outage_is_gone_since_its_begin(void **state)
{
	(void)state;
	set("a", "shop/a", 1, 110);
	set("b", "shop/b", 2, 110);
	peer_table_opened(table, PEER_POD, false, 120 * SECOND);
	peer_table_list_begin(table, PEER_POD);
	set("b", "shop/b", 2, 150);
	set("c", "shop/c", 1, 150);
	peer_table_list_end(table, PEER_POD, 150 * SECOND);
	peer_table_opened(table, PEER_POD, true, 150 * SECOND);
	assert_named(1, 105, 153, NULL); /* before all that is known */
	assert_named(1, 111, 153, NULL); /* heard last at 110 */
	assert_named(1, 140, 153, NULL);
	assert_named(1, 151, 153, "shop/c");
	assert_named(2, 140, 153, "shop/b");
}

static void test_list_that_was_cut_short_takes_nothing_away(void **state)
{
	(void)state;
	set("a", "shop/a", 1, 110);
	peer_table_list_begin(table, PEER_POD);
	set("b", "shop/b", 2, 120);
	assert_named(1, 121, 125, "shop/a");
	peer_table_list_begin(table, PEER_POD);
	set("b", "shop/b", 2, 130);
	peer_table_list_end(table, PEER_POD, 130 * SECOND);
	assert_int_equal(peer_table_count(table, PEER_POD), 1);
}

static void test_before_the_first_list_is_whole_nobody_is_named(void **state)
{
	struct peer told = peer("a", "shop/a", 1);

	(void)state;
	peer_table_free(table);
	table = peer_table_new();
	peer_table_list_begin(table, PEER_POD);
	peer_table_set(table, &told, 10 * SECOND);
	assert_named(1, 9, 11, NULL);
	peer_table_list_end(table, PEER_POD, 12 * SECOND);
	peer_table_opened(table, PEER_POD, true, 12 * SECOND);
	assert_named(1, 9, 15, "shop/a");
	assert_named(1, 0, 15, "shop/a"); /* from before Sonde, as is the pod */
}

/* A pod whose sandbox is made anew has another address, and its owner may change. */
static void test_addresses_and_names_of_one_may_change(void **state)
{
	(void)state;
	set("a", "shop/a", 1, 110);
	set("a", "shop/a", 2, 120);
	assert_named(2, 121, 125, "shop/a");
	assert_named(1, 121, 125, NULL);
	set("a", "shop/b", 2, 130);
	assert_named(2, 131, 135, "shop/b");
	assert_int_equal(peer_table_count(table, PEER_POD), 1);
}

static void test_full_table_takes_no_more_and_gives_room_back(void **state)
{
	struct peer told;
	char uid[24];

	(void)state;
	for (uint32_t i = 0; i < PEER_ADDRESSES_MAX; i++) {
		snprintf(uid, sizeof(uid), "uid-%u", i);
		told = peer(uid, "shop/web", i);
		assert_int_equal(peer_table_set(table, &told, 110 * SECOND), 0);
	}
	told = peer("more", "shop/more", 1u << 31);
	assert_int_equal(peer_table_set(table, &told, 111 * SECOND), -ENOSPC);
	heard(112);
	go("uid-7", 113);
	assert_int_equal(peer_table_set(table, &told, 114 * SECOND), 0);
	heard(114);
	assert_named(1u << 31, 115, 116, "shop/more");
	assert_named(7, 111, 116, NULL); /* it gave its room */
	assert_named(PEER_ADDRESSES_MAX - 1, 111, 116, "shop/web");
}

static void test_names_are_bounded_and_given_back(void **state)
{
	struct peer told;
	char uid[24], text[PEER_NAME_LEN];
	uint32_t taken = 0;

	(void)state;
	for (;; taken++) {
		snprintf(uid, sizeof(uid), "uid-%u", taken);
		snprintf(text, sizeof(text), "shop/%0240u", taken);
		told = peer(uid, text, taken);
		if (peer_table_set(table, &told, 110 * SECOND))
			break;
	}
	assert_in_range(taken, PEER_NAMES_BYTES_MAX / 300, PEER_NAMES_BYTES_MAX / 240);
	heard(111);
	/* the same again, after all of them went */
	for (uint32_t i = 0; i < taken; i++) {
		snprintf(uid, sizeof(uid), "uid-%u", i);
		go(uid, 112);
	}
	for (uint32_t i = 0; i < taken; i++) {
		snprintf(uid, sizeof(uid), "new-%u", i);
		snprintf(text, sizeof(text), "shop/%0240u", taken + i);
		told = peer(uid, text, i);
		assert_int_equal(peer_table_set(table, &told, 300 * SECOND), 0);
	}
}

/* --- objects --- */

static struct watch watch;

static void take(bool is_of_pods, const char *event)
{
	uint64_t unread;

	if (is_of_pods)
		peer_watch_begin_pods(&watch, table);
	else
		peer_watch_begin_services(&watch, table);
	unread = watch.unread;
	watch_take_event(&watch, event, strlen(event));
	assert_int_equal(watch.unread, unread);
}

#define POD_EVENT(TYPE, STATUS, SPEC)                                                              \
	"{\"type\":\"" TYPE "\",\"object\":{\"metadata\":{\"uid\":\"u\",\"name\":\"web-1\","       \
	"\"namespace\":\"shop\",\"resourceVersion\":\"7\",\"ownerReferences\":[{\"kind\":"         \
	"\"StatefulSet\",\"name\":\"web\",\"controller\":true}]},\"spec\":{" SPEC "},"             \
	"\"status\":{" STATUS "}}}"
#define ADDRESSES "\"podIP\":\"10.0.0.1\",\"podIPs\":[{\"ip\":\"10.0.0.1\"},{\"ip\":\"fd00::1\"}]"

#define TEN UINT32_C(0x0a000001)

/* By the clock that events are taken by: what is asked of begins in a minute. */
static bool is_found(const char *text)
{
	uint64_t now_ns = clock_monotonic_ns() + 60 * SECOND;
	uint8_t address[16];

	address_write(address, TEN);
	for (int kind = 0; kind < PEER_KINDS; kind++)
		peer_table_opened(table, (enum peer_kind)kind, true, now_ns - 10 * SECOND);
	return peer_table_find(table, address, now_ns, now_ns, name) == PEER_FOUND &&
	       strcmp(name, text) == 0;
}

static void test_pod_is_its_owner_at_each_of_its_addresses(void **state)
{
	(void)state;
	take(true, POD_EVENT("ADDED", "\"phase\":\"Pending\"", ""));
	assert_int_equal(peer_table_count(table, PEER_POD), 0);
	take(true, POD_EVENT("MODIFIED", "\"phase\":\"Running\"," ADDRESSES, ""));
	assert_int_equal(peer_table_count(table, PEER_POD), 2);
	assert_true(is_found("shop/web"));
	take(true, POD_EVENT("MODIFIED", "\"phase\":\"Failed\"," ADDRESSES, ""));
	assert_int_equal(peer_table_count(table, PEER_POD), 0);
}

static void test_pod_that_is_deleted_has_no_address(void **state)
{
	(void)state;
	take(true, POD_EVENT("ADDED", "\"phase\":\"Running\"," ADDRESSES, ""));
	assert_int_equal(peer_table_count(table, PEER_POD), 2);
	take(true, POD_EVENT("DELETED", "\"phase\":\"Running\"," ADDRESSES, ""));
	assert_int_equal(peer_table_count(table, PEER_POD), 0);
}

static void test_pod_in_the_network_of_its_node_is_never_found(void **state)
{
	(void)state;
	take(true, POD_EVENT("ADDED", "\"phase\":\"Running\"," ADDRESSES, "\"hostNetwork\":true"));
	assert_int_equal(peer_table_count(table, PEER_POD), 0);
	take(true, POD_EVENT("ADDED", "\"hostIP\":\"10.0.0.1\"," ADDRESSES, ""));
	assert_int_equal(peer_table_count(table, PEER_POD), 0);
	assert_false(is_found("shop/web"));
}

#define SERVICE_EVENT(SPEC)                                                                        \
	"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"uid\":\"s\",\"name\":\"db\","             \
	"\"namespace\":\"shop\",\"resourceVersion\":\"7\"},\"spec\":{" SPEC "}}}"

static void test_service_is_found_by_its_own_address(void **state)
{
	(void)state;
	take(false, SERVICE_EVENT("\"clusterIP\":\"None\",\"clusterIPs\":[\"None\"]"));
	assert_int_equal(peer_table_count(table, PEER_SERVICE), 0);
	take(false,
		SERVICE_EVENT(
			"\"clusterIP\":\"10.0.0.1\",\"clusterIPs\":[\"10.0.0.1\",\"fd00::2\"]"));
	assert_int_equal(peer_table_count(table, PEER_SERVICE), 2);
	assert_true(is_found("shop/db"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_address_that_is_used_again_never_has_the_old_name),
		TEST(test_who_is_gone_is_forgotten_after_its_time),
		TEST(test_pod_is_named_for_what_began_just_before_it_was_told_of),
		TEST(test_two_who_claim_one_address_are_nobody_unless_of_one_name),
		TEST(test_silence_of_the_server_ends_in_no_names),
		TEST(test_what_went_during_an_outage_is_gone_since_its_begin),
		TEST(test_list_that_was_cut_short_takes_nothing_away),
		TEST(test_before_the_first_list_is_whole_nobody_is_named),
		TEST(test_addresses_and_names_of_one_may_change),
		TEST(test_full_table_takes_no_more_and_gives_room_back),
		TEST(test_names_are_bounded_and_given_back),
		TEST(test_pod_is_its_owner_at_each_of_its_addresses),
		TEST(test_pod_that_is_deleted_has_no_address),
		TEST(test_pod_in_the_network_of_its_node_is_never_found),
		TEST(test_service_is_found_by_its_own_address),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
