/* SPDX-License-Identifier: Apache-2.0 */
/* See clients.h. */
#include "export/clients.h"

#include <stddef.h>
#include <sys/socket.h>

#include "clock.h"

/* From a connection's start or its last answer to the end of the next one. */
#define REQUEST_SECONDS 45

static uint64_t now_ms(void)
{
	return clock_monotonic_ns() / 1000000;
}

void clients_begin(struct clients *clients)
{
	for (int i = 0; i < CLIENTS_MAX; i++)
		clients->places[i].fd = -1;
}

struct client *clients_add(struct clients *clients, int fd)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &clients->places[i];

		if (client->fd >= 0)
			continue;
		*client = (struct client){fd, now_ms()};
		return client;
	}
	return NULL;
}

void client_remove(struct client *client)
{
	client->fd = -1;
}

void client_renew(struct client *client)
{
	client->since_ms = now_ms();
}

void clients_cut_off_slow(const struct clients *clients)
{
	uint64_t now = now_ms();

	for (int i = 0; i < CLIENTS_MAX; i++) {
		const struct client *client = &clients->places[i];

		if (client->fd >= 0 && now - client->since_ms > REQUEST_SECONDS * 1000)
			shutdown(client->fd, SHUT_RDWR);
	}
}
