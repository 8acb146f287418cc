/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as records have them: IPv6 in network order, with IPv4 mapped (::ffff:a.b.c.d). */
#ifndef SONDE_ADDRESS_H
#define SONDE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

/* What stands before an IPv4 address. */
#define ADDRESS_MAPPED_BYTES 12
extern const uint8_t address_mapped[ADDRESS_MAPPED_BYTES];

bool address_is_mapped(const uint8_t address[16]);
bool address_is_loopback(const uint8_t address[16]); /* ::1 and 127.0.0.0/8 */
bool address_is_any(const uint8_t address[16]);      /* :: and 0.0.0.0 */

#define ADDRESS_TEXT_LEN 46 /* INET6_ADDRSTRLEN */

/* For people: "192.0.2.1" for a mapped one, else "2001:db8::1". */
void address_text(char text[ADDRESS_TEXT_LEN], const uint8_t address[16]);

#endif
