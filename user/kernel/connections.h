/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweep over live TCP connections. An iterator sees one network namespace, so it is started in
 * each that some process lives in; a namespace is held open only while it is being looked at.
 */
#ifndef SONDE_CONNECTIONS_H
#define SONDE_CONNECTIONS_H

#include "kernel/source.h"

struct sonde;
struct connections;

/*
 * Takes what live connections have counted so far as the past. After the state probe is attached,
 * and their owners are found. 0 or a negative errno.
 */
int connections_new(
	struct connections **out, struct sonde *skeleton, record_sink sink, void *context);
void connections_free(struct connections *connections);

/* Progress of connections that did something, then how many each workload has open. */
void connections_sweep(struct connections *connections);

#endif
