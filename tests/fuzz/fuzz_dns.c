/* SPDX-License-Identifier: Apache-2.0 */
/* Captured DNS messages of any bytes, whole and cut, in user space. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "protocol/dns/dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory of the very size, so that a step beyond it is seen. */
static int parse(struct dns_message *message, const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(size ? size : 1);
	int result;

	if (!bytes)
		abort();
	if (size)
		memcpy(bytes, data, size);
	memset(message, 0xa5, sizeof(*message));
	result = dns_parse(message, bytes, size);
	free(bytes);
	return result;
}

static void check_question(const struct dns_question *question)
{
	size_t length = strnlen(question->name, DNS_NAME_LEN);

	EXPECT(length > 0 && length < DNS_NAME_LEN);
	for (size_t i = 0; i < length; i++) {
		EXPECT(question->name[i] > ' ' && question->name[i] < 0x7f);
		EXPECT(question->name[i] < 'A' || question->name[i] > 'Z');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dns_message message, cut;

	if (parse(&message, data, size))
		return 0;
	EXPECT(message.has_question || message.is_response);
	EXPECT(message.address_count <= DNS_ADDRESSES_MAX);
	if (message.has_question)
		check_question(&message.question);
	/* cut off, it says less and nothing else */
	if (parse(&cut, data, size / 2))
		return 0;
	EXPECT(cut.id == message.id && cut.is_response == message.is_response);
	EXPECT(cut.address_count <= message.address_count);
	EXPECT(!memcmp(
		cut.addresses, message.addresses, cut.address_count * sizeof(*cut.addresses)));
	EXPECT(!message.has_question || !strcmp(cut.question.name, message.question.name));
	return 0;
}
