/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that programs chose and others must read. Service names, paths and commands are any bytes;
 * protobuf and Prometheus take valid UTF-8 only, and a control character in a terminal or a log
 * line is an attack. Used by identity, by the live table and by whoever exports captured text.
 */
#ifndef SONDE_UTF8_H
#define SONDE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * The character at `text`, of which `length` bytes may be read: its code point in *code and its
 * length (1 … 4), or 0 when these bytes are not UTF-8 (overlong, a surrogate, cut off, none left).
 */
size_t utf8_decode(const char *text, size_t length, uint32_t *code);

/* How many bytes at the beginning are ASCII, which nearly all text is. */
static inline size_t utf8_ascii_length(const char *text, size_t length)
{
	uint64_t word;
	size_t i = 0;

	for (; i + sizeof(word) <= length; i += sizeof(word)) {
		memcpy(&word, text + i, sizeof(word));
		if (word & 0x8080808080808080)
			break;
	}
	while (i < length && !(text[i] & 0x80))
		i++;
	return i;
}

/*
 * May this character be shown as it is? Not so controls, what cannot be seen or turns a line around
 * (format characters, private use, separators, spaces but the one of ASCII), and what Unicode 14
 * does not have.
 */
bool utf8_is_shown(uint32_t code);

/* Is it put over the character before it? */
bool utf8_is_mark(uint32_t code);

/* Of marks in a row: more than writing needs, and they cover the lines above. */
#define UTF8_MARKS_MAX 4

/*
 * Copies up to `length` bytes of `from`, or to its NUL, into the `size` (at least 1) bytes at `to`;
 * each byte that is not UTF-8, each character that is not shown and each mark after
 * UTF8_MARKS_MAX becomes a "?". Cut between characters, always terminated. Returns the length
 * without the NUL. May work in place.
 */
size_t utf8_copy(char *to, size_t size, const char *from, size_t length);

#endif
