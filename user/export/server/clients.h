/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients of the HTTP server: who has a place, since when, and who gives way when there is none
 * left. Places are shared between networks (an IPv4 address, an IPv6 /64, all of loopback): the one
 * with most places loses one first, so that nobody can take the place of somebody elsewhere.
 *
 * Only the numbers: whoever takes a client out closes its descriptor. The listener's thread owns
 * it.
 */
#ifndef SONDE_CLIENTS_H
#define SONDE_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Who is served takes some 70 KB, and loses its place if it takes nothing while others wait; so
 * there are enough places for a thousand of those to pass within a second. A client whose request
 * is not whole yet takes a descriptor, and what the kernel keeps of its head.
 */
#define CLIENTS_SERVED_MAX 128
#define CLIENTS_SERVED_RESERVED                                                                    \
	4 /* of these, for what needs no main thread: an orchestrator asks */
#define CLIENTS_MAX 2048

#define CLIENTS_SILENT_MS 10000 /* from connecting to the first byte */
#define CLIENTS_HEAD_MS   5000  /* from there to the whole head */
#define CLIENTS_READY_MS  10000 /* from there to a place */
#define CLIENTS_TAKE_MS   10000 /* in which a client takes nothing of its answer */
#define CLIENTS_ANSWER_MS 60000 /* from its place to its answer's end */
#define CLIENTS_LEAVE_MS  1000  /* from a refusal to the client's end of the connection */
#define CLIENTS_STALL_MS                                                                           \
	100 /* a client that took nothing for so long may lose its place to another */

enum client_state {
	CLIENT_LEAVING, /* it was refused */
	CLIENT_WAITING, /* for the head of its request */
	CLIENT_READY,   /* for a place to be served */
	CLIENT_SERVED
};

struct client {
	int fd; /* -1: free place */
	enum client_state state;
	unsigned network;
	bool has_begun;    /* waiting: its first byte came */
	bool is_light;     /* its request needs no main thread */
	bool has_body;     /* its request has one, which is waited for */
	bool is_local;     /* it may see the pages for local eyes */
	bool is_known;     /* served: libmicrohttpd has taken it, and closes its descriptor */
	bool is_held;      /* served: the main thread is to move next */
	bool is_cut;       /* served: its end is to come */
	uint64_t since_ms; /* in this state; of its first byte, where that came */
	uint64_t moved_ms; /* served: when it last took something */
};

struct client_network {
	uint8_t address[16];
	unsigned clients;
};

struct clients {
	struct client places[CLIENTS_MAX];
	struct client_network networks[CLIENTS_MAX];
	unsigned count, served;
};

void clients_begin(struct clients *clients);

/* A new connection, from `address` (address.h); NULL: there is no place. */
struct client *clients_add(
	struct clients *clients, int fd, const uint8_t address[16], uint64_t now_ms);
void client_remove(struct clients *clients, struct client *client);

/* Its network as text, for ADDRESS_TEXT_LEN bytes. */
void client_network_text(const struct clients *clients, const struct client *client, char *text);

void client_set_state(
	struct clients *clients, struct client *client, enum client_state state, uint64_t now_ms);

/* The served one with this descriptor, or NULL. */
struct client *clients_served_by(struct clients *clients, int fd);

/* Who gives way to a new connection: not one that is served; or NULL. */
struct client *clients_to_give_way(struct clients *clients);

/*
 * Who of those that are ready is served next, or NULL. The newest, as it is the one that still
 * waits for its answer, of the network with the fewest that are served.
 */
struct client *clients_next(struct clients *clients);

/* Who of those that are served has taken nothing for longest, and so loses its place; or NULL. */
struct client *clients_stalled(struct clients *clients, uint64_t now_ms);

/* Is its time over? */
bool client_is_late(const struct client *client, uint64_t now_ms);

#endif
