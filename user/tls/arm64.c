/* SPDX-License-Identifier: Apache-2.0 */
/* Instructions of arm64 (instruction.h): all have four bytes, and their top bits say the class. */
#include "tls/instruction.h"

#define BYTES         4
#define ALL_REGISTERS 0x7fffffffU
#define CALL_CLOBBERS 0x4007ffffU /* x0-x18 and the link register */
#define LINK          (1U << 30)
#define NONE          31 /* as a register: the zero register, or the stack pointer */

static uint32_t bits(uint32_t word, unsigned from, unsigned count)
{
	return word >> from & ((1U << count) - 1);
}

static uint32_t register_bit(uint32_t number)
{
	return number == NONE ? 0 : 1U << number;
}

/* A distance of `count` bits at bit `from`, counted in instructions. */
static uint64_t distance(uint32_t word, unsigned from, unsigned count)
{
	int64_t value =
		(int64_t)((uint64_t)bits(word, from, count) << (64 - count)) >> (64 - count);

	return (uint64_t)(value * BYTES);
}

static void branch_to(struct instruction *instruction, enum instruction_flow flow, uint64_t offset)
{
	instruction->flow = flow;
	instruction->target = instruction->address + offset;
	instruction->is_emulated = true;
}

/* To a register's address; with pointer authentication or without. */
static bool branch_to_register(uint32_t word, struct instruction *instruction)
{
	bool is_plain = bits(word, 10, 6) == 0;

	switch (bits(word, 21, 3)) {
	case 0: instruction->flow = FLOW_AWAY; break;
	case 1:
		instruction->flow = FLOW_CALL;
		instruction->written = CALL_CLOBBERS;
		break;
	case 2: instruction->flow = FLOW_RETURN; break;
	default: return false;
	}
	instruction->is_emulated = is_plain;
	return true;
}

/* Branches, exceptions and what concerns the system. */
static bool branch_decode(uint32_t word, struct instruction *instruction)
{
	if (bits(word, 26, 5) == 0x05) { /* b, bl */
		bool calls = word >> 31;

		branch_to(instruction, calls ? FLOW_CALL : FLOW_JUMP, distance(word, 0, 26));
		instruction->written = calls ? CALL_CLOBBERS : 0;
		return true;
	}
	if (bits(word, 25, 6) == 0x1a) { /* cbz, cbnz */
		branch_to(instruction, FLOW_CONDITION, distance(word, 5, 19));
		return true;
	}
	if (bits(word, 25, 6) == 0x1b) { /* tbz, tbnz */
		branch_to(instruction, FLOW_CONDITION, distance(word, 5, 14));
		return true;
	}
	if (bits(word, 25, 7) == 0x2a) { /* b.cond */
		branch_to(instruction, FLOW_CONDITION, distance(word, 5, 19));
		return true;
	}
	if (bits(word, 25, 7) == 0x6b)
		return branch_to_register(word, instruction);
	if (bits(word, 24, 8) == 0xd4) { /* svc, brk, udf and their like */
		if (bits(word, 21, 3) == 1 || bits(word, 21, 3) == 2)
			instruction->flow = FLOW_STOP;
		else
			instruction->written = ALL_REGISTERS;
		return true;
	}
	if (bits(word, 22, 10) == 0x354) { /* system: only reads write a register */
		if (bits(word, 21, 1))
			instruction->written = register_bit(bits(word, 0, 5));
		else if (word >> 12 == 0xd5032 && bits(word, 5, 7) != 0)
			instruction->written = LINK; /* hints: authentication of x30, x16, x17 */
		return true;
	}
	return false;
}

/* Loads write what they load; an address that moves is written, too. */
static void memory_decode(uint32_t word, struct instruction *instruction)
{
	uint32_t first = register_bit(bits(word, 0, 5)), base = register_bit(bits(word, 5, 5));
	uint32_t second = register_bit(bits(word, 10, 5));
	bool is_vector = bits(word, 26, 1);

	if (bits(word, 27, 3) == 5 && bits(word, 23, 2) != 0) { /* pairs, but without allocation */
		if (bits(word, 22, 1) && !is_vector)
			instruction->written = first | second;
		if (bits(word, 23, 2) != 2)
			instruction->written |= base;
		/* ldp …, [sp], n */
		instruction->is_release =
			bits(word, 22, 3) == 3 && bits(word, 5, 5) == NONE && !is_vector;
		return;
	}
	if (bits(word, 27, 3) == 7) { /* one register */
		bool has_offset = bits(word, 24, 1);
		bool stores = bits(word, 22, 2) == 0;

		if (!has_offset && bits(word, 21, 1) && bits(word, 10, 2) != 2) {
			instruction->written = ALL_REGISTERS; /* atomic */
			return;
		}
		if (!is_vector && !stores)
			instruction->written = first;
		if (!has_offset && !bits(word, 21, 1) && bits(word, 10, 1))
			instruction->written |= base;
		/* ldr …, [sp], n */
		instruction->is_release = !has_offset && !bits(word, 21, 1) &&
					  bits(word, 10, 2) == 1 && !stores && !is_vector &&
					  bits(word, 5, 5) == NONE;
		return;
	}
	if (bits(word, 27, 3) == 3 && !bits(word, 24, 1)) { /* of a place that the distance tells */
		instruction->written = is_vector ? 0 : first;
		return;
	}
	instruction->written = ALL_REGISTERS; /* exclusive, vectors of structures, tags */
}

bool arm64_decode(const uint8_t *code, size_t size, struct instruction *instruction)
{
	uint32_t word;

	if (size < BYTES)
		return false;
	word = code[0] | (uint32_t)code[1] << 8 | (uint32_t)code[2] << 16 | (uint32_t)code[3] << 24;
	instruction->length = BYTES;
	switch (bits(word, 25, 4)) {
	case 0x8:
	case 0x9: /* of an immediate */
		instruction->written = register_bit(bits(word, 0, 5));
		instruction->is_emulated = bits(word, 24, 5) == 0x10; /* adr, adrp */
		instruction->is_release = bits(word, 22, 10) == 0x244 &&
					  bits(word, 0, 10) == 0x3ff; /* add sp, sp, n */
		return true;
	case 0xa:
	case 0xb: return branch_decode(word, instruction);
	case 0x4:
	case 0x6:
	case 0xc:
	case 0xe: memory_decode(word, instruction); return true;
	case 0x5:
	case 0xd: /* of registers */
	case 0x7:
	case 0xf: /* of vectors; some write a general register, of the same bits */
		instruction->written = register_bit(bits(word, 0, 5));
		return true;
	case 0x2: /* scalable vectors */ instruction->written = ALL_REGISTERS; return true;
	default: return false;
	}
}
