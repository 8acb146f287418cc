/* SPDX-License-Identifier: Apache-2.0 */
/* See route_place.h. */
#include "telemetry/http/route_place.h"

#include <string.h>
#include <utlist.h>

#define PLAIN_MAX    12
#define COMPOUND_MAX 6
#define NAMES_MAX    30

#define SIGHTING  4
#define HOT_HEAT  32
#define HOT_RUNS  3
#define COUNT_MAX UINT8_MAX

/* A place of data is one of names again when it has seen this many more known names than new ones,
 * of which each counts NEW_NAME: nine of ten have to be known. */
#define DATA_SCORE 24
#define NEW_NAME   8

/* A candidate becomes a name when it was seen this often, and so many others were seen rarely and
 * this many times less. */
#define OUTSTANDING       (8 * SIGHTING)
#define OUTSTANDING_TIMES 8
#define RARE              (2 * SIGHTING)
#define RARE_MIN          16
#define CANDIDATES_HALVED 1024 /* after so many requests */

#define SHARED_VIAS 3 /* below `{id}`: came with so many different names before it */

static const uint8_t score_max[SEGMENT_NAMES] = {
	[SEGMENT_PLAIN] = PLAIN_MAX, [SEGMENT_COMPOUND] = COMPOUND_MAX};

static void count_up(uint8_t *count, unsigned amount)
{
	*count = *count + amount < COUNT_MAX ? (uint8_t)(*count + amount) : COUNT_MAX;
}

static bool is_name(const struct route_node *node)
{
	return node->kind != SEGMENT_DATA;
}

/* --- how often --- */

static unsigned hours_since(const struct route_node *node, uint32_t epoch)
{
	return epoch > node->epoch ? epoch - node->epoch : 0;
}

static bool is_cold(const struct route_node *node, uint32_t epoch)
{
	unsigned hours = hours_since(node, epoch);

	return hours >= 8 || (node->runs >> hours < HOT_RUNS && node->heat >> hours < HOT_HEAT);
}

static void cool(struct route_node *node, uint32_t epoch)
{
	unsigned hours = hours_since(node, epoch);

	if (!hours)
		return;
	node->heat = hours < 8 ? (uint8_t)(node->heat >> hours) : 0;
	node->runs = hours < 8 ? (uint8_t)(node->runs >> hours) : 0;
	node->returns = hours < 8 ? (uint8_t)(node->returns >> hours) : 0;
	node->epoch = epoch;
}

bool route_node_is_cold(const struct route_node *node, uint32_t epoch)
{
	unsigned hours = hours_since(node, epoch);

	return hours >= 8 || node->returns >> hours < HOT_RUNS;
}

void route_node_returns(
	struct route_service *service, struct route_node *node, const struct route_visit *visit)
{
	cool(node, visit->epoch);
	node->last_seen = visit->number;
	if (service->last_route != node)
		count_up(&node->returns, 1);
	service->last_route = node;
}

static void sight(struct route_node *place, struct route_node *child,
	const struct route_visit *visit, bool ends_here)
{
	struct route_place *names = &place->places[child->kind];
	bool is_run = place->last_child != child, was_cold = is_cold(child, visit->epoch);

	cool(child, visit->epoch);
	count_up(&child->heat, is_run || child->last_path != visit->path_hash ? SIGHTING : 1);
	count_up(&child->runs, is_run);
	child->last_seen = visit->number;
	child->last_path = visit->path_hash;
	place->last_child = child;
	if (!is_name(child) || names->is_data || !was_cold || !names->score)
		return;
	if (is_run || (ends_here && !is_cold(child, visit->epoch)))
		names->score--;
}

static struct route_node *add_child(struct route_service *service, struct route_node *place,
	const struct route_segment *segment, enum route_segment_kind kind,
	const struct route_visit *visit)
{
	struct route_node *child = route_node_add(service, place, segment, kind);

	if (!child)
		return NULL;
	child->epoch = visit->epoch;
	child->last_seen = visit->number;
	child->last_path = visit->path_hash;
	child->heat = SIGHTING;
	child->runs = 1;
	place->last_child = child;
	return child;
}

/* --- names become data --- */

static void absorb(struct route_service *service, struct route_node *into, struct route_node *from);

/* Of two nodes of the same text the second goes; otherwise it only changes its place. */
static void absorb_child(
	struct route_service *service, struct route_node *into, struct route_node *child)
{
	struct route_segment text = {child->text, child->length};
	struct route_node *known = route_node_find(service->tree, into, &text);

