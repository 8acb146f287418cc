/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients of the HTTP server, and by when each must be done: libmicrohttpd ends idle ones only,
 * and who sends a byte now and then is not idle, but must not keep a place for ever. The listener's
 * thread owns it.
 */
#ifndef SONDE_CLIENTS_H
#define SONDE_CLIENTS_H

#include <stdint.h>

#define CLIENTS_MAX 32

struct client {
	int fd; /* -1: free place */
	uint64_t since_ms;
};

struct clients {
	struct client places[CLIENTS_MAX];
};

void clients_begin(struct clients *clients);

/* A new connection; NULL: there is no place. */
struct client *clients_add(struct clients *clients, int fd);
void client_remove(struct client *client);

/* Its answer is out: the time of the next one begins. */
void client_renew(struct client *client);

/* Shuts down what has taken too long. */
void clients_cut_off_slow(const struct clients *clients);

#endif
