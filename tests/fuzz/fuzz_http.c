/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP probe under any bytes. An input is the text of a connection, in which {>} says that what
 * follows goes to the server, and {<}, to the client; {c} in front puts the probe at the client.
 */
#include <stdint.h>
#include <string.h>

#include "http1/dialogue.h"

#define MARK 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* FNV-1a: how bytes are cut follows from what they are. */
static uint64_t hash(const uint8_t *data, size_t size)
{
	uint64_t value = 0xcbf29ce484222325;

	for (size_t i = 0; i < size; i++)
		value = (value ^ data[i]) * 0x100000001b3;
	return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dialogue dialogue = {.role = HTTP_SERVER};
	const char *at = (const char *)data, *end = at + size, *begin;
	int direction = TO_SERVER;

	if (size >= MARK && memcmp(at, "{c}", MARK) == 0) {
		dialogue.role = HTTP_CLIENT;
		at += MARK;
	}
	for (begin = at; at < end; at++) {
		if (end - at < MARK ||
			(memcmp(at, "{>}", MARK) != 0 && memcmp(at, "{<}", MARK) != 0))
			continue;
		dialogue_add(&dialogue, direction, begin, (size_t)(at - begin));
		direction = at[1] == '>' ? TO_SERVER : TO_CLIENT;
		at += MARK - 1;
		begin = at + 1;
	}
	dialogue_add(&dialogue, direction, begin, (size_t)(end - begin));
	dialogue_check(&dialogue, hash(data, size));
	dialogue_free(&dialogue);
	return 0;
}
