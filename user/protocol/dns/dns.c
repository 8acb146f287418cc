/* SPDX-License-Identifier: Apache-2.0 */
/* See dns.h. */
#include "protocol/dns/dns.h"

#include <errno.h>
#include <string.h>

#define HEADER_LEN    12
#define LABEL_MAX     63
#define WIRE_NAME_MAX 255
#define POINTERS_MAX  16 /* that one name is followed through; servers use one or two */
#define POINTER_BITS  0xc0
#define CLASS_IN      1

#define FLAG_RESPONSE 0x8000
#define OPCODE_BITS   0x7800
#define CODE_BITS     0x000f

/* A place in the message. Past its end nothing is read, and `failed` is set. */
struct reader {
	const uint8_t *bytes;
	size_t length;
	size_t at;
	bool failed;
};

static uint8_t read8(struct reader *reader)
{
	if (reader->at >= reader->length) {
		reader->failed = true;
		return 0;
	}
	return reader->bytes[reader->at++];
}

static uint16_t read16(struct reader *reader)
{
	uint16_t high = read8(reader);

	return (uint16_t)(high << 8 | read8(reader));
}

static uint32_t read32(struct reader *reader)
{
	uint32_t high = read16(reader);

	return high << 16 | read16(reader);
}

static void skip(struct reader *reader, size_t count)
{
	if (count > reader->length - reader->at)
		reader->failed = true;
	else
		reader->at += count;
}

/* --- names --- */

static char letter(uint8_t byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return (char)(byte - 'A' + 'a');
	return byte > ' ' && byte < 0x7f && byte != '.' ? (char)byte : '?';
}

static size_t label_put(char name[DNS_NAME_LEN], size_t used, struct reader *from, size_t length)
{
	if (used)
		name[used++] = '.';
	while (length--)
		name[used++] = letter(read8(from));
	return used;
}

/*
 * The name at the reader, which then stands behind it. Pointers lead back only, so there is an end;
 * what they lead to is read by a reader of its own.
 */
static void read_name(struct reader *reader, char name[DNS_NAME_LEN])
{
	struct reader elsewhere, *from = reader;
	size_t used = 0, wire = 1, begin = reader->at;

	for (int pointers = 0; !reader->failed;) {
		uint8_t length = read8(from);

		if (length == 0)
			break;
		if ((length & POINTER_BITS) == POINTER_BITS) {
			size_t target = (size_t)(length & ~POINTER_BITS) << 8 | read8(from);

			if (from->failed || target >= begin || ++pointers > POINTERS_MAX) {
				reader->failed = true;
				break;
			}
			begin = target;
			elsewhere = *from;
			elsewhere.at = target;
			from = &elsewhere;
			continue;
		}
		wire += length + 1U;
		if (length > LABEL_MAX || wire > WIRE_NAME_MAX)
			from->failed = true;
		else
			used = label_put(name, used, from, length);
		reader->failed |= from->failed;
	}
	if (from->failed)
		reader->failed = true;
	if (!used)
		name[used++] = '.';
	name[used] = '\0';
}

/* --- records --- */

static void address_add(
	struct dns_message *message, const uint8_t *bytes, size_t length, uint32_t ttl)
{
	struct dns_address *to = &message->addresses[message->address_count];

	if (message->address_count == DNS_ADDRESSES_MAX)
		return;
	memset(to, 0, sizeof(*to));
	if (length == 4)
		to->address[10] = to->address[11] = 0xff;
	memcpy(to->address + sizeof(to->address) - length, bytes, length);
	to->ttl = ttl;
	message->address_count++;
}

/* A record of the answers, or of what comes behind them. False: the capture ends here. */
static bool read_record(struct reader *reader, struct dns_message *message, bool is_answer)
{
	char owner[DNS_NAME_LEN];
	uint16_t type, class, length;
	const uint8_t *data;
	uint32_t ttl;

	read_name(reader, owner);
	type = read16(reader);
	class = read16(reader);
	ttl = read32(reader);
	length = read16(reader);
	data = reader->bytes + reader->at;
	skip(reader, length);
	if (reader->failed)
		return false;
	if (type == DNS_TYPE_OPT) /* its first byte of the time to live is that of the code */
		message->code = (uint16_t)(ttl >> 24 << 4 | message->code);
	else if (is_answer && class == CLASS_IN &&
		 ((type == DNS_TYPE_A && length == 4) || (type == DNS_TYPE_AAAA && length == 16)))
		address_add(message, data, length, ttl);
	return true;
}

int dns_parse(struct dns_message *message, const uint8_t *bytes, size_t length)
{
	struct reader reader = {.bytes = bytes, .length = length};
	unsigned questions, answers, others;
	uint16_t flags;

	memset(message, 0, offsetof(struct dns_message, addresses));
	message->id = read16(&reader);
	flags = read16(&reader);
	questions = read16(&reader);
	answers = read16(&reader);
	others = read16(&reader);
	others += read16(&reader);
	message->is_response = flags & FLAG_RESPONSE;
	message->has_question = questions == 1;
	if (!reader.failed && flags & OPCODE_BITS)
		return -EOPNOTSUPP;
	if (reader.failed || questions > 1 || (!message->is_response && !questions))
		return -EINVAL;
	if (message->is_response)
		message->code = flags & CODE_BITS;
	if (questions) {
		read_name(&reader, message->question.name);
		message->question.type = read16(&reader);
		read16(&reader); /* its class */
	}
	if (reader.failed)
		return -EINVAL;
	if (!message->is_response)
		return 0;
	for (unsigned i = 0; i < answers + others; i++)
		if (!read_record(&reader, message, i < answers))
			break;
	return 0;
}

/* --- names of numbers --- */

const char *dns_type_name(uint16_t type)
{
	switch (type) {
	case DNS_TYPE_A: return "A";
	case DNS_TYPE_NS: return "NS";
	case DNS_TYPE_CNAME: return "CNAME";
	case DNS_TYPE_SOA: return "SOA";
	case DNS_TYPE_PTR: return "PTR";
	case DNS_TYPE_MX: return "MX";
	case DNS_TYPE_TXT: return "TXT";
	case DNS_TYPE_AAAA: return "AAAA";
	case DNS_TYPE_SRV: return "SRV";
	case DNS_TYPE_HTTPS: return "HTTPS";
	default: return "other";
	}
}

const char *dns_code_name(uint16_t code)
{
	static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",
		"REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"};

	return code < sizeof(names) / sizeof(*names) ? names[code] : "other";
}
