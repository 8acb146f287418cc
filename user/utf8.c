/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8: decoding, and the copy that leaves only what may be shown. */
#include "utf8.h"

#include <stdbool.h>
#include <string.h>

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

static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

size_t utf8_copy(char *to, size_t size, const char *from, size_t length)
{
	size_t used = 0;

	for (size_t at = 0; at < length && from[at];) {
		uint32_t code;
		size_t step = utf8_decode(from + at, length - at, &code);
		bool shown = step && !is_control(code);
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
