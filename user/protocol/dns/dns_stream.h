/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS over TCP: each message has its length in two bytes before it (RFC 1035, 4.2.2), and comes in
 * as many pieces as the program likes. Puts together the beginnings of messages, as much as is kept
 * of one over UDP. Bounded: of DNS_STREAMS_MAX directions of connections, the least recently used
 * is given up. Part of dns_lookups.c.
 */
#ifndef SONDE_DNS_STREAM_H
#define SONDE_DNS_STREAM_H

#include <stddef.h>

#include "record.h"

#define DNS_STREAMS_MAX 64

struct dns_streams;

/* Takes a message's first `length` bytes, of which `record` brought the last one. */
typedef void (*dns_message_sink)(
	void *context, const struct record_dns *record, const __u8 *bytes, size_t length);

struct dns_streams *dns_streams_new(void); /* NULL: no memory */
void dns_streams_free(struct dns_streams *streams);

/* Records are to come in the order of their times. */
void dns_streams_take(struct dns_streams *streams, const struct record_dns *record,
	dns_message_sink sink, void *context);

#endif
