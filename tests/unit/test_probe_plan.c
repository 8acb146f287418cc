/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a function's arguments and its result are probed: machine code by hand, each with what the
 * plan must be, and above all what it must not.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "tls/probe_plan.h"

#define ADDRESS 0x1000

#define PLAN(machine, arguments, ...)                                                              \
	plan_of(machine, arguments, (const uint8_t[]){__VA_ARGS__},                                \
		sizeof((const uint8_t[]){__VA_ARGS__}))

#define SUB_RSP   0x48, 0x83, 0xec, 0x08
#define ADD_RSP   0x48, 0x83, 0xc4, 0x08
#define PUSH_RBX  0x53
#define POP_RBX   0x5b
#define RET       0xc3
#define NOP5      0x0f, 0x1f, 0x44, 0x00, 0x00
#define ENDBR64   0xf3, 0x0f, 0x1e, 0xfa
#define TEST_EDX  0x85, 0xd2
#define MOV_EAX_1 0xb8, 0x01, 0x00, 0x00, 0x00
#define MOV_EDI_1 0xbf, 0x01, 0x00, 0x00, 0x00
#define XOR_ECX   0x31, 0xc9
#define JS(n)     0x78, (uint8_t)(n)
#define JNE(n)    0x75, (uint8_t)(n)
#define JMP(n)    0xeb, (uint8_t)(n)
#define JMP_FAR   0xe9, 0x00, 0x10, 0x00, 0x00
#define CALL_FAR  0xe8, 0x00, 0x10, 0x00, 0x00
#define JMP_RAX   0xff, 0xe0
#define UD2       0x0f, 0x0b
#define UNKNOWN   0x06
#define LITTLE(w) (w) & 0xff, (w) >> 8 & 0xff, (w) >> 16 & 0xff, (w) >> 24 & 0xff

static struct probe_plan plan_of(
	enum machine machine, unsigned arguments, const uint8_t *code, size_t size)
{
	const struct machine_code function = {machine, ADDRESS, code, size};
	struct probe_plan plan;

	probe_plan(&plan, &function, arguments, true);
	return plan;
}

static void assert_arguments(struct probe_plan plan, enum probe_price price, uint32_t into)
{
	assert_int_equal(plan.arguments.price, price);
	assert_int_equal(plan.arguments.into, into);
}

static void assert_result(struct probe_plan plan, enum probe_price price, uint32_t into)
{
	assert_int_equal(plan.result_count, 1);
	assert_int_equal(plan.results[0].price, price);
	assert_int_equal(plan.results[0].into, into);
}

/* --- arguments --- */

static void test_push_at_the_entry(void **state)
{
	(void)state;
	assert_arguments(PLAN(MACHINE_X86_64, 3, PUSH_RBX, POP_RBX, RET), PROBE_EMULATED, 0);
	assert_arguments(
		PLAN(MACHINE_X86_64, 3, ENDBR64, PUSH_RBX, POP_RBX, RET), PROBE_EMULATED, 4);
}

static void test_first_jump_with_arguments_in_place(void **state)
{
	(void)state;
	assert_arguments(
		PLAN(MACHINE_X86_64, 3, SUB_RSP, TEST_EDX, JS(0), ADD_RSP, RET), PROBE_EMULATED, 6);
}

static void test_no_jump_behind_an_argument_that_is_overwritten(void **state)
{
	(void)state;
	assert_arguments(
		PLAN(MACHINE_X86_64, 3, MOV_EDI_1, TEST_EDX, JS(0), RET), PROBE_STEPPED, 0);
	assert_arguments(PLAN(MACHINE_X86_64, 4, XOR_ECX, JS(0), RET), PROBE_STEPPED, 0);
	assert_arguments(PLAN(MACHINE_X86_64, 3, XOR_ECX, JS(0), RET), PROBE_EMULATED, 2);
}

/* Linux 6.18 makes a call of it, which pushes over what a leaf function has below its stack. */
static void test_never_a_nop_of_five_bytes(void **state)
{
	(void)state;
	assert_arguments(PLAN(MACHINE_X86_64, 3, NOP5, TEST_EDX, JS(0), RET), PROBE_EMULATED, 7);
	assert_arguments(PLAN(MACHINE_X86_64, 3, NOP5, TEST_EDX, RET), PROBE_STEPPED, 5);
	assert_arguments(PLAN(MACHINE_X86_64, 3, NOP5, RET), PROBE_NONE, 0);
	assert_int_equal(PLAN(MACHINE_X86_64, 3, NOP5, TEST_EDX, RET).result_count, 0);
}

