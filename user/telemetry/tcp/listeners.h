/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP sockets that listen: their queues as metrics, and which end of a connection is the server's.
 * Part of telemetry. Not thread-safe: the main thread owns it.
 */
#ifndef SONDE_LISTENERS_H
#define SONDE_LISTENERS_H

#include <stdbool.h>
#include <stdint.h>

#include "record.h"
#include "telemetry/metrics/metrics.h"
#include "telemetry/tcp/port_labels.h"

struct listeners;

/* `families` has one for each enum tcp_family; both are borrowed. NULL: no memory. */
struct listeners *listeners_new(struct metric_family *const *families, struct label_values *ports);
void listeners_free(struct listeners *listeners);

/* `service` is the name of the socket's owner. */
void listeners_take(
	struct listeners *listeners, const struct record_tcp_listener *record, const char *service);

/* True if something listens on this port there. */
bool listeners_has(const struct listeners *listeners, uint32_t netns, uint16_t port);

/*
 * The service that listens where a socket of namespace `netns` connects to, or NULL: in that
 * namespace, as in one of its own anybody can have any address. Valid until the next record.
 */
const char *listeners_service_at(const struct listeners *listeners, uint32_t netns,
	const uint8_t address[16], uint16_t port);

#endif
