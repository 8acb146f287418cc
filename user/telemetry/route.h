/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Route templates: what `http_route` says instead of a raw path, so that the label stays bounded.
 *
 * A path is cut into its segments; empty ones don't count (`//a/` is `/a`), nor does a query.
 *
 * 1. Configured patterns come first, and the first that matches wins. In `/users/{id}` the `{…}` is
 *    any one segment; a last segment that is only a star is all that follows, or nothing. They hold
 *    for every service and don't count against its limit.
 * 2. Otherwise the template is learned. A segment that looks like data becomes `{id}` (42, a UUID,
 *    a hash, a date: route_segment.h). All else stays as it is, up to ROUTE_LITERALS_MAX different
 *    texts in one place; a further one there is `{id}` too (`/users/alice`, …). What was learned
 *    stays, so a path keeps its route for as long as Sonde runs. In place of what is deeper than
 *    ROUTE_DEPTH_MAX segments stands a star.
 * 3. Where a limit is reached (templates of this service, memory of all), what is not known yet is
 *    ROUTE_FOLDED, and *folded says so.
 *
 * Finding a known route allocates nothing and costs about 100 ns for a short path, and a few for
 * each pattern that does not match. Not thread-safe: the main thread owns it.
 */
#ifndef SONDE_ROUTE_H
#define SONDE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#define ROUTE_FOLDED       "/*"
#define ROUTE_DEPTH_MAX    6
#define ROUTE_LITERALS_MAX 30
/* What all services together may learn: some 10,000 templates, as many as there can be series. */
#define ROUTE_BYTES_MAX (2u << 20)

struct routes;

/* At most `per_service_max` learned templates for each service. NULL: no memory. */
struct routes *routes_new(size_t per_service_max);
void routes_free(struct routes *routes);

/* A new limit, from the next new template on. */
void routes_set_limit(struct routes *routes, size_t per_service_max);

/*
 * Puts these patterns (copied) in the place of earlier ones. 0; -EINVAL: one is not valid by
 * route_pattern.h; -ENOMEM. On an error the earlier ones stay.
 */
int routes_configure(struct routes *routes, char *const *patterns, size_t count);

/*
 * The template of a path. Never NULL; valid until routes_free(), also when the pattern it came from
 * is no longer configured. Without `learn`, what is not known yet is ROUTE_FOLDED and stays
 * unknown: for paths that the service itself did not know, or one scanner would use up what it may
 * learn. *folded is set: true when a limit made it ROUTE_FOLDED.
 */
const char *routes_template(struct routes *routes, const char *service, const char *path,
	size_t path_length, bool learn, bool *folded);

#endif