	if (!known && is_name(child) && into->places[child->kind].is_data &&
		is_cold(child, into->epoch))
		known = route_node_find(service->tree, into, &route_parameter);
	if (known) {
		count_up(&known->vias, 1);
		absorb(service, known, child);
	} else {
		child->vias = 1;
		route_node_move(service, child, into);
	}
}

/* All that is known of one node counts for another; `from` goes. */
static void absorb(struct route_service *service, struct route_node *into, struct route_node *from)
{
	while (from->children)
		absorb_child(service, into, from->children);
	for (int kind = 0; kind < SEGMENT_NAMES; kind++) {
		const struct route_place *more = &from->places[kind];

		if (into->places[kind].is_data)
			continue;
		if (more->is_data)
			into->places[kind] = *more;
		else
			count_up(&into->places[kind].score, more->score);
	}
	if (!into->candidates) {
		into->candidates = from->candidates;
		from->candidates = NULL;
	}
	if (from->is_route && !into->is_route) {
		into->is_route = true;
		service->routes++;
	}
	count_up(&into->heat, from->heat);
	route_node_drop(service, from);
}

/* Whether a name in one of these places also has `part` below it, in half of what makes it data. */
static bool is_part_of_many(const struct route_service *service, const struct route_node *place,
	const struct route_node *part, enum route_segment_kind kind)
{
	struct route_segment text = {part->text, part->length};
	const struct route_node *sibling;
	int count = 0;

	DL_FOREACH(place->children, sibling)
	count += sibling->kind == kind && route_node_find(service->tree, sibling, &text);
	return count >= score_max[kind] / 2;
}

static bool is_to_merge(const struct route_service *service, const struct route_node *place,
	const struct route_node *child, uint32_t epoch)
{
	const struct route_node *part;

	if (is_cold(child, epoch))
		return true;
	if (child->runs >= HOT_RUNS)
		return false;
	DL_FOREACH(child->children, part)
	if (is_name(part) && is_part_of_many(service, place, part, child->kind))
		return true;
	return false;
}

static void make_data(struct route_service *service, struct route_node *place,
	enum route_segment_kind kind, const struct route_visit *visit)
{
	struct route_node *child, *next;
	struct route_node *parameter =
		route_node_find(service->tree, place, &route_parameter)
			?: add_child(service, place, &route_parameter, SEGMENT_DATA, visit);

	if (!parameter)
		return;
	place->places[kind] = (struct route_place){.score = DATA_SCORE, .is_data = true};
	route_node_add_candidates(service, place);
	DL_FOREACH(place->children, child)
	child->is_merging = child->kind == kind && is_to_merge(service, place, child, visit->epoch);
	DL_FOREACH_SAFE(place->children, child, next)
		if (child->is_merging)
			absorb(service, parameter, child);
}

/* --- data becomes names --- */

/* Counts a name that is told as `{id}`: how often in its SIGHTINGs; *is_new and *is_run are set. */
static unsigned candidate_count(struct route_candidates *candidates, uint32_t hash,
	uint32_t path_hash, bool *is_new, bool *is_run)
{
	unsigned at = 0;
	unsigned amount;

	*is_run = candidates->last_hash != hash;
	amount = *is_run || candidates->last_path != path_hash ? SIGHTING : 1;
	candidates->last_hash = hash;
	candidates->last_path = path_hash;
	if (candidates->until_halved == 0) {
		candidates->until_halved = CANDIDATES_HALVED;
		for (unsigned i = 0; i < ROUTE_CANDIDATES; i++)
			candidates->entries[i].count /= 2;
	}
	candidates->until_halved--;
	for (unsigned i = 0; i < ROUTE_CANDIDATES; i++) {
		if (candidates->entries[i].count && candidates->entries[i].hash == hash) {
			at = i;
			break;
		}
		if (candidates->entries[i].count < candidates->entries[at].count)
			at = i;
	}
	*is_new = !candidates->entries[at].count || candidates->entries[at].hash != hash;
	if (*is_new) {
		candidates->entries[at].hash = hash;
		candidates->entries[at].count = 0;
	}
	candidates->entries[at].count = (uint16_t)(candidates->entries[at].count + amount);
	return candidates->entries[at].count;
}

