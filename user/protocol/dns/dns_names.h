/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names addresses were the answers for: for each (address, workload that asked, its network
 * namespace) the name that it asked for last. Part of dns_lookups.c.
 *
 * Anybody can make up an answer in a network namespace, or on a server, of its own. So a name
 * counts in the namespace where it was learned, and there
 *
 * - for the workload that asked, unless it is 0, which stands for many;
 * - for others only if the server that answered is one that they trust themselves: it is in this
 *   machine's configuration (dns_names_configure), or they ask it, too.
 *
 * A name counts for as long as the answer may be kept, but not for less than a minute, as pools
 * open connections long after they asked, and not for more than a day.
 *
 * In fixed memory, 1.2 MiB at most, which the workloads share: when it is full, one that has less
 * than an equal part of it takes a name of the one with the most, all others one of their own; the
 * least recently used go first.
 */
#ifndef SONDE_DNS_NAMES_H
#define SONDE_DNS_NAMES_H

#include <stdbool.h>

#include "record.h"

#define DNS_NAMES_MAX     4096
#define DNS_NAME_KEPT_LEN 160 /* with its NUL; longer names are not kept */

#define DNS_NAME_LEAST_NS (60 * 1000000000ULL)
#define DNS_NAME_MOST_NS  (86400 * 1000000000ULL)

struct dns_names;

/* Who asked, or connects. */
struct dns_asker {
	__u32 workload; /* below WORKLOADS_MAX */
	__u32 netns;
};

/* What was answered. */
struct dns_answer {
	const __u8 *address; /* 16 bytes, as in records */
	const __u8 *server;  /* that answered, likewise; all 0: not known */
	const char *name;    /* that was asked for */
	__u32 ttl_seconds;
};

struct dns_names *dns_names_new(void); /* NULL: no memory */
void dns_names_free(struct dns_names *names);

/* The servers that programs of this machine are configured to ask, in its own namespace. */
void dns_names_configure(struct dns_names *names, const struct record_resolvers *resolvers);

/* A question of this asker goes to this server. */
void dns_names_note_asked(
	struct dns_names *names, const struct dns_asker *asker, const __u8 server[16]);

/* True: a name that still counted had to go for it. */
bool dns_names_add(struct dns_names *names, const struct dns_asker *asker,
	const struct dns_answer *answer, __u64 now_ns);

/* What this asker asked for, or else what was asked for last by one that it trusts; or NULL. */
const char *dns_names_find(struct dns_names *names, const __u8 address[16],
	const struct dns_asker *asker, __u64 now_ns);

/* Now and then: gives back the places of names that count no more, some at a time. */
void dns_names_tidy(struct dns_names *names, __u64 now_ns);

/* This workload has ended, and its number may be another's next: all that it learned goes. */
void dns_names_forget(struct dns_names *names, __u32 workload);

#endif
