/* SPDX-License-Identifier: Apache-2.0 */
/* DNS names as peers: bounded for each service, given back, and fair. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/limit.h"
#include "telemetry/tcp/peers.h"

#define MINUTE UINT64_C(60000000000)

static struct peers *peers;
static uint64_t now_ns;

static int begin(void **state)
{
	(void)state;
	now_ns = MINUTE;
	peers = peers_new();
	assert_non_null(peers);
	assert_int_equal(peers_configure(peers, NULL, 0, 100), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	peers_free(peers);
	return 0;
}

/* How many of these hundred names a service may have as peers. */
static unsigned admitted(const char *service, unsigned first)
{
	unsigned names = 0;

	for (unsigned i = first; i < first + 100; i++) {
		char name[32];

		snprintf(name, sizeof(name), "host%u.example", i);
		names += peers_admit(peers, service, name, now_ns);
	}
	return names;
}

static void test_a_new_service_has_its_share_beside_any_number_of_others(void **state)
{
	char service[32];

	(void)state;
	for (unsigned i = 0; i < 90; i++) {
		snprintf(service, sizeof(service), "crowd%u", i);
		admitted(service, 0);
	}
	assert_in_range(admitted("shop", 0), 80, 100);
}

static void test_names_that_are_used_no_more_are_given_back(void **state)
{
	uint64_t before = limit_count(LIMIT_PEERS);

	(void)state;
	assert_int_equal(admitted("shop", 0), 100);
	assert_int_equal(admitted("shop", 100), 0);
	assert_int_equal(limit_count(LIMIT_PEERS) - before, 100);
	now_ns += 10 * MINUTE;
	assert_int_equal(admitted("shop", 100), 100);
}

static void test_a_name_that_is_met_often_gets_a_place(void **state)
{
	(void)state;
	assert_int_equal(admitted("shop", 0), 100);
	for (int i = 0; i < 2; i++)
		assert_false(peers_admit(peers, "shop", "db.example", now_ns));
	assert_true(peers_admit(peers, "shop", "db.example", now_ns));
}

static void test_services_of_the_node_are_bounded_and_take_no_place_of_names(void **state)
{
	unsigned places = 0;

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		char peer[32];

		snprintf(peer, sizeof(peer), "job%u", i);
		places += peers_admit_service(peers, "shop", peer, now_ns);
	}
	assert_int_equal(places, PEER_SERVICES_MAX);
	assert_int_equal(admitted("shop", 0), 100);
	assert_int_equal(peers_configure(peers, NULL, 0, 0), 0);
	assert_false(peers_admit(peers, "bank", "db.example", now_ns));
	assert_true(peers_admit_service(peers, "bank", "shop", now_ns));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(a_new_service_has_its_share_beside_any_number_of_others),
		TEST(names_that_are_used_no_more_are_given_back),
		TEST(a_name_that_is_met_often_gets_a_place),
		TEST(services_of_the_node_are_bounded_and_take_no_place_of_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
