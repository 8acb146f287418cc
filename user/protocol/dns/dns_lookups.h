/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From DNS messages to lookups: pairs each query with its answer, and keeps which names addresses
 * were answered for, so that connections can be told by the names of their peers.
 *
 * A lookup is one question that one socket asks under one id; asked again there within
 * DNS_TIMEOUT_NS it is the same one, and its clock runs from the first time. Time moves by the
 * records alone, so a replay gives the same.
 *
 * An answer is one only where it was asked for: at the same socket, with the same id and question,
 * and from a server that was asked, as far as the kernel tells who sent it.
 *
 * Memory is bounded: DNS_LOOKUPS_MAX lookups under way, DNS_HELD_MAX messages that wait for earlier
 * ones, and the names of dns_names.h. A workload that fills a table loses its own first. Not
 * thread-safe: the main thread owns it.
 */
#ifndef SONDE_DNS_LOOKUPS_H
#define SONDE_DNS_LOOKUPS_H

#include "base/limit.h"
#include "protocol/dns/dns.h"
#include "record.h"
#include "protocol/dns/dns_names.h"

#define DNS_TIMEOUT_NS  5000000000ULL /* as long as glibc waits for one server */
#define DNS_LOOKUPS_MAX 2048
#define DNS_HELD_MAX    256

struct dns_lookups;

/* A lookup that is over. Borrowed for the call. */
struct dns_lookup {
	__u32 workload;
	__u32 tgid;
	struct record_address address; /* of the question; `remote` is the server's */
	bool is_tcp;
	__u16 id;
	const struct dns_question *question;
	__u64 start_ns, end_ns;
	const struct dns_message *answer; /* NULL: none came in time */
	bool is_unreachable;              /* as the server was not there */
};

/* What comes of the messages. */
struct dns_sink {
	void (*lookup)(void *context, const struct dns_lookup *lookup);
	/* What could not be told, once for each lookup: OUTCOME_TABLE_FULL, OUTCOME_UNPARSABLE. */
	void (*lost)(void *context, enum outcome outcome);
	/* This workload found a table full: LIMIT_DNS_LOOKUPS, LIMIT_DNS_NAMES. */
	void (*full)(void *context, enum limit limit, __u32 workload);
	void *context;
};

struct dns_lookups *dns_lookups_new(const struct dns_sink *sink); /* NULL: no memory */
void dns_lookups_free(struct dns_lookups *lookups);

void dns_lookups_take(struct dns_lookups *lookups, const struct record_dns *record);

/* A sweep ended at `now_ns`: lookups that had no answer until now are over. */
void dns_lookups_tick(struct dns_lookups *lookups, __u64 now_ns);

void dns_lookups_configure(struct dns_lookups *lookups, const struct record_resolvers *resolvers);

/*
 * A number has a new meaning, or none any more: what belongs to the workload that had it goes, at
 * once or, as its last connections have no names yet, at the sweep after next.
 */
void dns_lookups_begin(struct dns_lookups *lookups, __u32 workload);
void dns_lookups_end(struct dns_lookups *lookups, __u32 workload);

/*
 * The name that was asked for when this address was last the answer, for a connection of `asker`:
 * see dns_names.h. NULL when there is none that counts. Valid until the next record is taken.
 */
const char *dns_name_of(const struct dns_lookups *lookups, const __u8 address[16],
	const struct dns_asker *asker, __u64 now_ns);

#endif
