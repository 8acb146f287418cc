/* SPDX-License-Identifier: Apache-2.0 */
/* The table of connections: what is found by number and by the other end, as it grows and shrinks.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "telemetry/tcp/flow_table.h"

enum { HOST = 100, CONTAINER = 200 }; /* network namespaces */

#define PAIRS 1000 /* of ends: the table grows several times */

static struct flow_entry entries[2 * PAIRS];

/* The end of connection `pair` that is a client, or the one that is a server. */
static struct flow_entry *end_of(int pair, int is_server)
{
	return &entries[2 * pair + is_server];
}

static void end_make(int pair, int is_server, __u8 network, __u32 netns)
{
	struct flow_entry *entry = end_of(pair, is_server);
	struct record_address *address = &entry->flow.address;
	const __u8 server[] = {0xff, 0xff, network, 0, 0, 2},
		   client[] = {0xff, 0xff, network, 0, 0, 1};

	*entry = (struct flow_entry){.flow.connection = (uint64_t)(2 * pair + is_server + 1)};
	memcpy(address->local + 10, is_server ? server : client, 6);
	memcpy(address->remote + 10, is_server ? client : server, 6);
	address->local_port = (__u16)(is_server ? 80 : 10000 + pair);
	address->remote_port = (__u16)(is_server ? 10000 + pair : 80);
	address->netns = netns;
}

static struct flow_entry *mirror_of(const struct flow_table *table, const struct flow_entry *entry)
{
	return flow_table_find_mirror(table, &entry->flow.address);
}

/* Those whose pair's number is a multiple of `step` are there, with their mirrors, and no others.
 */
static void assert_has_each(const struct flow_table *table, int step)
{
	const struct flow_entry *entry = NULL;
	size_t count = 0, expected = 0;

	for (int pair = 0; pair < PAIRS; pair++)
		for (int is_server = 0; is_server < 2; is_server++) {
			struct flow_entry *one = end_of(pair, is_server);
			bool is_there = pair % step == 0;

			assert_ptr_equal(flow_table_find(table, one->flow.connection),
				is_there ? one : NULL);
			assert_ptr_equal(
				mirror_of(table, one), is_there ? end_of(pair, !is_server) : NULL);
			expected += is_there;
		}
	while ((entry = flow_table_next(table, entry)) != NULL)
		count++;
	assert_int_equal(count, expected);
	assert_int_equal(table->count, expected);
}

static void test_all_are_found_however_many(void **state)
{
	struct flow_table table = {0};
	(void)state;

	for (int pair = 0; pair < PAIRS; pair++)
		for (int is_server = 0; is_server < 2; is_server++) {
			end_make(pair, is_server, 10, is_server ? CONTAINER : HOST);
			assert_true(flow_table_add(&table, end_of(pair, is_server)));
		}
	assert_has_each(&table, 1);
	for (int pair = 0; pair < PAIRS; pair++)
		for (int is_server = 0; pair % 7 && is_server < 2; is_server++)
			flow_table_remove(&table, end_of(pair, is_server));
	assert_has_each(&table, 7);
	flow_table_clear(&table);
}

static void test_an_empty_table_has_nothing(void **state)
{
	struct flow_table table = {0};
	(void)state;

	end_make(0, 0, 10, HOST);
	assert_null(flow_table_find(&table, 1));
	assert_null(mirror_of(&table, end_of(0, 0)));
	assert_null(flow_table_next(&table, NULL));
	flow_table_remove(&table, end_of(0, 0)); /* which was not added */
	flow_table_clear(&table);
}

static void test_loopback_is_each_namespaces_own(void **state)
{
	struct flow_table table = {0};
	(void)state;

	end_make(0, 0, 127, HOST);
	end_make(0, 1, 127, HOST);
	end_make(1, 0, 127, CONTAINER);
	end_of(1, 0)->flow.address.local_port = end_of(0, 0)->flow.address.local_port;
	assert_true(flow_table_add(&table, end_of(1, 0)));
	assert_null(mirror_of(&table, end_of(0, 1)));
	assert_true(flow_table_add(&table, end_of(0, 0)));
	assert_ptr_equal(mirror_of(&table, end_of(0, 1)), end_of(0, 0));
	flow_table_clear(&table);
}

