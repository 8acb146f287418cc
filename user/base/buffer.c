/* SPDX-License-Identifier: Apache-2.0 */
/* Text that grows (buffer.h), twofold each time: a page of megabytes is moved a few times only. */
#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_LEAST 4096
#define DIGITS_MAX     20 /* of 2^64 - 1 */

char *buffer_reserve(struct buffer *buffer, size_t room)
{
	if (buffer->capacity - buffer->length < room && !buffer->failed) {
		size_t capacity = 2 * buffer->capacity + room;
		if (capacity < CAPACITY_LEAST)
			capacity = CAPACITY_LEAST;
		char *text = realloc(buffer->text, capacity);
		if (text) {
			buffer->text = text;
			buffer->capacity = capacity;
		}
		buffer->failed = !text;
	}
	return buffer->failed ? NULL : buffer->text + buffer->length;
}

void buffer_append(struct buffer *buffer, const char *bytes, size_t length)
{
	char *end = buffer_reserve(buffer, length);

	if (!end || !length) /* nothing may be no address at all, which memcpy() does not take */
		return;
	memcpy(end, bytes, length);
	buffer->length += length;
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
	buffer_append(buffer, text, strlen(text));
}

/* Most of a scrape is integers: several times as quick as printf(). */
void buffer_append_integer(struct buffer *buffer, uint64_t number)
{
	char digits[DIGITS_MAX];
	char *first = digits + DIGITS_MAX;

	do {
		*--first = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	buffer_append(buffer, first, (size_t)(digits + DIGITS_MAX - first));
}

void buffer_free(struct buffer *buffer)
{
	free(buffer->text);
	*buffer = (struct buffer){0};
}
