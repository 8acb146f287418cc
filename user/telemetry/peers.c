/* SPDX-License-Identifier: Apache-2.0 */
/* See peers.h. */
#include "telemetry/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "network.h"

/* DNS names of all services together: they are kept for ever, as series are. */
#define ADMITTED_MAX 8192

struct named_network {
	struct network network;
	char *name;
};

/* A DNS name that a service has as a peer: both, one behind the other, each with its NUL. */
struct admitted {
	UT_hash_handle hh;
	char text[];
};

/* How many of those a service has. */
struct admitted_count {
	UT_hash_handle hh;
	size_t count;
	char service[];
};

struct peers {
	struct named_network *networks; /* the longest prefixes first */
	size_t network_count;
	size_t dns_names_per_service_max;
	struct admitted *admitted;
	struct admitted_count *counts;
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

/* --- DNS names by service --- */

static struct admitted_count *count_of(struct peers *peers, const char *service)
{
	size_t length = strlen(service) + 1;
	struct admitted_count *count;

	HASH_FIND(hh, peers->counts, service, length - 1, count);
	if (count)
		return count;
	count = calloc(1, sizeof(*count) + length);
	if (!count)
		return NULL;
	memcpy(count->service, service, length);
	HASH_ADD_KEYPTR(hh, peers->counts, count->service, length - 1, count);
	return count;
}

bool peers_admit(struct peers *peers, const char *service, const char *name)
{
	size_t service_size = strlen(service) + 1, name_size = strlen(name) + 1;
	char pair[service_size + name_size];
	struct admitted_count *count;
	struct admitted *admitted;

	memcpy(pair, service, service_size);
	memcpy(pair + service_size, name, name_size);
	HASH_FIND(hh, peers->admitted, pair, sizeof(pair), admitted);
	if (admitted)
		return true;
	count = count_of(peers, service);
	if (!count || count->count >= peers->dns_names_per_service_max ||
		HASH_COUNT(peers->admitted) >= ADMITTED_MAX)
		return false;
	admitted = malloc(sizeof(*admitted) + sizeof(pair));
	if (!admitted)
		return false;
	memcpy(admitted->text, pair, sizeof(pair));
	HASH_ADD_KEYPTR(hh, peers->admitted, admitted->text, sizeof(pair), admitted);
	count->count++;
	return true;
}

/* --- begin and end --- */

struct peers *peers_new(void)
{
	return calloc(1, sizeof(struct peers));
}

void peers_free(struct peers *peers)
{
	struct admitted *admitted, *next_admitted;
	struct admitted_count *count, *next_count;

	if (!peers)
		return;
	networks_free(peers->networks, peers->network_count);
	HASH_ITER(hh, peers->admitted, admitted, next_admitted) {
		HASH_DEL(peers->admitted, admitted);
		free(admitted);
	}
	HASH_ITER(hh, peers->counts, count, next_count) {
		HASH_DEL(peers->counts, count);
		free(count);
	}
	free(peers);
}
