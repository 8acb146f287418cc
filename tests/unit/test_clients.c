/* SPDX-License-Identifier: Apache-2.0 */
/* Who has a place at the HTTP server and who gives way (user/export/server/clients.h). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "export/server/clients.h"

static int set_up(void **state)
{
	struct clients *clients = malloc(sizeof(*clients));

	clients_begin(clients);
	*state = clients;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static struct client *add(struct clients *clients, int fd, const char *from, uint64_t now_ms)
{
	uint8_t address[16];
	char mapped[64];

	snprintf(mapped, sizeof(mapped), strchr(from, ':') ? "%s" : "::ffff:%s", from);
	assert_int_equal(inet_pton(AF_INET6, mapped, address), 1);
	return clients_add(clients, fd, address, now_ms);
}

static void assert_gives_way(struct clients *clients, int fd)
{
	struct client *client = clients_to_give_way(clients);

	assert_non_null(client);
	assert_int_equal(client->fd, fd);
	client_remove(clients, client);
}

static void test_the_oldest_silent_one_gives_way_then_half_requests(void **state)
{
	struct clients *clients = *state;

	add(clients, 1, "192.0.2.1", 10)->has_begun = true;
	add(clients, 2, "192.0.2.1", 30);
	add(clients, 3, "192.0.2.1", 20);
	client_set_state(clients, add(clients, 4, "192.0.2.1", 5), CLIENT_READY, 5);
	client_set_state(clients, add(clients, 5, "192.0.2.1", 6), CLIENT_SERVED, 6);
	client_set_state(clients, add(clients, 6, "192.0.2.1", 40), CLIENT_LEAVING, 40);
	assert_gives_way(clients, 6);
	assert_gives_way(clients, 3);
	assert_gives_way(clients, 2);
	assert_gives_way(clients, 1);
	assert_gives_way(clients, 4);
	assert_null(clients_to_give_way(clients)); /* who is served is not disturbed */
}

/* One from each of these networks stays, however many come from one of them. */
static void assert_one_network(struct clients *clients, const char *const *addresses, int count)
{
	int fd = 10;

	add(clients, 1, "198.51.100.1", 0); /* older than all, and silent */
	add(clients, 2, "2001:db8:1::1", 0);
	while (add(clients, fd, addresses[fd % count], (uint64_t)fd))
		fd++;
	assert_int_equal(clients->count, CLIENTS_MAX);
	for (int i = 10; i < fd - 1; i++)
		assert_gives_way(clients, i);
	assert_gives_way(clients, 1); /* now all are alike */
	clients_begin(clients);
}

static void test_who_holds_most_places_gives_way_whatever_its_addresses(void **state)
{
	static const char *const v4[] = {"192.0.2.1"};
	static const char *const loopback[] = {"127.0.0.1", "127.9.9.9", "127.1.2.3", "::1"};
	static const char *const v6[] = {"2001:db8::1", "2001:db8::2", "2001:db8::ffff:1:2:3"};

	assert_one_network(*state, v4, 1);
	assert_one_network(*state, loopback, 4);
	assert_one_network(*state, v6, 3);
}

static void test_a_place_that_is_given_back_is_there_again(void **state)
{
	struct clients *clients = *state;
	char text[ADDRESS_TEXT_LEN], from[32];

	for (int round = 0; round < 3 * CLIENTS_MAX; round++) {
		snprintf(from, sizeof(from), "10.0.%d.%d", round / 200, round % 200);
		struct client *client = add(clients, 5, from, 0);

		assert_non_null(client);
		client_network_text(clients, client, text);
		assert_string_equal(text, from);
		client_set_state(clients, client, CLIENT_SERVED, 0);
		client_remove(clients, client);
	}
	assert_int_equal(clients->count, 0);
	assert_int_equal(clients->served, 0);
}

static struct client *add_ready(struct clients *clients, int fd, const char *from, uint64_t now_ms)
{
	struct client *client = add(clients, fd, from, now_ms);

	client_set_state(clients, client, CLIENT_READY, now_ms);
	return client;
}

