/* SPDX-License-Identifier: Apache-2.0 */
/* See route_pattern.h. */
#include "base/route_pattern.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

static bool is_plain(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isgraph((unsigned char)text[i]) || strchr("{}*?#", text[i]))
			return false;
	return true;
}

bool route_pattern_valid(const char *pattern)
{
	const char *at = pattern;

	if (*at != '/')
		return false;
	while (*(at += strspn(at, "/"))) {
		size_t length = strcspn(at, "/");

		if (length == 1 && *at == '*')
			return at[1 + strspn(at + 1, "/")] == '\0';
		if (length > 2 && at[0] == '{' && at[length - 1] == '}') {
			if (!is_plain(at + 1, length - 2))
				return false;
		} else if (!is_plain(at, length)) {
			return false;
		}
		at += length;
	}
	return true;
}
