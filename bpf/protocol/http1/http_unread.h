/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Requests for whose record the ring has no room: they are counted as latencies
 * (core/latency.bpf.h), whose operation says what a series of request durations is labelled with,
 * but for route and peer. The probe makes the operation (http_report.bpf.h), the daemon reads it
 * (user/protocol/http/http_exchange.c); what both must agree on is here.
 */
#ifndef SONDE_HTTP_UNREAD_H
#define SONDE_HTTP_UNREAD_H

#include "core/bucket.h"

#define HTTP_ROLES  (HTTP_CLIENT + 1)
#define HTTP_ERRORS (HTTP_RESPONSE_INVALID + 1)

/* None, and those of three digits. */
#define HTTP_STATUS_FIRST 100
#define HTTP_STATUSES     (1 + 1000 - HTTP_STATUS_FIRST)

/*
 * The bounds of the classic buckets of a request's duration, as the semantic conventions list them,
 * in nanoseconds and as text. Most of them lie inside of a bucket of the kernel's histogram. Hence
 * durations beyond such a bound have another operation than those up to it: so each histogram has
 * only one side of each bound, and classic buckets are exact.
 */
#define HTTP_BOUNDS_LIST(BOUND)                                                                    \
	BOUND(5000000, "0.005")                                                                    \
	BOUND(10000000, "0.01")                                                                    \
	BOUND(25000000, "0.025")                                                                   \
	BOUND(50000000, "0.05")                                                                    \
	BOUND(75000000, "0.075")                                                                   \
	BOUND(100000000, "0.1")                                                                    \
	BOUND(250000000, "0.25")                                                                   \
	BOUND(500000000, "0.5")                                                                    \
	BOUND(750000000, "0.75")                                                                   \
	BOUND(1000000000, "1.0")                                                                   \
	BOUND(2500000000, "2.5")                                                                   \
	BOUND(5000000000, "5.0")                                                                   \
	BOUND(7500000000, "7.5")                                                                   \
	BOUND(10000000000, "10.0")

/* What an operation says. */
struct http_unread {
	__u32 role;   /* enum http_role */
	__u32 method; /* enum http_method */
	__u32 error;  /* enum http_error */
	__u32 status; /* 0: none came */
	__u32 is_beyond;
	__u32 is_timed; /* 0: nobody saw its end, and the rest is not told */
};

/* By number: the requests that are timed, and one more for all that are not. */
#define HTTP_UNREAD_UNTIMED    (HTTP_ROLES * HTTP_METHODS * HTTP_ERRORS * HTTP_STATUSES * 2)
#define HTTP_UNREAD_OPERATIONS (HTTP_UNREAD_UNTIMED + 1)

_Static_assert(OPERATION_HTTP_UNREAD + HTTP_UNREAD_OPERATIONS <= OPERATIONS_MAX, "keys have room");

static inline __attribute__((always_inline)) __u32 http_unread_number(
	const struct http_unread *unread)
{
	__u32 status =
		unread->status >= HTTP_STATUS_FIRST ? unread->status - HTTP_STATUS_FIRST + 1 : 0;

	if (!unread->is_timed)
		return HTTP_UNREAD_UNTIMED;
	return (((unread->role * HTTP_METHODS + unread->method) * HTTP_ERRORS + unread->error) *
			       HTTP_STATUSES +
		       status) *
		       2 +
	       unread->is_beyond;
}

/* What a number below HTTP_UNREAD_OPERATIONS says. */
static inline __attribute__((always_inline)) struct http_unread http_unread_read(__u32 number)
{
	struct http_unread unread = {.is_timed = number != HTTP_UNREAD_UNTIMED};
	__u32 status;

	if (!unread.is_timed)
		return unread;
	unread.is_beyond = number % 2;
	number /= 2;
	status = number % HTTP_STATUSES;
	unread.status = status ? status - 1 + HTTP_STATUS_FIRST : 0;
	number /= HTTP_STATUSES;
	unread.error = number % HTTP_ERRORS;
	number /= HTTP_ERRORS;
	unread.method = number % HTTP_METHODS;
	unread.role = number / HTTP_METHODS;
	return unread;
}

/* How long a request took: until its last byte, or until it was known that none will come. */
static inline __attribute__((always_inline)) __u64 http_duration_ns(
	const struct record_http *record)
{
	return (record->error ? record->record.time_ns : record->response_last_ns) -
	       record->request_first_ns;
}

/* Whether a bound of HTTP_BOUNDS_LIST lies in the bucket of a duration, and below it. */
static inline __attribute__((always_inline)) __u32 http_is_beyond(__u64 duration_ns)
{
	__u32 bucket = histogram_bucket(duration_ns);

#define BEYOND_TRY(NS, TEXT)                                                                       \
	if (bucket == histogram_bucket(NS##ULL))                                                   \
		return duration_ns > NS##ULL;
	HTTP_BOUNDS_LIST(BEYOND_TRY)
#undef BEYOND_TRY
	return 0;
}

#endif
