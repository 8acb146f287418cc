/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts what an API server sends into documents, whatever pieces it comes in: the events of a watch,
 * which are JSON objects one behind the other, or the items of a list. So a list of any length
 * needs memory for one item. What is in a document is for a parser to say; here only brackets and
 * texts are told apart.
 *
 * Memory is bounded: a document that is longer than JSON_DOCUMENT_MAX is passed over and counted.
 */
#ifndef SONDE_JSON_STREAM_H
#define SONDE_JSON_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

#define JSON_DOCUMENT_MAX                                                                          \
	(1024 * 1024)                 /* the API server takes objects of 1.5 MB, nearly all of     \
					 them annotations and environments */
#define JSON_ENVELOPE_MAX (16 * 1024) /* what is around a list's items */

enum json_stream_kind { JSON_EVENTS, JSON_ITEMS };

struct json_stream {
	enum json_stream_kind kind;
	void (*take)(void *context, const char *document, size_t length);
	void *context;

	/* JSON_ITEMS: the list without its items, whole when json_stream_is_whole(). */
	struct buffer envelope;
	size_t oversized; /* documents that were passed over */

	struct buffer document;
	size_t depth; /* of open brackets */
	bool in_items, in_document, in_text, is_escaped, is_too_long, has_begun;
};

void json_stream_begin(struct json_stream *stream, enum json_stream_kind kind,
	void (*take)(void *context, const char *document, size_t length), void *context);
void json_stream_end(struct json_stream *stream);

/* The next piece. 0, -EBADMSG: this is no such stream, or -ENOMEM. */
int json_stream_feed(struct json_stream *stream, const char *bytes, size_t length);

/* Nothing is missing: the list has ended, or the watch is between two events. */
bool json_stream_is_whole(const struct json_stream *stream);

#endif
