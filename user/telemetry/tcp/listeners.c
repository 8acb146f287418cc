/* SPDX-License-Identifier: Apache-2.0 */
/* See listeners.h. */
#include "telemetry/tcp/listeners.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/address.h"
#include "base/limit.h"
#include "identity/service.h"
#include "telemetry/tcp/tcp_families.h"
#include "identity/workload_counts.h"

/* More than a machine has, shared by the workloads; of those beyond only overflows are counted. */
#define LISTENERS_MAX 8192

#define PORT_CHAINS 1024 /* a power of two */

struct listener_socket {
	uint64_t listener; /* key */
	UT_hash_handle hh;
	struct listener_socket *port_next; /* in the chain of its port */
	struct record_address address;
	uint32_t workload; /* that it was added for */
	char service[SERVICE_KEY_LEN];
	char port[PORT_LABEL_LEN];
	struct metric_series *length, *limit; /* which its two figures are part of, held; or NULL */
	uint32_t queue_length, queue_limit;
};

struct listeners {
	struct metric_family *const *families;
	struct label_values *ports;
	struct listener_socket *sockets;
	struct listener_socket *by_port[PORT_CHAINS];
	struct workload_counts counts;
};

struct listeners *listeners_new(struct metric_family *const *families, struct label_values *ports)
{
	struct listeners *listeners = calloc(1, sizeof(*listeners));

	if (!listeners)
		return NULL;
	listeners->families = families;
	listeners->ports = ports;
	return listeners;
}

/* Several sockets may share one port: they are added up. */
static void figures_set(struct listener_socket *socket, uint32_t length, uint32_t limit)
{
	metric_change(socket->length, (int64_t)length - socket->queue_length);
	metric_change(socket->limit, (int64_t)limit - socket->queue_limit);
	socket->queue_length = length;
	socket->queue_limit = limit;
}

static void figures_leave(struct listener_socket *socket)
{
	if (!socket->length)
		return;
	figures_set(socket, 0, 0);
	metric_release(socket->length);
	metric_release(socket->limit);
	socket->length = socket->limit = NULL;
}

/* Of their own: for what had to give way, or found no room, there may be some by now. */
static bool figures_have_place(const struct listener_socket *socket)
{
	return socket->length && !metric_is_overflow(socket->length) &&
	       !metric_is_overflow(socket->limit);
}

static struct listener_socket **chain_of(struct listeners *listeners, uint16_t port)
{
	return &listeners->by_port[port & (PORT_CHAINS - 1)];
}

static void socket_forget(struct listeners *listeners, struct listener_socket *socket)
{
	struct listener_socket **link = chain_of(listeners, socket->address.local_port);

	while (*link != socket)
		link = &(*link)->port_next;
	*link = socket->port_next;
	workload_counts_remove(&listeners->counts, socket->workload);
	figures_leave(socket);
	HASH_DEL(listeners->sockets, socket);
	free(socket);
}

void listeners_free(struct listeners *listeners)
{
	struct listener_socket *socket, *next;

	if (!listeners)
		return;
	HASH_ITER(hh, listeners->sockets, socket, next)
		socket_forget(listeners, socket);
	free(listeners);
}

/* Forgets a listener of the workload with the most, unless that is the asker. */
static bool room_make(struct listeners *listeners, uint32_t workload)
{
	uint32_t giving = workload_counts_giving(&listeners->counts, workload, LISTENERS_MAX);
	struct listener_socket *socket = listeners->sockets;

	if (giving == workload)
		return false;
	while (socket->workload != giving)
		socket = socket->hh.next;
	socket_forget(listeners, socket);
	return true;
}

static struct listener_socket *socket_add(
	struct listeners *listeners, const struct record_tcp_listener *record)
{
	struct listener_socket *socket, **chain = chain_of(listeners, record->address.local_port);

	if (HASH_COUNT(listeners->sockets) >= LISTENERS_MAX &&
		!room_make(listeners, record->record.workload))
		return NULL;
	socket = calloc(1, sizeof(*socket));
	if (!socket)
		return NULL;
	socket->listener = record->listener;
	socket->address = record->address;
	socket->workload = record->record.workload;
	socket->port_next = *chain;
	*chain = socket;
	workload_counts_add(&listeners->counts, socket->workload);
	HASH_ADD(hh, listeners->sockets, listener, sizeof(socket->listener), socket);
	return socket;
}

/* Puts the socket's figures where this service's are. */
static void service_set(struct listeners *listeners, struct listener_socket *socket,
	const struct record_tcp_listener *record, const char *service)
{
	struct metric_family *const *families = listeners->families;

	figures_leave(socket);
	snprintf(socket->service, sizeof(socket->service), "%s", service);
	port_label_write(listeners->ports, socket->port, service, TCP_INBOUND,
		record->address.local_port, true, record->record.time_ns);
	socket->length =
		metric_hold(SERIES(families, FAMILY_TCP_ACCEPT_QUEUE, service, socket->port));
	socket->limit =
		metric_hold(SERIES(families, FAMILY_TCP_ACCEPT_QUEUE_LIMIT, service, socket->port));
}

/* Also when there are none, so that an increase shows as one. `socket` may be NULL: not kept. */
static void overflows_count(const struct listeners *listeners, const struct listener_socket *socket,
	const struct record_tcp_listener *record, const char *service)
{
	char port[PORT_LABEL_LEN];

	if (!socket && !record->overflows)
		return;
	if (socket)
		memcpy(port, socket->port, sizeof(port));
	else
		port_label_write(listeners->ports, port, service, TCP_INBOUND,
			record->address.local_port, false, record->record.time_ns);
	metric_add(SERIES(listeners->families, FAMILY_TCP_LISTEN_OVERFLOWS, service, port),
		record->overflows);
}

void listeners_take(
	struct listeners *listeners, const struct record_tcp_listener *record, const char *service)
{
	struct listener_socket *socket;

	HASH_FIND(hh, listeners->sockets, &record->listener, sizeof(record->listener), socket);
	if (!socket && !record->is_gone) {
		if (HASH_COUNT(listeners->sockets) >= LISTENERS_MAX)
			limit_met(LIMIT_LISTENERS, service);
		socket = socket_add(listeners, record);
	}
	if (socket && (!figures_have_place(socket) || strcmp(socket->service, service) != 0))
		service_set(listeners, socket, record, service);
	overflows_count(listeners, socket, record, service);
	if (socket && record->is_gone)
		socket_forget(listeners, socket);
	else if (socket)
		figures_set(socket, record->queue_length, record->queue_limit);
}

bool listeners_has(const struct listeners *listeners, uint32_t netns, uint16_t port)
{
	const struct listener_socket *socket = listeners->by_port[port & (PORT_CHAINS - 1)];

	for (; socket; socket = socket->port_next)
		if (socket->address.local_port == port && socket->address.netns == netns)
			return true;
	return false;
}

const char *listeners_service_at(
	const struct listeners *listeners, uint32_t netns, const uint8_t address[16], uint16_t port)
{
	const struct listener_socket *socket = listeners->by_port[port & (PORT_CHAINS - 1)];

	for (; socket; socket = socket->port_next) {
		if (socket->address.local_port != port)
			continue;
		if (socket->address.netns == netns &&
			(address_is_any(socket->address.local) ||
				memcmp(socket->address.local, address, 16) == 0))
			return socket->service;
	}
	return NULL;
}
