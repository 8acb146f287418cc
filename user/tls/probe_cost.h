/* SPDX-License-Identifier: Apache-2.0 */
/* What uprobes of each kind cost on this machine, measured with an empty program. */
#ifndef SONDE_PROBE_COST_H
#define SONDE_PROBE_COST_H

#include "tls/probe_plan.h"

struct probe_costs {
	uint64_t ns[PROBE_PRICES]; /* that a call takes longer. 0: nothing */
};

/* Takes some tens of milliseconds. 0, or a negative errno: uprobes do not work here. */
int probe_costs_measure(struct probe_costs *costs);

/* Of one call by a plan: its arguments and one result. */
uint64_t probe_plan_cost(const struct probe_costs *costs, const struct probe_plan *plan);

/* The machine of this program, whose costs are measured. */
enum machine probe_cost_machine(void);

#endif
