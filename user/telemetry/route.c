/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes: the configured patterns, and the tree of what was learned.
 *
 * The tree has a node for each service and below it one for each segment of a template. All nodes
 * stand in one hash table by (parent, text), so a path is found by one look-up for each segment.
 * Nodes and texts are never taken back; they lie in chunks that are counted against
 * ROUTE_BYTES_MAX.
 */
#include "telemetry/route.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "route_pattern.h"
#include "telemetry/route_segment.h"

/* Chains stay around three nodes long when ROUTE_BYTES_MAX is used up. */
#define BUCKETS     8192
#define CHUNK_BYTES 16384

struct segment {
	const char *text;
	size_t length;
};

static const struct segment parameter = {"{id}", 4};
static const struct segment rest = {"*", 1};

struct node {
	struct node *next;    /* in the same bucket */
	struct node *parent;  /* NULL: this is a service */
	const char *template; /* NULL: no path has ended here */
	uint64_t hash;
	uint32_t templates; /* of a service: how many it has learned */
	uint16_t literals;  /* children that are neither `{id}` nor `*` */
	uint16_t length;
	char text[];
};

struct pattern {
	struct pattern *next;
	size_t length;
	char text[];
};

struct chunk {
	struct chunk *next;
	size_t used;
	_Alignas(max_align_t) char bytes[CHUNK_BYTES];
};

struct routes {
	size_t per_service_max;
	const struct pattern **configured; /* in order */
	size_t configured_count;
	struct pattern *patterns; /* all that ever were configured, each once */
	struct chunk *chunks;
	size_t chunk_count;
	struct node *buckets[BUCKETS];
};

/* --- segments --- */

/* Cuts the next segment off the path from *at to `end`; false: there is none. */
static bool next_segment(const char **at, const char *end, struct segment *segment)
{
	const char *begin = *at;

	while (begin < end && *begin == '/')
		begin++;
	segment->text = begin;
	while (begin < end && *begin != '/')
		begin++;
	segment->length = (size_t)(begin - segment->text);
	*at = begin;
	return segment->length > 0;
}

static bool same(const struct segment *segment, const char *text, size_t length)
{
	return segment->length == length && memcmp(segment->text, text, length) == 0;
}

/* --- configured patterns --- */

