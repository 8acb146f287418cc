/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Route templates: what `http_route` says instead of a raw path, so that the label stays bounded.
 *
 * A path is cut into its segments; empty ones don't count (`//a/` is `/a`), nor does a query.
 *
 * 1. Configured patterns come first, and the first that matches wins. In `/users/{id}` the `{…}` is
 *    any one segment; a last segment that is only a star is all that follows, or nothing. They hold
 *    for every service and don't count against its limit.
 * 2. Otherwise the template is learned from what the service is asked for. A segment that looks
 *    like data becomes `{id}` at once (42, a UUID, a hash, a date: route_segment.h). All else stays
 *    as it is, until so many names came in one place that most of them must be data, too
 *    (route_place.h): then those that came once or twice become `{id}` and those that come again
 *    and again stay. In place of what is deeper than ROUTE_DEPTH_MAX segments stands a star.
 * 3. A service that has as many routes as it may gives the one up that is cold and was not seen for
 *    longest; the memory of all is shared by the greediest giving way. Where all are in use, what
 *    is new is ROUTE_FOLDED, and *folded says so.
 *
 * A path keeps its route until its name becomes data. What is forgotten is learned again under the
 * same name.
 *
 * Finding a known route allocates nothing and costs some 200 ns for a short path, and a few for
 * each pattern that does not match. Not thread-safe: the main thread owns it.
 */
#ifndef SONDE_ROUTE_H
#define SONDE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROUTE_FOLDED "/*"
/* Of requests whose path nobody has read. All others begin with "/", so no path can be called so.
 */
#define ROUTE_UNREAD    "_unread"
#define ROUTE_DEPTH_MAX 6
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

struct route_request {
	const char *service;
	const char *path; /* with or without a query */
	size_t path_length;
	uint64_t time_ns; /* of the record */
	/* False: what is not known yet stays unknown, and is ROUTE_FOLDED. For paths that the
	 * service itself did not know, as otherwise a scanner would teach it its own. */
	bool learn;
};

/*
 * The template of a path. Never NULL; valid until the next call here, or routes_free(). *folded is
 * set: true when a limit made it ROUTE_FOLDED.
 */
const char *routes_template(
	struct routes *routes, const struct route_request *request, bool *folded);

#endif
