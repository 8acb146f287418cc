/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which DNS servers this machine's programs are configured to ask: those of /etc/resolv.conf, and
 * those that a local stub asks in turn. They are read as the first process sees them, or else as
 * Sonde does, and reported as records. A part of probes.c.
 */
#ifndef SONDE_RESOLVERS_H
#define SONDE_RESOLVERS_H

#include <stddef.h>

#include "record/record_sink.h"

/* What was reported last. Zeroed: nothing. */
struct resolvers {
	struct record_resolvers reported;
};

/* Reads the files, and tells what they say if it is new. What cannot be read stays as it was. */
void resolvers_report(struct resolvers *resolvers, record_sink sink, void *context);

/* The servers that these `size` bytes of a resolv.conf name are added, once each, while there is
 * room. */
void resolvers_read(struct record_resolvers *resolvers, const char *text, size_t size);

#endif
