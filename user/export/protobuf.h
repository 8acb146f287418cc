/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of protobuf-c at the end of a buffer. The library wants all of a message in memory as a
 * tree before it packs it; these let a message be put together from parts that are packed one by
 * one, as the encodings of one message may be concatenated: their fields merge.
 */
#ifndef SONDE_PROTOBUF_H
#define SONDE_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

#include "export/buffer.h"

#define PROTOBUF_VARINT_LEN 10                        /* of 64 bits */
#define PROTOBUF_HEADER_LEN (1 + PROTOBUF_VARINT_LEN) /* a tag of one byte: fields up to 15 */

/* These two return how many bytes they wrote. */
size_t protobuf_put_varint(char *to, uint64_t number);

/* What comes before an embedded message: tag with wire type 2 (LEN), and its length. */
size_t protobuf_put_header(char *to, unsigned field, size_t length);

void protobuf_append(struct buffer *buffer, const ProtobufCMessage *message);

/* The same as an embedded message, header included. */
void protobuf_append_field(struct buffer *buffer, unsigned field, const ProtobufCMessage *message);

#endif
