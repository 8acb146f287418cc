/* SPDX-License-Identifier: Apache-2.0 */
/* Where the listener of user/export/server/listener.h starts, and what it says when it cannot. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/server/listener.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static int start(struct listener **listener, const char *address, char error[LISTENER_ERROR_LEN])
{
	struct listener_options options = {.address = address, .version = "1"};

	return listener_start(listener, &options, error);
}

static int set_up(void **state)
{
	struct listener *listener;
	char error[LISTENER_ERROR_LEN];

	assert_int_equal(start(&listener, "127.0.0.1:0", error), 0);
	*state = listener;
	return 0;
}

static int tear_down(void **state)
{
	listener_stop(*state);
	return 0;
}

static void assert_begins(const char *text, const char *beginning)
{
	assert_memory_equal(text, beginning, strlen(beginning));
}

static void assert_refused(const char *address, int code, const char *expected)
{
	struct listener *listener;
	char error[LISTENER_ERROR_LEN];

	assert_int_equal(start(&listener, address, error), code);
	assert_string_equal(error, expected);
}

static void test_a_port_in_use_says_so_and_what_to_do(void **state)
{
	const char *address = listener_address(*state);
	char expected[LISTENER_ERROR_LEN];

	snprintf(expected, sizeof(expected), "%s is in use: choose another with --listen", address);
	assert_refused(address, -EADDRINUSE, expected);
}

static void test_an_address_of_another_machine_is_refused(void **state)
{
	(void)state;
	assert_refused("192.0.2.1:9760", -EADDRNOTAVAIL,
		"192.0.2.1:9760 is not an address of this machine: choose another with --listen");
}

static void test_what_is_no_address_is_refused_with_an_example(void **state)
{
	(void)state;
	static const char *const wrong[] = {"", "9760", "localhost:9760", "127.0.0.1",
		"127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1: 80", "::1:80",
		"[127.0.0.1]:80", "[::1]", "[::1", ":9760"};
	char expected[LISTENER_ERROR_LEN];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(expected, sizeof(expected),
			"\"%s\" is no address to listen on: write IPv4:PORT or [IPv6]:PORT, e.g. "
			"127.0.0.1:9760",
			wrong[i]);
		assert_refused(wrong[i], -EINVAL, expected);
	}
}

static void test_the_address_shows_the_port_that_was_bound(void **state)
{
	struct listener *started = *state, *listener;
	char error[LISTENER_ERROR_LEN];

	assert_begins(listener_address(started), "127.0.0.1:");
	assert_true(atoi(strrchr(listener_address(started), ':') + 1) > 0);
	int code = start(&listener, "[::1]:0", error);
	if (code) {
		assert_true(code == -EAFNOSUPPORT || code == -EADDRNOTAVAIL); /* no IPv6 here */
		return;
	}
	assert_begins(listener_address(listener), "[::1]:");
	listener_stop(listener);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_port_in_use_says_so_and_what_to_do),
		TEST(test_an_address_of_another_machine_is_refused),
		TEST(test_what_is_no_address_is_refused_with_an_example),
		TEST(test_the_address_shows_the_port_that_was_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
