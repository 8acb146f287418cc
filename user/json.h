/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text as JSON strings have it (RFC 8259). Used by log lines and flow records, which both have to
 * carry whatever a program named itself.
 */
#ifndef SONDE_JSON_H
#define SONDE_JSON_H

#include <stddef.h>

#define JSON_ESCAPED_LEN 7 /* one character: \u001b, or four bytes of UTF-8; and its NUL */

/*
 * Puts the character at `text`, of which `length` (at least 1) bytes may be read, into `escaped`;
 * U+FFFD where the bytes are not UTF-8. Returns how many bytes of `text` it was. DEL and C1 are
 * escaped as well, which a terminal would obey.
 */
size_t json_escape(const char *text, size_t length, char escaped[JSON_ESCAPED_LEN]);

#endif
