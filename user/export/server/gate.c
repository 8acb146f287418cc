/* SPDX-License-Identifier: Apache-2.0 */
/* See gate.h. */
#include "export/server/gate.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/limit.h"
#include "export/server/pages.h"

#define ACCEPTS_AT_ONCE 64 /* then those that wait have their turn */
#define EVENTS_AT_ONCE  64
#define TICK_MS         100 /* how often deadlines are looked at */
#define HURRY_MS        10  /* the same, while somebody waits for a place */
#define IDLE_MS         1000
#define PAUSE_MS        250   /* without a descriptor */
#define DRAIN_BYTES     65536 /* of who was refused, at a time; one that sends more is reset */
#define ANSWER_SIZE     1024

static uint64_t now_ms(void)
{
	return clock_monotonic_ns() / 1000000;
}

static void watch_listener(const struct gate *gate, int operation, bool is_open)
{
	struct epoll_event event = {.events = is_open ? EPOLLIN : 0, .data.ptr = NULL};

	epoll_ctl(gate->epoll, operation, gate->listener, &event);
}

int gate_begin(struct gate *gate, int listener, const struct request_guard *guard)
{
	*gate = (struct gate){.listener = listener, .guard = *guard};
	clients_begin(&gate->clients);
	gate->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (gate->epoll < 0)
		return -errno;
	watch_listener(gate, EPOLL_CTL_ADD, true);
	return 0;
}

int gate_fd(const struct gate *gate)
{
	return gate->epoll;
}

/* --- the ways out --- */

static void drop(struct gate *gate, struct client *client)
{
	close(client->fd);
	client_remove(&gate->clients, client);
}

static void give_way(struct gate *gate, struct client *client, enum limit limit)
{
	char network[ADDRESS_TEXT_LEN];

	client_network_text(&gate->clients, client, network);
	limit_met(limit, network);
	if (client->state != CLIENT_LEAVING)
		denial_add(DENIED_GAVE_WAY);
	drop(gate, client);
}

enum drained { MORE_MAY_COME, HAS_ENDED, IS_TOO_MUCH };

static enum drained drain(int fd)
{
	char bytes[4096];
	ssize_t length = 0;

	for (size_t sum = 0; sum < DRAIN_BYTES; sum += (size_t)length) {
		length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (length <= 0)
			return length < 0 && errno == EAGAIN ? MORE_MAY_COME : HAS_ENDED;
	}
	return IS_TOO_MUCH;
}

/*
 * Answers and waits for the client's end of the connection, as to close a socket with bytes in it
 * would reset the connection, and the answer be lost.
 */
static void refuse(struct gate *gate, struct client *client, unsigned status, const char *problem,
	enum denial denial)
{
	char answer[ANSWER_SIZE];
	size_t length = pages_refusal(answer, sizeof(answer), status, problem);
	enum drained drained = drain(client->fd);