static int next(struct clients *clients)
{
	struct client *client = clients_next(clients);

	if (!client)
		return -1;
	client_set_state(clients, client, CLIENT_SERVED, 100);
	return client->fd;
}

static void test_who_is_served_least_is_next_and_of_these_the_newest(void **state)
{
	struct clients *clients = *state;

	for (int i = 0; i < 5; i++)
		add_ready(clients, 10 + i, "192.0.2.1", (uint64_t)i);
	add_ready(clients, 20, "192.0.2.2", 0);
	assert_int_equal(next(clients), 14);
	assert_int_equal(next(clients), 20);
	assert_int_equal(next(clients), 13);
	assert_int_equal(next(clients), 12);
}

static void test_the_last_places_are_for_what_needs_no_main_thread(void **state)
{
	struct clients *clients = *state;

	for (int i = 0; i < CLIENTS_SERVED_MAX + 10; i++)
		add_ready(clients, 10 + i, "192.0.2.1", 0);
	for (int i = 0; i < CLIENTS_SERVED_MAX - CLIENTS_SERVED_RESERVED; i++)
		assert_true(next(clients) >= 10);
	assert_int_equal(next(clients), -1);
	for (int i = 0; i <= CLIENTS_SERVED_RESERVED; i++)
		add_ready(clients, 100 + i, "192.0.2.1", 0)->is_light = true;
	for (int i = 0; i < CLIENTS_SERVED_RESERVED; i++)
		assert_true(next(clients) >= 100);
	assert_int_equal(next(clients), -1);
}

static void test_who_took_nothing_for_longest_loses_its_place(void **state)
{
	struct clients *clients = *state;
	struct client *held = add(clients, 1, "192.0.2.1", 0),
		      *slow = add(clients, 2, "192.0.2.1", 0);
	struct client *fast = add(clients, 3, "192.0.2.1", 0);

	client_set_state(clients, held, CLIENT_SERVED, 0);
	client_set_state(clients, slow, CLIENT_SERVED, 10);
	client_set_state(clients, fast, CLIENT_SERVED, 10);
	held->is_held = true; /* it is the main thread that it waits for */
	fast->moved_ms = 1000;
	assert_ptr_equal(clients_stalled(clients, 1010), slow);
	slow->is_cut = true;
	assert_null(clients_stalled(clients, 1000 + CLIENTS_STALL_MS - 1));
	assert_ptr_equal(clients_stalled(clients, 1000 + CLIENTS_STALL_MS), fast);
}

static void test_everybody_has_a_time(void **state)
{
	struct clients *clients = *state;
	struct client *client = add(clients, 1, "192.0.2.1", 0);

	assert_false(client_is_late(client, CLIENTS_SILENT_MS));
	assert_true(client_is_late(client, CLIENTS_SILENT_MS + 1));
	client->has_begun = true;
	assert_true(client_is_late(client, CLIENTS_HEAD_MS + 1));
	client_set_state(clients, client, CLIENT_READY, 0);
	assert_false(client_is_late(client, CLIENTS_READY_MS));
	assert_true(client_is_late(client, CLIENTS_READY_MS + 1));
	client_set_state(clients, client, CLIENT_SERVED, 0);
	assert_false(client_is_late(client, CLIENTS_TAKE_MS));
	assert_true(client_is_late(client, CLIENTS_TAKE_MS + 1));
	client->moved_ms = CLIENTS_ANSWER_MS; /* a little now and then */
	assert_false(client_is_late(client, CLIENTS_ANSWER_MS));
	assert_true(client_is_late(client, CLIENTS_ANSWER_MS + 1));
	client->is_held = true;
	assert_false(client_is_late(client, CLIENTS_ANSWER_MS + 1));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_the_oldest_silent_one_gives_way_then_half_requests),
		TEST(test_who_holds_most_places_gives_way_whatever_its_addresses),
		TEST(test_a_place_that_is_given_back_is_there_again),
		TEST(test_who_is_served_least_is_next_and_of_these_the_newest),
		TEST(test_the_last_places_are_for_what_needs_no_main_thread),
		TEST(test_who_took_nothing_for_longest_loses_its_place),
		TEST(test_everybody_has_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
