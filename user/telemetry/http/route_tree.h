/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of learned routes: a root for each service, and below it a node for each segment of a
 * template. Part of route.c; route_place.c decides what becomes a node.
 *
 * All nodes stand in one hash table by (parent, text), so a path is found by one look-up for each
 * segment. What a node takes is counted for the tree and for its service.
 */
#ifndef SONDE_ROUTE_TREE_H
#define SONDE_ROUTE_TREE_H

#include <stdint.h>

#include "telemetry/http/route.h"
#include "telemetry/http/route_segment.h"

/* Chains stay around three nodes long when ROUTE_BYTES_MAX is used up. */
#define ROUTE_BUCKETS 8192

/* A "/" and a segment for each level, and the star. */
#define ROUTE_TEXT_LEN ((ROUTE_DEPTH_MAX + 1) * (1 + ROUTE_SEGMENT_MAX) + 1)

/* Names of one place that were told as `{id}`: what comes back often may be a name after all. */
#define ROUTE_CANDIDATES 32
struct route_candidates {
	struct {
		uint32_t hash;
		uint16_t count; /* as route_node.heat; 0: free */
	} entries[ROUTE_CANDIDATES];
	uint32_t last_hash, last_path; /* of the last that was counted */
	uint16_t until_halved;
};

/* What is known of the names of one kind in one place: see route_place.h. */
struct route_place {
	uint8_t score;
	bool is_data; /* a name that is not known is data */
};

struct route_node {
	struct route_node *chain;            /* in the same bucket */
	struct route_node *parent;           /* NULL: the root of a service */
	struct route_node *children;         /* utlist.h */
	struct route_node *prev, *next;      /* siblings */
	const struct route_node *last_child; /* that a request went to; for comparing only */
	struct route_candidates *candidates; /* NULL: none */
	struct route_place places[SEGMENT_NAMES];
	uint32_t hash;
	uint32_t last_seen; /* which request of the service it was */
	uint32_t last_path; /* hash of its whole path */
	uint32_t last_via;  /* a child of `{id}`: hash of the name that stood there */
	uint32_t epoch;     /* since when the counts are not halved */
	uint16_t literals;  /* children that are names */
	uint8_t heat;       /* requests; of the very same one after another the later count less */
	uint8_t runs;       /* how often it was seen after a sibling of it */
	uint8_t vias;       /* how often last_via changed */
	uint8_t returns;    /* of a route: how often it was seen after another route; halved too */
	uint8_t kind;       /* enum route_segment_kind; SEGMENT_DATA: `{id}` or `*` */
	bool is_route;      /* a path has ended here */
	bool is_merging;
	uint8_t length;
	char text[];
};

struct route_tree {
	struct route_node *buckets[ROUTE_BUCKETS];
	size_t bytes; /* of all services */
};

struct route_service {
	struct route_tree *tree;
	struct route_node *root;
	size_t bytes;
	size_t routes;                       /* nodes with is_route */
	const struct route_node *last_route; /* for comparing only */
	uint32_t visits;
	uint32_t all_used_epoch; /* since when no route is cold; 0: there may be one */
};

extern const struct route_segment route_parameter; /* `{id}` */
extern const struct route_segment route_rest;      /* `*` */

uint32_t route_hash(const char *text, size_t length);

/* False: no memory. */
bool route_service_init(struct route_service *service, struct route_tree *tree);
void route_service_clear(struct route_service *service);

/* NULL: there is none. */
struct route_node *route_node_find(const struct route_tree *tree, const struct route_node *parent,
	const struct route_segment *segment);

/* NULL: no memory. */
struct route_node *route_node_add(struct route_service *service, struct route_node *parent,
	const struct route_segment *segment, enum route_segment_kind kind);

/* Puts a node, with all below it, below another parent, where no node has its text. */
void route_node_move(
	struct route_service *service, struct route_node *node, struct route_node *parent);

/* Takes a node away, with all below it. */
void route_node_drop(struct route_service *service, struct route_node *node);

/* Takes a node away, and those above it, as far as no route leads there. */
void route_node_prune(struct route_service *service, struct route_node *node);

/* Does nothing where they are there, or without memory. */
void route_node_add_candidates(struct route_service *service, struct route_node *node);

/* "/", or the segments up to here. */
void route_node_text(const struct route_node *node, char text[]);

#endif
