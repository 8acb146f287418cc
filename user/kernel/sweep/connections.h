/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweep over live TCP connections and listeners: an iterator over all sockets that something is
 * kept of, whichever network namespace they are in.
 */
#ifndef SONDE_CONNECTIONS_H
#define SONDE_CONNECTIONS_H

#include "record/record_sink.h"

struct bpf_map;
struct sonde;
struct connections;

/*
 * Reports what is there, all that it has counted so far being the past. After the state probe is
 * attached, and the sockets that are there were found with their owners; `sockets` is the map that
 * has them all. 0 or a negative errno.
 */
int connections_new(struct connections **out, struct sonde *skeleton, const struct bpf_map *sockets,
	record_sink sink, void *context);
void connections_free(struct connections *connections);

/* Reports what did something since; now and then also what did nothing, see RECORD_TCP_SWEPT. */
void connections_sweep(struct connections *connections);

#endif