/* Most of the others came once, or twice: a crawl, and not things of which some are popular. */
static bool is_outstanding(const struct route_candidates *candidates, unsigned count)
{
	unsigned rare = 0;

	for (unsigned i = 0; i < ROUTE_CANDIDATES; i++)
		rare += candidates->entries[i].count <= RARE &&
			candidates->entries[i].count * OUTSTANDING_TIMES <= count;
	return count >= OUTSTANDING && rare >= RARE_MIN;
}

/* Whether a name that would be told as `{id}` is to have its own name from now on. */
static bool becomes_name(struct route_node *place, const struct route_segment *segment,
	enum route_segment_kind kind, const struct route_visit *visit)
{
	struct route_place *names = &place->places[kind];
	bool is_new, is_run;
	unsigned count;

	if (!place->candidates)
		return false;
	count = candidate_count(place->candidates, route_hash(segment->text, segment->length),
		visit->path_hash, &is_new, &is_run);
	if (is_new)
		names->score = names->score + NEW_NAME < DATA_SCORE
				       ? (uint8_t)(names->score + NEW_NAME)
				       : DATA_SCORE;
	else if (is_run && names->score)
		names->score--;
	if (place->literals >= NAMES_MAX)
		return false;
	if (!names->score) {
		names->is_data = false;
		return true;
	}
	return kind == SEGMENT_PLAIN && is_outstanding(place->candidates, count);
}

/* Whether what follows is known to come after many different names: then this one is one of them.
 */
static bool goes_on_like_others(const struct route_service *service,
	const struct route_node *parameter, const char *path, const char *end)
{
	struct route_segment segment;
	const struct route_node *part;

	if (!parameter || !route_segment_next_name(&path, end, &segment))
		return false;
	part = route_node_find(service->tree, parameter, &segment);
	return part && part->vias >= SHARED_VIAS;
}

/* --- the way down --- */

static struct route_node *learn_child(struct route_service *service, struct route_node *place,
	const struct route_segment *segment, const char *path, const char *end,
	const struct route_visit *visit)
{
	enum route_segment_kind kind = route_segment_kind(segment);
	struct route_place *names = &place->places[kind];
	struct route_node *child = NULL, *parameter;

	if (kind != SEGMENT_DATA) {
		child = route_node_find(service->tree, place, segment);
		if (!child && !names->is_data) {
			count_up(&names->score, 1);
			if (names->score < score_max[kind] && place->literals < NAMES_MAX)
				return add_child(service, place, segment, kind, visit);
			make_data(service, place, kind, visit);
		}
	}
	if (!child) {
		parameter = route_node_find(service->tree, place, &route_parameter);
		if (kind != SEGMENT_DATA && !goes_on_like_others(service, parameter, path, end) &&
			becomes_name(place, segment, kind, visit))
			return add_child(service, place, segment, kind, visit);
		if (!parameter)
			return add_child(service, place, &route_parameter, SEGMENT_DATA, visit);
		child = parameter;
	}
	sight(place, child, visit, path == end);
	return child;
}

struct route_node *route_place_learn(struct route_service *service, const char *path,
	const char *end, const struct route_visit *visit)
{
	struct route_node *node = service->root;
	struct route_segment segment;
	uint32_t via = 0;

	for (int depth = 0; node && route_segment_next_name(&path, end, &segment); depth++) {
		bool below_data = !is_name(node) && node->parent;

		if (depth == ROUTE_DEPTH_MAX) {
			struct route_node *rest = route_node_find(service->tree, node, &route_rest);

			if (!rest)
				return add_child(service, node, &route_rest, SEGMENT_DATA, visit);
			sight(node, rest, visit, true);
			return rest;
		}
		node = learn_child(service, node, &segment, path, end, visit);
		if (node && below_data && node->last_via != via) {
			node->last_via = via;
			count_up(&node->vias, 1);
		}
		via = route_hash(segment.text, segment.length);
	}
	return node;
}

struct route_node *route_place_find(
	const struct route_service *service, const char *path, const char *end)
{
	struct route_node *node = service->root, *child;
	struct route_segment segment;

	for (int depth = 0; node && route_segment_next_name(&path, end, &segment); depth++) {
		enum route_segment_kind kind = route_segment_kind(&segment);

		if (depth == ROUTE_DEPTH_MAX)
			return route_node_find(service->tree, node, &route_rest);
		child = kind == SEGMENT_DATA ? NULL
					     : route_node_find(service->tree, node, &segment);
		if (!child && (kind == SEGMENT_DATA || node->places[kind].is_data))
			child = route_node_find(service->tree, node, &route_parameter);
		node = child;
	}
	return node;
}
