/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of records as text. */
#ifndef SONDE_ADDRESS_H
#define SONDE_ADDRESS_H

#include "record.h"

#define ADDRESS_TEXT_LEN 46 /* INET6_ADDRSTRLEN */

/* "10.0.0.1" for a mapped one, else "fd00::1". */
void address_text(char text[ADDRESS_TEXT_LEN], const __u8 address[16]);

#endif
