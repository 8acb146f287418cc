/* SPDX-License-Identifier: Apache-2.0 */
/* See route_tree.h. */
#include "telemetry/http/route_tree.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

const struct route_segment route_parameter = {"{id}", 4};
const struct route_segment route_rest = {"*", 1};

/* FNV-1a. */
uint32_t route_hash(const char *text, size_t length)
{
	uint32_t hash = 0x811c9dc5;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x01000193;
	return hash;
}

static struct route_node **bucket_of(
	const struct route_tree *tree, const struct route_node *parent, uint32_t hash)
{
	uint64_t mixed = ((uintptr_t)parent ^ hash) * UINT64_C(0x9e3779b97f4a7c15);

	return (struct route_node **)&tree->buckets[mixed >> 32 & (ROUTE_BUCKETS - 1)];
}

/* --- memory --- */

static void count_bytes(struct route_service *service, size_t added, size_t removed)
{
	service->bytes += added - removed;
	service->tree->bytes += added - removed;
}

static size_t node_size(const struct route_node *node)
{
	return sizeof(*node) + node->length;
}

static struct route_node *node_new(struct route_service *service, const char *text, size_t length)
{
	struct route_node *node = calloc(1, sizeof(*node) + length);

	if (!node)
		return NULL;
	node->length = (uint8_t)length;
	memcpy(node->text, text, length);
	count_bytes(service, node_size(node), 0);
	return node;
}

void route_node_add_candidates(struct route_service *service, struct route_node *node)
{
	if (node->candidates)
		return;
	node->candidates = calloc(1, sizeof(*node->candidates));
	if (node->candidates)
		count_bytes(service, sizeof(*node->candidates), 0);
}

static void node_delete(struct route_service *service, struct route_node *node)
{
	if (node->candidates)
		count_bytes(service, 0, sizeof(*node->candidates));
	count_bytes(service, 0, node_size(node));
	service->routes -= node->is_route;
	free(node->candidates);
	free(node);
}

/* --- nodes --- */

static void node_link(struct route_tree *tree, struct route_node *node, struct route_node *parent)
{
	struct route_node **bucket = bucket_of(tree, parent, node->hash);

	node->parent = parent;
	node->chain = *bucket;
	*bucket = node;
	DL_APPEND(parent->children, node);
	parent->literals += node->kind != SEGMENT_DATA;
}

static void node_unlink(struct route_tree *tree, struct route_node *node)
{
	struct route_node **link = bucket_of(tree, node->parent, node->hash);

	while (*link != node)
		link = &(*link)->chain;
	*link = node->chain;
	DL_DELETE(node->parent->children, node);
	node->parent->literals -= node->kind != SEGMENT_DATA;
	if (node->parent->last_child == node)
		node->parent->last_child = NULL;
}

struct route_node *route_node_find(const struct route_tree *tree, const struct route_node *parent,
	const struct route_segment *segment)
{
	uint32_t hash = route_hash(segment->text, segment->length);
	struct route_node *node = *bucket_of(tree, parent, hash);

	while (node &&
		(node->hash != hash || node->parent != parent || node->length != segment->length ||
			memcmp(node->text, segment->text, segment->length) != 0))
		node = node->chain;
	return node;
}

struct route_node *route_node_add(struct route_service *service, struct route_node *parent,
	const struct route_segment *segment, enum route_segment_kind kind)
{
	struct route_node *node = node_new(service, segment->text, segment->length);

	if (!node)
		return NULL;
	node->hash = route_hash(segment->text, segment->length);
	node->kind = (uint8_t)kind;
	node_link(service->tree, node, parent);
	return node;
}

void route_node_move(
	struct route_service *service, struct route_node *node, struct route_node *parent)
{
	node_unlink(service->tree, node);
	node_link(service->tree, node, parent);
}

static void drop_children(struct route_service *service, struct route_node *node)
{
	while (node->children)
		route_node_drop(service, node->children);
}

void route_node_drop(struct route_service *service, struct route_node *node)
{
	drop_children(service, node);
	node_unlink(service->tree, node);
	node_delete(service, node);
}

void route_node_prune(struct route_service *service, struct route_node *node)
{
	while (node->parent && !node->is_route && !node->children) {
		struct route_node *parent = node->parent;

		route_node_drop(service, node);
		node = parent;
	}
}

void route_node_text(const struct route_node *node, char text[])
{
	size_t length = node->parent ? 0 : 1;
	char *at;

	for (const struct route_node *step = node; step->parent; step = step->parent)
		length += 1u + step->length;
	at = text + length;
	*at = '\0';
	if (!node->parent)
		*text = '/';
	for (; node->parent; node = node->parent) {
		at -= node->length;
		memcpy(at, node->text, node->length);
		*--at = '/';
	}
}

/* --- services --- */

bool route_service_init(struct route_service *service, struct route_tree *tree)
{
	*service = (struct route_service){.tree = tree};
	service->root = node_new(service, "", 0);
	return service->root;
}

void route_service_clear(struct route_service *service)
{
	drop_children(service, service->root);
	node_delete(service, service->root);
}
