/* SPDX-License-Identifier: Apache-2.0 */
/* See workload_counts.h. */
#include "identity/workload_counts.h"

void workload_counts_add(struct workload_counts *counts, __u32 workload)
{
	if (!counts->count[workload]++)
		counts->workloads++;
}

void workload_counts_remove(struct workload_counts *counts, __u32 workload)
{
	if (!--counts->count[workload])
		counts->workloads--;
}

__u32 workload_counts_giving(const struct workload_counts *counts, __u32 workload, __u32 table_max)
{
	__u32 most = workload;

	if (counts->count[workload] >= table_max / counts->workloads)
		return workload; /* who takes a table by itself does not have it searched */
	for (__u32 i = 0; i < WORKLOADS_MAX; i++)
		if (counts->count[i] > counts->count[most])
			most = i;
	return most;
}
