/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes: the configured patterns, and the services whose routes are learned (route_place.h).
 *
 * Where there is no room the greediest gives way: of a service that has as many routes as it may
 * the one that is cold and was not seen for longest, of all services that which takes most memory.
 * So what one service does takes nothing from the others.
 */
#include "telemetry/http/route.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "base/route_pattern.h"
#include "telemetry/http/route_place.h"

#define HOUR_NS UINT64_C(3600000000000)

/* Of a service without a request for so long nothing is kept. */
#define IDLE_NS HOUR_NS

/* One step for each is what it costs to find the greediest. */
#define SERVICES_MAX 1024

struct pattern {
	struct pattern *next;
	size_t length;
	char text[];
};

struct service_routes {
	UT_hash_handle hh;
	struct service_routes *prev, *next; /* the least recently used is the first */
	uint64_t last_ns;
	struct route_service learned;
	char name[];
};

struct routes {
	size_t per_service_max;
	const struct pattern **configured; /* in order */
	size_t configured_count;
	struct pattern *patterns; /* all that ever were configured, each once */
	struct service_routes *services, *by_use;
	size_t service_count;
	struct route_tree tree;
	char text[ROUTE_TEXT_LEN]; /* what was returned last */
};

static bool same(const struct route_segment *segment, const char *text, size_t length)
{
	return segment->length == length && memcmp(segment->text, text, length) == 0;
}

/* --- configured patterns --- */

static bool pattern_matches(const struct pattern *pattern, const char *path, const char *end)
{
	const char *at = pattern->text, *pattern_end = pattern->text + pattern->length;
	struct route_segment wanted, found;

	while (route_segment_next(&at, pattern_end, &wanted)) {
		if (same(&wanted, "*", 1))
			return true;
		if (!route_segment_next(&path, end, &found))
			return false;
		if (wanted.text[0] != '{' && !same(&wanted, found.text, found.length))
			return false;
	}
	return !route_segment_next(&path, end, &found);
}

/* A text that was configured before is used again: re-reading a file must not cost memory. */
static const struct pattern *pattern_intern(struct routes *routes, const char *text)
{
	size_t length = strlen(text);
	struct pattern *pattern;

	for (pattern = routes->patterns; pattern; pattern = pattern->next)
		if (strcmp(pattern->text, text) == 0)
			return pattern;
	pattern = malloc(sizeof(*pattern) + length + 1);
	if (!pattern)
		return NULL;
	pattern->length = length;
	memcpy(pattern->text, text, length + 1);
	pattern->next = routes->patterns;
	routes->patterns = pattern;
	return pattern;
}

int routes_configure(struct routes *routes, char *const *patterns, size_t count)
{
	const struct pattern **configured;

	for (size_t i = 0; i < count; i++)
		if (!route_pattern_valid(patterns[i]))
			return -EINVAL;
	configured = calloc(count + 1, sizeof(*configured));
	if (!configured)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		configured[i] = pattern_intern(routes, patterns[i]);
		if (!configured[i]) {
			free(configured);
			return -ENOMEM;
		}
	}
	free(routes->configured);
	routes->configured = configured;
	routes->configured_count = count;
	return 0;
}

/* --- services --- */

static struct service_routes *service_find(const struct routes *routes, const char *name)
{
	struct service_routes *service;

	HASH_FIND_STR(routes->services, name, service);
	return service;
}

static struct service_routes *service_add(struct routes *routes, const char *name)
{
	size_t size = strlen(name) + 1;
	struct service_routes *service = malloc(sizeof(*service) + size);

	if (!service)
		return NULL;
	memcpy(service->name, name, size);
	if (!route_service_init(&service->learned, &routes->tree)) {
		free(service);
		return NULL;
	}
	HASH_ADD_STR(routes->services, name, service);
	DL_APPEND(routes->by_use, service);
	routes->service_count++;
	return service;
}

static void service_drop(struct routes *routes, struct service_routes *service)
{
	route_service_clear(&service->learned);
	HASH_DELETE(hh, routes->services, service);
	DL_DELETE(routes->by_use, service);
	routes->service_count--;
	free(service);
}

static void service_use(struct routes *routes, struct service_routes *service, uint64_t time_ns)
{
	if (service->last_ns < time_ns)
		service->last_ns = time_ns;
	if (service->next) {
		DL_DELETE(routes->by_use, service);
		DL_APPEND(routes->by_use, service);
	}
}

/* --- room --- */

/* Finds, at or below a node, the route that was not seen for longest; `epoch` 0: also a hot one. */
static void find_stale(struct route_node *node, uint32_t epoch, const struct route_node *but,
	struct route_node **stale)
{
	struct route_node *child;

	if (node->is_route && node != but && (!epoch || route_node_is_cold(node, epoch)) &&
		(!*stale || node->last_seen < (*stale)->last_seen))
		*stale = node;
	DL_FOREACH(node->children, child)
	find_stale(child, epoch, but, stale);
}

