/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An attribute: what is known of a thing under a name, as exports write it. Who knows the thing
 * visits its attributes (protocol/exchange.h, export/flows/flow_fields.h); who knows the format
 * writes each of them as it comes. What is not known is left out of a visit, so that a 0 is a
 * counted one.
 */
#ifndef SONDE_ATTRIBUTE_H
#define SONDE_ATTRIBUTE_H

#include <stdint.h>

enum attribute_type {
	ATTRIBUTE_TEXT,   /* any bytes: programs chose some of it */
	ATTRIBUTE_WORDS,  /* the same, as a list: its words stand between single spaces */
	ATTRIBUTE_NUMBER, /* from here on in `number` */
	ATTRIBUTE_BOOLEAN,
	ATTRIBUTE_SECONDS, /* as nanoseconds; so is the next one */
	ATTRIBUTE_TIME     /* of the wall clock, since 1970 */
};

struct attribute {
	const char *key; /* a literal, or of the configuration */
	uint32_t key_length;
	enum attribute_type type;
	union {
		const char *text; /* borrowed for the call */
		uint64_t number;
	};
};

typedef void (*attribute_sink)(void *context, const struct attribute *attribute);

#endif
