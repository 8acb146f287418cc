/* SPDX-License-Identifier: Apache-2.0 */
/* See protobuf.h. */
#include "base/protobuf.h"

#include <endian.h>
#include <string.h>

/* What begin leaves free before a message: enough for one of up to 16 KiB, as nearly all are. */
#define HEADER_ROOM 3

void protobuf_append_bytes(struct buffer *buffer, unsigned field, const void *bytes, size_t length)
{
	char *to = buffer_reserve(buffer, PROTOBUF_HEADER_LEN + length);

	if (!to)
		return;
	size_t header = protobuf_put_header(to, field, length);
	memcpy(to + header, bytes, length);
	buffer->length += header + length;
}

void protobuf_append_number(struct buffer *buffer, unsigned field, uint64_t number)
{
	char *to = buffer_reserve(buffer, PROTOBUF_HEADER_LEN);

	if (!to)
		return;
	to[0] = protobuf_tag(field, PROTOBUF_VARINT);
	buffer->length += 1 + protobuf_put_varint(to + 1, number);
}

void protobuf_append_fixed64(struct buffer *buffer, unsigned field, uint64_t number)
{
	char *to = buffer_reserve(buffer, 1 + sizeof(number));

	if (!to)
		return;
	to[0] = protobuf_tag(field, PROTOBUF_FIXED64);
	number = htole64(number);
	memcpy(to + 1, &number, sizeof(number));
	buffer->length += 1 + sizeof(number);
}

size_t protobuf_begin(struct buffer *buffer)
{
	size_t begin = buffer->length;

	if (buffer_reserve(buffer, HEADER_ROOM))
		buffer->length += HEADER_ROOM;
	return begin;
}

void protobuf_end(struct buffer *buffer, unsigned field, size_t begin)
{
	char header[PROTOBUF_HEADER_LEN];

	/* room for a longer header */
	if (!buffer_reserve(buffer, sizeof(header)))
		return;
	size_t length = buffer->length - begin - HEADER_ROOM;
	size_t size = protobuf_put_header(header, field, length);
	char *to = buffer->text + begin;

	if (size != HEADER_ROOM)
		memmove(to + size, to + HEADER_ROOM, length);
	memcpy(to, header, size);
	buffer->length = begin + size + length;
}

void protobuf_append(struct buffer *buffer, const ProtobufCMessage *message)
{
	char *to = buffer_reserve(buffer, protobuf_c_message_get_packed_size(message));

	if (to)
		buffer->length += protobuf_c_message_pack(message, (uint8_t *)to);
}

void protobuf_append_field(struct buffer *buffer, unsigned field, const ProtobufCMessage *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	char *to = buffer_reserve(buffer, PROTOBUF_HEADER_LEN + size);

	if (!to)
		return;
	size_t header = protobuf_put_header(to, field, size);
	buffer->length += header + protobuf_c_message_pack(message, (uint8_t *)to + header);
}
