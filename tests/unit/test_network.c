/* SPDX-License-Identifier: Apache-2.0 */
/* Networks with names, as the configuration has them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "base/address.h"
#include "base/network.h"

static void address_of(uint8_t address[16], const char *text)
{
	memset(address, 0, 16);
	if (inet_pton(AF_INET6, text, address) == 1)
		return;
	address[10] = address[11] = 0xff;
	assert_int_equal(inet_pton(AF_INET, text, address + 12), 1);
}

static bool has(const char *entry, const char *address)
{
	struct network network;
	uint8_t bytes[16];

	assert_true(network_read(&network, entry, NULL));
	address_of(bytes, address);
	return network_has(&network, bytes);
}

static void test_a_network_has_the_addresses_whose_first_bits_are_its_own(void **state)
{
	(void)state;
	assert_true(has("10.0.0.0/8=x", "10.255.1.2"));
	assert_false(has("10.0.0.0/8=x", "11.0.0.0"));
	assert_true(has("192.0.2.128/25=x", "192.0.2.128"));
	assert_false(has("192.0.2.128/25=x", "192.0.2.127"));
	assert_true(has("192.0.2.7=x", "192.0.2.7"));
	assert_false(has("192.0.2.7=x", "192.0.2.6"));
	assert_true(has("0.0.0.0/0=x", "203.0.113.1"));
	assert_false(has("0.0.0.0/0=x", "2001:db8::1"));
	assert_true(has("2001:db8::/32=x", "2001:db8:ffff::1"));
	assert_false(has("2001:db8::/33=x", "2001:db8:8000::"));
	assert_true(has("::/0=x", "192.0.2.7"));
	assert_true(has("::ffff:10.0.0.0/104=x", "10.1.1.1"));
}

static void test_the_name_is_all_behind_the_first_equals_sign(void **state)
{
	struct network network;
	const char *name;

	(void)state;
	assert_true(network_read(&network, "10.0.0.0/8=a=b c", &name));
	assert_string_equal(name, "a=b c");
}

static void test_what_is_no_network_with_a_name_is_refused(void **state)
{
	static const char *const wrong[] = {"", "=x", "10.0.0.0/8", "10.0.0.0/8=", "10.0.0/8=x",
		"10.0.0.0/33=x", "10.0.0.0/-1=x", "10.0.0.0/+1=x", "10.0.0.0/=x", "10.0.0.0/8x=x",
		"2001:db8::/129=x", "example.org=x", "10.0.0.0 /8=x",
		"10000000000000000000000000000000000000000000000000000000/8=x"};
	struct network network;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_false(network_read(&network, wrong[i], NULL));
}

static void test_loopback_is_told_from_all_else(void **state)
{
	static const char *const loopback[] = {"127.0.0.1", "127.255.255.255", "::1"};
	static const char *const others[] = {
		"128.0.0.1", "126.255.255.255", "::", "::2", "0.0.0.0"};
	uint8_t address[16];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		address_of(address, loopback[i]);
		assert_true(address_is_loopback(address));
	}
	for (size_t i = 0; i < 5; i++) {
		address_of(address, others[i]);
		assert_false(address_is_loopback(address));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_network_has_the_addresses_whose_first_bits_are_its_own),
		cmocka_unit_test(test_the_name_is_all_behind_the_first_equals_sign),
		cmocka_unit_test(test_what_is_no_network_with_a_name_is_refused),
		cmocka_unit_test(test_loopback_is_told_from_all_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
