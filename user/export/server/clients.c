/* SPDX-License-Identifier: Apache-2.0 */
/* See clients.h. */
#include "export/server/clients.h"

#include <stddef.h>
#include <string.h>

#include "base/address.h"

void clients_begin(struct clients *clients)
{
	memset(clients, 0, sizeof(*clients));
	for (int i = 0; i < CLIENTS_MAX; i++)
		clients->places[i].fd = -1;
}

/* --- networks --- */

static void network_of(const uint8_t address[16], uint8_t network[16])
{
	static const uint8_t loopback[16] = {[10] = 0xff, 0xff, 127, 0, 0, 1};

	memcpy(network, address_is_loopback(address) ? loopback : address, 16);
	if (!address_is_mapped(network) && !address_is_loopback(network))
		memset(network + 8, 0, 8);
}

/* There is always one: no more networks than clients. */
static unsigned network_take(struct clients *clients, const uint8_t address[16])
{
	uint8_t network[16];
	unsigned index = 0;

	network_of(address, network);
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		const struct client_network *at = &clients->networks[i];

		if (!at->clients)
			index = i;
		else if (memcmp(at->address, network, sizeof(network)) == 0)
			return i;
	}
	memcpy(clients->networks[index].address, network, sizeof(network));
	return index;
}

void client_network_text(const struct clients *clients, const struct client *client, char *text)
{
	address_text(text, clients->networks[client->network].address);
}

/* --- places --- */

struct client *clients_add(
	struct clients *clients, int fd, const uint8_t address[16], uint64_t now_ms)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &clients->places[i];

		if (client->fd >= 0)
			continue;
		*client = (struct client){.fd = fd,
			.state = CLIENT_WAITING,
			.network = network_take(clients, address),
			.since_ms = now_ms};
		clients->networks[client->network].clients++;
		clients->count++;
		return client;
	}
	return NULL;
}

void client_remove(struct clients *clients, struct client *client)
{
	clients->networks[client->network].clients--;
	clients->count--;
	clients->served -= client->state == CLIENT_SERVED;
	client->fd = -1;
}

void client_set_state(
	struct clients *clients, struct client *client, enum client_state state, uint64_t now_ms)
{
	client->state = state;
	client->since_ms = now_ms;
	client->moved_ms = now_ms;
	clients->served += state == CLIENT_SERVED;
}

struct client *clients_served_by(struct clients *clients, int fd)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &clients->places[i];

		if (client->fd == fd && client->state == CLIENT_SERVED)
			return client;
	}
	return NULL;
}

/* --- who is next, and who goes --- */

/* Of those of one network, who was refused goes first, then who is silent, then half requests. */
static int rank(const struct client *client)
{
	return client->state * 2 + client->has_begun;
}

static bool goes_before(
	const struct clients *clients, const struct client *client, const struct client *other)
{
	unsigned own = clients->networks[client->network].clients;
	unsigned others = clients->networks[other->network].clients;

	if (own != others)
		return own > others;
	if (rank(client) != rank(other))
		return rank(client) < rank(other);
	return client->since_ms < other->since_ms;
}

struct client *clients_to_give_way(struct clients *clients)
{
	struct client *first = NULL;

	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &clients->places[i];

		if (client->fd >= 0 && client->state != CLIENT_SERVED &&
			(!first || goes_before(clients, client, first)))
			first = client;
	}
	return first;
}

struct client *clients_next(struct clients *clients)
{
	unsigned served[CLIENTS_MAX] = {0};
	struct client *next = NULL;

	if (clients->served >= CLIENTS_SERVED_MAX)
		return NULL;
	bool only_light = clients->served >= CLIENTS_SERVED_MAX - CLIENTS_SERVED_RESERVED;
	for (int i = 0; i < CLIENTS_MAX; i++) {
		const struct client *client = &clients->places[i];

		if (client->fd >= 0 && client->state == CLIENT_SERVED)
			served[client->network]++;
	}
	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &clients->places[i];

		if (client->fd < 0 || client->state != CLIENT_READY ||
			(only_light && !client->is_light))
			continue;
		if (!next || served[client->network] < served[next->network] ||
			(served[client->network] == served[next->network] &&
				client->since_ms > next->since_ms))
			next = client;
	}
	return next;
}

struct client *clients_stalled(struct clients *clients, uint64_t now_ms)
{
	struct client *longest = NULL;

	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &clients->places[i];

		if (client->fd >= 0 && client->state == CLIENT_SERVED && !client->is_held &&
			!client->is_cut && now_ms - client->moved_ms >= CLIENTS_STALL_MS &&
			(!longest || client->moved_ms < longest->moved_ms))
			longest = client;
	}
	return longest;
}

bool client_is_late(const struct client *client, uint64_t now_ms)
{
	uint64_t age = now_ms - client->since_ms;

	switch (client->state) {
	case CLIENT_LEAVING: return age > CLIENTS_LEAVE_MS;
	case CLIENT_WAITING: return age > (client->has_begun ? CLIENTS_HEAD_MS : CLIENTS_SILENT_MS);
	case CLIENT_READY: return age > CLIENTS_READY_MS;
	case CLIENT_SERVED:
	default:
		return !client->is_cut && !client->is_held &&
		       (age > CLIENTS_ANSWER_MS || now_ms - client->moved_ms > CLIENTS_TAKE_MS);
	}
}
