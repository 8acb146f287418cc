/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of OTLP messages and the text in them (otlp_attributes.h). */
#include "export/otlp/otlp_attributes.h"

#include <ctype.h>
#include <endian.h>
#include <string.h>

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

/* --- text --- */

static void put_bytes(struct text *text, const char *bytes, size_t size)
{
	if (size < TEXT_LEN - text->used) {
		memcpy(text->bytes + text->used, bytes, size);
		text->used += size;
	}
}

/* How many bytes at the beginning are ASCII, which nearly all text is. */
static size_t ascii_length(const char *string, size_t size)
{
	uint64_t word;
	size_t i = 0;

	for (; i + sizeof(word) <= size; i += sizeof(word)) {
		memcpy(&word, string + i, sizeof(word));
		if (word & 0x8080808080808080)
			break;
	}
	while (i < size && !(string[i] & 0x80))
		i++;
	return i;
}

static void put_piece(struct text *text, const char *string, size_t size)
{
	for (size_t i = 0; i < size;) {
		size_t length = ascii_length(string + i, size - i);
		uint32_t code;

		if (length) {
			put_bytes(text, string + i, length);
		} else if ((length = utf8_decode(string + i, size - i, &code))) {
			put_bytes(text, string + i, length);
		} else {
			put_bytes(text, "\xef\xbf\xbd", 3);
			length = 1;
		}
		i += length;
	}
}

void text_clear(struct text *text)
{
	text->used = 0;
}

void text_put(struct text *text, const char *string)
{
	put_piece(text, string, strlen(string));
}

void text_put_number(struct text *text, uint64_t number)
{
	char digits[20]; /* of 2^64 - 1 */
	char *first = digits + sizeof(digits);

	do {
		*--first = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	put_bytes(text, first, (size_t)(digits + sizeof(digits) - first));
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

/* --- attributes --- */

/* What text is on the wire: tag, length and itself. */
static size_t bytes_size(size_t length)
{
	return 1 + protobuf_varint_size(length) + length;
}

/* Writes the pair up to its value, which has `size` bytes, and returns where that goes, or NULL. */
static char *pair_begin(struct attributes *attributes, const char *key, size_t size)
{
	size_t key_length = strlen(key);
	size_t pair_size = bytes_size(key_length) + bytes_size(size);
	char *begin = buffer_reserve(attributes->buffer, PROTOBUF_HEADER_LEN + pair_size);
	char *to = begin;

	if (!begin)
		return NULL;
	to += protobuf_put_header(to, attributes->field, pair_size);
	to += protobuf_put_header(to, PAIR_KEY, key_length);
	memcpy(to, key, key_length);
	to += key_length;
	to += protobuf_put_header(to, PAIR_VALUE, size);
	attributes->buffer->length += (size_t)(to - begin) + size;
	return to;
}

static void string_add(
	struct attributes *attributes, const char *key, const char *value, size_t length)
{
	char *to = pair_begin(attributes, key, bytes_size(length));

	if (to)
		memcpy(to + protobuf_put_header(to, VALUE_STRING, length), value, length);
}

void attribute_put_together(struct attributes *attributes, const char *key)
{
	string_add(attributes, key, attributes->text.bytes, attributes->text.used);
}

void attribute_string(struct attributes *attributes, const char *key, const char *value)
{
	size_t length = value ? strlen(value) : 0;

	if (!length)
		return;
	if (length < TEXT_LEN && ascii_length(value, length) == length) {
		string_add(attributes, key, value, length);
		return;
	}
	text_clear(&attributes->text);
	text_put(&attributes->text, value);
	attribute_put_together(attributes, key);
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

void attribute_words(struct attributes *attributes, const char *key, const char *value)
{
	struct text *text = &attributes->text;
	const char *word, *end;
	size_t size = 0, length;
	char *to;

	if (!value || !*value)
		return;
	text_clear(text);
	text_put(text, value);
	end = text->bytes + text->used;
	for (word = text->bytes; next_word(&word, end, &length);
		word = after_word(word, length, end))
		size += bytes_size(bytes_size(length));
	to = pair_begin(attributes, key, bytes_size(size));
	if (!to)
		return;
	to += protobuf_put_header(to, VALUE_ARRAY, size);
	for (word = text->bytes; next_word(&word, end, &length);
		word = after_word(word, length, end)) {
		to += protobuf_put_header(to, ARRAY_VALUES, bytes_size(length));
		to += protobuf_put_header(to, VALUE_STRING, length);
		memcpy(to, word, length);
		to += length;
	}
}

void attribute_integer(struct attributes *attributes, const char *key, uint64_t value)
{
	char *to = pair_begin(attributes, key, 1 + protobuf_varint_size(value));

	if (!to)
		return;
	to[0] = protobuf_tag(VALUE_INTEGER, PROTOBUF_VARINT);
	protobuf_put_varint(to + 1, value);
}

void attribute_real(struct attributes *attributes, const char *key, double value)
{
	char *to = pair_begin(attributes, key, 1 + sizeof(uint64_t));
	uint64_t bits;

	if (!to)
		return;
	memcpy(&bits, &value, sizeof(bits));
	bits = htole64(bits);
	to[0] = protobuf_tag(VALUE_REAL, PROTOBUF_FIXED64);
	memcpy(to + 1, &bits, sizeof(bits));
}

void attribute_boolean(struct attributes *attributes, const char *key, bool value)
{
	char *to = pair_begin(attributes, key, 2);

	if (!to)
		return;
	to[0] = protobuf_tag(VALUE_BOOLEAN, PROTOBUF_VARINT);
	to[1] = value;
}

void attribute_endpoint(struct attributes *attributes, const char *address_key, const char *address,
	const char *port_key, uint16_t port)
{
	attribute_string(attributes, address_key, address);
	if (*address && port)
		attribute_integer(attributes, port_key, port);
}
