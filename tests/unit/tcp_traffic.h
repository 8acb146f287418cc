/* SPDX-License-Identifier: Apache-2.0 */
/* Two services that make TCP connections, for tests of what becomes of these (telemetry_feed.h). */
#ifndef SONDE_TEST_TCP_TRAFFIC_H
#define SONDE_TEST_TCP_TRAFFIC_H

#include "telemetry_feed.h"

#define SECOND UINT64_C(1000000000)

/* Families of which most is asked. */
#define COUNTS "sonde_tcp_connections_total"
#define OPEN   "sonde_tcp_open_connections"

enum { SHOP = 1, BANK };
enum { HOST = 100, CONTAINER = 200 }; /* network namespaces */

extern uint64_t tcp_now_ns;
extern char tcp_reported[4096]; /* of flows, a line each, since the last tcp_assert_reported() */

/* A set-up, for which feed_end() is the tear-down. */
int tcp_traffic_begin(void **state);

/* --- what comes out --- */

/* The series of those families, whose names are in `families`. */
void tcp_assert_series(const char *families, const char *expected);

/* The text of these series. */
const char *tcp_listing(const char *families);

/* That there is a series whose line has this in it. */
void tcp_assert_has(const char *families, const char *series);

void tcp_assert_reported(const char *expected);

/* --- what goes in --- */

/* A client of SHOP, connected to port 80. */
struct record_tcp tcp_client(__u64 connection, enum tcp_event event);

/* The other end of that, a server of BANK in a container. */
struct record_tcp tcp_server(__u64 connection, enum tcp_event event);

void tcp_address_set(__u8 address[16], const char *text);
void tcp_take(struct record_tcp record);
void tcp_take_bytes(struct record_tcp record, __u64 sent, __u64 received);
void tcp_take_end(struct record_tcp record, enum tcp_closer closer, enum tcp_reason reason);
void tcp_take_failure(struct record_tcp record, int error);
void tcp_take_listener(__u64 id, __u16 port, __u32 length, __u32 limit, __u64 overflows);

void tcp_sweep_ends(void);
void tcp_sweep_ends_after(uint64_t after_ns);

#endif
