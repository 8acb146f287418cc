/* SPDX-License-Identifier: Apache-2.0 */
/* See reserved.h. */
#include "identity/reserved.h"

#include <string.h>

static const char *const words[] = {
	NAME_OVERFLOW, NAME_OTHER, NAME_KERNEL, NAME_OWN, NAME_EXTERNAL, NAME_LOCALHOST};

bool name_is_reserved(const char *name)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t length = strlen(words[i]);

		if (strncmp(name, words[i], length) == 0 &&
			name[length + strspn(name + length, "_")] == '\0')
			return true;
	}
	return false;
}

void name_mark(char *name, size_t size)
{
	size_t length = strlen(name);

	if (name_is_reserved(name) && length + 1 < size)
		memcpy(name + length, "_", 2);
}
