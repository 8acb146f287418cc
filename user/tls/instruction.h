/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine instructions, as far as a probe planner has to know them: how long one is, where it goes
 * on, which registers it writes, and whether the kernel emulates it under a uprobe. What a decoder
 * does not know for sure it calls unknown, and never guesses.
 *
 * Sources: Intel SDM volume 2, appendix A (opcode maps); Arm ARM (DDI 0487), C4 (encoding index);
 * arch/x86/kernel/uprobes.c and arch/arm64/kernel/probes/decode-insn.c (what is emulated).
 */
#ifndef SONDE_INSTRUCTION_H
#define SONDE_INSTRUCTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INSTRUCTION_MAX 15 /* bytes of the longest */

enum machine { MACHINE_X86_64, MACHINE_ARM64 };

enum instruction_flow {
	FLOW_NEXT,      /* the one behind it */
	FLOW_CALL,      /* likewise, after others have run */
	FLOW_CONDITION, /* the one behind it, or `target` */
	FLOW_JUMP,      /* `target` */
	FLOW_AWAY,      /* a place that the instruction alone does not tell */
	FLOW_RETURN,
	FLOW_STOP, /* nowhere: ud2, hlt, brk */
};

struct instruction {
	uint64_t address;
	uint64_t target;  /* of FLOW_CONDITION, FLOW_JUMP and a direct FLOW_CALL, else 0 */
	uint32_t written; /* bit n: general register n, as the machine numbers it */
	uint8_t length;   /* bytes */
	enum instruction_flow flow;
	bool is_emulated; /* costs one trap under a uprobe; others are stepped, which is a second */
	bool is_long_nop; /* of 5 bytes: Linux 6.18 makes a call of it that spoils the red zone */
	bool is_push;
	bool is_release; /* gives back what the function has of the stack */
};

/* The code of a function. Borrowed. */
struct machine_code {
	enum machine machine;
	uint64_t address;
	const uint8_t *bytes;
	size_t size;
};

/*
 * Decodes the instruction at `address`, whose bytes begin at `code`; `size` bytes are there. False:
 * it is unknown, or is cut off.
 */
bool instruction_decode(enum machine machine, const uint8_t *code, size_t size, uint64_t address,
	struct instruction *instruction);

/* Behind instruction_decode(), one for each machine; the rest of *instruction is zero then. */
bool x86_64_decode(const uint8_t *code, size_t size, struct instruction *instruction);
bool arm64_decode(const uint8_t *code, size_t size, struct instruction *instruction);

/* Registers of a call's arguments, by the machine's C convention: bits of the first `count`. */
uint32_t argument_registers(enum machine machine, unsigned count);

/* The register of a call's result: a bit. */
uint32_t result_register(enum machine machine);

#endif
