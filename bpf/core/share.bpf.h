/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Fair shares of the tables that are filled on behalf of services. Who fills them is a holder: a
 * unit, a container or a user, as far as the kernel can tell (workload.bpf.h). A holder that has
 * more than SHARE_TIMES what is left gets nothing more: so one alone may take nearly all, and
 * whoever comes later still finds room. The daemon gives back (user/kernel/sweep/shares.h).
 */
#ifndef SONDE_SHARE_BPF_H
#define SONDE_SHARE_BPF_H

#include "core/sonde.bpf.h"
#include "core/table.h"

extern struct shares shares;

/* One place more for a holder, or false. Two CPUs may both get the last one: it is an estimate. */
static __always_inline bool share_take(enum share share, __u32 holder, __u32 times)
{
	struct share_figures *figures = &shares.of[share];
	__u32 *taken;

	barrier_var(holder); /* or the compiler drops the mask, which older verifiers need */
	taken = &figures->taken[holder & (HOLDERS_MAX - 1)];

	if ((__s32)figures->left <= 0 || *taken >= times * figures->left)
		return false;
	__sync_fetch_and_add(&figures->left, -1);
	__sync_fetch_and_add(taken, 1);
	return true;
}

static __always_inline void share_return(enum share share, __u32 holder)
{
	struct share_figures *figures = &shares.of[share];

	barrier_var(holder);
	__sync_fetch_and_add(&figures->taken[holder & (HOLDERS_MAX - 1)], -1);
	__sync_fetch_and_add(&figures->left, 1);
}

#endif