/* Adds the end of a pair, in another namespace, as another pair's. */
static void copy_add(struct flow_table *table, int pair, int is_server, int of_pair, __u32 netns)
{
	end_make(pair, is_server, 10, netns);
	end_of(pair, is_server)->flow.address = end_of(of_pair, is_server)->flow.address;
	end_of(pair, is_server)->flow.address.netns = netns;
	assert_true(flow_table_add(table, end_of(pair, is_server)));
}

enum { FORGERY = 300, OTHER_FORGERY };

static void test_a_connection_within_a_namespace_is_no_others_other_end(void **state)
{
	struct flow_table table = {0};
	(void)state;

	end_make(0, 0, 10, HOST); /* connected to what is not on this node */
	end_make(0, 1, 10, CONTAINER);
	assert_true(flow_table_add(&table, end_of(0, 0)));
	copy_add(&table, 1, 0, 0, FORGERY); /* the same addresses, within one namespace */
	copy_add(&table, 1, 1, 0, FORGERY);
	assert_null(mirror_of(&table, end_of(0, 0)));
	assert_ptr_equal(mirror_of(&table, end_of(1, 0)), end_of(1, 1));
	assert_true(flow_table_add(&table, end_of(0, 1))); /* the true one has come */
	assert_ptr_equal(mirror_of(&table, end_of(0, 0)), end_of(0, 1));
	flow_table_clear(&table);
}

static void test_of_other_ends_in_several_namespaces_none_is_believed(void **state)
{
	struct flow_table table = {0};
	(void)state;

	end_make(0, 0, 10, HOST);
	end_make(0, 1, 10, CONTAINER);
	assert_true(flow_table_add(&table, end_of(0, 0)));
	assert_true(flow_table_add(&table, end_of(0, 1)));
	copy_add(&table, 1, 1, 0, FORGERY);
	assert_null(mirror_of(&table, end_of(0, 0)));
	flow_table_remove(&table, end_of(1, 1));
	copy_add(
		&table, 2, 1, 0, CONTAINER); /* the one before it of the same ports: it has ended */
	assert_non_null(mirror_of(&table, end_of(0, 0)));
	copy_add(&table, 3, 1, 0, HOST); /* beside it */
	copy_add(&table, 4, 1, 0, OTHER_FORGERY);
	assert_ptr_equal(mirror_of(&table, end_of(0, 0)), end_of(3, 1));
	flow_table_clear(&table);
}

static void test_a_full_table_takes_no_more(void **state)
{
	struct flow_entry *many = calloc(FLOWS_MAX + 1, sizeof(*many));
	struct flow_table table = {0};
	(void)state;

	assert_non_null(many);
	for (size_t i = 0; i <= FLOWS_MAX; i++) {
		many[i].flow.connection = i + 1;
		many[i].flow.address.local_port = (__u16)i;
		many[i].flow.address.netns = HOST + (__u32)i;
		assert_int_equal(flow_table_add(&table, &many[i]), i < FLOWS_MAX);
	}
	assert_null(flow_table_find(&table, FLOWS_MAX + 1));
	flow_table_remove(&table, &many[0]);
	assert_true(flow_table_add(&table, &many[FLOWS_MAX]));
	assert_ptr_equal(flow_table_find(&table, FLOWS_MAX + 1), &many[FLOWS_MAX]);
	flow_table_clear(&table);
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_are_found_however_many),
		cmocka_unit_test(test_an_empty_table_has_nothing),
		cmocka_unit_test(test_loopback_is_each_namespaces_own),
		cmocka_unit_test(test_a_connection_within_a_namespace_is_no_others_other_end),
		cmocka_unit_test(test_of_other_ends_in_several_namespaces_none_is_believed),
		cmocka_unit_test(test_a_full_table_takes_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
