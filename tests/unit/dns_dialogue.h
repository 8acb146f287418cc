/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of DNS lookups and of the names that come of them: messages between a program and its
 * server go in as records, and what is told of them comes out as text.
 */
#ifndef SONDE_TEST_DNS_DIALOGUE_H
#define SONDE_TEST_DNS_DIALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/dns/dns_lookups.h"

#define MILLISECOND UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)

enum { SHOP = 1, BANK, NOBODY };

extern struct dns_lookups *dns_dialogue;

/* Around each test. */
int dns_dialogue_begin(void **state);
int dns_dialogue_end(void **state);

/* --- what comes out --- */

#define DNS_TOLD_LEN (1 << 16)
extern char dns_reported[DNS_TOLD_LEN]; /* a line for each: "1 A www.example 2000000 NOERROR" */
extern unsigned dns_lost[OUTCOMES];
extern unsigned dns_full[LIMITS][WORKLOADS_MAX];

/* What was told since it was asked last. */
void dns_assert_reported(const char *expected);

/* --- what goes in --- */

/* What the next records have in common; each test begins with the same. */
extern struct dns_now {
	__u32 workload;
	__u16 port;
	__u32 netns;
	__u8 server;              /* the last byte of its address */
	bool is_answerer_unknown; /* as the kernel does not tell */
	bool is_tcp;
	unsigned code;
	__u8 address; /* the last byte of what is answered; 0: no address */
	__u32 ttl;
} dns_now;

/* A message about a name of one label, with an address where one is answered. */
size_t dns_message_make(__u8 *to, bool is_response, unsigned id, unsigned type, const char *name);

void dns_take(__u64 time_ns, enum dns_direction direction, const __u8 *bytes, size_t length);
void dns_query(__u64 time_ns, unsigned id, unsigned type, const char *name);
void dns_answer(__u64 time_ns, unsigned id, unsigned type, const char *name);

/* Two sweeps: what was known at the first one is settled at the second. */
void dns_sweep(__u64 time_ns);

#endif
