/* SPDX-License-Identifier: Apache-2.0 */
/* See peers.h. */
#include "telemetry/tcp/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limit.h"
#include "base/network.h"
#include "telemetry/metrics/label_values.h"

/* DNS names, and peers that are services, of all services together: some 2 MiB each. */
#define NAMES_MAX    8192
#define SERVICES_MAX 8192

struct named_network {
	struct network network;
	char *name;
};

struct peers {
	struct named_network *networks; /* the longest prefixes first */
	size_t network_count;
	size_t dns_names_per_service_max;
	struct label_values *names, *services;
};

/* --- the configured names --- */

static void networks_free(struct named_network *networks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(networks[i].name);
	free(networks);
}

static int longest_first(const void *a, const void *b)
{
	const struct named_network *first = a, *second = b;

	return (int)second->network.bits - (int)first->network.bits;
}

int peers_configure(
	struct peers *peers, char *const *names, size_t count, size_t dns_names_per_service_max)
{
	struct named_network *networks = calloc(count + 1, sizeof(*networks));
	const char *name;

	if (!networks)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		int result = network_read(&networks[i].network, names[i], &name) ? 0 : -EINVAL;

		if (!result && !(networks[i].name = strdup(name)))
			result = -ENOMEM;
		if (result) {
			networks_free(networks, count);
			return result;
		}
	}
	qsort(networks, count, sizeof(*networks), longest_first);
	networks_free(peers->networks, peers->network_count);
	peers->networks = networks;
	peers->network_count = count;
	peers->dns_names_per_service_max = dns_names_per_service_max;
	return 0;
}

const char *peers_configured(const struct peers *peers, const uint8_t address[16])
{
	for (size_t i = 0; i < peers->network_count; i++)
		if (network_has(&peers->networks[i].network, address))
			return peers->networks[i].name;
	return NULL;
}

/* --- names by service --- */

bool peers_admit(struct peers *peers, const char *service, const char *name, uint64_t now_ns)
{
	if (label_values_admit(
		    peers->names, service, name, peers->dns_names_per_service_max, 1, now_ns))
		return true;
	limit_met(LIMIT_PEERS, service);
	return false;
}

bool peers_admit_service(
	struct peers *peers, const char *service, const char *peer, uint64_t now_ns)
{
	if (label_values_admit(peers->services, service, peer, PEER_SERVICES_MAX, 1, now_ns))
		return true;
	limit_met(LIMIT_PEERS, service);
	return false;
}

/* --- begin and end --- */

struct peers *peers_new(void)
{
	struct peers *peers = calloc(1, sizeof(*peers));

	if (!peers)
		return NULL;
	peers->names = label_values_new(NAMES_MAX);
	peers->services = label_values_new(SERVICES_MAX);
	if (peers->names && peers->services)
		return peers;
	peers_free(peers);
	return NULL;
}

void peers_free(struct peers *peers)
{
	if (!peers)
		return;
	networks_free(peers->networks, peers->network_count);
	label_values_free(peers->names);
	label_values_free(peers->services);
	free(peers);
}
