/* SPDX-License-Identifier: Apache-2.0 */
/* See address.h. */
#include "base/address.h"

#include <arpa/inet.h>
#include <string.h>

const uint8_t address_mapped[ADDRESS_MAPPED_BYTES] = {[10] = 0xff, [11] = 0xff};

bool address_is_mapped(const uint8_t address[16])
{
	return memcmp(address, address_mapped, sizeof(address_mapped)) == 0;
}

bool address_is_loopback(const uint8_t address[16])
{
	static const uint8_t loopback[16] = {[15] = 1};

	return (address_is_mapped(address) && address[ADDRESS_MAPPED_BYTES] == 127) ||
	       memcmp(address, loopback, sizeof(loopback)) == 0;
}

bool address_is_any(const uint8_t address[16])
{
	static const uint8_t any[16];

	return memcmp(address, any, sizeof(any)) == 0 ||
	       (address_is_mapped(address) &&
		       memcmp(address + ADDRESS_MAPPED_BYTES, any, 16 - ADDRESS_MAPPED_BYTES) == 0);
}

/* By hand, as each span has two of them: inet_ntop() takes a printf() for it, 0.15 µs. */
static void ipv4_text(char *text, const uint8_t address[4])
{
	for (int i = 0; i < 4; i++) {
		unsigned byte = address[i];

		if (byte >= 100)
			*text++ = (char)('0' + byte / 100);
		if (byte >= 10)
			*text++ = (char)('0' + byte / 10 % 10);
		*text++ = (char)('0' + byte % 10);
		*text++ = i < 3 ? '.' : '\0';
	}
}

void address_text(char text[ADDRESS_TEXT_LEN], const uint8_t address[16])
{
	if (address_is_mapped(address))
		ipv4_text(text, address + ADDRESS_MAPPED_BYTES);
	else
		inet_ntop(AF_INET6, address, text, ADDRESS_TEXT_LEN);
}
