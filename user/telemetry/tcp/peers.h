/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for the other end of a connection: a service of this node, a name that the configuration
 * gives to a network, a DNS name that was looked up here, `localhost`, or `external`. They become
 * label values, so addresses are never among them, and a service gets at most so many DNS names at
 * a time (label_values.h).
 *
 * Not thread-safe: the main thread owns it.
 */
#ifndef SONDE_PEERS_H
#define SONDE_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identity/reserved.h"

#define PEER_EXTERNAL  NAME_EXTERNAL
#define PEER_LOCALHOST NAME_LOCALHOST
#define PEER_OTHER     NAME_OTHER /* one of the services of this node that are met seldom */

/* Services of this node that a service has by name at a time. */
#define PEER_SERVICES_MAX 100

struct peers;

/* NULL: no memory. */
struct peers *peers_new(void);
void peers_free(struct peers *peers);

/*
 * Takes over a list of `CIDR=NAME` (network.h); of several that match the longest prefix wins.
 * Negative errno: the old list stays.
 */
int peers_configure(
	struct peers *peers, char *const *names, size_t count, size_t dns_names_per_service_max);

/* The configured name of an address (IPv4 mapped, as in records), or NULL. */
const char *peers_configured(const struct peers *peers, const uint8_t address[16]);

/*
 * A connection of this service has a DNS name as its peer. False: it may not, as the service has as
 * many others as it may have, that are met as often.
 */
bool peers_admit(struct peers *peers, const char *service, const char *name, uint64_t now_ns);

/* The same of a service of this node as its peer. */
bool peers_admit_service(
	struct peers *peers, const char *service, const char *peer, uint64_t now_ns);

#endif
