/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many entries of a bounded table each workload has, so that none can take it from the others:
 * in a full table, a workload with less than an equal part of it gets the place of an entry of the
 * workload with the most, and all others that of one of their own, or none.
 *
 * What an entry is, and which of a workload's goes, is the table's business. Zeroed, it is empty.
 */
#ifndef SONDE_WORKLOAD_COUNTS_H
#define SONDE_WORKLOAD_COUNTS_H

#include "record.h"

struct workload_counts {
	__u32 count[WORKLOADS_MAX];
	__u32 workloads; /* that have any */
};

void workload_counts_add(struct workload_counts *counts, __u32 workload);
void workload_counts_remove(struct workload_counts *counts, __u32 workload);

/* Whose entry is to go from a full table of `table_max` entries when this workload wants one. */
__u32 workload_counts_giving(const struct workload_counts *counts, __u32 workload, __u32 table_max);

#endif
