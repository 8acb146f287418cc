/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions of x86-64 (instruction.h). Tables say of each opcode what stands behind it and what
 * it writes; prefixes and the few groups whose ModRM byte decides are code.
 */
#include "tls/instruction.h"

#define ALL_REGISTERS 0xffffU
#define RAX           (1U << 0)
#define CALL_CLOBBERS 0x0fc7U /* rax rcx rdx rsi rdi r8-r11 */

enum behind {
	MODRM = 1 << 0,
	IMM8 = 1 << 1,
	IMM16 = 1 << 2,
	IMMZ = 1 << 3,  /* 4 bytes; 2 with the prefix 66 */
	IMMV = 1 << 4,  /* likewise; 8 with REX.W */
	MOFFS = 1 << 5, /* an address of 8 bytes; 4 with the prefix 67 */
	REL8 = 1 << 6,  /* a distance to go */
	REL32 = 1 << 7,
	TO_RM = 1 << 8,  /* writes what ModRM's r/m says, when that is a register */
	TO_REG = 1 << 9, /* writes what ModRM's reg says */
	TO_OP = 1 << 10, /* writes the register in the opcode's low bits */
	TO_ACC = 1 << 11,
	TO_ANY = 1 << 12, /* writes registers that are not worth telling apart */
	BYTES = 1 << 13,  /* of 8 bits: 4 to 7 are ah ch dh bh where there is no REX */
	BAD = 1 << 14,
};

struct prefixes {
	bool rex, rex_w, rex_r, rex_b;
	bool is_16_bit, has_short_address;
	bool any; /* but REX */
};

struct cursor {
	const uint8_t *code;
	size_t at, size;
};

static bool cursor_has(const struct cursor *cursor, size_t bytes)
{
	return cursor->at + bytes <= cursor->size;
}

/* --- one-byte opcodes --- */

/* 00-3F: eight operations in six forms each. */
static unsigned arithmetic(uint8_t opcode)
{
	bool compares = opcode >= 0x38;

	switch (opcode & 7) {
	case 0: return MODRM | BYTES | (compares ? 0 : TO_RM);
	case 1: return MODRM | (compares ? 0 : TO_RM);
	case 2: return MODRM | BYTES | (compares ? 0 : TO_REG);
	case 3: return MODRM | (compares ? 0 : TO_REG);
	case 4: return IMM8 | (compares ? 0 : TO_ACC);
	case 5: return IMMZ | (compares ? 0 : TO_ACC);
	default: return BAD;
	}
}

static const uint16_t one_byte[256] = {
	[0x40 ... 0x4f] =
		BAD, /* this and other prefixes stand in front of REX, or count for nothing */
	[0x58 ... 0x5f] = TO_OP,
	[0x60 ... 0x62] = BAD,
	[0x63] = MODRM | TO_REG,
	[0x64 ... 0x67] = BAD,
	[0x68] = IMMZ,
	[0x69] = MODRM | IMMZ | TO_REG,
	[0x6a] = IMM8,
	[0x6b] = MODRM | IMM8 | TO_REG,
	[0x6c ... 0x6f] = TO_ANY,
	[0x70 ... 0x7f] = REL8,
	[0x80] = MODRM | IMM8 | BYTES | TO_RM,
	[0x81] = MODRM | IMMZ | TO_RM,
	[0x82] = BAD,
	[0x83] = MODRM | IMM8 | TO_RM,
	[0x84] = MODRM | BYTES,
	[0x85] = MODRM,
	[0x86] = MODRM | BYTES | TO_RM | TO_REG,
	[0x87] = MODRM | TO_RM | TO_REG,
	[0x88] = MODRM | BYTES | TO_RM,
	[0x89] = MODRM | TO_RM,
	[0x8a] = MODRM | BYTES | TO_REG,
	[0x8b] = MODRM | TO_REG,
	[0x8c] = MODRM | TO_RM,
	[0x8d] = MODRM | TO_REG,
	[0x8e] = MODRM,
	[0x8f] = MODRM | TO_RM,
	[0x90 ... 0x97] = TO_OP | TO_ACC,
	[0x98] = TO_ACC,
	[0x99] = TO_ANY,
	[0x9a] = BAD,
	[0x9f] = TO_ACC,
	[0xa0 ... 0xa1] = MOFFS | TO_ACC,
	[0xa2 ... 0xa3] = MOFFS,
	[0xa4 ... 0xa7] = TO_ANY,
	[0xa8] = IMM8,
	[0xa9] = IMMZ,
	[0xaa ... 0xaf] = TO_ANY,
	[0xb0 ... 0xb7] = IMM8 | BYTES | TO_OP,
	[0xb8 ... 0xbf] = IMMV | TO_OP,
	[0xc0] = MODRM | IMM8 | BYTES | TO_RM,
	[0xc1] = MODRM | IMM8 | TO_RM,
	[0xc2] = IMM16,
	[0xc6] = MODRM | IMM8 | BYTES | TO_RM,
	[0xc7] = MODRM | IMMZ | TO_RM,
	[0xc8] = IMM16 | IMM8 | TO_ANY,
	[0xc9] = TO_ANY,
	[0xca] = IMM16,
	[0xcd] = IMM8 | TO_ANY,
	[0xce] = BAD,
	[0xd0] = MODRM | BYTES | TO_RM,
	[0xd1] = MODRM | TO_RM,
	[0xd2] = MODRM | BYTES | TO_RM,
	[0xd3] = MODRM | TO_RM,
	[0xd4 ... 0xd6] = BAD,
	[0xd7] = TO_ACC,
	[0xd8 ... 0xde] = MODRM,
	[0xdf] = MODRM | TO_ACC, /* fnstsw ax is one of them */
	[0xe0 ... 0xe3] = REL8 | TO_ANY,
	[0xe4 ... 0xe5] = IMM8 | TO_ACC,
	[0xe6 ... 0xe7] = IMM8,
	[0xe8 ... 0xe9] = REL32,
	[0xea] = BAD,
	[0xeb] = REL8,
	[0xec ... 0xed] = TO_ACC,
	[0xf0] = BAD,
	[0xf2 ... 0xf3] = BAD,
	[0xf6] = MODRM | BYTES | TO_RM, /* and an immediate, if it is a test */
	[0xf7] = MODRM | TO_RM,
	[0xfe] = MODRM | BYTES | TO_RM,
	[0xff] = MODRM | TO_RM,
};

