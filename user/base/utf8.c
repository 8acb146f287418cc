/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8: decoding, and the copy that leaves only what may be shown. */
#include "base/utf8.h"

#include <string.h>

struct unicode_range {
	uint32_t first, last;
};

#include "base/unicode_ranges.h"

size_t utf8_decode(const char *text, size_t length, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *byte = (const unsigned char *)text;
	size_t size;

	if (!length)
		return 0;
	if (byte[0] < 0x80) {
		*code = byte[0];
		return 1;
	}
	size = byte[0] >= 0xf0 ? 4 : byte[0] >= 0xe0 ? 3 : 2;
	if (byte[0] < 0xc0 || byte[0] > 0xf7 || length < size)
		return 0;
	*code = byte[0] & (0x7f >> size);
	for (size_t i = 1; i < size; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (byte[i] & 0x3f);
	}
	if (*code < least[size] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return size;
}

static bool is_in(const struct unicode_range *ranges, size_t count, uint32_t code)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (code > ranges[middle].last)
			low = middle + 1;
		else if (code < ranges[middle].first)
			high = middle;
		else
			return true;
	}
	return false;
}

bool utf8_is_shown(uint32_t code)
{
	if (code < 0x80)
		return code >= 0x20 && code != 0x7f;
	return !is_in(hidden, sizeof(hidden) / sizeof(hidden[0]), code);
}

bool utf8_is_mark(uint32_t code)
{
	return code >= 0x80 && is_in(marks, sizeof(marks) / sizeof(marks[0]), code);
}

size_t utf8_copy(char *to, size_t size, const char *from, size_t length)
{
	size_t used = 0;
	unsigned marks_in_row = 0;

	for (size_t at = 0; at < length && from[at];) {
		uint32_t code;
		size_t step = utf8_decode(from + at, length - at, &code);
		bool is_mark = step && utf8_is_mark(code);

		marks_in_row = is_mark ? marks_in_row + 1 : 0;
		bool shown = step && utf8_is_shown(code) && marks_in_row <= UTF8_MARKS_MAX;
		size_t width = shown ? step : 1;

		if (used + width >= size)
			break;
		if (shown)
			memmove(to + used, from + at, step);
		else
			to[used] = '?';
		used += width;
		at += step ? step : 1;
	}
	to[used] = '\0';
	return used;
}
