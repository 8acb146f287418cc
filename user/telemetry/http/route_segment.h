/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segments of a path: how it is cut, and which of them are data and which are names that a
 * programmer chose. Called by route.c for each segment of each request, hence one pass over the
 * bytes.
 *
 * Data is
 *   - what has digits and no letter: 42, 2024-01-31, 52.5,-13.4
 *   - what has 10 characters or more, most of them digits: 2024-01-31T12:00:00Z
 *   - what has 10 characters or more of upper case, lower case, two runs of digits and no dot:
 *     dQw4w9WgXcQ, V1StGXR8_Z5jdHi6B-myT (but google.pubsub.v1.V2Api is a name)
 *   - three words or more of which the last is a number: red-running-shoes-42
 *   - what contains a word (run of letters and digits) that is
 *       hexadecimal, 8 or longer, and has a digit: a UUID, a commit, app.3f2a9c1b.js
 *       of 5 digits or more: order-10023
 *       of letters and digits, 20 or longer: 01arz3ndektsv4rrffq69g5fav
 *   - an @ that is not the first character (e-mail; `@angular` is a name), a "=" (base64,
 * key=value)
 *   - more than ROUTE_SEGMENT_MAX bytes, or any byte that a path holds only in escaped form or
 *     that reads as part of a template: % { } * " and whatever is not ASCII.
 * All else may be a name. It is compound when it has a digit, or three words or more (red-shoes-xl,
 * user7, v1, index.min.js): many different ones in one place are sooner taken for data than plain
 * words are (users, sign-in, index.html).
 */
#ifndef SONDE_ROUTE_SEGMENT_H
#define SONDE_ROUTE_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>

#define ROUTE_SEGMENT_MAX 64

enum route_segment_kind {
	SEGMENT_PLAIN,
	SEGMENT_COMPOUND,
	SEGMENT_NAMES,
	SEGMENT_DATA = SEGMENT_NAMES
};

struct route_segment {
	const char *text;
	size_t length;
};

/* Cuts the next segment off the path from *at to `end`; false: there is none. */
bool route_segment_next(const char **at, const char *end, struct route_segment *segment);

/* The same without what belongs to the segment and not to its name: `cart;jsessionid=1` is `cart`.
 */
bool route_segment_next_name(const char **at, const char *end, struct route_segment *segment);

enum route_segment_kind route_segment_kind(const struct route_segment *segment);

#endif
