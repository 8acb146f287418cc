/* SPDX-License-Identifier: Apache-2.0 */
/* See exchange.h. */
#include "protocol/exchange.h"

#include <string.h>

/* --- attributes --- */

/* Reads the value. False: it is not known. */
static bool attribute_read(struct attribute *attribute, const struct exchange_attribute *row,
	const struct exchange *exchange, struct text *text)
{
	const char *member = (const char *)exchange + row->offset;

	if (row->compose) {
		text_clear(text);
		if (!row->compose(text, exchange))
			return false;
		attribute->text = text_string(text);
		return true;
	}
	if (row->type >= ATTRIBUTE_NUMBER) {
		attribute->number = *(const uint64_t *)member;
		return attribute->number || row->is_always;
	}
	attribute->text = row->same ? row->same : *(const char *const *)member;
	return attribute->text && (*attribute->text || row->is_always);
}

void exchange_visit(const struct exchange *exchange, attribute_sink sink, void *context)
{
	const struct exchange_attribute *row = exchange->protocol->attributes;
	const struct exchange_attribute *end = row + exchange->protocol->attribute_count;
	struct text text;

	for (; row < end; row++) {
		struct attribute attribute;

		if (!(row->roles >> exchange->role & 1) ||
			!attribute_read(&attribute, row, exchange, &text))
			continue;
		attribute.key = row->key;
		attribute.key_length = row->key_length;
		attribute.type = row->type;
		sink(context, &attribute);
	}
}

#define TEXT_OFFSET(place) offsetof(struct exchange, texts[place])

_Static_assert(EXCHANGE_TEXTS == 8, "so many are listed here");

const size_t exchange_strings[EXCHANGE_STRINGS] = {offsetof(struct exchange, operation),
	offsetof(struct exchange, target), offsetof(struct exchange, status),
	offsetof(struct exchange, error), offsetof(struct exchange, server.address),
	offsetof(struct exchange, local.address), offsetof(struct exchange, peer.address),
	offsetof(struct exchange, peer_name), offsetof(struct exchange, peer_namespace),
	TEXT_OFFSET(0), TEXT_OFFSET(1), TEXT_OFFSET(2), TEXT_OFFSET(3), TEXT_OFFSET(4),
	TEXT_OFFSET(5), TEXT_OFFSET(6), TEXT_OFFSET(7)};

/* --- identifiers --- */

/* A mixing function with good avalanche: the finalizer of SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t identity_mix(uint64_t value)
{
	value += 0x9e3779b97f4a7c15;
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
	value = (value ^ value >> 27) * 0x94d049bb133111eb;
	return value ^ value >> 31;
}

static void identifier_put(uint8_t to[8], const uint64_t identity[EXCHANGE_IDENTITY], uint64_t salt)
{
	uint64_t value = salt;

	for (int i = 0; i < EXCHANGE_IDENTITY; i++)
		value = identity_mix(value ^ identity[i]);
	if (!value)
		value = 1; /* zero is not a valid identifier */
	memcpy(to, &value, sizeof(value));
}

void exchange_identify(struct exchange_trace *trace, const uint64_t identity[EXCHANGE_IDENTITY])
{
	identifier_put(trace->trace_id, identity, 1);
	identifier_put(trace->trace_id + 8, identity, 2);
	identifier_put(trace->span_id, identity, 3);
	memset(trace->parent_id, 0, sizeof(trace->parent_id));
	trace->flags = 1;
}
