/* SPDX-License-Identifier: Apache-2.0 */
/* See address.h. */
#include "address.h"

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

void address_text(char text[ADDRESS_TEXT_LEN], const uint8_t address[16])
{
	if (address_is_mapped(address))
		inet_ntop(AF_INET, address + ADDRESS_MAPPED_BYTES, text, ADDRESS_TEXT_LEN);
	else
		inet_ntop(AF_INET6, address, text, ADDRESS_TEXT_LEN);
}
