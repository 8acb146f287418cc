/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in a function its arguments and its result can be seen at the lowest price. A uprobe on an
 * instruction that the kernel emulates costs one trap, any other one two and a step between them:
 * 0.6 µs against 9 µs on the machine where it was measured. So a plan takes the first emulated
 * instruction on the way that every call takes, as long as the arguments are in their registers;
 * and for the result emulated jumps behind which nothing writes it. What is not certain from the
 * bytes alone is refused: the dearer way stays.
 */
#ifndef SONDE_PROBE_PLAN_H
#define SONDE_PROBE_PLAN_H

#include "tls/instruction.h"

#define PROBE_PLAN_RESULTS_MAX 4
#define PROBE_PLAN_CODE_MAX    16384 /* bytes of a function; nothing is planned for longer ones */

enum probe_price {
	PROBE_NONE,     /* there is no such place */
	PROBE_EMULATED, /* one trap */
	PROBE_STEPPED,  /* two traps and a step */
	PROBE_RETURN, /* a return probe whose entry is emulated: a trap there, and one at the return
		       */
	PROBE_RETURN_STEPPED, /* a return probe whose entry is stepped */
	PROBE_PRICES,
};

struct probe_point {
	enum probe_price price;
	uint32_t into; /* bytes from the function's beginning */
};

struct probe_plan {
	struct probe_point arguments;
	/* Of each call exactly one is passed, unless the process ends in it. A return probe is
	 * alone. */
	struct probe_point results[PROBE_PLAN_RESULTS_MAX];
	unsigned result_count;
};

/* `arguments`: how many must be seen. `wants_result`: without it there are no results. */
void probe_plan(struct probe_plan *plan, const struct machine_code *code, unsigned arguments,
	bool wants_result);

#endif
