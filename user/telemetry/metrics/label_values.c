/* SPDX-License-Identifier: Apache-2.0 */
/* See label_values.h. */
#include "telemetry/metrics/label_values.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#define USES_MAX   255
#define CANDIDATES 16 /* values without a place whose uses an owner remembers: the last ones */

/* A full owner looks for its least used value only so often, unless a candidate may beat it. */
#define SEARCH_NS 1000000000ULL

struct uses {
	uint64_t halved_ns; /* when they began, or were halved last */
	unsigned count;
};

struct value {
	UT_hash_handle hh;
	struct uses uses;
	char text[];
};

struct candidate {
	unsigned hash;  /* of the value; two with the same count as one */
	uint64_t asked; /* the owner's number of the ask that it was last met in; 0: none */
	struct uses uses;
};

struct owner {
	UT_hash_handle hh;
	struct owner *prev, *next; /* by use, the oldest first */
	struct value *values;
	struct candidate candidates[CANDIDATES];
	uint64_t asked; /* times that a value without a place was met */
	uint64_t used_ns;
	uint64_t searched_ns; /* when the least used value had `least` uses */
	unsigned least;
	char name[];
};

struct label_values {
	size_t total_max;
	size_t total;
	struct owner *owners; /* by name */
	struct owner *by_use;
};

/* --- uses --- */

static uint64_t halves_due(const struct uses *uses, uint64_t now_ns)
{
	return now_ns > uses->halved_ns ? (now_ns - uses->halved_ns) / LABEL_VALUES_HALF_NS : 0;
}

static unsigned uses_now(const struct uses *uses, uint64_t now_ns)
{
	uint64_t halves = halves_due(uses, now_ns);

	return halves < 32 ? uses->count >> halves : 0;
}

/* Those of a value that had none begin now. */
static void uses_add(struct uses *uses, unsigned more, uint64_t now_ns)
{
	unsigned count = uses_now(uses, now_ns);

	if (!count)
		uses->halved_ns = now_ns;
	else
		uses->halved_ns += halves_due(uses, now_ns) * LABEL_VALUES_HALF_NS;
	count += more;
	uses->count = count < USES_MAX ? count : USES_MAX;
}

/* --- owners --- */

static void value_remove(struct label_values *values, struct owner *owner, struct value *value)
{
	HASH_DEL(owner->values, value);
	free(value);
	values->total--;
}

static void owner_remove(struct label_values *values, struct owner *owner)
{
	struct value *value, *next;

	HASH_ITER(hh, owner->values, value, next)
		value_remove(values, owner, value);
	HASH_DEL(values->owners, owner);
	DL_DELETE(values->by_use, owner);
	free(owner);
}

static struct owner *owner_add(struct label_values *values, const char *name, uint64_t now_ns)
{
	size_t length = strlen(name);
	struct owner *owner;

	while ((owner = values->by_use) && (HASH_COUNT(values->owners) >= LABEL_VALUES_OWNERS_MAX ||
						   now_ns > owner->used_ns + LABEL_VALUES_OWNER_NS))
		owner_remove(values, owner);
	owner = calloc(1, sizeof(*owner) + length + 1);
	if (!owner)
		return NULL;
	memcpy(owner->name, name, length);
	HASH_ADD_KEYPTR(hh, values->owners, owner->name, length, owner);
	DL_APPEND(values->by_use, owner);
	return owner;
}

/* NULL: no memory. */
static struct owner *owner_use(struct label_values *values, const char *name, uint64_t now_ns)
{
	struct owner *owner;

	HASH_FIND_STR(values->owners, name, owner);
	if (!owner)
		owner = owner_add(values, name, now_ns);
	if (!owner)
		return NULL;
	DL_DELETE(values->by_use, owner);
	DL_APPEND(values->by_use, owner);
	if (now_ns > owner->used_ns)
		owner->used_ns = now_ns;
	return owner;
}

static struct value *least_used(const struct owner *owner, uint64_t now_ns)
{
	struct value *least = NULL;
	unsigned least_uses = 0;