/* False: there is none to give way. */
static bool give_way(struct route_service *service, uint32_t epoch, const struct route_node *but)
{
	struct route_node *stale = NULL;

	if (epoch && service->all_used_epoch == epoch)
		return false; /* without looking at all of them each time */
	find_stale(service->root, epoch, but, &stale);
	if (!stale) {
		service->all_used_epoch = epoch;
		return false;
	}
	stale->is_route = false;
	service->routes--;
	route_node_prune(service, stale);
	return true;
}

static struct service_routes *service_greediest(const struct routes *routes)
{
	struct service_routes *service, *greediest = routes->by_use;

	DL_FOREACH(routes->by_use, service)
	if (service->learned.bytes > greediest->learned.bytes)
		greediest = service;
	return greediest;
}

/* Room for one more path of this service. False: it has taken more than others already. */
static bool make_room(struct routes *routes, const struct service_routes *service, uint32_t epoch)
{
	while (routes->tree.bytes + ROUTE_VISIT_BYTES_MAX > ROUTE_BYTES_MAX) {
		struct service_routes *greediest = service_greediest(routes);

		if (greediest == service) {
			if (!give_way(&greediest->learned, epoch, NULL))
				return false;
		} else if (!give_way(&greediest->learned, 0, NULL)) {
			service_drop(routes, greediest);
		}
	}
	return true;
}

static struct service_routes *service_to_learn(
	struct routes *routes, const char *name, uint64_t time_ns)
{
	struct service_routes *service = service_find(routes, name);
	const struct service_routes *oldest;

	if (service)
		service_use(routes, service, time_ns);
	while ((oldest = routes->by_use) && oldest != service &&
		oldest->last_ns + IDLE_NS < time_ns)
		service_drop(routes, routes->by_use);
	if (service)
		return service;
	if (routes->service_count >= SERVICES_MAX)
		service_drop(routes, routes->by_use);
	service = service_add(routes, name);
	if (service)
		service->last_ns = time_ns;
	return service;
}

/* --- paths --- */

/* False: the service has as many as it may, and all are in use. */
static bool add_route(const struct routes *routes, struct route_service *service,
	struct route_node *node, uint32_t epoch)
{
	node->is_route = true;
	service->routes++;
	while (service->routes > routes->per_service_max)
		if (!give_way(service, epoch, node)) {
			node->is_route = false;
			service->routes--;
			route_node_prune(service, node);
			return false;
		}
	service->all_used_epoch = 0;
	return true;
}

/* NULL: a limit is reached. */
static const struct route_node *learn_path(
	struct routes *routes, const struct route_request *request, const char *end)
{
	struct service_routes *service;
	struct route_service *learned;
	struct route_visit visit = {
		.path_hash = route_hash(request->path, (size_t)(end - request->path)),
		.epoch = (uint32_t)(request->time_ns / HOUR_NS) + 1,
	};
	struct route_node *node;

	if (!routes->per_service_max)
		return NULL;
	service = service_to_learn(routes, request->service, request->time_ns);
	if (!service)
		return NULL;
	learned = &service->learned;
	visit.number = learned->visits++;
	if (make_room(routes, service, visit.epoch))
		node = route_place_learn(learned, request->path, end, &visit);
	else
		node = route_place_find(learned, request->path, end);
	if (!node)
		return NULL;
	route_node_returns(learned, node, &visit);
	return node->is_route || add_route(routes, learned, node, visit.epoch) ? node : NULL;
}

static const struct route_node *find_path(
	const struct routes *routes, const struct route_request *request, const char *end)
{
	const struct service_routes *service = service_find(routes, request->service);

	return service ? route_place_find(&service->learned, request->path, end) : NULL;
}

const char *routes_template(
	struct routes *routes, const struct route_request *request, bool *folded)
{
	const char *path = request->path;
	const char *query = memchr(path, '?', request->path_length);
	const char *end = query ? query : path + request->path_length;
	const struct route_node *node;

	*folded = false;
	for (size_t i = 0; i < routes->configured_count; i++)
		if (pattern_matches(routes->configured[i], path, end))
			return routes->configured[i]->text;

	while (end > path && end[-1] == '/')
		end--;
	node = request->learn ? learn_path(routes, request, end) : find_path(routes, request, end);
	if (!node || !node->is_route) {
		*folded = request->learn;
		return ROUTE_FOLDED;
	}
	route_node_text(node, routes->text);
	return routes->text;
}

/* --- life --- */

struct routes *routes_new(size_t per_service_max)
{
	struct routes *routes = calloc(1, sizeof(*routes));

	if (routes)
		routes->per_service_max = per_service_max;
	return routes;
}

void routes_set_limit(struct routes *routes, size_t per_service_max)
{
	routes->per_service_max = per_service_max;
}

void routes_free(struct routes *routes)
{
	if (!routes)
		return;
	while (routes->by_use)
		service_drop(routes, routes->by_use);
	for (struct pattern *pattern = routes->patterns, *next; pattern; pattern = next) {
		next = pattern->next;
		free(pattern);
	}
	free(routes->configured);
	free(routes);
}
