/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses as records have them, for people: IPv4 mapped into IPv6 is IPv4 again. */
#ifndef SONDE_ADDRESS_H
#define SONDE_ADDRESS_H

#include <stdint.h>

#define ADDRESS_TEXT_LEN 46 /* INET6_ADDRSTRLEN */

void address_text(char text[ADDRESS_TEXT_LEN], const uint8_t address[16]);

#endif
