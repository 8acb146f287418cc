/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text that grows. A failed allocation is remembered instead of returned, so that a page can be
 * written without a check behind every piece: look at `failed` once, at the end.
 *
 *   struct buffer page = {0};
 *   buffer_append_text(&page, "answer ");
 *   buffer_append_integer(&page, 42);
 *   … page.text, page.length …
 *   buffer_free(&page);
 */
#ifndef SONDE_BUFFER_H
#define SONDE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
	char *text; /* not terminated; NULL as long as it is empty */
	size_t length;
	size_t capacity;
	bool failed; /* no memory: something is missing, and nothing more is taken */
};

/* Where `room` more bytes can be written, for the caller to add to `length`; NULL: no memory. */
char *buffer_reserve(struct buffer *buffer, size_t room);

void buffer_append(struct buffer *buffer, const char *bytes, size_t length);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_integer(struct buffer *buffer, uint64_t number);

/* Leaves an empty buffer. */
void buffer_free(struct buffer *buffer);

#endif
