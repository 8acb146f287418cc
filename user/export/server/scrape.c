/* SPDX-License-Identifier: Apache-2.0 */
/* See scrape.h. */
#define ZLIB_CONST /* for input that deflate() only reads */
#include "export/server/scrape.h"

#include <string.h>

/*
 * A scrape repeats itself from line to line, so a small window finds nearly all: 8 KiB of it and
 * small tables make 72 KB for each gzipped scrape instead of zlib's usual 268 KB.
 */
#define GZIP_WINDOW_BITS  13
#define GZIP_HEADER       16 /* added to the window bits: gzip instead of zlib's own framing */
#define GZIP_MEMORY_LEVEL 6

static void begin(struct scrape *scrape, bool want_gzip)
{
	memset(scrape, 0, sizeof(*scrape));
	scrape->is_gzip = want_gzip && deflateInit2(&scrape->stream, Z_DEFAULT_COMPRESSION,
					       Z_DEFLATED, GZIP_WINDOW_BITS + GZIP_HEADER,
					       GZIP_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK;
}

void scrape_begin_metrics(struct scrape *scrape, enum exposition_format format, bool want_gzip)
{
	begin(scrape, want_gzip);
	scrape->format = format;
}

void scrape_begin_flows(struct scrape *scrape, const struct flow_query *query, bool want_gzip)
{
	begin(scrape, want_gzip);
	scrape->is_of_flows = true;
	flow_page_begin(&scrape->page, query);
}

const char *scrape_content_type(const struct scrape *scrape)
{
	return scrape->is_of_flows ? flow_page_content_type(&scrape->page.query)
				   : exposition_content_type(scrape->format);
}

void scrape_render(struct scrape *scrape, const struct scrape_source *source)
{
	struct buffer *piece = &scrape->piece;
	bool more;

	if (!scrape->has_begun && !scrape->is_of_flows)
		exposition_begin(&scrape->exposition, source->metrics, scrape->format);
	scrape->has_begun = true;
	scrape->source = *source;
	piece->length = 0;
	scrape->taken = 0;
	if (scrape->is_of_flows)
		more = flow_page_continue(&scrape->page, source->flows, piece, SCRAPE_PIECE_BYTES);
	else
		more = exposition_continue(&scrape->exposition, piece, SCRAPE_PIECE_BYTES);
	scrape->is_last = !more;
}

static ssize_t read_plain(struct scrape *scrape, char *to, size_t room)
{
	size_t length = scrape->piece.length - scrape->taken;

	if (!length)
		return scrape->is_last ? SCRAPE_END : SCRAPE_USED_UP;
	if (length > room)
		length = room;
	memcpy(to, scrape->piece.text + scrape->taken, length);
	scrape->taken += length;
	return (ssize_t)length;
}

static ssize_t read_gzip(struct scrape *scrape, char *to, size_t room)
{
	z_stream *stream = &scrape->stream;
	size_t length = scrape->piece.length - scrape->taken;

	if (scrape->has_ended)
		return SCRAPE_END;
	if (!length && !scrape->is_last)
		return SCRAPE_USED_UP;
	stream->next_in = (const Bytef *)scrape->piece.text + scrape->taken;
	stream->avail_in = (uInt)length;
	stream->next_out = (Bytef *)to;
	stream->avail_out = (uInt)room;
	scrape->has_ended =
		deflate(stream, scrape->is_last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_END;
	scrape->taken += length - stream->avail_in;
	/* Often nothing: zlib keeps what it took in until it has a block. */
	return (ssize_t)(room - stream->avail_out);
}

ssize_t scrape_read(struct scrape *scrape, char *to, size_t room)
{
	if (scrape->piece.failed)
		return SCRAPE_FAILED;
	return scrape->is_gzip ? read_gzip(scrape, to, room) : read_plain(scrape, to, room);
}

void scrape_end(struct scrape *scrape)
{
	exposition_end(&scrape->exposition);
	flow_page_end(&scrape->page);
	buffer_free(&scrape->piece);
	if (scrape->is_gzip)
		deflateEnd(&scrape->stream);
}
