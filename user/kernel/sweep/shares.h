/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon gives back of the shares of bpf/core/share.bpf.h, which the probes take from. */
#ifndef SONDE_SHARES_H
#define SONDE_SHARES_H

#include "kernel/load/skeleton.h"

static inline __u32 share_left(const struct sonde *skeleton, enum share share)
{
	return __atomic_load_n(&skeleton->bss->shares.of[share].left, __ATOMIC_RELAXED);
}

/* Whose shares a workload takes from; below HOLDERS_MAX. */
static inline __u32 share_holder(const struct sonde *skeleton, __u32 workload)
{
	return skeleton->bss->shares.holder[workload & (WORKLOADS_MAX - 1)] & (HOLDERS_MAX - 1);
}

/* A place that a workload had. */
static inline void share_give_back(struct sonde *skeleton, enum share share, __u32 workload)
{
	struct shares *shares = &skeleton->bss->shares;
	__u32 holder = share_holder(skeleton, workload);

	__atomic_fetch_sub(&shares->of[share].taken[holder], 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&shares->of[share].left, 1, __ATOMIC_RELAXED);
}

#endif
