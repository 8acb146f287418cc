/* SPDX-License-Identifier: Apache-2.0 */
/* What the machines have in common (instruction.h). */
#include "tls/instruction.h"

#include <string.h>

#define ARGUMENTS_MAX 6

bool instruction_decode(enum machine machine, const uint8_t *code, size_t size, uint64_t address,
	struct instruction *instruction)
{
	memset(instruction, 0, sizeof(*instruction));
	instruction->address = address;
	return machine == MACHINE_X86_64 ? x86_64_decode(code, size, instruction)
					 : arm64_decode(code, size, instruction);
}

uint32_t argument_registers(enum machine machine, unsigned count)
{
	static const uint8_t x86_64[ARGUMENTS_MAX] = {7, 6, 2, 1, 8, 9}; /* rdi rsi rdx rcx r8 r9 */
	uint32_t registers = 0;

	for (unsigned i = 0; i < count && i < ARGUMENTS_MAX; i++)
		registers |= 1U << (machine == MACHINE_X86_64 ? x86_64[i] : i);
	return registers;
}

uint32_t result_register(enum machine machine)
{
	(void)machine; /* rax and x0 are both number 0 */
	return 1;
}