/* --- opcodes behind 0F --- */

static const uint16_t two_byte[256] = {
	[0x00 ... 0x01] = MODRM | TO_ANY,
	[0x02 ... 0x03] = MODRM | TO_REG,
	[0x04] = BAD,
	[0x05] = TO_ANY,
	[0x07] = TO_ANY,
	[0x0a] = BAD,
	[0x0c] = BAD,
	[0x0d] = MODRM,
	[0x0f] = BAD, /* 3DNow! */
	[0x10 ... 0x1f] = MODRM,
	[0x20 ... 0x23] = MODRM | TO_RM,
	[0x24 ... 0x27] = BAD,
	[0x28 ... 0x2b] = MODRM,
	[0x2c ... 0x2d] = MODRM | TO_REG,
	[0x2e ... 0x2f] = MODRM,
	[0x30 ... 0x37] = TO_ANY,
	[0x39] = BAD,
	[0x3b ... 0x3f] = BAD,
	[0x40 ... 0x4f] = MODRM | TO_REG,
	[0x50] = MODRM | TO_REG,
	[0x51 ... 0x6f] = MODRM,
	[0x70 ... 0x73] = MODRM | IMM8,
	[0x74 ... 0x76] = MODRM,
	[0x78 ... 0x79] = MODRM | TO_ANY,
	[0x7a ... 0x7b] = BAD,
	[0x7c ... 0x7d] = MODRM,
	[0x7e] = MODRM | TO_RM,
	[0x7f] = MODRM,
	[0x80 ... 0x8f] = REL32,
	[0x90 ... 0x9f] = MODRM | BYTES | TO_RM,
	[0xa2] = TO_ANY,
	[0xa3] = MODRM,
	[0xa4] = MODRM | IMM8 | TO_RM,
	[0xa5] = MODRM | TO_RM,
	[0xa6 ... 0xa7] = BAD,
	[0xaa] = TO_ANY,
	[0xab] = MODRM | TO_RM,
	[0xac] = MODRM | IMM8 | TO_RM,
	[0xad] = MODRM | TO_RM,
	[0xae] = MODRM | TO_RM, /* rdfsbase is one of them */
	[0xaf] = MODRM | TO_REG,
	[0xb0] = MODRM | BYTES | TO_RM | TO_ACC,
	[0xb1] = MODRM | TO_RM | TO_ACC,
	[0xb2] = MODRM | TO_REG,
	[0xb3] = MODRM | TO_RM,
	[0xb4 ... 0xb8] = MODRM | TO_REG,
	[0xb9] = MODRM,
	[0xba] = MODRM | IMM8 | TO_RM,
	[0xbb] = MODRM | TO_RM,
	[0xbc ... 0xbf] = MODRM | TO_REG,
	[0xc0] = MODRM | BYTES | TO_RM | TO_REG,
	[0xc1] = MODRM | TO_RM | TO_REG,
	[0xc2] = MODRM | IMM8,
	[0xc3] = MODRM,
	[0xc4] = MODRM | IMM8,
	[0xc5] = MODRM | IMM8 | TO_REG,
	[0xc6] = MODRM | IMM8,
	[0xc7] = MODRM | TO_ANY,
	[0xc8 ... 0xcf] = TO_OP,
	[0xd0 ... 0xd6] = MODRM,
	[0xd7] = MODRM | TO_REG,
	[0xd8 ... 0xff] = MODRM,
};

