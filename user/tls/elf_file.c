/* SPDX-License-Identifier: Apache-2.0 */
/* See elf_file.h. */
#include "tls/elf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENTS_MAX 64                 /* program headers that are looked at */
#define TABLE_MAX    (64 * 1024 * 1024) /* bytes of symbols, or of their names, that are read */

struct elf_file {
	int fd;
	Elf *elf;
	enum machine machine;
	uint64_t size;
};

/* --- open --- */

static const char *machine_find(const GElf_Ehdr *header, enum machine *machine)
{
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB)
		return "not of 64 bits, little-endian";
	if (header->e_type != ET_DYN && header->e_type != ET_EXEC)
		return "neither a program nor a library";
	if (header->e_machine == EM_X86_64)
		*machine = MACHINE_X86_64;
	else if (header->e_machine == EM_AARCH64)
		*machine = MACHINE_ARM64;
	else
		return "neither for x86-64 nor for arm64";
	return NULL;
}

/* NULL, or why the file is none that can be read. */
static const char *elf_read(struct elf_file *file)
{
	GElf_Ehdr header;

	elf_version(EV_CURRENT);
	file->elf = elf_begin(file->fd, ELF_C_READ, NULL);
	if (!file->elf || elf_kind(file->elf) != ELF_K_ELF || !gelf_getehdr(file->elf, &header))
		return "no ELF file";
	return machine_find(&header, &file->machine);
}

int elf_file_open(struct elf_file **out, const char *path, char error[ELF_FILE_ERROR_LEN])
{
	struct elf_file *file = calloc(1, sizeof(*file));
	const char *reason;
	struct stat status;
	int result;

	if (!file) {
		snprintf(error, ELF_FILE_ERROR_LEN, "no memory");
		return -ENOMEM;
	}
	/* a pipe or a device must not hold up who asks */
	file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file->fd < 0 || fstat(file->fd, &status)) {
		result = -errno;
		reason = strerror(errno);
	} else if (!S_ISREG(status.st_mode)) {
		result = -ENOEXEC;
		reason = "no file";
	} else {
		result = -ENOEXEC;
		file->size = (uint64_t)status.st_size;
		reason = elf_read(file);
	}
	if (!reason) {
		*out = file;
		return 0;
	}
	snprintf(error, ELF_FILE_ERROR_LEN, "%s", reason);
	elf_file_close(file);
	return result;
}

void elf_file_close(struct elf_file *file)
{
	if (!file)
		return;
	elf_end(file->elf);
	if (file->fd >= 0)
		close(file->fd);
	free(file);
}

enum machine elf_file_machine(const struct elf_file *file)
{
	return file->machine;
}

/* --- functions --- */

/* Where the file has what is at an address, if that is code. */
static bool code_find(struct elf_file *file, uint64_t address, struct elf_function *function)
{
	size_t count = 0;

	if (elf_getphdrnum(file->elf, &count))
		return false;
	for (size_t i = 0; i < count && i < SEGMENTS_MAX; i++) {
		GElf_Phdr segment;
		uint64_t into;

		if (!gelf_getphdr(file->elf, (int)i, &segment) || segment.p_type != PT_LOAD ||
			!(segment.p_flags & PF_X) || address < segment.p_vaddr)
			continue;
		into = address - segment.p_vaddr;
		if (into >= segment.p_filesz || segment.p_offset > file->size ||
			segment.p_filesz > file->size - segment.p_offset)
			continue;
		function->address = address;
		function->offset = segment.p_offset + into;
		if (function->size > segment.p_filesz - into)
			function->size = segment.p_filesz - into;
		return true;
	}
	return false;
}

/* Symbols and their names are read whole. */
static bool is_readable(struct elf_file *file, const GElf_Shdr *header)
{
	Elf_Scn *names = elf_getscn(file->elf, header->sh_link);
	GElf_Shdr names_header;

	return header->sh_size <= TABLE_MAX && names && gelf_getshdr(names, &names_header) &&
	       names_header.sh_size <= TABLE_MAX;
}

static void symbols_visit(struct elf_file *file, Elf_Scn *section, const GElf_Shdr *header,
	void (*visit)(void *context, const struct elf_function *function), void *context)
{
	Elf_Data *data = is_readable(file, header) ? elf_getdata(section, NULL) : NULL;
	size_t count = data && header->sh_entsize ? data->d_size / header->sh_entsize : 0;

	for (size_t i = 0; i < count; i++) {
		struct elf_function function;
		GElf_Sym symbol;

		if (!gelf_getsym(data, (int)i, &symbol) || symbol.st_shndx == SHN_UNDEF ||
			GELF_ST_TYPE(symbol.st_info) != STT_FUNC)
			continue;
		function.size = symbol.st_size;
		function.name = elf_strptr(file->elf, header->sh_link, symbol.st_name);
		if (!function.name || !code_find(file, symbol.st_value, &function))
			continue;
		visit(context, &function);
	}
}

void elf_file_visit(struct elf_file *file,
	void (*visit)(void *context, const struct elf_function *function), void *context)
{
	static const uint32_t tables[] = {SHT_DYNSYM, SHT_SYMTAB};

	for (size_t table = 0; table < 2; table++) {
		Elf_Scn *section = NULL;
		GElf_Shdr header;

		while ((section = elf_nextscn(file->elf, section)))
			if (gelf_getshdr(section, &header) && header.sh_type == tables[table])
				symbols_visit(file, section, &header, visit, context);
	}
}

size_t elf_file_code(const struct elf_file *file, const struct elf_function *function,
	uint8_t *bytes, size_t size)
{
	ssize_t count = pread(file->fd, bytes, size < function->size ? size : function->size,
		(off_t)function->offset);

	return count < 0 ? 0 : (size_t)count;
}