	for (struct value *value = owner->values; value; value = value->hh.next) {
		unsigned uses = uses_now(&value->uses, now_ns);

		if (!least || uses < least_uses ||
			(uses == least_uses && value->uses.halved_ns < least->uses.halved_ns)) {
			least = value;
			least_uses = uses;
		}
	}
	return least;
}

/* --- places --- */

/* A value that has no place; what was remembered of another one may go for it. */
static struct candidate *candidate_ask(struct owner *owner, const char *text)
{
	struct candidate *oldest = owner->candidates;
	unsigned hash;

	HASH_VALUE(text, strlen(text), hash);
	for (size_t i = 0; i < CANDIDATES; i++) {
		struct candidate *candidate = &owner->candidates[i];

		if (candidate->hash == hash && candidate->asked) {
			candidate->asked = ++owner->asked;
			return candidate;
		}
		if (candidate->asked < oldest->asked)
			oldest = candidate;
	}
	*oldest = (struct candidate){.hash = hash, .asked = ++owner->asked};
	return oldest;
}

/* Makes room for a value with so many uses in the place of the owner's least used one. */
static bool replace_own(
	struct label_values *values, struct owner *owner, unsigned uses, uint64_t now_ns)
{
	struct value *least;

	if (now_ns < owner->searched_ns + SEARCH_NS && uses <= 2 * owner->least)
		return false;
	least = least_used(owner, now_ns);
	owner->searched_ns = now_ns;
	owner->least = least ? uses_now(&least->uses, now_ns) : USES_MAX;
	if (!least || uses <= 2 * owner->least)
		return false;
	value_remove(values, owner, least);
	return true;
}

/* Makes room in the total at the cost of the owner with the most. False: that is the asker. */
static bool replace_others(struct label_values *values, const struct owner *asker, uint64_t now_ns)
{
	struct owner *most = NULL;

	if (HASH_COUNT(asker->values) >= values->total_max / HASH_COUNT(values->owners))
		return false;
	for (struct owner *owner = values->by_use; owner; owner = owner->next)
		if (!most || HASH_COUNT(owner->values) > HASH_COUNT(most->values))
			most = owner;
	if (HASH_COUNT(most->values) <= HASH_COUNT(asker->values) + 1)
		return false;
	value_remove(values, most, least_used(most, now_ns));
	return true;
}

static bool room_make(struct label_values *values, struct owner *owner, size_t most, unsigned uses,
	uint64_t now_ns)
{
	if (HASH_COUNT(owner->values) < most &&
		(values->total < values->total_max || replace_others(values, owner, now_ns)))
		return true;
	return replace_own(values, owner, uses, now_ns);
}

static bool value_add(
	struct label_values *values, struct owner *owner, const char *text, const struct uses *uses)
{
	size_t length = strlen(text);
	struct value *value = calloc(1, sizeof(*value) + length + 1);

	if (!value)
		return false;
	memcpy(value->text, text, length);
	value->uses = *uses;
	HASH_ADD_KEYPTR(hh, owner->values, value->text, length, value);
	values->total++;
	return true;
}

bool label_values_admit(struct label_values *values, const char *owner_name, const char *text,
	size_t most, unsigned uses, uint64_t now_ns)
{
	struct owner *owner = owner_use(values, owner_name, now_ns);
	struct candidate *candidate;
	struct value *value;

	if (!owner)
		return false;
	HASH_FIND_STR(owner->values, text, value);
	if (value) {
		uses_add(&value->uses, uses, now_ns);
		return true;
	}
	candidate = candidate_ask(owner, text);
	uses_add(&candidate->uses, uses, now_ns);
	if (!room_make(values, owner, most, candidate->uses.count, now_ns) ||
		!value_add(values, owner, text, &candidate->uses))
		return false;
	*candidate = (struct candidate){0};
	return true;
}

/* --- begin and end --- */

struct label_values *label_values_new(size_t total_max)
{
	struct label_values *values = calloc(1, sizeof(*values));

	if (values)
		values->total_max = total_max;
	return values;
}

void label_values_free(struct label_values *values)
{
	struct owner *owner;

	if (!values)
		return;
	while ((owner = values->by_use))
		owner_remove(values, owner);
	free(values);
}
