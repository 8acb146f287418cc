/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as text (user/base/address.h): as inet_ntop() writes them. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "base/address.h"

static void test_every_byte_is_written_as_libc_does(void **state)
{
	uint8_t address[16];
	char text[ADDRESS_TEXT_LEN], expected[ADDRESS_TEXT_LEN];
	(void)state;

	memcpy(address, address_mapped, sizeof(address_mapped));
	for (int place = 12; place < 16; place++) {
		for (int byte = 0; byte < 256; byte++) {
			memset(address + 12, 255 - byte, 4);
			address[place] = (uint8_t)byte;
			address_text(text, address);
			inet_ntop(AF_INET, address + 12, expected, sizeof(expected));
			assert_string_equal(text, expected);
		}
	}
}

static void test_ipv6_is_written_as_such(void **state)
{
	uint8_t address[16];
	char text[ADDRESS_TEXT_LEN];
	(void)state;

	assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", address), 1);
	address_text(text, address);
	assert_string_equal(text, "2001:db8::1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte_is_written_as_libc_does),
		cmocka_unit_test(test_ipv6_is_written_as_such),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
