/* SPDX-License-Identifier: Apache-2.0 */
/* See dns_stream.h. */
#include "protocol/dns/dns_stream.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The rest of a message does not come after this: its connection is another one's by then. */
#define PIECES_NS 5000000000ULL

#define LENGTH_BYTES 2

/* One direction of a connection, in the middle of one message. */
struct stream {
	struct record_address address;
	__u8 direction;
	__u8 length_bytes; /* that have come */
	__u16 length;      /* of the message */
	__u16 got;         /* bytes of it */
	__u16 kept;        /* of these, from its beginning without a gap */
	__u64 used_ns;
	__u8 bytes[DNS_BYTES_LEN];
};

struct dns_streams {
	struct stream streams[DNS_STREAMS_MAX];
};

struct dns_streams *dns_streams_new(void)
{
	return calloc(1, sizeof(struct dns_streams));
}

void dns_streams_free(struct dns_streams *streams)
{
	free(streams);
}

static void stream_begin(struct stream *stream)
{
	stream->length_bytes = 0;
	stream->length = stream->got = stream->kept = 0;
}

static struct stream *stream_of(struct dns_streams *streams, const struct record_dns *record)
{
	struct stream *oldest = &streams->streams[0];
	__u64 now_ns = record->record.time_ns;

	for (struct stream *stream = streams->streams; stream < &streams->streams[DNS_STREAMS_MAX];
		stream++) {
		if (stream->direction == record->direction &&
			!memcmp(&stream->address, &record->address, sizeof(stream->address))) {
			if (now_ns > stream->used_ns + PIECES_NS)
				stream_begin(stream);
			stream->used_ns = now_ns;
			return stream;
		}
		if (stream->used_ns < oldest->used_ns)
			oldest = stream;
	}
	oldest->address = record->address;
	oldest->direction = record->direction;
	oldest->used_ns = now_ns;
	stream_begin(oldest);
	return oldest;
}

/* As many of these bytes as belong to the message; NULL: they were not kept. Returns how many. */
static size_t stream_put(struct stream *stream, const __u8 *bytes, size_t count)
{
	size_t left = (size_t)stream->length - stream->got;
	size_t taken = count < left ? count : left, room = DNS_BYTES_LEN - stream->kept;

	if (bytes && stream->kept == stream->got) {
		size_t kept = taken < room ? taken : room;

		memcpy(stream->bytes + stream->kept, bytes, kept);
		stream->kept = (__u16)(stream->kept + kept);
	}
	stream->got = (__u16)(stream->got + taken);
	return taken;
}

void dns_streams_take(struct dns_streams *streams, const struct record_dns *record,
	dns_message_sink sink, void *context)
{
	struct stream *stream = stream_of(streams, record);

	for (size_t at = 0; at < record->length;) {
		bool is_kept = at < record->kept;

		if (stream->length_bytes < LENGTH_BYTES) {
			if (!is_kept) { /* where messages begin from here on cannot be known */
				stream_begin(stream);
				return;
			}
			stream->length = (__u16)(stream->length << 8 | record->bytes[at++]);
			if (++stream->length_bytes < LENGTH_BYTES || stream->length)
				continue;
		} else {
			at += stream_put(stream, is_kept ? record->bytes + at : NULL,
				(is_kept ? record->kept : record->length) - at);
		}
		if (stream->got < stream->length)
			continue;
		sink(context, record, stream->bytes, stream->kept);
		stream_begin(stream);
	}
}
