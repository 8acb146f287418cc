/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text that is put together from pieces, in a room of a fixed size. A piece that does not fit is
 * left out.
 *
 *   struct text text;
 *
 *   text_clear(&text);
 *   text_put(&text, "GET ");
 *   text_put(&text, route);
 *   … text_string(&text) …
 */
#ifndef SONDE_TEXT_H
#define SONDE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* A request line of 256 bytes grows threefold by escapes, and again where secrets are replaced. */
#define TEXT_LEN 8192

struct text {
	size_t used; /* < TEXT_LEN */
	char bytes[TEXT_LEN];
};

static inline void text_clear(struct text *text)
{
	text->used = 0;
}

void text_put_bytes(struct text *text, const char *bytes, size_t size);
void text_put(struct text *text, const char *string);
void text_put_number(struct text *text, uint64_t number);
void text_put_escaped(struct text *text, const char *string); /* %2F and so on, for URLs */
void text_put_utf8(struct text *text, const char *string);    /* U+FFFD for what is no UTF-8 */

/* The digits of a number and a NUL, without a text around them. */
#define NUMBER_TEXT_LEN 11 /* of 2^32 - 1 */
void number_text(char text[NUMBER_TEXT_LEN], uint32_t number);

/* What was put together, with a NUL behind it; valid until more is put. */
static inline const char *text_string(struct text *text)
{
	text->bytes[text->used] = '\0';
	return text->bytes;
}

#endif