static void test_never_a_return(void **state)
{
	(void)state;
	assert_arguments(PLAN(MACHINE_X86_64, 3, RET), PROBE_NONE, 0);
}

static void test_not_within_a_loop(void **state)
{
	(void)state;
	/* sub; L: test; jne L */
	assert_arguments(PLAN(MACHINE_X86_64, 3, SUB_RSP, TEST_EDX, JNE(-4), ADD_RSP, RET),
		PROBE_STEPPED, 0);
	/* nop; L: test; jne L: nothing that is passed once but the entry, which must not be */
	assert_arguments(PLAN(MACHINE_X86_64, 3, NOP5, TEST_EDX, JNE(-4), RET), PROBE_NONE, 0);
}

/* A jump by a table may come back to anywhere but to where a function begins. */
static void test_only_a_push_where_not_all_ways_are_known(void **state)
{
	(void)state;
	assert_arguments(
		PLAN(MACHINE_X86_64, 3, SUB_RSP, TEST_EDX, JS(2), JMP_RAX, RET), PROBE_STEPPED, 0);
	assert_arguments(
		PLAN(MACHINE_X86_64, 3, SUB_RSP, PUSH_RBX, TEST_EDX, JMP_RAX), PROBE_EMULATED, 4);
	assert_arguments(
		PLAN(MACHINE_X86_64, 3, SUB_RSP, TEST_EDX, JS(1), UNKNOWN, RET), PROBE_STEPPED, 0);
}

/* Given back what it had of the stack: who is jumped to there does not come back. */
static void test_a_last_call_is_known(void **state)
{
	struct probe_plan plan =
		PLAN(MACHINE_X86_64, 3, SUB_RSP, TEST_EDX, JS(9), ADD_RSP, JMP_FAR, ADD_RSP, RET);

	(void)state;
	assert_arguments(plan, PROBE_EMULATED, 6);
	assert_result(plan, PROBE_RETURN_STEPPED, 0); /* whose result it is, is not seen */
	assert_arguments(
		PLAN(MACHINE_X86_64, 3, SUB_RSP, TEST_EDX, JS(6), ADD_RSP, JMP_RAX, ADD_RSP, RET),
		PROBE_EMULATED, 6);
	assert_arguments(PLAN(MACHINE_X86_64, 3, XOR_ECX, JMP_FAR), PROBE_EMULATED, 2);
}

/* --- results --- */

static void test_result_at_the_last_jump(void **state)
{
	(void)state;
	/* a stack protector, whose failure ends the function and the process */
	assert_result(PLAN(MACHINE_X86_64, 3, SUB_RSP, MOV_EAX_1, JNE(5), ADD_RSP, RET, CALL_FAR),
		PROBE_EMULATED, 9);
	assert_result(PLAN(MACHINE_X86_64, 3, SUB_RSP, MOV_EAX_1, JNE(5), ADD_RSP, RET, UD2),
		PROBE_EMULATED, 9);
}

static void test_no_result_that_is_written_behind_the_jump(void **state)
{
	(void)state;
	assert_result(PLAN(MACHINE_X86_64, 3, PUSH_RBX, JNE(7), MOV_EAX_1, POP_RBX, RET, UD2),
		PROBE_RETURN, 0);
	assert_result(PLAN(MACHINE_X86_64, 3, SUB_RSP, JNE(10), CALL_FAR, ADD_RSP, RET, UD2),
		PROBE_RETURN_STEPPED, 0);
}

/* Both ways of the jump return: it would be passed twice, or tell a result that changes yet. */
static void test_no_result_at_a_jump_both_of_whose_ways_return(void **state)
{
	(void)state;
	assert_result(PLAN(MACHINE_X86_64, 3, PUSH_RBX, MOV_EAX_1, JNE(2), POP_RBX, RET, MOV_EAX_1,
			      POP_RBX, RET),
		PROBE_RETURN, 0);
}

