/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of the label `port`: the number for the ports that matter to a service, PORT_OTHER for the
 * rest, so that a scanner, or a server that opens a port for each transfer, does not make thousands
 * of them. docs/metrics.md has the rule. Part of flows.c. Not thread-safe.
 */
#ifndef SONDE_PORT_LABELS_H
#define SONDE_PORT_LABELS_H

#include <stdbool.h>
#include <stdint.h>

#include "record.h"
#include "telemetry/metrics/label_values.h"

#define PORT_OTHER "other"

/* Of one service in one direction, at a time: in all, and of those that are not known to serve. */
#define PORTS_MAX         64
#define PORTS_UNKNOWN_MAX 16

/* From here on kernels pick ports by themselves. A constant, as the server's range is not known. */
#define PORT_EPHEMERAL_FIRST 32768

#define PORTS_TOTAL_MAX 8192 /* of all services: some 1.5 MiB */

#define PORT_LABEL_LEN 8 /* with its NUL */

/*
 * Writes what a port is told as, which is one use more of it; `ports` has room for PORTS_TOTAL_MAX.
 * `serves`: a connection to it was established, and something here listens on it, or it is below
 * PORT_EPHEMERAL_FIRST.
 */
void port_label_write(struct label_values *ports, char text[PORT_LABEL_LEN], const char *service,
	enum tcp_direction direction, uint16_t port, bool serves, uint64_t now_ns);

#endif
