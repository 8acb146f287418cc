/* SPDX-License-Identifier: Apache-2.0 */
/* See text.h. */
#include "base/text.h"

#include <ctype.h>
#include <string.h>

#include "base/utf8.h"

void text_put_bytes(struct text *text, const char *bytes, size_t size)
{
	if (size < TEXT_LEN - text->used) {
		memcpy(text->bytes + text->used, bytes, size);
		text->used += size;
	}
}

void text_put(struct text *text, const char *string)
{
	text_put_bytes(text, string, strlen(string));
}

void text_put_number(struct text *text, uint64_t number)
{
	char digits[20]; /* of 2^64 - 1 */
	char *first = digits + sizeof(digits);

	do {
		*--first = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	text_put_bytes(text, first, (size_t)(digits + sizeof(digits) - first));
}

void number_text(char text[NUMBER_TEXT_LEN], uint32_t number)
{
	char digits[NUMBER_TEXT_LEN];
	size_t count = 0;

	do
		digits[count++] = (char)('0' + number % 10);
	while ((number /= 10) != 0);
	while (count)
		*text++ = digits[--count];
	*text = '\0';
}

/* RFC 3986 §2.3: all but unreserved characters. */
void text_put_escaped(struct text *text, const char *string)
{
	static const char digits[] = "0123456789ABCDEF";

	for (; *string; string++) {
		unsigned char byte = (unsigned char)*string;

		if (byte < 0x80 && (isalnum(byte) || strchr("-._~", byte)))
			text_put_bytes(text, string, 1);
		else
			text_put_bytes(
				text, (char[]){'%', digits[byte >> 4], digits[byte & 15]}, 3);
	}
}

void text_put_utf8(struct text *text, const char *string)
{
	size_t size = strlen(string);

	for (size_t i = 0; i < size;) {
		size_t length = utf8_ascii_length(string + i, size - i);
		uint32_t code;

		if (length) {
			text_put_bytes(text, string + i, length);
		} else if ((length = utf8_decode(string + i, size - i, &code))) {
			text_put_bytes(text, string + i, length);
		} else {
			text_put_bytes(text, "\xef\xbf\xbd", 3);
			length = 1;
		}
		i += length;
	}
}
