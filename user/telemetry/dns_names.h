/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names addresses were the answers for: for each (address, workload that asked) the name that
 * it asked for last. In fixed memory, some 800 KiB; the least recently used go first.
 *
 * A name counts for as long as the answer may be kept, but not for less than a minute, as pools
 * open connections long after they asked, and not for more than a day. Part of dns_lookups.c.
 */
#ifndef SONDE_DNS_NAMES_H
#define SONDE_DNS_NAMES_H

#include "record.h"

#define DNS_NAMES_MAX     4096
#define DNS_NAME_KEPT_LEN 160 /* with its NUL; longer names are not kept */

#define DNS_NAME_LEAST_NS (60 * 1000000000ULL)
#define DNS_NAME_MOST_NS  (86400 * 1000000000ULL)

struct dns_names;

struct dns_names *dns_names_new(void); /* NULL: no memory */
void dns_names_free(struct dns_names *names);

void dns_names_add(struct dns_names *names, const __u8 address[16], __u32 workload,
	const char *name, __u32 ttl_seconds, __u64 now_ns);

/* What this workload asked for, or else what was asked for last by any; or NULL. */
const char *dns_names_find(
	struct dns_names *names, const __u8 address[16], __u32 workload, __u64 now_ns);

#endif
