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

#include "base/attribute.h"
#include "base/buffer.h"
#include "base/text.h"

struct attributes {
	struct buffer *buffer; /* where the message is written */
	unsigned field;        /* number of `attributes` in it */
	struct text text;      /* a string that is mended */
};

/* An attribute_sink; `attributes` is the struct attributes. A time becomes text, by RFC 3339. */
void attributes_put(void *attributes, const struct attribute *attribute);

/* A text as OTLP takes it, and its new length: itself, or where it is mended. */
const char *attributes_mend(struct attributes *attributes, const char *string, size_t *length);

/* Text that is not known, NULL or "", is left out. */
void attributes_put_text(struct attributes *attributes, const char *key, const char *text);
void attributes_put_number(struct attributes *attributes, const char *key, uint64_t number);

#endif
