/* SPDX-License-Identifier: Apache-2.0 */
/* See json.h. */
#include "base/json.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* Beyond 16 bits, as UTF-16 has them. */
static void put_code(char escaped[JSON_ESCAPED_LEN], uint32_t code)
{
	if (code < 0x10000)
		snprintf(escaped, JSON_ESCAPED_LEN, "\\u%04x", (unsigned)code & 0xffff);
	else
		snprintf(escaped, JSON_ESCAPED_LEN, "\\u%04x\\u%04x",
			(unsigned)(0xd800 + ((code - 0x10000) >> 10 & 0x3ff)),
			(unsigned)(0xdc00 + (code & 0x3ff)));
}

size_t json_escape(const char *text, size_t length, char escaped[JSON_ESCAPED_LEN])
{
	uint32_t code;
	size_t step = utf8_decode(text, length, &code);

	if (step == 0) {
		strcpy(escaped, "\xef\xbf\xbd");
		return 1;
	}
	if (code == '"' || code == '\\') {
		escaped[0] = '\\';
		escaped[1] = (char)code;
		escaped[2] = '\0';
	} else if (code == '\n') {
		strcpy(escaped, "\\n");
	} else if (!utf8_is_shown(code) || utf8_is_mark(code)) {
		put_code(escaped, code);
	} else {
		memcpy(escaped, text, step);
		escaped[step] = '\0';
	}
	return step;
}