/* --- operands --- */

/* An 8-bit register without REX: 4 to 7 are the second bytes of 0 to 3. */
static uint32_t register_bit(unsigned number, bool extended, bool is_byte, bool rex)
{
	if (is_byte && !rex && number >= 4)
		number -= 4;
	return 1U << (number + (extended ? 8 : 0));
}

/* Steps over ModRM, SIB and displacement. *modrm is the first of them. */
static bool modrm_skip(struct cursor *cursor, uint8_t *modrm)
{
	unsigned mode, rm, base = 0;

	if (!cursor_has(cursor, 1))
		return false;
	*modrm = cursor->code[cursor->at++];
	mode = *modrm >> 6;
	rm = *modrm & 7;
	if (mode == 3)
		return true;
	if (rm == 4) {
		if (!cursor_has(cursor, 1))
			return false;
		base = cursor->code[cursor->at++] & 7;
	}
	if (mode == 1)
		cursor->at += 1;
	else if (mode == 2 || (mode == 0 && (rm == 5 || (rm == 4 && base == 5))))
		cursor->at += 4;
	return cursor_has(cursor, 0);
}

static size_t immediate_bytes(unsigned behind, const struct prefixes *prefixes)
{
	size_t bytes = 0;

	if (behind & IMM8)
		bytes += 1;
	if (behind & IMM16)
		bytes += 2;
	if (behind & IMMZ)
		bytes += prefixes->is_16_bit && !prefixes->rex_w ? 2 : 4;
	if (behind & IMMV)
		bytes += prefixes->rex_w ? 8 : prefixes->is_16_bit ? 2 : 4;
	if (behind & MOFFS)
		bytes += prefixes->has_short_address ? 4 : 8;
	return bytes;
}

/* Groups whose ModRM says which operation it is. */
static unsigned group_adjust(unsigned map, uint8_t opcode, uint8_t modrm, unsigned behind)
{
	unsigned operation = modrm >> 3 & 7;

	if (map == 1) {
		if (opcode == 0xba && operation < 4)
			return BAD;
		if (opcode == 0xba && operation == 4) /* bt */
			return behind & ~TO_RM;
		return behind;
	}
	switch (opcode) {
	case 0x80 ... 0x83: return operation == 7 ? behind & ~TO_RM : behind; /* cmp */
	case 0x8f: return operation ? BAD : behind;                           /* XOP */
	case 0xc6:
	case 0xc7: return operation ? BAD : behind; /* transactions */
	case 0xf6:
	case 0xf7:
		if (operation < 2) /* test */
			return (behind & ~TO_RM) | (opcode == 0xf6 ? IMM8 : IMMZ);
		return operation < 4 ? behind : (behind & ~TO_RM) | TO_ANY; /* mul, div */
	case 0xfe: return operation > 1 ? BAD : behind;
	case 0xff:
		if (operation == 7)
			return BAD;
		return operation < 2 ? behind : behind & ~TO_RM;
	default: return behind;
	}
}

static uint32_t registers_written(
	unsigned behind, uint8_t opcode, uint8_t modrm, const struct prefixes *prefixes)
{
	bool is_byte = behind & BYTES;
	uint32_t written = 0;

	if (behind & TO_ANY)
		return ALL_REGISTERS;
	if (behind & TO_ACC)
		written |= RAX;
	if (behind & TO_OP)
		written |= register_bit(opcode & 7, prefixes->rex_b, is_byte, prefixes->rex);
	if (behind & TO_RM && modrm >> 6 == 3)
		written |= register_bit(modrm & 7, prefixes->rex_b, is_byte, prefixes->rex);
	if (behind & TO_REG)
		written |= register_bit(modrm >> 3 & 7, prefixes->rex_r, is_byte, prefixes->rex);
	return written;
}