	denial_add(denial);
	client_set_state(&gate->clients, client, CLIENT_LEAVING, now_ms());
	send(client->fd, answer, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(client->fd, SHUT_WR);
	if (drained != MORE_MAY_COME)
		drop(gate, client);
}

/*
 * libmicrohttpd, which has the descriptor, closes it when it sees this end; with a reset, so that
 * the kernel does not keep what nobody takes.
 */
static void cut(struct client *client, enum denial denial)
{
	const struct linger at_once = {.l_onoff = 1};

	denial_add(denial);
	setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	shutdown(client->fd, SHUT_RDWR);
	client->is_cut = true;
}

/* --- the way in --- */

union end {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static void end_address(const union end *end, uint8_t address[16])
{
	if (end->any.sa_family == AF_INET6) {
		memcpy(address, &end->v6.sin6_addr, 16);
		return;
	}
	memcpy(address, address_mapped, sizeof(address_mapped));
	memcpy(address + ADDRESS_MAPPED_BYTES, &end->v4.sin_addr, 4);
}

static bool ends_of(int fd, struct request_ends *ends)
{
	union end local, peer;
	socklen_t local_length = sizeof(local), peer_length = sizeof(peer);

	if (getsockname(fd, &local.any, &local_length) || getpeername(fd, &peer.any, &peer_length))
		return false;
	end_address(&local, ends->local);
	end_address(&peer, ends->peer);
	return true;
}

static bool needs_no_main_thread(const struct request_head *head)
{
	return request_text_is(&head->target, "/healthz") ||
	       request_text_is(&head->target, "/readyz");
}

static void judge(struct gate *gate, struct client *client, struct request_head *head)
{
	enum denial denial =
		head->status == 431 || head->status == 413 ? DENIED_TOO_LONG : DENIED_MALFORMED;
	struct request_ends ends;

	if (!ends_of(client->fd, &ends)) {
		drop(gate, client);
		return;
	}
	if (head->status ||
		!request_guard_admits(&gate->guard, head, &ends, &client->is_local, &denial)) {
		refuse(gate, client, head->status, head->problem, denial);
		return;
	}
	client->is_light = needs_no_main_thread(head);
	client->has_body = head->has_body;
	client_set_state(&gate->clients, client, CLIENT_READY, now_ms());
}

static void look_at_head(struct gate *gate, struct client *client, bool has_ended)
{
	char bytes[REQUEST_HEAD_MAX];
	struct request_head head;
	ssize_t length = recv(client->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT);

	if (length < 0 && errno == EAGAIN && !has_ended)
		return;
	if (length <= 0) {
		drop(gate, client);
		return;
	}
	if (!client->has_begun)
		client->since_ms = now_ms();
	client->has_begun = true;
	if (request_head_read(&head, bytes, (size_t)length))
		judge(gate, client, &head);
	else if (has_ended)
		drop(gate, client);
}

static void on_event(struct gate *gate, struct client *client, uint32_t events)
{
	bool has_ended = events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);

	if (events & (EPOLLHUP | EPOLLERR))
		drop(gate, client);
	else if (client->state == CLIENT_WAITING)
		look_at_head(gate, client, has_ended);
	else if (client->state == CLIENT_LEAVING && drain(client->fd) != MORE_MAY_COME)
		drop(gate, client);
}

/* Edges only: the bytes of a head stay in the socket, and would be told without end. */
static void let_in(struct gate *gate, int fd, const union end *peer)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
	struct client *client;
	uint8_t address[16];

	if (gate->clients.count == CLIENTS_MAX)
		give_way(gate, clients_to_give_way(&gate->clients), LIMIT_CLIENTS);
	end_address(peer, address);
	client = clients_add(&gate->clients, fd, address, now_ms());
	event.data.ptr = client;
	if (epoll_ctl(gate->epoll, EPOLL_CTL_ADD, fd, &event))
		drop(gate, client);
	else
		look_at_head(gate, client, false);
}

/* Returns whether there may be one now. */
static bool find_descriptor(struct gate *gate)
{
	struct client *client = clients_to_give_way(&gate->clients);

	if (client && client->state != CLIENT_READY) {
		give_way(gate, client, LIMIT_DESCRIPTORS);
		return true;
	}
	limit_met(LIMIT_DESCRIPTORS, NULL);
	gate->paused_until_ms = now_ms() + PAUSE_MS;
	watch_listener(gate, EPOLL_CTL_MOD, false);
	return false;
}

/* The kernel looks for a descriptor before it looks for a connection: both may be missing. */
static bool somebody_comes(const struct gate *gate)
{
	struct pollfd listener = {.fd = gate->listener, .events = POLLIN};

	return poll(&listener, 1, 0) > 0;
}

static void accept_some(struct gate *gate)
{
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		union end peer;
		socklen_t length = sizeof(peer);
		int fd = accept4(gate->listener, &peer.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			let_in(gate, fd, &peer);
		else if (errno == EAGAIN)
			return;
		else if ((errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
				 errno == ENOMEM) &&
			 !(somebody_comes(gate) && find_descriptor(gate)))
			return;
	}
}

/* --- to libmicrohttpd --- */

static void hand_over(struct gate *gate, struct client *client, struct MHD_Daemon *daemon)
{
	union end peer;
	socklen_t length = sizeof(peer);
	int fd = client->fd;

	if (getpeername(fd, &peer.any, &length)) {
		drop(gate, client);
		return;
	}
	epoll_ctl(gate->epoll, EPOLL_CTL_DEL, fd, NULL);
	client_set_state(&gate->clients, client, CLIENT_SERVED, now_ms());
	/* It closes the descriptor, also when it cannot take it. */
	if (MHD_add_connection(daemon, fd, &peer.any, length) != MHD_YES)
		client_remove(&gate->clients, client);
}

