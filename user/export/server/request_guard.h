/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask the HTTP server for what. A browser on this machine reaches loopback for any page
 * that it shows, and a page whose name resolves to 127.0.0.1 (DNS rebinding) may even read the
 * answer; so the request's own words decide:
 *
 * - On a loopback address, Host is an IP address, localhost, this machine's name or one of
 *   `allowed-hosts`. On others any name is right, as scrapers use many, until there are
 *   `allowed-hosts`.
 * - What a page of another origin asks for (Origin, Sec-Fetch-Site) is refused, but for following
 *   a link, of which that page sees nothing.
 * - /flows and /connections are for this machine's own users: from loopback to loopback, under a
 *   name that means it, and through no proxy that shows: neither by what it adds nor by HTTP/1.0,
 *   which nginx speaks unless told otherwise.
 *
 * For the gate (gate.h).
 */
#ifndef SONDE_REQUEST_GUARD_H
#define SONDE_REQUEST_GUARD_H

#include <stdint.h>

#include "export/denial.h"
#include "export/server/request_head.h"

struct request_guard {
	char *const *allowed_hosts; /* lower case or not, without a port */
	size_t allowed_host_count;
};

/* Of the connection; as address.h has them. */
struct request_ends {
	uint8_t local[16];
	uint8_t peer[16];
};

/*
 * Whether a well-formed request is to be answered: if not, sets head->status and head->problem, and
 * *denial. *is_local says whether it may see the pages for local eyes.
 */
bool request_guard_admits(const struct request_guard *guard, struct request_head *head,
	const struct request_ends *ends, bool *is_local, enum denial *denial);

#endif
