/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where connections to the HTTP server wait until the head of their request is whole and found
 * right. Only then does libmicrohttpd get them, for the one request that each connection may bring;
 * so slow clients cost a descriptor and no more, and no second request can hide behind a first one.
 * The head is only looked at (MSG_PEEK): libmicrohttpd still finds it in the socket.
 *
 * What is refused here is answered here. When there is no room, or no descriptor, somebody gives
 * way (clients.h). On the listener's thread:
 *
 *   gate_begin(&gate, socket, &guard, error);
 *   … poll gate_fd(&gate) for at most gate_wait_ms(&gate); then
 *   gate_run(&gate, daemon);
 *   … from libmicrohttpd: gate_started(), gate_ended()
 */
#ifndef SONDE_GATE_H
#define SONDE_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include <microhttpd.h>

#include "export/server/clients.h"
#include "export/server/request_guard.h"

struct gate {
	int listener; /* socket */
	int epoll;    /* of it, and of those that wait */
	struct request_guard guard;
	struct clients clients;
	uint64_t paused_until_ms; /* no descriptor was left; 0: it accepts */
	uint64_t looked_ms;       /* when deadlines were looked at */
};

/* Takes the socket, which listens. Returns 0 or a negative errno; gate_end() in either case. */
int gate_begin(struct gate *gate, int listener, const struct request_guard *guard);

/* Closes what still waits. */
void gate_end(struct gate *gate);

int gate_fd(const struct gate *gate);

/* At most so long until gate_run() has something to do even if nobody sends anything. */
int gate_wait_ms(const struct gate *gate);

/* Lets in who has come, hands over who is next, and ends what took too long. */
void gate_run(struct gate *gate, struct MHD_Daemon *daemon);

/* libmicrohttpd has begun with a connection, and has ended with it. */
struct client *gate_started(struct gate *gate, struct MHD_Connection *connection);
void gate_ended(struct gate *gate, struct client *client);

#endif
