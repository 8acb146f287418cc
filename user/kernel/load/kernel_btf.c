/* SPDX-License-Identifier: Apache-2.0 */
/* See kernel_btf.h. The format: Documentation/bpf/btf.rst of the kernel. */
#include "kernel/load/kernel_btf.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LEN 128

struct kernel_btf {
	const char *types, *types_end;
	const char *strings;
	size_t strings_size;
	char bytes[];
};

/* All of a file whose size is known; false: errno says why. */
static bool file_read(int fd, char *bytes, size_t size)
{
	size_t filled = 0;

	while (filled < size) {
		ssize_t got = read(fd, bytes + filled, size - filled);

		if (got <= 0) {
			if (!got)
				errno = EBADMSG;
			return false;
		}
		filled += (size_t)got;
	}
	return true;
}

/* Finds the two sections that the header names; false when they are not within the file. */
static bool sections_find(struct kernel_btf *btf, size_t size)
{
	const struct btf_header *header = (const void *)btf->bytes;

	if (size < sizeof(*header) || header->magic != BTF_MAGIC || header->hdr_len > size)
		return false;
	size -= header->hdr_len;
	if ((uint64_t)header->type_off + header->type_len > size ||
		(uint64_t)header->str_off + header->str_len > size)
		return false;
	btf->types = btf->bytes + header->hdr_len + header->type_off;
	btf->types_end = btf->types + header->type_len;
	btf->strings = btf->bytes + header->hdr_len + header->str_off;
	btf->strings_size = header->str_len;
	return true;
}

struct kernel_btf *kernel_btf_read(void)
{
	int fd = open(BTF_PATH, O_RDONLY | O_CLOEXEC);
	struct kernel_btf *btf = NULL;
	struct stat status;
	size_t size;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &status)) {
		size = (size_t)status.st_size;
		btf = malloc(sizeof(*btf) + size);
		if (btf && !file_read(fd, btf->bytes, size)) {
			kernel_btf_free(btf);
			btf = NULL;
		} else if (btf && !sections_find(btf, size)) {
			kernel_btf_free(btf);
			btf = NULL;
			errno = EBADMSG;
		}
	}
	close(fd);
	return btf;
}

void kernel_btf_free(struct kernel_btf *btf)
{
	free(btf);
}

/* Where the name lies among the strings, each of which stands between two NULs; 0: nowhere. */
static uint32_t name_find(const struct kernel_btf *btf, const char *name)
{
	char between[NAME_LEN] = ""; /* the NUL that ends the string before */
	int length = snprintf(between + 1, sizeof(between) - 1, "%s", name);
	const char *found;

	if (length >= NAME_LEN - 1)
		return 0;
	found = memmem(btf->strings, btf->strings_size, between, (size_t)length + 2);
	return found ? (uint32_t)(found + 1 - btf->strings) : 0;
}

bool kernel_btf_has(const struct kernel_btf *btf, const char *name)
{
	return name_find(btf, name) != 0;
}

/* Bytes of what follows a type of this kind. */
static size_t tail_size(const struct btf_type *type)
{
	size_t count = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG: return sizeof(uint32_t);
	case BTF_KIND_ARRAY: return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION: return count * sizeof(struct btf_member);
	case BTF_KIND_ENUM: return count * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64: return count * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO: return count * sizeof(struct btf_param);
	case BTF_KIND_DATASEC: return count * sizeof(struct btf_var_secinfo);
	default: return 0;
	}
}

/* NULL: there is none of this name and kind. */
static const struct btf_type *type_find(
	const struct kernel_btf *btf, const char *name, unsigned kind, int *id)
{
	uint32_t name_offset = name_find(btf, name);
	const char *at = btf->types;

	if (!name_offset)
		return NULL;
	for (*id = 1; at + sizeof(struct btf_type) <= btf->types_end; ++*id) {
		const struct btf_type *type = (const void *)at;

		at += sizeof(*type) + tail_size(type);
		if (type->name_off == name_offset && BTF_INFO_KIND(type->info) == kind)
			return at <= btf->types_end ? type : NULL;
	}
	return NULL;
}

int kernel_btf_find(const struct kernel_btf *btf, const char *name, unsigned kind)
{
	int id;

	return type_find(btf, name, kind, &id) ? id : -ENOENT;
}

bool kernel_btf_has_member(const struct kernel_btf *btf, const char *name, const char *member)
{
	int id;
	const struct btf_type *type = type_find(btf, name, BTF_KIND_STRUCT, &id);
	const struct btf_member *members = (const void *)(type + 1);

	for (unsigned i = 0; type && i < BTF_INFO_VLEN(type->info); i++)
		if (members[i].name_off < btf->strings_size &&
			!strcmp(btf->strings + members[i].name_off, member))
			return true;
	return false;
}
