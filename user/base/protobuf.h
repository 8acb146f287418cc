/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire format of Protocol Buffers at the end of a buffer, field by field, and messages of
 * protobuf-c. The library wants all of a message in memory as a tree before it packs it; these let
 * a message be put together from parts, as the encodings of one message may be concatenated: their
 * fields merge.
 */
#ifndef SONDE_PROTOBUF_H
#define SONDE_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "base/buffer.h"

#define PROTOBUF_VARINT_LEN 10                        /* of 64 bits */
#define PROTOBUF_HEADER_LEN (1 + PROTOBUF_VARINT_LEN) /* a tag of one byte: fields up to 15 */

/* The types of https://protobuf.dev/programming-guides/encoding/ that a tag has in its low bits. */
enum protobuf_wire {
	PROTOBUF_VARINT = 0,
	PROTOBUF_FIXED64 = 1,
	PROTOBUF_BYTES = 2, /* "LEN": also text and embedded messages */
	PROTOBUF_FIXED32 = 5
};

/* A tag of one byte: fields up to 15. */
static inline char protobuf_tag(unsigned field, enum protobuf_wire wire)
{
	return (char)(field << 3 | wire);
}

static inline size_t protobuf_varint_size(uint64_t number)
{
	return (size_t)(63 - __builtin_clzll(number | 1)) / 7 + 1;
}

/* These two return how many bytes they wrote. */
static inline size_t protobuf_put_varint(char *to, uint64_t number)
{
	size_t size = 0;

	for (; number >= 0x80; number >>= 7)
		to[size++] = (char)(number | 0x80);
	to[size++] = (char)number;
	return size;
}

/* What comes before text or an embedded message: tag and length. */
static inline size_t protobuf_put_header(char *to, unsigned field, size_t length)
{
	to[0] = protobuf_tag(field, PROTOBUF_BYTES);
	return 1 + protobuf_put_varint(to + 1, length);
}

/* One field each, of a number up to 15; the value is written also where it is 0. */
void protobuf_append_bytes(struct buffer *buffer, unsigned field, const void *bytes, size_t length);
void protobuf_append_number(struct buffer *buffer, unsigned field, uint64_t number);
void protobuf_append_fixed64(struct buffer *buffer, unsigned field, uint64_t number);

/*
 * An embedded message that is written in place: begin, append its fields, and end with what begin
 * returned.
 */
size_t protobuf_begin(struct buffer *buffer);
void protobuf_end(struct buffer *buffer, unsigned field, size_t begin);

void protobuf_append(struct buffer *buffer, const ProtobufCMessage *message);

/* The same as an embedded message, header included. */
void protobuf_append_field(struct buffer *buffer, unsigned field, const ProtobufCMessage *message);

#endif
