/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket that listens, from the text of its address. Apart from libmicrohttpd, which could open
 * one but not say what was wrong. For the listener.
 */
#ifndef SONDE_LISTEN_SOCKET_H
#define SONDE_LISTEN_SOCKET_H

#include <stddef.h>

#define LISTEN_ADDRESS_LEN 64 /* [IPv6]:PORT and its NUL are at most 54 */

/*
 * Opens it for `address`: IPv4:PORT or [IPv6]:PORT, port 0 for any. Returns the descriptor, the
 * caller's to close, and in `bound` the address with the port that it got; or a negative errno, and
 * in `error` what a person can do.
 */
int listen_socket_open(
	const char *address, char bound[LISTEN_ADDRESS_LEN], char *error, size_t error_size);

#endif
