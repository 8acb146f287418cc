/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attributes of one OTLP message while it is built: pairs of a key and a value, with the text
 * that they point to. Reused for one message after the other, so it allocates nothing.
 *
 * Every string from outside goes through here, and comes out as valid UTF-8 (U+FFFD for what is
 * not), since a receiver refuses a whole request for one bad string.
 *
 * Called by the encoders (otlp_encode.c, otlp_span.c, otlp_flow.c).
 */
#ifndef SONDE_OTLP_ATTRIBUTES_H
#define SONDE_OTLP_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export/otlp_messages.pb-c.h"
#include "record.h"

/*
 * A request line is kept to HTTP_LINE_LEN bytes, and may grow threefold by replacement, again by
 * redaction, and shows up twice on a client span. What does not fit here is cut.
 */
#define TEXT_LEN (32 * HTTP_LINE_LEN)

struct text {
	size_t used; /* < TEXT_LEN */
	char bytes[TEXT_LEN];
};

#define ATTRIBUTES_MAX 40 /* a flow with everything has 33, a span 25 */
#define WORDS_MAX      32 /* as many addresses as are kept of a DNS answer */

struct attributes {
	size_t count;
	Otlp__KeyValue *list[ATTRIBUTES_MAX];
	Otlp__KeyValue pairs[ATTRIBUTES_MAX];
	Otlp__AnyValue values[ATTRIBUTES_MAX];
	Otlp__ArrayValue array; /* of the words; a message has no second one */
	Otlp__AnyValue *word_list[WORDS_MAX];
	Otlp__AnyValue words[WORDS_MAX];
	struct text text;
};

/* A string is put together in pieces: remember text->used, put, and text_end(text, remembered). */
void text_put(struct text *text, const char *string);
void text_put_escaped(struct text *text, const char *string); /* %2F and so on, for URLs */
void text_put_query(struct text *text, const char *query);    /* secrets in it become REDACTED */
char *text_end(struct text *text, size_t start);

void attributes_clear(struct attributes *attributes);

/* Keys live for ever. An unknown string (NULL or "") is left out. */
void attribute_string(struct attributes *attributes, const char *key, const char *value);
/* The same without a copy, and also when empty: for a literal, or what text_end() gave. */
void attribute_text(struct attributes *attributes, const char *key, const char *value);
/* An array of the words of a string, which stand between single spaces. */
void attribute_words(struct attributes *attributes, const char *key, const char *value);
void attribute_integer(struct attributes *attributes, const char *key, uint64_t value);
void attribute_real(struct attributes *attributes, const char *key, double value);
void attribute_boolean(struct attributes *attributes, const char *key, bool value);
/* Address and port of a socket; an unknown one ("", 0) is left out. */
void attribute_endpoint(struct attributes *attributes, const char *address_key, const char *address,
	const char *port_key, uint16_t port);

#endif
