/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which segments of a path are data and which are names that a programmer chose. Called by route.c
 * for each segment of each request, hence one pass over the bytes.
 *
 * Data is
 *   - what has digits and no letter: 42, 2024-01-31, 52.5,-13.4
 *   - what has 10 characters or more, most of them digits: 2024-01-31T12:00:00Z
 *   - what has 10 characters or more of upper case, lower case, two runs of digits and no dot:
 *     dQw4w9WgXcQ, V1StGXR8_Z5jdHi6B-myT (but google.pubsub.v1.V2Api is a name)
 *   - what contains a word (run of letters and digits) that is
 *       hexadecimal, 8 or longer, and has a digit: a UUID, a commit, app.3f2a9c1b.js
 *       of 5 digits or more: order-10023
 *       of letters and digits, 20 or longer: 01arz3ndektsv4rrffq69g5fav
 *   - an @ that is not the first character (e-mail; `@angular` is a name), a "=" (base64,
 * key=value)
 *   - more than ROUTE_SEGMENT_MAX bytes, or any byte that a path holds only in escaped form or
 *     that reads as part of a template: % { } * " and whatever is not ASCII.
 * All else is a name: users, v1, oauth2, x86_64, index.html, i18n.
 */
#ifndef SONDE_ROUTE_SEGMENT_H
#define SONDE_ROUTE_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>

#define ROUTE_SEGMENT_MAX 64

bool route_segment_is_data(const char *text, size_t length);

#endif
