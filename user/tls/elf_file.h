/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ELF file of a watched program or library, which is hostile input: its functions by name, and
 * their code. It is read and never mapped, since whoever owns it may cut it off meanwhile.
 */
#ifndef SONDE_ELF_FILE_H
#define SONDE_ELF_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "tls/instruction.h"

#define ELF_FILE_ERROR_LEN 128

struct elf_file;

struct elf_function {
	const char *name; /* lives as long as the file is open */
	uint64_t address; /* as the symbol has it */
	uint64_t offset;  /* in the file: where a uprobe goes */
	size_t size;      /* bytes of code; 0: the symbol does not tell */
};

/* 0, or a negative errno and a reason for a person; -ENOEXEC: it is no program or library that can
 * be read. */
int elf_file_open(struct elf_file **out, const char *path, char error[ELF_FILE_ERROR_LEN]);
void elf_file_close(struct elf_file *file);

enum machine elf_file_machine(const struct elf_file *file);

/*
 * Calls visit() for each function that the file defines: exported ones first, then those of its
 * symbol table, where it was not stripped.
 */
void elf_file_visit(struct elf_file *file,
	void (*visit)(void *context, const struct elf_function *function), void *context);

/*
 * Reads up to `size` bytes of a function's code. How many they are: fewer when it is shorter, or
 * when the file has changed.
 */
size_t elf_file_code(const struct elf_file *file, const struct elf_function *function,
	uint8_t *bytes, size_t size);

#endif
