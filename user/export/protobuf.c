/* SPDX-License-Identifier: Apache-2.0 */
/* See protobuf.h. */
#include "export/protobuf.h"

size_t protobuf_put_varint(char *to, uint64_t number)
{
	size_t size = 0;

	for (; number >= 0x80; number >>= 7)
		to[size++] = (char)(number | 0x80);
	to[size++] = (char)number;
	return size;
}

size_t protobuf_put_header(char *to, unsigned field, size_t length)
{
	to[0] = (char)(field << 3 | 2);
	return 1 + protobuf_put_varint(to + 1, length);
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
