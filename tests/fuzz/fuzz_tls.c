/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs and libraries of any bytes: an ELF file, or, for what does not begin as one, the code of
 * a function. A plan never leaves the function, and what it calls emulated is.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "expect.h"
#include "tls/tls_library.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ADDRESS 0x401000

static void check_point(const struct probe_point *point, const struct machine_code *code)
{
	struct instruction instruction;

	EXPECT(point->into < code->size);
	EXPECT(instruction_decode(code->machine, code->bytes + point->into,
		code->size - point->into, code->address + point->into, &instruction));
	EXPECT(instruction.length <= code->size - point->into);
	EXPECT(!instruction.is_long_nop && instruction.flow != FLOW_RETURN);
	EXPECT(instruction.is_emulated ==
		(point->price == PROBE_EMULATED || point->price == PROBE_RETURN));
}

static void check_code(enum machine machine, const uint8_t *bytes, size_t size)
{
	const struct machine_code code = {machine, ADDRESS, bytes, size};
	struct probe_plan plan;

	probe_plan(&plan, &code, 3, true);
	EXPECT(plan.result_count <= PROBE_PLAN_RESULTS_MAX);
	if (plan.arguments.price == PROBE_NONE)
		EXPECT(plan.result_count == 0);
	else
		check_point(&plan.arguments, &code);
	for (unsigned i = 0; i < plan.result_count; i++)
		check_point(&plan.results[i], &code);
}

static void check_file(const uint8_t *data, size_t size)
{
	int file = memfd_create("elf", MFD_CLOEXEC);
	char error[ELF_FILE_ERROR_LEN] = "", path[64];
	struct tls_library library;

	EXPECT(file >= 0 && write(file, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (tls_library_read(&library, path, error))
		EXPECT(*error);
	for (size_t i = 0; i < tls_function_count; i++)
		if (library.functions[i].is_there)
			EXPECT(library.functions[i].offset + library.functions[i].size <= size);
	close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size >= 4 && !memcmp(data, "\177ELF", 4)) {
		check_file(data, size);
		return 0;
	}
	check_code(MACHINE_X86_64, data, size);
	check_code(MACHINE_ARM64, data, size);
	return 0;
}
