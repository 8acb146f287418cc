/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What OTEL_RESOURCE_ATTRIBUTES says of a service: `service.name`, `service.namespace` and
 * `service.version` of `key=value,key=value`, with values that are percent-encoded. It is taken
 * character by character, as the variable may be longer than the room for it. Of a key that stands
 * twice the last one counts, as in OpenTelemetry's SDKs.
 *
 * Used by the probe at exec (workload.bpf.c) and by the daemon for processes that were there before
 * (process_names.c), so that both find the same.
 */
#ifndef SONDE_RESOURCE_H
#define SONDE_RESOURCE_H

#include "core/command_words.h"

#define RESOURCE_VARIABLE "OTEL_RESOURCE_ATTRIBUTES="
#define RESOURCE_KEY_LEN  24  /* of keys that are known, and one character more */
#define RESOURCE_NAME_LEN 128 /* longer values are cut */
#define RESOURCE_PART_LEN 96  /* of namespace and version */
#define RESOURCE_PIECES   16  /* of 255 bytes, of the variable, that are looked at */

/* Between name, namespace and version where they are one text; see RECORD_WORKLOAD. */
#define RESOURCE_SEPARATOR '\x1f'

/* A part is put behind a name that ends there at the latest. */
#define RESOURCE_ROOM (NAME_LEN - 1 - RESOURCE_PART_LEN)

enum resource_part { RESOURCE_NAME, RESOURCE_NAMESPACE, RESOURCE_VERSION, RESOURCE_OTHER };

struct otel_resource {
	__u64 key[RESOURCE_KEY_LEN / 8];
	__u32 part; /* enum resource_part: whose value it is */
	__u32 is_value;
	__u32 used;    /* of the key, or of the value */
	__u32 escaped; /* digits of a `%2F` that are still to come */
	__u32 byte;    /* what they come to */
	__u32 reserved;
	char name[RESOURCE_NAME_LEN];
	char namespace[RESOURCE_NAME_LEN]; /* RESOURCE_PART_LEN of it are used */
	char version[RESOURCE_NAME_LEN];   /* likewise */
};

COMMAND_INLINE void resource_key_begin(struct otel_resource *resource)
{
	resource->key[0] = resource->key[1] = resource->key[2] = 0;
	resource->is_value = 0;
	resource->used = 0;
	resource->escaped = 0;
}

COMMAND_INLINE void resource_begin(struct otel_resource *resource)
{
	resource_key_begin(resource);
	resource->name[0] = 0;
	resource->namespace[0] = 0;
	resource->version[0] = 0;
}

#define RESOURCE_WORD(a, b, c, d, e, f, g, h)                                                      \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 |   \
		(__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

COMMAND_INLINE __u32 resource_part(const struct otel_resource *resource)
{
	if (resource->key[0] != RESOURCE_WORD('s', 'e', 'r', 'v', 'i', 'c', 'e', '.'))
		return RESOURCE_OTHER;
	if (resource->key[1] == RESOURCE_WORD('n', 'a', 'm', 'e', 0, 0, 0, 0))
		return RESOURCE_NAME;
	if (resource->key[1] == RESOURCE_WORD('v', 'e', 'r', 's', 'i', 'o', 'n', 0))
		return RESOURCE_VERSION;
	if (resource->key[1] == RESOURCE_WORD('n', 'a', 'm', 'e', 's', 'p', 'a', 'c') &&
		resource->key[2] == 'e')
		return RESOURCE_NAMESPACE;
	return RESOURCE_OTHER;
}

COMMAND_INLINE void resource_value_begin(struct otel_resource *resource)
{
	resource->part = resource_part(resource);
	resource->is_value = 1;
	resource->used = 0;
	if (resource->part == RESOURCE_NAME)
		resource->name[0] = 0;
	else if (resource->part == RESOURCE_NAMESPACE)
		resource->namespace[0] = 0;
	else if (resource->part == RESOURCE_VERSION)
		resource->version[0] = 0;
}

COMMAND_INLINE void resource_put_at(char text[RESOURCE_NAME_LEN], __u32 at, char c)
{
	text[at & (RESOURCE_NAME_LEN - 1)] = c;
	text[(at + 1) & (RESOURCE_NAME_LEN - 1)] = 0;
}

/* A character that separates or ends the whole is none of a value. */
COMMAND_INLINE void resource_put(struct otel_resource *resource, char c)
{
	__u32 used = resource->used;

	if (!c || c == RESOURCE_SEPARATOR)
		c = '?';
	if (resource->part == RESOURCE_NAME && used < RESOURCE_NAME_LEN - 1)
		resource_put_at(resource->name, used, c);
	else if (resource->part == RESOURCE_NAMESPACE && used < RESOURCE_PART_LEN - 1)
		resource_put_at(resource->namespace, used, c);
	else if (resource->part == RESOURCE_VERSION && used < RESOURCE_PART_LEN - 1)
		resource_put_at(resource->version, used, c);
	else
		return;
	resource->used = used + 1;
}

COMMAND_INLINE void resource_escaped(struct otel_resource *resource, char c)
{
	__u32 digit = command_is_digit(c)    ? (__u32)(c - '0')
		      : c >= 'a' && c <= 'f' ? (__u32)(c - 'a' + 10)
		      : c >= 'A' && c <= 'F' ? (__u32)(c - 'A' + 10)
					     : 16;

	if (digit > 15) { /* no such encoding: the value is not what it seems */
		resource->escaped = 0;
		resource_put(resource, '?');
		return;
	}
	resource->byte = (resource->byte << 4 | digit) & 0xff;
	resource->escaped = resource->escaped - 1;
	if (!resource->escaped)
		resource_put(resource, (char)resource->byte);
}

/* The next character of the variable's value. */
COMMAND_INLINE void resource_character(struct otel_resource *resource, char c)
{
	if (c == ',') {
		resource_key_begin(resource);
	} else if (c == ' ' && !resource->used) {
		/* between keys and values there may be spaces */
	} else if (resource->is_value && resource->escaped) {
		resource_escaped(resource, c);
	} else if (resource->is_value && c == '%') {
		resource->escaped = 2;
		resource->byte = 0;
	} else if (resource->is_value) {
		resource_put(resource, c);
	} else if (c == '=') {
		resource_value_begin(resource);
	} else if (c != ' ') {
		if (resource->used < RESOURCE_KEY_LEN)
			((char *)resource->key)[resource->used] = c;
		resource->used = resource->used + 1;
	}
}

#endif
