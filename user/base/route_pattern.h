/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configured route may look like: `/users/{id}`, `/static/` and a star. One rule for two
 * callers: the configuration, which tells a person where a bad one stands, and
 * telemetry/http/route.c, which matches paths with them and says in its header what they mean.
 */
#ifndef SONDE_ROUTE_PATTERN_H
#define SONDE_ROUTE_PATTERN_H

#include <stdbool.h>

/*
 * Begins with "/"; each segment is plain, or one `{name}`, or (only the last) `*`. Plain is what a
 * path of a request line holds: visible ASCII without a query or fragment, and without braces and
 * stars, which would look like templates and match nothing.
 */
bool route_pattern_valid(const char *pattern);

#endif