struct client *gate_started(struct gate *gate, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct client *client = clients_served_by(&gate->clients, info->connect_fd);

	if (client)
		client->is_known = true;
	return client;
}

void gate_ended(struct gate *gate, struct client *client)
{
	client_remove(&gate->clients, client);
}

static bool somebody_is_ready(const struct clients *clients)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (clients->places[i].fd >= 0 && clients->places[i].state == CLIENT_READY)
			return true;
	}
	return false;
}

/* Has this client room for more, so that it is this thread that is slow? */
static bool has_room(const struct client *client)
{
	struct pollfd socket = {.fd = client->fd, .events = POLLOUT};

	return poll(&socket, 1, 0) > 0;
}

/* Ends the one that took nothing of its answer for longest. Returns false: there is none. */
static bool make_place(struct gate *gate)
{
	struct clients *clients = &gate->clients;
	uint64_t now = now_ms();
	char network[ADDRESS_TEXT_LEN];
	struct client *client;

	while ((client = clients_stalled(clients, now))) {
		client->moved_ms = now;
		if (client->has_body || !has_room(client))
			break;
	}
	if (!client)
		return false;
	client_network_text(clients, client, network);
	limit_met(LIMIT_CLIENTS, network);
	cut(client, DENIED_SLOW_READER);
	return true;
}

/* Those that are ready may take the places of those that take nothing of their answers. */
static void make_places(struct gate *gate)
{
	const struct clients *clients = &gate->clients;

	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (clients->places[i].fd >= 0 && clients->places[i].state == CLIENT_READY &&
			!make_place(gate))
			return;
	}
}

/* What libmicrohttpd did not begin with when it had its turn, it has closed. */
static void forget_unknown(struct clients *clients)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &clients->places[i];

		if (client->fd >= 0 && client->state == CLIENT_SERVED && !client->is_known)
			client_remove(clients, client);
	}
}

/* --- time --- */

static void end_late(struct gate *gate)
{
	struct clients *clients = &gate->clients;
	uint64_t now = now_ms();

	gate->looked_ms = now;
	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &clients->places[i];

		if (client->fd < 0 || !client_is_late(client, now))
			continue;
		if (client->state == CLIENT_SERVED)
			cut(client, DENIED_SLOW_READER);
		else if (client->state == CLIENT_WAITING && client->has_begun)
			refuse(gate, client, 408, "the head of the request took too long\n",
				DENIED_SLOW_HEAD);
		else if (client->state == CLIENT_READY)
			refuse(gate, client, 503, "too many others ask\n", DENIED_GAVE_WAY);
		else
			drop(gate, client);
	}
}

int gate_wait_ms(const struct gate *gate)
{
	if (somebody_is_ready(&gate->clients))
		return HURRY_MS;
	return gate->clients.count || gate->paused_until_ms ? TICK_MS : IDLE_MS;
}

static void resume(struct gate *gate)
{
	if (!gate->paused_until_ms || now_ms() < gate->paused_until_ms)
		return;
	gate->paused_until_ms = 0;
	watch_listener(gate, EPOLL_CTL_MOD, true);
}

void gate_run(struct gate *gate, struct MHD_Daemon *daemon)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	struct client *client;
	bool has_new = false;
	int count;

	forget_unknown(&gate->clients);
	resume(gate);
	count = epoll_wait(gate->epoll, events, EVENTS_AT_ONCE, 0);
	for (int i = 0; i < count; i++) {
		if (events[i].data.ptr)
			on_event(gate, events[i].data.ptr, events[i].events);
		else
			has_new = true;
	}
	if (has_new) /* after the others: none of them is a client that comes to an old one's place
		      */
		accept_some(gate);
	if (now_ms() - gate->looked_ms >= TICK_MS)
		end_late(gate);
	while ((client = clients_next(&gate->clients)))
		hand_over(gate, client, daemon);
	make_places(gate);
}

void gate_end(struct gate *gate)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &gate->clients.places[i];

		if (client->fd >= 0 && client->state != CLIENT_SERVED)
			drop(gate, client);
	}
	if (gate->epoll >= 0)
		close(gate->epoll);
	if (gate->listener >= 0)
		close(gate->listener);
}
