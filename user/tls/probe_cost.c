/* SPDX-License-Identifier: Apache-2.0 */
/* See probe_cost.h. */
#include "tls/probe_cost.h"

#include <unistd.h>

#include "base/clock.h"
#include "kernel/load/trial.h"

#define CALLS  500
#define ROUNDS 5 /* of which the quickest counts: the machine does other things, too */

/* Functions of two instructions, of which the first is emulated, or stepped. */
void probe_cost_emulated(void);
void probe_cost_stepped(void);

#if defined(__x86_64__)
#	define EMULATED "nop"
#	define STEPPED  "xor %eax, %eax"
#elif defined(__aarch64__)
#	define EMULATED "b 1f\n1:"
#	define STEPPED  "mov x0, xzr"
#else
#	error "no machine of which uprobes are known"
#endif

#define FUNCTION(name, instruction)                                                                \
	__asm__(".pushsection .text\n.globl " name "\n.type " name ", %function\n" name            \
		":\n" instruction "\nret\n.size " name ", . - " name "\n.popsection")

FUNCTION("probe_cost_emulated", EMULATED);
FUNCTION("probe_cost_stepped", STEPPED);

static uint64_t call_ns(void (*function)(void))
{
	uint64_t best = UINT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		uint64_t begin = clock_monotonic_ns(), took;

		for (int call = 0; call < CALLS; call++)
			function();
		took = (clock_monotonic_ns() - begin) / CALLS;
		if (took < best)
			best = took;
	}
	return best;
}

int probe_costs_measure(struct probe_costs *costs)
{
	static const struct {
		enum probe_price price;
		void (*function)(void);
		bool at_return;
	} ways[] = {
		{PROBE_EMULATED, probe_cost_emulated, false},
		{PROBE_STEPPED, probe_cost_stepped, false},
		{PROBE_RETURN, probe_cost_emulated, true},
		{PROBE_RETURN_STEPPED, probe_cost_stepped, true},
	};

	*costs = (struct probe_costs){0};
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		uint64_t bare = call_ns(ways[i].function), probed;
		int event =
			uprobe_open((const void *)(uintptr_t)ways[i].function, ways[i].at_return);

		if (event < 0)
			return event;
		probed = call_ns(ways[i].function);
		close(event);
		costs->ns[ways[i].price] = probed > bare ? probed - bare : 0;
	}
	return 0;
}

uint64_t probe_plan_cost(const struct probe_costs *costs, const struct probe_plan *plan)
{
	uint64_t ns = costs->ns[plan->arguments.price];

	return plan->result_count ? ns + costs->ns[plan->results[0].price] : ns;
}

enum machine probe_cost_machine(void)
{
#if defined(__x86_64__)
	return MACHINE_X86_64;
#else
	return MACHINE_ARM64;
#endif
}
