/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of OTLP messages and the text in them (otlp_attributes.h). */
#include "export/otlp_attributes.h"

#include <ctype.h>
#include <string.h>

#include "utf8.h"

/* --- text --- */

static void put_bytes(struct text *text, const char *bytes, size_t size)
{
	if (size < TEXT_LEN - text->used) {
		memcpy(text->bytes + text->used, bytes, size);
		text->used += size;
	}
}

static void put_piece(struct text *text, const char *string, size_t size)
{
	for (size_t i = 0; i < size;) {
		uint32_t code;
		size_t length = utf8_decode(string + i, size - i, &code);

		if (length)
			put_bytes(text, string + i, length);
		else
			put_bytes(text, "\xef\xbf\xbd", 3);
		i += length ? length : 1;
	}
}

void text_put(struct text *text, const char *string)
{
	put_piece(text, string, strlen(string));
}

/* RFC 3986 §2.3: all but unreserved characters. */
void text_put_escaped(struct text *text, const char *string)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *string; string++) {
		unsigned char byte = (unsigned char)*string;

		if (byte < 0x80 && (isalnum(byte) || strchr("-._~", byte)))
			put_bytes(text, string, 1);
		else
			put_bytes(text, (char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3);
	}
}

/* Signatures and credentials of pre-signed URLs, as the conventions list them. */
static bool query_key_is_secret(const char *key, size_t length)
{
	static const char *const secrets[] = {"X-Amz-Signature", "X-Amz-Credential",
		"X-Amz-Security-Token", "AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature"};

	for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++)
		if (strlen(secrets[i]) == length && memcmp(secrets[i], key, length) == 0)
			return true;
	return false;
}

void text_put_query(struct text *text, const char *query)
{
	for (const char *at = query;; at++) {
		size_t length = strcspn(at, "&");
		size_t key = strcspn(at, "=&");

		if (key < length && query_key_is_secret(at, key)) {
			put_piece(text, at, key);
			text_put(text, "=REDACTED");
		} else {
			put_piece(text, at, length);
		}
		at += length;
		if (!*at)
			return;
		text_put(text, "&");
	}
}

char *text_end(struct text *text, size_t start)
{
	text->bytes[text->used] = '\0';
	if (text->used + 1 < TEXT_LEN)
		text->used++;
	return text->bytes + start;
}

/* --- attributes --- */

void attributes_clear(struct attributes *attributes)
{
	attributes->count = 0;
	attributes->text.used = 0;
}

static Otlp__AnyValue *attribute_add(
	struct attributes *attributes, const char *key, Otlp__AnyValue__ValueCase type)
{
	size_t i = attributes->count++;
	Otlp__KeyValue *pair = &attributes->pairs[i];
	Otlp__AnyValue *value = &attributes->values[i];

	otlp__key_value__init(pair);
	otlp__any_value__init(value);
	pair->key = (char *)key;
	pair->value = value;
	value->value_case = type;
	attributes->list[i] = pair;
	return value;
}

void attribute_text(struct attributes *attributes, const char *key, const char *value)
{
	attribute_add(attributes, key, OTLP__ANY_VALUE__VALUE_STRING_VALUE)->string_value =
		(char *)value;
}

void attribute_string(struct attributes *attributes, const char *key, const char *value)
{
	size_t start = attributes->text.used;

	if (!value || !*value)
		return;
	text_put(&attributes->text, value);
	attribute_text(attributes, key, text_end(&attributes->text, start));
}

void attribute_words(struct attributes *attributes, const char *key, const char *value)
{
	size_t start = attributes->text.used;
	char *text, *word;

	if (!value || !*value)
		return;
	otlp__array_value__init(&attributes->array);
	attributes->array.values = attributes->word_list;
	text_put(&attributes->text, value);
	text = text_end(&attributes->text, start);
	while (attributes->array.n_values < WORDS_MAX && (word = strsep(&text, " "))) {
		Otlp__AnyValue *element = &attributes->words[attributes->array.n_values];

		otlp__any_value__init(element);
		element->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
		element->string_value = word;
		attributes->word_list[attributes->array.n_values++] = element;
	}
	attribute_add(attributes, key, OTLP__ANY_VALUE__VALUE_ARRAY_VALUE)->array_value =
		&attributes->array;
}

void attribute_integer(struct attributes *attributes, const char *key, uint64_t value)
{
	attribute_add(attributes, key, OTLP__ANY_VALUE__VALUE_INT_VALUE)->int_value =
		(int64_t)value;
}

void attribute_real(struct attributes *attributes, const char *key, double value)
{
	attribute_add(attributes, key, OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE)->double_value = value;
}

void attribute_boolean(struct attributes *attributes, const char *key, bool value)
{
	attribute_add(attributes, key, OTLP__ANY_VALUE__VALUE_BOOL_VALUE)->bool_value = value;
}

void attribute_endpoint(struct attributes *attributes, const char *address_key, const char *address,
	const char *port_key, uint16_t port)
{
	attribute_string(attributes, address_key, address);
	if (*address && port)
		attribute_integer(attributes, port_key, port);
}