/* --- flow --- */

static void flow_find(struct instruction *instruction, unsigned map, uint8_t opcode, uint8_t modrm)
{
	unsigned operation = modrm >> 3 & 7;

	if (map == 1) {
		if (opcode >= 0x80 && opcode <= 0x8f)
			instruction->flow = FLOW_CONDITION;
		else if (opcode == 0x0b || opcode == 0xb9 || opcode == 0xff) /* ud2, ud1, ud0 */
			instruction->flow = FLOW_STOP;
		return;
	}
	switch (opcode) {
	case 0x70 ... 0x7f:
	case 0xe0 ... 0xe3: instruction->flow = FLOW_CONDITION; break;
	case 0xc2:
	case 0xc3:
	case 0xca:
	case 0xcb:
	case 0xcf: instruction->flow = FLOW_RETURN; break;
	case 0xcc:
	case 0xf1:
	case 0xf4: instruction->flow = FLOW_STOP; break;
	case 0xe8: instruction->flow = FLOW_CALL; break;
	case 0xe9:
	case 0xeb: instruction->flow = FLOW_JUMP; break;
	case 0xff:
		if (operation == 2 || operation == 3)
			instruction->flow = FLOW_CALL;
		else if (operation == 4 || operation == 5)
			instruction->flow = FLOW_AWAY;
		break;
	default: break;
	}
	if (instruction->flow == FLOW_CALL)
		instruction->written |= CALL_CLOBBERS;
}

/*
 * What arch/x86/kernel/uprobes.c emulates: jumps, calls and conditions with a distance, the nop of
 * one byte, and a push of a register with no prefix but REX.B. A distance of 16 bits is none.
 */
static bool kernel_emulates(unsigned map, uint8_t opcode, const struct prefixes *prefixes)
{
	bool plain = !prefixes->any;

	if (map == 1)
		return plain && opcode >= 0x80 && opcode <= 0x8f;
	switch (opcode) {
	case 0x50 ... 0x57:
		return plain && !prefixes->rex_w && !prefixes->rex_r &&
		       prefixes->rex == prefixes->rex_b;
	case 0x70 ... 0x7f:
	case 0xe8:
	case 0xe9:
	case 0xeb: return plain && !prefixes->rex;
	case 0x90: return plain && !prefixes->rex;
	default: return false;
	}
}

/* --- VEX and EVEX: vectors, and few that write a general register --- */

static bool vector_decode(struct cursor *cursor, uint8_t first, struct instruction *instruction)
{
	unsigned map = 1, behind = MODRM;
	size_t prefix = first == 0xc5 ? 1 : first == 0xc4 ? 2 : 3;
	uint8_t opcode, modrm;

	if (!cursor_has(cursor, prefix + 1))
		return false;
	if (first == 0xc4)
		map = cursor->code[cursor->at] & 0x1f;
	else if (first == 0x62)
		map = cursor->code[cursor->at] & 7;
	cursor->at += prefix;
	opcode = cursor->code[cursor->at++];
	if (map == 3)
		behind |= IMM8;
	else if (map == 1)
		behind = opcode == 0x77 && first != 0x62 ? 0 : MODRM | (two_byte[opcode] & IMM8);
	else if (map != 2 && !(first == 0x62 && (map == 5 || map == 6)))
		return false;
	if (behind & MODRM && !modrm_skip(cursor, &modrm))
		return false;
	if (behind & IMM8)
		cursor->at++;
	if ((map == 1 && (two_byte[opcode] & (TO_RM | TO_REG | TO_ANY) || opcode == 0x2c ||
				 opcode == 0x2d || (opcode >= 0x90 && opcode <= 0x99))) ||
		(map == 2 && opcode >= 0xf0) ||
		(map == 3 && (opcode >= 0xf0 || (opcode >= 0x14 && opcode <= 0x17))) || map > 3)
		instruction->written = ALL_REGISTERS;
	instruction->length = (uint8_t)cursor->at;
	return cursor_has(cursor, 0);
}

/* --- the whole --- */

