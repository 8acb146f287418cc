/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks as people write them: an address (address.h) with the number of its bits that count.
 */
#ifndef SONDE_NETWORK_H
#define SONDE_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

struct network {
	uint8_t address[16];
	unsigned bits; /* 0 … 128 */
};

/*
 * Reads `CIDR=NAME`, such as 10.0.0.0/8=internal, 2001:db8::/32=lab or 192.0.2.7=db. False: it is
 * none. `name`, if not NULL, is then the place in `entry` where the name begins.
 */
bool network_read(struct network *network, const char *entry, const char **name);

bool network_has(const struct network *network, const uint8_t address[16]);

#endif
