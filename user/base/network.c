/* SPDX-License-Identifier: Apache-2.0 */
/* See network.h. */
#include "base/network.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"

#define ADDRESS_BITS 128
#define MAPPED_BITS  (8 * ADDRESS_MAPPED_BYTES)

/* The number of bits after the slash; `most` without one. Negative: it is none. */
static long bits_read(const char *text, long most)
{
	char *end;
	long bits;

	if (!text)
		return most;
	bits = strtol(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && bits <= most ? bits : -1;
}

bool network_read(struct network *network, const char *entry, const char **name)
{
	const char *equals = strchr(entry, '=');
	char address[INET6_ADDRSTRLEN + sizeof("/128")], *slash;
	long bits, bits_before = 0;

	if (!equals || !equals[1] || (size_t)(equals - entry) >= sizeof(address))
		return false;
	memcpy(address, entry, (size_t)(equals - entry));
	address[equals - entry] = '\0';
	slash = strchr(address, '/');
	if (slash)
		*slash++ = '\0';
	if (inet_pton(AF_INET6, address, network->address) != 1) {
		memcpy(network->address, address_mapped, sizeof(address_mapped));
		if (inet_pton(AF_INET, address, network->address + sizeof(address_mapped)) != 1)
			return false;
		bits_before = MAPPED_BITS;
	}
	bits = bits_read(slash, ADDRESS_BITS - bits_before);
	if (bits < 0)
		return false;
	network->bits = (unsigned)(bits_before + bits);
	if (name)
		*name = equals + 1;
	return true;
}

bool network_has(const struct network *network, const uint8_t address[16])
{
	unsigned bytes = network->bits / 8, bits = network->bits % 8;

	return memcmp(network->address, address, bytes) == 0 &&
	       (!bits || (network->address[bytes] ^ address[bytes]) >> (8 - bits) == 0);
}
