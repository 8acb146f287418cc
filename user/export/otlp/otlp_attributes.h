/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attributes of OTLP messages, pairs of a key and a value, written straight into the message
 * that they belong to.
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

#include "base/buffer.h"
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

struct attributes {
	struct buffer *buffer; /* where the message is written */
	unsigned field;        /* number of `attributes` in it */
	struct text text;      /* of the string that is being put together */
};

/* A string is put together in pieces: clear, put, and add it by attribute_put_together(). */
void text_clear(struct text *text);
void text_put(struct text *text, const char *string);
void text_put_number(struct text *text, uint64_t number);
void text_put_escaped(struct text *text, const char *string); /* %2F and so on, for URLs */
void text_put_query(struct text *text, const char *query);    /* secrets in it become REDACTED */

/* Keys live for ever. An unknown string (NULL or "") is left out. */
void attribute_string(struct attributes *attributes, const char *key, const char *value);
/* The text that was put together, also when it is empty. */
void attribute_put_together(struct attributes *attributes, const char *key);
/* An array of the words of a string, which stand between single spaces. */
void attribute_words(struct attributes *attributes, const char *key, const char *value);
void attribute_integer(struct attributes *attributes, const char *key, uint64_t value);
void attribute_real(struct attributes *attributes, const char *key, double value);
void attribute_boolean(struct attributes *attributes, const char *key, bool value);
/* Address and port of a socket; an unknown one ("", 0) is left out. */
void attribute_endpoint(struct attributes *attributes, const char *address_key, const char *address,
	const char *port_key, uint16_t port);

#endif
