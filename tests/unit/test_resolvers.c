/* SPDX-License-Identifier: Apache-2.0 */
/* The servers of a resolv.conf, whatever it says, and the record that tells them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/address.h"
#include "kernel/sweep/resolvers.h"
#include "record/record_check.h"

/* What a file's text says, with spaces between. */
static const char *servers(const char *text)
{
	static char list[RESOLVERS_MAX * ADDRESS_TEXT_LEN];
	struct record_resolvers resolvers = {0};
	char *at = list;

	*at = '\0';
	resolvers_read(&resolvers, text, strlen(text));
	for (__u32 i = 0; i < resolvers.count; i++) {
		if (i)
			*at++ = ' ';
		address_text(at, resolvers.servers[i]);
		at += strlen(at);
	}
	return list;
}

static void test_the_servers_of_a_file(void **state)
{
	static const struct {
		const char *text, *servers;
	} cases[] = {
		{"", ""},
		{"nameserver 192.0.2.1\n", "192.0.2.1"},
		{"nameserver 192.0.2.1", "192.0.2.1"},
		{"nameserver\t 192.0.2.1 \n", "192.0.2.1"},
		{"# a comment\nsearch example\nnameserver 10.0.0.1\noptions ndots:5\n"
		 "nameserver 2001:db8::1\n",
			"10.0.0.1 2001:db8::1"},
		{"nameserver 10.0.0.1#53\nnameserver 10.0.0.2;\n", "10.0.0.1 10.0.0.2"},
		{"nameserver fe80::1%eth0\n", "fe80::1"},
		{"nameserver 10.0.0.1\nnameserver 10.0.0.1\n", "10.0.0.1"},
		{"nameserver 127.0.0.53\r\nnameserver ::1\r\n", "127.0.0.53 ::1"},
		{"#nameserver 10.0.0.1\n;nameserver 10.0.0.2\n nameserver 10.0.0.3\n", ""},
		{"nameservers 10.0.0.1\nnameserver10.0.0.2\nNAMESERVER 10.0.0.3\n", ""},
		{"nameserver\nnameserver \nnameserver\n10.0.0.1\n", ""},
		{"nameserver dns.example\nnameserver 10.0.0\nnameserver 10.0.0.256\n", ""},
		{"nameserver 00000000000000000000000000000000000000000000000000000000010.0.0.1\n",
			""},
		{"\n\n\nnameserver 10.0.0.1", "10.0.0.1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(servers(cases[i].text), cases[i].servers);
}

static void test_no_more_servers_are_taken_than_there_is_room_for(void **state)
{
	char text[4096];
	size_t length = 0;

	(void)state;
	for (int i = 1; i < 100; i++)
		length += (size_t)sprintf(text + length, "nameserver 10.0.0.%d\n", i);
	assert_string_equal(servers(text), "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 10.0.0.6 "
					   "10.0.0.7 10.0.0.8");
}

static void test_any_bytes_may_stand_there(void **state)
{
	char text[64];

	(void)state;
	for (int round = 0; round < 200000; round++) {
		struct record_resolvers resolvers = {0};
		size_t size = (size_t)random() % sizeof(text);
		char *room = malloc(size ?: 1); /* whose end a sanitizer watches */

		for (size_t i = 0; i < size; i++)
			text[i] = "nameserver \t\n1.:%#\0\xff"[random() % 20];
		if (round % 2 && size > 11)
			memcpy(text + (size_t)random() % (size - 11), "nameserver ", 11);
		memcpy(room, text, size);
		resolvers_read(&resolvers, room, size);
		assert_in_range(resolvers.count, 0, RESOLVERS_MAX);
		free(room);
	}
}

static unsigned records;

static void keep(void *context, const struct record *record, size_t size)
{
	struct record_resolvers *kept = context;

	assert_true(record_is_valid(record, size));
	assert_int_equal(record->type, RECORD_RESOLVERS);
	memcpy(kept, record, sizeof(*kept));
	records++;
}

static void test_what_the_machine_says_is_told_once(void **state)
{
	struct resolvers resolvers = {0};
	struct record_resolvers kept = {0};
	struct stat netns;

	(void)state;
	for (int i = 0; i < 3; i++)
		resolvers_report(&resolvers, keep, &kept);
	assert_in_range(records, 0, 1); /* there may be no such file at all */
	if (!records)
		skip();
	assert_true(!stat("/proc/1/ns/net", &netns) || !stat("/proc/self/ns/net", &netns));
	assert_in_range(kept.count, 1, RESOLVERS_MAX);
	assert_int_equal(kept.netns, netns.st_ino);
	assert_true(kept.record.time_ns > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_servers_of_a_file),
		cmocka_unit_test(test_no_more_servers_are_taken_than_there_is_room_for),
		cmocka_unit_test(test_any_bytes_may_stand_there),
		cmocka_unit_test(test_what_the_machine_says_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
