/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sweep over HTTP requests that are open: how many each workload has, and those that are open
 * for long.
 */
#ifndef SONDE_REQUESTS_H
#define SONDE_REQUESTS_H

#include "record/record_sink.h"

struct bpf_map;
struct requests;
struct sonde;

/* `sockets`: the map of all TCP sockets that may be connections. 0 or a negative errno. */
int requests_new(struct requests **out, struct sonde *skeleton, const struct bpf_map *sockets,
	record_sink sink, void *context);
void requests_free(struct requests *requests);

/*
 * RECORD_HTTP_ACTIVE for each figure that changed; RECORD_HTTP with HTTP_OPEN, once, for each
 * request that has become a long one.
 */
void requests_sweep(struct requests *requests);

#endif