static bool pattern_matches(const struct pattern *pattern, const char *path, const char *end)
{
	const char *at = pattern->text, *pattern_end = pattern->text + pattern->length;
	struct segment wanted, found;

	while (next_segment(&at, pattern_end, &wanted)) {
		if (same(&wanted, "*", 1))
			return true;
		if (!next_segment(&path, end, &found))
			return false;
		if (wanted.text[0] != '{' && !same(&wanted, found.text, found.length))
			return false;
	}
	return !next_segment(&path, end, &found);
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

/* --- the tree --- */

/* NULL: ROUTE_BYTES_MAX are used up. */
static void *take_bytes(struct routes *routes, size_t size)
{
	struct chunk *chunk = routes->chunks;
	void *bytes;

	size = (size + 7) & ~(size_t)7;
	if (size > CHUNK_BYTES)
		return NULL;
	if (!chunk || chunk->used + size > CHUNK_BYTES) {
		if ((routes->chunk_count + 1) * CHUNK_BYTES > ROUTE_BYTES_MAX)
			return NULL;
		chunk = malloc(sizeof(*chunk));
		if (!chunk)
			return NULL;
		chunk->used = 0;
		chunk->next = routes->chunks;
		routes->chunks = chunk;
		routes->chunk_count++;
	}
	bytes = chunk->bytes + chunk->used;
	chunk->used += size;
	return bytes;
}

/* Not one of the two texts of this file, which stand for any number of segments. */
static bool is_literal(const struct segment *segment)
{
	return segment->text != parameter.text && segment->text != rest.text;
}

/* FNV-1a, continued from the parent's. */
static uint64_t node_hash(const struct node *parent, const struct segment *segment)
{
	uint64_t hash = parent ? parent->hash : 0xcbf29ce484222325;

	for (size_t i = 0; i < segment->length; i++)
		hash = (hash ^ (unsigned char)segment->text[i]) * 0x100000001b3;
	return (hash ^ '/') * 0x100000001b3;
}

static struct node **node_bucket(struct routes *routes, uint64_t hash)
{
	return &routes->buckets[(hash ^ hash >> 32) % BUCKETS];
}

static struct node *node_find(struct routes *routes, const struct node *parent,
	const struct segment *segment, uint64_t hash)
{
	struct node *node = *node_bucket(routes, hash);

	while (node && (node->hash != hash || node->parent != parent ||
			       !same(segment, node->text, node->length)))
		node = node->next;
	return node;
}

static struct node *node_add(
	struct routes *routes, struct node *parent, const struct segment *segment, uint64_t hash)
{
	struct node **bucket = node_bucket(routes, hash);
	struct node *node = take_bytes(routes, sizeof(*node) + segment->length);

	if (!node)
		return NULL;
	*node = (struct node){.next = *bucket,
		.parent = parent,
		.hash = hash,
		.length = (uint16_t)segment->length};
	memcpy(node->text, segment->text, segment->length);
	*bucket = node;
	if (parent && is_literal(segment))
		parent->literals++;
	return node;
}

static struct node *node_find_or_add(
	struct routes *routes, struct node *parent, const struct segment *segment, bool learn)
{
	uint64_t hash = node_hash(parent, segment);
	struct node *node = node_find(routes, parent, segment, hash);

	return node || !learn ? node : node_add(routes, parent, segment, hash);
}

/* The child for a segment of a path. NULL: not known, or (when it may learn) no memory. */
static struct node *node_child(
	struct routes *routes, struct node *node, const struct segment *segment, bool learn)
{
	struct node *child;

	if (route_segment_is_data(segment->text, segment->length))
		return node_find_or_add(routes, node, &parameter, learn);
	child = node_find_or_add(
		routes, node, segment, learn && node->literals < ROUTE_LITERALS_MAX);
	if (!child && node->literals >= ROUTE_LITERALS_MAX)
		return node_find_or_add(routes, node, &parameter, learn);
	return child;
}

/* Follows a path down from its service. */
static struct node *walk(
	struct routes *routes, struct node *node, const char *path, const char *end, bool learn)
{
	struct segment segment;

	for (int depth = 0; node && next_segment(&path, end, &segment); depth++) {
		if (depth == ROUTE_DEPTH_MAX)
			return node_find_or_add(routes, node, &rest, learn);
		node = node_child(routes, node, &segment, learn);
	}
	return node;
}

/* The template of a path that ended here: "/", or its segments, written from the last on. */
static const char *node_make_template(struct routes *routes, struct node *node)
{
	size_t length = 0;
	char *at;

	if (!node->parent)
		return "/";
	for (const struct node *step = node; step->parent; step = step->parent)
		length += 1u + step->length;
	at = take_bytes(routes, length + 1);
	if (!at)
		return NULL;
	at += length;
	*at = '\0';
	for (const struct node *step = node; step->parent; step = step->parent) {
		at -= step->length;
		memcpy(at, step->text, step->length);
		*--at = '/';
	}
	return at;
}

/* Makes a path's route known. NULL: a limit is reached. */
static const char *learn_path(struct routes *routes, const struct segment *name, uint64_t hash,
	const char *path, const char *end)
{
	struct node *service = node_find(routes, NULL, name, hash);
	struct node *node;

	if ((service ? service->templates : 0) >= routes->per_service_max)
		return NULL;
	if (!service)
		service = node_add(routes, NULL, name, hash);
	node = walk(routes, service, path, end, true);
	if (!node)
		return NULL;
	node->template = node_make_template(routes, node);
	if (node->template)
		service->templates++;
	return node->template;
}

const char *routes_template(struct routes *routes, const char *service, const char *path,
	size_t path_length, bool learn, bool *folded)
{
	const char *query = memchr(path, '?', path_length);
	const char *end = query ? query : path + path_length;
	struct segment name = {service, strlen(service)};
	uint64_t hash;
	struct node *node;
	const char *template;

	*folded = false;
	for (size_t i = 0; i < routes->configured_count; i++)
		if (pattern_matches(routes->configured[i], path, end))
			return routes->configured[i]->text;

	hash = node_hash(NULL, &name);
	node = walk(routes, node_find(routes, NULL, &name, hash), path, end, false);
	if (node && node->template)
		return node->template;
	if (!learn)
		return ROUTE_FOLDED;
	template = learn_path(routes, &name, hash, path, end);
	if (template)
		return template;
	*folded = true;
	return ROUTE_FOLDED;
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
	for (struct chunk *chunk = routes->chunks, *next; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	for (struct pattern *pattern = routes->patterns, *next; pattern; pattern = next) {
		next = pattern->next;
		free(pattern);
	}
	free(routes->configured);
	free(routes);
}
