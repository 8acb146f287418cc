/* SPDX-License-Identifier: Apache-2.0 */
/* See address.h. */
#include "address.h"

#include <arpa/inet.h>
#include <string.h>

void address_text(char text[ADDRESS_TEXT_LEN], const uint8_t address[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (!memcmp(address, mapped, sizeof(mapped)))
		inet_ntop(AF_INET, address + sizeof(mapped), text, ADDRESS_TEXT_LEN);
	else
		inet_ntop(AF_INET6, address, text, ADDRESS_TEXT_LEN);
}
