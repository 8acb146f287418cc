/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose an address is in the cluster: pods of all nodes and Services, by a name that is
 * `namespace/owner`, `namespace/pod` for a pod without an owner, or `namespace/service`. The
 * threads of the watches write (peer_watch.h), the main thread asks; a lock is between them.
 *
 * An answer is right, or there is none. Addresses are used again, and the API server tells of it
 * late, or not at all while it cannot be reached. So whoever asks says since when the other end has
 * had the address, which is when the connection began, and
 *
 *   - who is gone, or has ended, is named for what began before anybody could have followed: until
 *     the last time at which the server had been heard before it told. Kept for PEER_KEPT_NS.
 *   - who is there is named for what began not long before it was told of, and after whoever had
 *     the address before; and not PEER_FRESH_NS after the server was heard last.
 *   - where two could be meant, nobody is named, unless both have one name.
 *
 * What shares its address with its node (hostNetwork) is never set.
 *
 * Memory is bounded: PEER_ADDRESSES_MAX addresses of 56 bytes and two indexes of 4, and names, each
 * kept once, of PEER_NAMES_BYTES_MAX in all. Memory that was needed once is used again.
 */
#ifndef SONDE_PEER_TABLE_H
#define SONDE_PEER_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_ADDRESSES_MAX   262144
#define PEER_NAMES_BYTES_MAX (6 * 1024 * 1024)
#define PEER_NAME_LEN        256
#define PEER_KEPT_NS         UINT64_C(60000000000)
#define PEER_FRESH_NS        UINT64_C(120000000000) /* two bookmarks, which come each minute */
#define PEER_SETTLE_NS       UINT64_C(2000000000)   /* a watch has brought what it lacked */

enum peer_kind { PEER_POD, PEER_SERVICE, PEER_KINDS };

#define PEER_ADDRESSES_OF_ONE 4 /* of a pod or a Service: IPv4 and IPv6 */

struct peer {
	enum peer_kind kind;
	const char *uid;
	char name[PEER_NAME_LEN];
	uint8_t addresses[PEER_ADDRESSES_OF_ONE][16]; /* as in records: IPv4 mapped */
	size_t address_count;
};

struct peer_table;

struct peer_table *peer_table_new(void); /* NULL: no memory */
void peer_table_free(struct peer_table *table);

/* --- the watches --- */

/* It has these addresses, and no others from now on. 0, -ENOSPC or -ENOMEM. */
int peer_table_set(struct peer_table *table, const struct peer *peer, uint64_t now_ns);

/* It has none. */
void peer_table_remove(struct peer_table *table, const struct peer *peer, uint64_t now_ns);

/* What was not set between these two is gone. A list that was not whole has no end. */
void peer_table_list_begin(struct peer_table *table, enum peer_kind kind);
void peer_table_list_end(struct peer_table *table, enum peer_kind kind, uint64_t now_ns);

/* A watch begins or ends; something came of it, all of which has been set. */
void peer_table_opened(
	struct peer_table *table, enum peer_kind kind, bool is_open, uint64_t now_ns);
void peer_table_heard(struct peer_table *table, enum peer_kind kind, uint64_t now_ns);

/* --- the main thread --- */

enum peer_answer { PEER_FOUND, PEER_NOT_FOUND, PEER_AMBIGUOUS, PEER_ANSWERS };

extern const char *const peer_answer_names[PEER_ANSWERS];

/* Whose it is for something that began then; 0: before Sonde did. */
enum peer_answer peer_table_find(struct peer_table *table, const uint8_t address[16],
	uint64_t since_ns, uint64_t now_ns, char name[PEER_NAME_LEN]);

size_t peer_table_count(struct peer_table *table, enum peer_kind kind); /* addresses in use */
uint64_t peer_table_answers(struct peer_table *table, enum peer_answer answer);

/* `namespace/owner`, or `namespace/pod` where there is no owner. */
void peer_name_write(
	char name[PEER_NAME_LEN], const char *namespace, const char *owner, const char *pod);

#endif