static void prefixes_read(struct cursor *cursor, struct prefixes *prefixes)
{
	for (; cursor_has(cursor, 1); cursor->at++) {
		uint8_t byte = cursor->code[cursor->at];

		switch (byte) {
		case 0x66: prefixes->is_16_bit = true; break;
		case 0x67: prefixes->has_short_address = true; break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
		case 0x64:
		case 0x65:
		case 0xf0:
		case 0xf2:
		case 0xf3: break;
		default:
			if ((byte & 0xf0) == 0x40) { /* REX counts only right before the opcode */
				prefixes->rex = true;
				prefixes->rex_w = byte & 8;
				prefixes->rex_r = byte & 4;
				prefixes->rex_b = byte & 1;
				cursor->at++;
			}
			return;
		}
		prefixes->any = true;
	}
}

/* The opcode and what is to be known of it. False: unknown. */
static bool opcode_read(struct cursor *cursor, unsigned *map, uint8_t *opcode, unsigned *behind)
{
	if (!cursor_has(cursor, 1))
		return false;
	*map = 0;
	*opcode = cursor->code[cursor->at++];
	if (*opcode != 0x0f) {
		*behind = *opcode < 0x40 ? arithmetic(*opcode) : one_byte[*opcode];
		return true;
	}
	if (!cursor_has(cursor, 1))
		return false;
	*map = 1;
	*opcode = cursor->code[cursor->at++];
	*behind = two_byte[*opcode];
	if (*opcode != 0x38 && *opcode != 0x3a)
		return true;
	*map = *opcode == 0x38 ? 2 : 3;
	if (!cursor_has(cursor, 1))
		return false;
	*opcode = cursor->code[cursor->at++];
	*behind = MODRM;
	if (*map == 3)
		*behind |= IMM8 | (*opcode >= 0x14 && *opcode <= 0x17 ? TO_RM : 0);
	else if (*opcode >= 0xf0)
		*behind |= TO_ANY; /* movbe, crc32, adcx */
	return true;
}

static void distance_follow(
	const struct cursor *cursor, size_t bytes, struct instruction *instruction)
{
	const uint8_t *code = cursor->code + cursor->at - bytes;
	int64_t distance = (int8_t)code[0];

	if (bytes == 4)
		distance = (int32_t)(code[0] | (uint32_t)code[1] << 8 | (uint32_t)code[2] << 16 |
				     (uint32_t)code[3] << 24);
	instruction->target = instruction->address + cursor->at + (uint64_t)distance;
}

bool x86_64_decode(const uint8_t *code, size_t size, struct instruction *instruction)
{
	struct cursor cursor = {code, 0, size < INSTRUCTION_MAX ? size : INSTRUCTION_MAX};
	struct prefixes prefixes = {0};
	uint8_t opcode, modrm = 0;
	unsigned map, behind;
	size_t distance;

	prefixes_read(&cursor, &prefixes);
	if (cursor_has(&cursor, 1) &&
		(code[cursor.at] == 0xc4 || code[cursor.at] == 0xc5 || code[cursor.at] == 0x62)) {
		uint8_t first = code[cursor.at++];

		return !prefixes.rex && vector_decode(&cursor, first, instruction);
	}
	if (!opcode_read(&cursor, &map, &opcode, &behind) || behind & BAD)
		return false;
	if (behind & MODRM) {
		if (!modrm_skip(&cursor, &modrm))
			return false;
		behind = map < 2 ? group_adjust(map, opcode, modrm, behind) : behind;
		if (behind & BAD)
			return false;
	}
	distance = behind & REL8 ? 1 : behind & REL32 ? 4 : 0;
	if (distance == 4 && prefixes.is_16_bit) /* Intel and AMD differ on it */
		return false;
	cursor.at += immediate_bytes(behind, &prefixes) + distance;
	if (!cursor_has(&cursor, 0))
		return false;
	instruction->length = (uint8_t)cursor.at;
	instruction->written = registers_written(behind, opcode, modrm, &prefixes);
	if (map == 0 && opcode == 0x90 && !prefixes.rex_b)
		instruction->written = 0; /* nop and pause */
	if (map < 2)
		flow_find(instruction, map, opcode, modrm);
	if (distance)
		distance_follow(&cursor, distance, instruction);
	instruction->is_emulated = map < 2 && kernel_emulates(map, opcode, &prefixes);
	instruction->is_long_nop = map == 1 && opcode == 0x1f && cursor.at == 5;
	instruction->is_push = map == 0 && opcode >= 0x50 && opcode <= 0x57;
	/* pop, leave, and add to rsp */
	instruction->is_release =
		map == 0 &&
		((opcode >= 0x58 && opcode <= 0x5f) || opcode == 0xc9 ||
			((opcode == 0x83 || opcode == 0x81) && modrm == 0xc4 && !prefixes.rex_b));
	return true;
}
