/* SPDX-License-Identifier: Apache-2.0 */
/* See json.h. */
#include "json.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

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
	} else if (code < 0x20 || (code >= 0x7f && code < 0xa0)) {
		snprintf(escaped, JSON_ESCAPED_LEN, "\\u%04x", (unsigned)(code & 0xff));
	} else {
		memcpy(escaped, text, step);
		escaped[step] = '\0';
	}
	return step;
}
