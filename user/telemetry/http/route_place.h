/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Learning: which names in one place of a tree are a programmer's, and which are data that looks
 * like names (`/users/alice`, `/products/red-shoes-xl`). Part of route.c.
 *
 * A place is what stands below one node; its plain and its compound names (route_segment.h) are
 * judged apart, so a catalogue of slugs takes nothing from `/cart` beside it.
 *
 *   Names.  At first each name is kept as it is. What comes for the first time counts up, what
 * comes back while it is cold counts down. Where PLAIN_MAX (compound: COMPOUND_MAX) more came than
 * came back, or NAMES_MAX stand beside each other, the place takes this kind for Data.   What is
 * cold becomes `{id}`, with all below it; what is hot stays for as long as it lives; so does a name
 * whose requests all came in one run, unless what is below it is also below its siblings. Each
 * further name is `{id}`.
 *             - A plain name that comes back often, while most others do not, gets its own name.
 *             - Where nearly all that comes is one of ROUTE_CANDIDATES names, they are names again.
 *
 * Hot is what was seen HOT_RUNS times after something else in its place, or HOT_HEAT / SIGHTING
 * times with different paths. Both are halved every hour. The very same path again and again is a
 * quarter of a sighting each time.
 *
 * Only counts and texts decide, no clock but the hour: the same requests give the same routes.
 */
#ifndef SONDE_ROUTE_PLACE_H
#define SONDE_ROUTE_PLACE_H

#include "telemetry/http/route_tree.h"

/* Of a request, for each node on its way. */
struct route_visit {
	uint32_t path_hash;
	uint32_t epoch; /* hours */
	uint32_t number;
};

/* The most bytes that learning one path can take. */
#define ROUTE_VISIT_BYTES_MAX                                                                      \
	((ROUTE_DEPTH_MAX + 1) * (2 * (sizeof(struct route_node) + ROUTE_SEGMENT_MAX) +            \
					 sizeof(struct route_candidates)))

/* The node of a path's end that is known, without learning; NULL: it is not. */
struct route_node *route_place_find(
	const struct route_service *service, const char *path, const char *end);

/* The same, and learns. NULL: no memory. */
struct route_node *route_place_learn(struct route_service *service, const char *path,
	const char *end, const struct route_visit *visit);

/* A path has ended at this node, which is a route or becomes one. */
void route_node_returns(
	struct route_service *service, struct route_node *node, const struct route_visit *visit);

/* A route that has not come back often after others, or not for a long time: it may give way. */
bool route_node_is_cold(const struct route_node *node, uint32_t epoch);

#endif
