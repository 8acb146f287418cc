/* SPDX-License-Identifier: Apache-2.0 */
/* See otlp_attributes.h. */
#include "export/otlp/otlp_attributes.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/protobuf.h"
#include "base/utf8.h"

/* AnyValue, of which exactly one field is there, and KeyValue and ArrayValue around it. */
#define VALUE_STRING  1
#define VALUE_BOOLEAN 2
#define VALUE_INTEGER 3
#define VALUE_REAL    4
#define VALUE_ARRAY   5
#define PAIR_KEY      1
#define PAIR_VALUE    2
#define ARRAY_VALUES  1

/* What text is on the wire: tag, length and itself. */
static size_t bytes_size(size_t length)
{
	return 1 + protobuf_varint_size(length) + length;
}

/* A header whose length takes one byte. */
static char *put_short_header(char *to, unsigned field, size_t length)
{
	to[0] = protobuf_tag(field, PROTOBUF_BYTES);
	to[1] = (char)length;
	return to + 2;
}

#define SHORT_MAX 0x7f /* the longest length of one byte; most pairs are as short */

/*
 * Writes the pair up to its value, which has `size` bytes, and returns where that goes, or NULL.
 */
static char *pair_begin(
	struct attributes *attributes, const struct attribute *attribute, size_t size)
{
	size_t key_length = attribute->key_length;
	size_t pair_size = bytes_size(key_length) + bytes_size(size);
	char *begin = buffer_reserve(attributes->buffer, PROTOBUF_HEADER_LEN + pair_size);
	char *to = begin;

	if (!begin)
		return NULL;
	if (pair_size <= SHORT_MAX) {
		to = put_short_header(to, attributes->field, pair_size);
		to = put_short_header(to, PAIR_KEY, key_length);
		to = (char *)mempcpy(to, attribute->key, key_length);
		to = put_short_header(to, PAIR_VALUE, size);
	} else {
		to += protobuf_put_header(to, attributes->field, pair_size);
		to += protobuf_put_header(to, PAIR_KEY, key_length);
		to = (char *)mempcpy(to, attribute->key, key_length);
		to += protobuf_put_header(to, PAIR_VALUE, size);
	}
	attributes->buffer->length += (size_t)(to - begin) + size;
	return to;
}

const char *attributes_mend(struct attributes *attributes, const char *string, size_t *length)
{
	struct text *text = &attributes->text;

	if (*length < TEXT_LEN && utf8_ascii_length(string, *length) == *length)
		return string;
	text_clear(text);
	text_put_utf8(text, string);
	*length = text->used;
	return text->bytes;
}

static void put_text(struct attributes *attributes, const struct attribute *attribute)
{
	size_t length = strlen(attribute->text);
	const char *text = attributes_mend(attributes, attribute->text, &length);
	char *to = pair_begin(attributes, attribute, bytes_size(length));

	if (to)
		memcpy(to + protobuf_put_header(to, VALUE_STRING, length), text, length);
}

/* Cuts the next word off; false: there is none. */
static bool next_word(const char **at, const char *end, size_t *length)
{
	const char *space;

	if (!*at)
		return false;
	space = memchr(*at, ' ', (size_t)(end - *at));
	*length = (size_t)((space ? space : end) - *at);
	return true;
}

static const char *after_word(const char *word, size_t length, const char *end)
{
	return word + length < end ? word + length + 1 : NULL;
}

static void put_words(struct attributes *attributes, const struct attribute *attribute)
{
	const char *word, *end, *text;
	size_t size = 0, length = strlen(attribute->text);
	char *to;

	text = attributes_mend(attributes, attribute->text, &length);
	end = text + length;
	for (word = text; next_word(&word, end, &length); word = after_word(word, length, end))
		size += bytes_size(bytes_size(length));
	to = pair_begin(attributes, attribute, bytes_size(size));
	if (!to)
		return;
	to += protobuf_put_header(to, VALUE_ARRAY, size);
	for (word = text; next_word(&word, end, &length); word = after_word(word, length, end)) {
		to += protobuf_put_header(to, ARRAY_VALUES, bytes_size(length));
		to += protobuf_put_header(to, VALUE_STRING, length);
		memcpy(to, word, length);
		to += length;
	}
}

static void put_number(struct attributes *attributes, const struct attribute *attribute)
{
	uint64_t value = attribute->number;
	char *to = pair_begin(attributes, attribute, 1 + protobuf_varint_size(value));

	if (!to)
		return;
	to[0] = protobuf_tag(VALUE_INTEGER, PROTOBUF_VARINT);
	protobuf_put_varint(to + 1, value);
}

static void put_seconds(struct attributes *attributes, const struct attribute *attribute)
{
	double value = (double)attribute->number / 1e9;
	char *to = pair_begin(attributes, attribute, 1 + sizeof(uint64_t));
	uint64_t bits;

	if (!to)
		return;
	memcpy(&bits, &value, sizeof(bits));
	bits = htole64(bits);
	to[0] = protobuf_tag(VALUE_REAL, PROTOBUF_FIXED64);
	memcpy(to + 1, &bits, sizeof(bits));
}

static void put_boolean(struct attributes *attributes, const struct attribute *attribute)
{
	char *to = pair_begin(attributes, attribute, 2);

	if (!to)
		return;
	to[0] = protobuf_tag(VALUE_BOOLEAN, PROTOBUF_VARINT);
	to[1] = attribute->number != 0;
}

static void put_time(struct attributes *attributes, const struct attribute *attribute)
{
	char text[CLOCK_TEXT_LEN];
	struct attribute time = *attribute;

	clock_text(text, attribute->number);
	time.text = text;
	put_text(attributes, &time);
}

void attributes_put(void *context, const struct attribute *attribute)
{
	struct attributes *to = context;

	switch (attribute->type) {
	case ATTRIBUTE_TEXT: put_text(to, attribute); break;
	case ATTRIBUTE_WORDS: put_words(to, attribute); break;
	case ATTRIBUTE_NUMBER: put_number(to, attribute); break;
	case ATTRIBUTE_BOOLEAN: put_boolean(to, attribute); break;
	case ATTRIBUTE_SECONDS: put_seconds(to, attribute); break;
	case ATTRIBUTE_TIME: put_time(to, attribute); break;
	}
}

void attributes_put_text(struct attributes *attributes, const char *key, const char *text)
{
	if (text && *text)
		put_text(attributes,
			&(struct attribute){
				.key = key, .key_length = (uint32_t)strlen(key), .text = text});
}

void attributes_put_number(struct attributes *attributes, const char *key, uint64_t number)
{
	put_number(attributes,
		&(struct attribute){
			.key = key, .key_length = (uint32_t)strlen(key), .number = number});
}
