/* SPDX-License-Identifier: Apache-2.0 */
/* See container_cgroup.h. */
#include "identity/container_cgroup.h"

#include <stddef.h>
#include <string.h>

#define HEX             "0123456789abcdef"
#define CONFIG_HASH_LEN 32

const char *container_cgroup_id(const char *name)
{
	size_t length = strlen(name), prefix;
	const char *id;

	if (length > 6 && strcmp(name + length - 6, ".scope") == 0)
		length -= 6;
	if (length < CONTAINER_ID_LEN)
		return NULL;
	prefix = length - CONTAINER_ID_LEN;
	id = name + prefix;
	if (strspn(id, HEX) < CONTAINER_ID_LEN)
		return NULL;
	if (prefix && id[-1] != '-' && id[-1] != ':')
		return NULL;
	if (prefix >= 7 && strncmp(id - 7, "conmon", 6) == 0)
		return NULL;
	return id;
}

/* 8, 4, 4, 4 and 12 digits. In the name of a slice a dash would begin another level. */
static bool is_uid(const char *text, char dash)
{
	for (size_t i = 0; i < POD_UID_LEN; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (is_dash ? text[i] != dash : !text[i] || !strchr(HEX, text[i]))
			return false;
	}
	return true;
}

static size_t uid_length(const char *text, char dash)
{
	if (is_uid(text, dash))
		return POD_UID_LEN;
	return strspn(text, HEX) == CONFIG_HASH_LEN ? CONFIG_HASH_LEN : 0;
}

/* True for the end of a slice's name, behind which the colon form has the container. */
static bool is_slice_end(const char *text)
{
	return strncmp(text, ".slice", 6) == 0 && (text[6] == '\0' || text[6] == ':');
}

bool container_cgroup_pod(const char *name, char uid[POD_UID_LEN + 1])
{
	const char *slice = strstr(name, "kubepods-");
	const char *begin = strncmp(name, "pod", 3) == 0 ? name + 3 : NULL;
	size_t length = begin ? uid_length(begin, '-') : 0;

	if (length && begin[length] == '\0') {
		memcpy(uid, begin, length);
		uid[length] = '\0';
		return true;
	}
	begin = slice ? strstr(slice, "-pod") : NULL;
	length = begin ? uid_length(begin + 4, '_') : 0;
	if (!length || !is_slice_end(begin + 4 + length))
		return false;
	for (size_t i = 0; i < length; i++)
		uid[i] = begin[4 + i] == '_' ? '-' : begin[4 + i];
	uid[length] = '\0';
	return true;
}
