/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoders of instructions against objdump, which has its own: every instruction of this
 * system's libraries has the same length, goes on in the same way, and writes what objdump shows
 * as its first operand.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tls/instruction.h"

#define LINES_MAX 100000 /* of a library, so that it is quick when emulated, too */

static const char *const x86_64_libraries[] = {
	"/usr/lib/x86_64-linux-gnu/libssl.so.3",
	"/usr/lib/x86_64-linux-gnu/libgnutls.so.30",
	"/lib/x86_64-linux-gnu/libc.so.6",
	"/usr/x86_64-linux-gnu/lib/libc.so.6",
	NULL,
};

static const char *const arm64_libraries[] = {
	"/usr/lib/aarch64-linux-gnu/libssl.so.3",
	"/lib/aarch64-linux-gnu/libc.so.6",
	"/usr/aarch64-linux-gnu/lib/libc.so.6",
	NULL,
};

struct tally {
	unsigned seen, unknown, branches, written;
};

/* Of `48 8d 05 01 00 00 00` behind the address, up to the tab; objdump shows arm64's as one word.
 */
static size_t bytes_read(const char *text, enum machine machine, uint8_t *code)
{
	size_t count = 0;
	char *end;

	if (machine == MACHINE_ARM64) {
		uint32_t word = (uint32_t)strtoul(text, &end, 16);

		if (end - text != 8)
			return 0;
		for (count = 0; count < 4; count++)
			code[count] = (uint8_t)(word >> 8 * count);
		return count;
	}
	while (count < INSTRUCTION_MAX && text[0] != '\t' && text[0] != ' ' && text[0] != '\n') {
		code[count++] = (uint8_t)strtoul(text, &end, 16);
		text = end + 1;
	}
	return count;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* Behind prefixes that are no part of it, as in data that stands among code. */
static const char *mnemonic_of(const char *text)
{
	static const char *const prefixes[] = {"rex", "rep", "cs ", "ds ", "es ", "fs ", "gs ",
		"ss ", "data16", "addr32", "lock", "notrack", "bnd", "xacquire", "xrelease", NULL};

	for (const char *const *prefix = prefixes; *prefix; prefix++)
		if (begins(text, *prefix) && text[strcspn(text, " \n")] == ' ')
			return mnemonic_of(text + strcspn(text, " ") + 1);
	return text;
}

static const char *operand_of(const char *text)
{
	text += strcspn(text, " \t");
	return text + strspn(text, " \t");
}

static enum instruction_flow x86_64_flow(const char *text)
{
	if (begins(text, "jmp"))
		return strchr(" \n", operand_of(text)[strspn(operand_of(text), "0123456789abcdef")])
			       ? FLOW_JUMP
			       : FLOW_AWAY;
	if (begins(text, "j") || begins(text, "loop"))
		return FLOW_CONDITION;
	if (begins(text, "call"))
		return FLOW_CALL;
	if (begins(text, "ret") || begins(text, "iret"))
		return FLOW_RETURN;
	if (begins(text, "ud") || begins(text, "hlt") || begins(text, "int3") ||
		begins(text, "int1"))
		return FLOW_STOP;
	return FLOW_NEXT;
}

static enum instruction_flow arm64_flow(const char *text)
{
	if (begins(text, "b\t") || begins(text, "b "))
		return FLOW_JUMP;
	if (begins(text, "b.") || begins(text, "cb") || begins(text, "tb"))
		return begins(text, "tbl") || begins(text, "tbx") ? FLOW_NEXT : FLOW_CONDITION;
	if (begins(text, "bl\t") || begins(text, "blr") || begins(text, "bl "))
		return FLOW_CALL;
	if (begins(text, "br\t") || begins(text, "bra"))
		return FLOW_AWAY;
	if (begins(text, "ret"))
		return FLOW_RETURN;
	if (begins(text, "brk") || begins(text, "hlt"))
		return FLOW_STOP;
	return FLOW_NEXT;
}

/* The general register that is the first operand, or -1: rax, r10d, sil, ah, w3, x30. */
static int x86_64_register(const char *operand)
{
	static const char *const names[] = {"a", "c", "d", "b", "sp", "bp", "si", "di"};
	char name[8] = "";

	sscanf(operand, "%7[a-z0-9]", name);
	if (name[0] == 'r' && name[1] >= '0' && name[1] <= '9')
		return atoi(name + 1);
	if (name[0] == 'r' || name[0] == 'e')
		memmove(name, name + 1, strlen(name));
	for (int i = 0; i < 8; i++) {
		size_t length = strlen(names[i]);

		if (strncmp(name, names[i], length) != 0)
			continue;
		if (i < 4 && (!strcmp(name + 1, "x") || !strcmp(name + 1, "l") ||
				     !strcmp(name + 1, "h")))
			return i;
		if (i >= 4 && (!strcmp(name + 2, "") || !strcmp(name + 2, "l")))
			return i;
	}
	return -1;
}

static int arm64_register(const char *operand)
{
	int number = -1, length = 0;

	if ((operand[0] != 'w' && operand[0] != 'x') ||
		sscanf(operand + 1, "%d%n", &number, &length) != 1 ||
		(operand[1 + length] != ',' && operand[1 + length] != '\0' &&
			operand[1 + length] != '\n'))
		return -1;
	return number;
}

/* Those whose first operand is read alone. */
static bool only_reads(const char *text, enum machine machine)
{
	static const char *const x86_64[] = {"cmp", "test", "push", "call", "jmp", "bt ", "nop",
		"out", "div", "mul", "idiv", "ud", "wr", "prefetch", "xchg   ax,ax", NULL};
	static const char *const arm64[] = {"cmp", "cmn", "tst", "st", "cb", "tb", "b", "ccm",
		"ret", "msr", "prf", "dc", "ic", "at", "sys", "auti", "hint", "cfp", NULL};
	const char *const *names = machine == MACHINE_X86_64 ? x86_64 : arm64;

	for (; *names; names++)
		if (begins(text, *names))
			return !begins(text, "bic") && !begins(text, "bf") &&
			       !begins(text, "bsf") && !begins(text, "bswap") &&
			       !begins(text, "stx") && !begins(text, "stl");
	return false;
}

/* Of `x0, 28164 <symbol>`: what stands before the symbol. */
static uint64_t target_of(const char *text)
{
	const char *symbol = strchr(text, '<'), *target = symbol ? symbol - 1 : operand_of(text);

	while (target > text && !strchr(" \t,", target[-1]))
		target--;
	return strtoull(target, NULL, 16);
}

static void instruction_check(const char *line, const char *text, enum machine machine,
	const uint8_t *code, size_t length, uint64_t address, struct tally *tally)
{
	struct instruction instruction;
	enum instruction_flow flow;
	int number;

	tally->seen++;
	if (!instruction_decode(machine, code, length, address, &instruction)) {
		tally->unknown++;
		return;
	}
	if (instruction.length != length)
		fail_msg("length %u: %s", instruction.length, line);
	flow = machine == MACHINE_X86_64 ? x86_64_flow(text) : arm64_flow(text);
	if (instruction.flow != flow)
		fail_msg("flow %d, not %d: %s", instruction.flow, flow, line);
	if (instruction.target) {
		tally->branches++;
		if (target_of(text) != instruction.target)
			fail_msg("target %lx: %s", (unsigned long)instruction.target, line);
	}
	number = machine == MACHINE_X86_64 ? x86_64_register(operand_of(text))
					   : arm64_register(operand_of(text));
	if (number < 0 || only_reads(text, machine))
		return;
	tally->written++;
	if (!(instruction.written >> number & 1))
		fail_msg("register %d is written: %s", number, line);
}

static void library_check(const char *library, enum machine machine, struct tally *tally)
{
	char command[256], line[512];
	FILE *listing;

	snprintf(command, sizeof(command), "%s -d %s %s 2>/dev/null | head -%d",
		machine == MACHINE_X86_64 ? "objdump" : "aarch64-linux-gnu-objdump",
		machine == MACHINE_X86_64 ? "-M intel --insn-width=15" : "", library, LINES_MAX);
	listing = popen(command, "r");
	assert_non_null(listing);
	while (fgets(line, sizeof(line), listing)) {
		uint8_t code[INSTRUCTION_MAX];
		unsigned long address;
		int behind = 0;
		size_t length;
		char *text;

		if (sscanf(line, " %lx:\t%n", &address, &behind) != 1 || !behind)
			continue;
		length = bytes_read(line + behind, machine, code);
		text = strchr(line + behind, '\t');
		if (length && text && !strstr(text, "(bad)") && !strstr(text, "undefined") &&
			!strstr(text, ".inst") && !strstr(text, ".word") &&
			!begins(text + 1, "rex"))
			instruction_check(
				line, mnemonic_of(text + 1), machine, code, length, address, tally);
	}
	pclose(listing);
}

static void libraries_check(const char *const *libraries, enum machine machine)
{
	struct tally tally = {0};

	for (; *libraries; libraries++)
		if (!access(*libraries, R_OK))
			library_check(*libraries, machine, &tally);
	print_message("%u instructions, %u unknown, %u branches, %u that write\n", tally.seen,
		tally.unknown, tally.branches, tally.written);
	if (!tally.seen)
		skip(); /* no library of that machine is here */
	assert_true(tally.unknown * 1000 <= tally.seen);
	assert_true(tally.branches * 20 > tally.seen);
	assert_true(tally.written * 4 > tally.seen);
}

static void test_x86_64_as_objdump(void **state)
{
	(void)state;
	libraries_check(x86_64_libraries, MACHINE_X86_64);
}

static void test_arm64_as_objdump(void **state)
{
	(void)state;
	libraries_check(arm64_libraries, MACHINE_ARM64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_x86_64_as_objdump),
		cmocka_unit_test(test_arm64_as_objdump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
