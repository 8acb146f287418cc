/* SPDX-License-Identifier: Apache-2.0 */
/* Services that make and serve HTTP requests, for tests of what becomes of these
 * (telemetry_feed.h). */
#ifndef SONDE_TEST_HTTP_REQUESTS_H
#define SONDE_TEST_HTTP_REQUESTS_H

#include <stddef.h>

#include "protocol/http/http_exchange.h"
#include "telemetry_feed.h"

#define MICROSECOND UINT64_C(1000)
#define MILLISECOND UINT64_C(1000000)
#define SECOND      UINT64_C(1000000000)

/* Numbers of workloads; two of them are one service. */
enum { SHOP_1 = 1, SHOP_2, BANK };

/* Room for all of it, as requests_begin() gives, which is a set-up; feed_end() is the tear-down. */
extern const struct telemetry_settings requests_roomy;
int requests_begin(void **state);

/* --- what comes out --- */

extern struct request_spans {
	size_t count;
	struct exchange span; /* the last, with its strings kept here */
	char strings[EXCHANGE_STRINGS][HTTP_LINE_LEN + 1];
} request_spans;

const char *span_text(enum http_text place);
uint64_t span_number(enum http_number place);

/* All series that there are. */
void assert_all_series(const char *expected);

/* --- what goes in --- */

/* A record with a path behind its line, for which the struct alone has no room. */
struct request {
	struct record_http http;
	char room[UNIX_PATH_LEN];
};

/* 20 ms long, its first byte of a response after 15 ms. */
struct request request_of(enum http_role role, const char *line);

/* A client's, to that host. */
struct request request_to(const char *line, const char *host);

void request_set_address(__u8 to[16], __u8 last);
void request_put_on_unix_socket(struct request *request, const char *path, size_t length);
void request_put_behind_line(struct request *request, const void *bytes, size_t length);

/* As it travels: in memory of exactly its size, so that the sanitizer sees each byte too many. */
void request_take(const struct request *request);

/* What is open of a workload. */
void active_take(__u32 workload, enum http_role role, enum http_method method, __u32 active,
	__u32 long_active);

void requests_end_workload(__u32 workload);

#endif