static void test_no_result_where_another_way_comes_in_behind_the_jump(void **state)
{
	(void)state;
	/* push; test; js A; mov; jne out; A: pop; ret; out: ud2 */
	assert_result(PLAN(MACHINE_X86_64, 3, PUSH_RBX, TEST_EDX, JS(7), MOV_EAX_1, JNE(2), POP_RBX,
			      RET, UD2),
		PROBE_RETURN, 0);
}

static void test_each_return_has_its_own_result(void **state)
{
	/* push; test; js A; mov; jne out; pop; ret; A: mov; jne out; pop; ret; out: ud2 */
	struct probe_plan plan = PLAN(MACHINE_X86_64, 3, PUSH_RBX, TEST_EDX, JS(9), MOV_EAX_1,
		JNE(11), POP_RBX, RET, MOV_EAX_1, JNE(2), POP_RBX, RET, UD2);

	(void)state;
	assert_int_equal(plan.result_count, 2);
	assert_int_equal(plan.results[0].price, PROBE_EMULATED);
	assert_int_equal(plan.results[0].into, 10);
	assert_int_equal(plan.results[1].price, PROBE_EMULATED);
	assert_int_equal(plan.results[1].into, 19);
}

/* --- arm64 --- */

#define STP_X29  LITTLE(0xa9bf7bfdU) /* stp x29, x30, [sp, #-16]! */
#define LDP_X29  LITTLE(0xa8c17bfdU)
#define MOV_X0   LITTLE(0xd2800020U) /* mov x0, #1 */
#define BL       LITTLE(0x94000400U)
#define CBZ_X2   LITTLE(0xb4000042U) /* cbz x2, 2 instructions on */
#define CBNZ_OUT LITTLE(0xb5000061U) /* cbnz x1, 3 instructions on */
#define B_FAR    LITTLE(0x14000400U)
#define BRK      LITTLE(0xd4200000U)
#define RET64    LITTLE(0xd65f03c0U)

static void test_arm64(void **state)
{
	struct probe_plan plan = PLAN(MACHINE_ARM64, 3, STP_X29, BL, LDP_X29, RET64);

	(void)state;
	assert_arguments(plan, PROBE_EMULATED, 4);
	assert_result(plan, PROBE_RETURN_STEPPED, 0);
	assert_arguments(
		PLAN(MACHINE_ARM64, 3, STP_X29, MOV_X0, BL, LDP_X29, RET64), PROBE_STEPPED, 0);
	assert_arguments(
		PLAN(MACHINE_ARM64, 3, STP_X29, CBZ_X2, BL, LDP_X29, RET64), PROBE_EMULATED, 4);
	assert_arguments(
		PLAN(MACHINE_ARM64, 3, STP_X29, CBZ_X2, BL, LDP_X29, B_FAR), PROBE_EMULATED, 4);
	assert_arguments(PLAN(MACHINE_ARM64, 3, RET64), PROBE_NONE, 0);
	assert_result(PLAN(MACHINE_ARM64, 3, STP_X29, MOV_X0, CBNZ_OUT, LDP_X29, RET64, BRK),
		PROBE_EMULATED, 8);
}

static void test_no_code_no_plan(void **state)
{
	const uint8_t code[] = {PUSH_RBX};
	const struct machine_code function = {MACHINE_X86_64, ADDRESS, code, 0};
	struct probe_plan plan;

	(void)state;
	probe_plan(&plan, &function, 3, true);
	assert_arguments(plan, PROBE_NONE, 0);
	assert_int_equal(plan.result_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_push_at_the_entry),
		cmocka_unit_test(test_first_jump_with_arguments_in_place),
		cmocka_unit_test(test_no_jump_behind_an_argument_that_is_overwritten),
		cmocka_unit_test(test_never_a_nop_of_five_bytes),
		cmocka_unit_test(test_never_a_return),
		cmocka_unit_test(test_not_within_a_loop),
		cmocka_unit_test(test_only_a_push_where_not_all_ways_are_known),
		cmocka_unit_test(test_a_last_call_is_known),
		cmocka_unit_test(test_result_at_the_last_jump),
		cmocka_unit_test(test_no_result_that_is_written_behind_the_jump),
		cmocka_unit_test(test_no_result_at_a_jump_both_of_whose_ways_return),
		cmocka_unit_test(test_no_result_where_another_way_comes_in_behind_the_jump),
		cmocka_unit_test(test_each_return_has_its_own_result),
		cmocka_unit_test(test_arm64),
		cmocka_unit_test(test_no_code_no_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
