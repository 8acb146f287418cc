/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text as JSON strings have it (RFC 8259). Used by log lines and flow records, which both have to
 * carry whatever a program named itself.
 */
#ifndef SONDE_JSON_H
#define SONDE_JSON_H

#include <stddef.h>

#define JSON_ESCAPED_LEN 13 /* one character: \u001b, or two of these; and its NUL */

/*
 * Puts the character at `text`, of which `length` (at least 1) bytes may be read, into `escaped`;
 * U+FFFD where the bytes are not UTF-8. Returns how many bytes of `text` it was. What a terminal
 * would obey, what cannot be seen (utf8_is_shown()) and marks are escaped as well.
 */
size_t json_escape(const char *text, size_t length, char escaped[JSON_ESCAPED_LEN]);

#endif
