/* SPDX-License-Identifier: Apache-2.0 */
/* See json_stream.h. */
#include "kubernetes/json_stream.h"

#include <errno.h>
#include <string.h>

/* A buffer that grew for a large document is not kept for small ones. */
#define BUFFER_KEPT (64 * 1024)

/* How many brackets are open where a document begins: none, or those of the list and its items. */
static const size_t outer_depth[] = {[JSON_EVENTS] = 0, [JSON_ITEMS] = 2};

void json_stream_begin(struct json_stream *stream, enum json_stream_kind kind,
	void (*take)(void *context, const char *document, size_t length), void *context)
{
	*stream = (struct json_stream){.kind = kind, .take = take, .context = context};
}

void json_stream_end(struct json_stream *stream)
{
	buffer_free(&stream->document);
	buffer_free(&stream->envelope);
}

static bool is_blank(char character)
{
	return character == ' ' || character == '\t' || character == '\n' || character == '\r';
}

static int document_add(struct json_stream *stream, char character)
{
	if (stream->is_too_long)
		return 0;
	if (stream->document.length == JSON_DOCUMENT_MAX) {
		stream->is_too_long = true;
		stream->oversized++;
		buffer_free(&stream->document);
		return 0;
	}
	buffer_append(&stream->document, &character, 1);
	return stream->document.failed ? -ENOMEM : 0;
}

static int envelope_add(struct json_stream *stream, char character)
{
	/* the commas between items go with these */
	if (stream->in_items && stream->depth == 2 && !stream->in_text && character == ',')
		return 0;
	if (is_blank(character) && !stream->in_text)
		return 0;
	if (stream->kind == JSON_EVENTS || stream->envelope.length == JSON_ENVELOPE_MAX)
		return -EBADMSG; /* no object */
	buffer_append(&stream->envelope, &character, 1);
	return stream->envelope.failed ? -ENOMEM : 0;
}

static int add(struct json_stream *stream, char character)
{
	return stream->in_document ? document_add(stream, character)
				   : envelope_add(stream, character);
}

static void document_end(struct json_stream *stream)
{
	stream->in_document = false;
	if (!stream->is_too_long)
		stream->take(stream->context, stream->document.text, stream->document.length);
	stream->is_too_long = false;
	stream->document.length = 0;
	if (stream->document.capacity > BUFFER_KEPT)
		buffer_free(&stream->document);
}

static int bracket_open(struct json_stream *stream, char bracket)
{
	bool is_outer = stream->depth == outer_depth[stream->kind];

	/* In a list, only the items are an array right within the object. */
	if (stream->kind == JSON_ITEMS && stream->depth == 1)
		stream->in_items = bracket == '[';
	if (bracket == '{' && is_outer && (stream->kind == JSON_EVENTS || stream->in_items))
		stream->in_document = true;
	if (stream->kind == JSON_ITEMS && !stream->depth && stream->has_begun)
		return -EBADMSG; /* something behind the list */
	stream->has_begun = true;
	stream->depth++;
	return add(stream, bracket);
}

static int bracket_close(struct json_stream *stream, char bracket)
{
	int result = stream->depth ? add(stream, bracket) : -EBADMSG;

	if (result)
		return result;
	stream->depth--;
	if (stream->in_document && stream->depth == outer_depth[stream->kind])
		document_end(stream);
	return 0;
}

static int text_continue(struct json_stream *stream, char character)
{
	int result = add(stream, character);

	if (stream->is_escaped)
		stream->is_escaped = false;
	else if (character == '\\')
		stream->is_escaped = true;
	else if (character == '"')
		stream->in_text = false;
	return result;
}

static int step(struct json_stream *stream, char character)
{
	if (stream->in_text)
		return text_continue(stream, character);
	switch (character) {
	case '{':
	case '[': return bracket_open(stream, character);
	case '}':
	case ']': return bracket_close(stream, character);
	case '"': stream->in_text = true; return add(stream, character);
	default:
		if (!stream->depth && !is_blank(character))
			return -EBADMSG;
		return add(stream, character);
	}
}

int json_stream_feed(struct json_stream *stream, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		int result = step(stream, bytes[i]);

		if (result)
			return result;
	}
	return 0;
}

bool json_stream_is_whole(const struct json_stream *stream)
{
	return !stream->depth && !stream->in_text &&
	       (stream->kind == JSON_EVENTS || stream->has_begun);
}
